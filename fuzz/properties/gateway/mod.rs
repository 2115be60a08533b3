//! What must hold for any bytes from a socket, whatever form its frames have. Shared by the fuzz target `framing` and by
//! the ordinary tests of `gateway`.

use std::fmt::Debug;

/// How frames are taken from a stream: the state between them, and one step, which moves the bytes behind what it used.
/// `None`: there is not enough yet; `Some(Err(_))`: the peer broke the framing, and nothing follows.
pub(crate) struct Framing<S, F> {
    pub(crate) begin: S,
    pub(crate) next: F,
}

/// A stream says the same however it is cut into reads, and every step forward uses bytes up.
pub(crate) fn same_wherever_it_is_cut<D, T, E, S, F>(stream: &[u8], cuts: [usize; 2], framing: &Framing<S, F>)
where
    T: PartialEq + Debug,
    E: PartialEq + Debug,
    S: Fn() -> D,
    F: Fn(&mut D, &mut &[u8]) -> Option<Result<T, E>>,
{
    let mut cuts = cuts.map(|cut| cut % (stream.len() + 1));
    cuts.sort_unstable();
    let whole = frames(&[stream], framing);
    let parts = frames(&[&stream[..cuts[0]], &stream[cuts[0]..cuts[1]], &stream[cuts[1]..]], framing);
    assert_eq!(whole, parts, "cut at {cuts:?}");
}

/// What the reads come to, and what is left undecoded.
fn frames<D, T, E, S, F>(reads: &[&[u8]], framing: &Framing<S, F>) -> (Vec<T>, Result<Vec<u8>, E>)
where
    S: Fn() -> D,
    F: Fn(&mut D, &mut &[u8]) -> Option<Result<T, E>>,
{
    let mut state = (framing.begin)();
    let (mut frames, mut unread) = (Vec::new(), Vec::new());
    for read in reads {
        unread.extend_from_slice(read);
        let mut rest = &unread[..];
        loop {
            let before = rest.len();
            match (framing.next)(&mut state, &mut rest) {
                Some(Ok(frame)) => frames.push(frame),
                Some(Err(error)) => return (frames, Err(error)),
                None => break,
            }
            assert!(rest.len() < before, "a frame of no bytes: it would come for ever");
        }
        unread = rest.to_vec();
    }
    (frames, Ok(unread))
}
