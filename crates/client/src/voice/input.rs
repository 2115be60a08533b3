//! Where sound comes from.

use std::fmt;
use std::path::Path;

use conditions::Condition;

use super::{Recorder, Recording, SoundFormat};
use crate::{Error, Result};

/// The largest WAV file that is read: a minute in the best quality.
const FILE_BYTES_LIMIT: u64 = 64 << 20;

/// A source of sound, such as a microphone.
pub trait AudioInput: fmt::Debug {
    /// Begins to listen.
    ///
    /// # Errors
    /// What keeps it from listening: no permission, no device.
    fn start(&mut self) -> Result<SoundFormat>;

    /// Waits for the next samples; nothing: there are no more.
    ///
    /// # Errors
    /// What broke it.
    fn next_samples(&mut self) -> Result<Vec<i16>>;

    /// Stops listening, and gives what it still holds.
    ///
    /// # Errors
    /// What broke it.
    fn stop(&mut self) -> Result<Vec<i16>>;
}

/// Records from a source until `is_done` says so, it has no more, or the recording is full. Waits for the source: call it
/// on a thread that may.
///
/// # Errors
/// Those of [`Recorder`] and of the source; the recorder is free again after them, but for
/// [`Condition::RecorderStopping`] and [`Condition::OperationInFlight`], which are about a recording before this.
pub fn record(
    recorder: &mut Recorder,
    input: &mut dyn AudioInput,
    mut is_done: impl FnMut(&Recorder) -> bool,
) -> Result<Recording> {
    let format = input.start()?;
    if let Err(error) = recorder.start(format) {
        // The source must not go on listening; that it does not stop either changes nothing about the answer.
        drop(input.stop());
        return Err(error);
    }
    let listened = listen(recorder, input, &mut is_done);
    let rest = match listened.and_then(|()| recorder.stop()).and_then(|()| input.stop()) {
        Ok(rest) => rest,
        Err(error) => {
            recorder.cancel()?;
            return Err(error);
        }
    };
    recorder.feed(&rest);
    recorder.finish()
}

fn listen(
    recorder: &mut Recorder,
    input: &mut dyn AudioInput,
    is_done: &mut impl FnMut(&Recorder) -> bool,
) -> Result<()> {
    while !is_done(recorder) {
        let samples = input.next_samples()?;
        if samples.is_empty() || recorder.feed(&samples) {
            break;
        }
    }
    Ok(())
}

/// Plays a WAV file instead of listening.
#[derive(Debug)]
pub struct FileInput {
    recording: Recording,
    position: usize,
    /// Samples in a piece: a fiftieth of a second, as microphones give them.
    piece: usize,
}

impl FileInput {
    /// # Errors
    /// [`Condition::FileNotFound`]; [`Condition::FileInvalid`] for what is no WAV file, or is larger than 64 MiB.
    pub fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|_| Error::new(Condition::FileNotFound))?;
        if metadata.len() > FILE_BYTES_LIMIT {
            return Err(Error::new(Condition::FileInvalid).with_detail("it is too large"));
        }
        let bytes = std::fs::read(path).map_err(|_| Error::new(Condition::FileInvalid))?;
        let recording = Recording::from_wav(&bytes)?;
        let piece = recording.format.samples(std::time::Duration::from_millis(20)).max(1);
        Ok(Self { recording, position: 0, piece })
    }
}

impl AudioInput for FileInput {
    fn start(&mut self) -> Result<SoundFormat> {
        self.position = 0;
        Ok(self.recording.format)
    }

    fn next_samples(&mut self) -> Result<Vec<i16>> {
        let end = (self.position + self.piece).min(self.recording.samples.len());
        let samples = self.recording.samples[self.position..end].to_vec();
        self.position = end;
        Ok(samples)
    }

    fn stop(&mut self) -> Result<Vec<i16>> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::voice::{RecorderLimits, RecorderState};
    use std::time::Duration;

    fn file_of(seconds: usize) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.wav");
        let recording = Recording { format: SoundFormat::SPEECH, samples: vec![9; seconds * 16_000] };
        std::fs::write(&path, recording.to_wav()).unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_is_recorded_until_one_stops() {
        let (_folder, path) = file_of(5);
        let mut input = FileInput::open(&path).unwrap();
        let mut recorder = Recorder::new(RecorderLimits::default());
        let recording =
            record(&mut recorder, &mut input, |recorder| recorder.duration() >= Duration::from_secs(2))
                .unwrap();
        assert_eq!(recording.duration(), Duration::from_secs(2));
        let whole = record(&mut recorder, &mut input, |_| false).unwrap();
        assert_eq!(whole.duration(), Duration::from_secs(5), "until there is no more");
        let error = record(&mut recorder, &mut input, |_| true).unwrap_err();
        assert_eq!(error.condition(), Condition::RecordingTooShort);
        assert_eq!(recorder.state(), RecorderState::Idle);
    }

    #[test]
    fn a_file_that_is_no_sound_is_no_input() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("voice.wav");
        assert_eq!(FileInput::open(&path).unwrap_err().condition(), Condition::FileNotFound);
        std::fs::write(&path, b"RIFF1234WAVE").unwrap();
        assert_eq!(FileInput::open(&path).unwrap_err().condition(), Condition::FileInvalid);
    }

    /// A microphone that is pulled out.
    #[derive(Debug)]
    struct Broken;

    impl AudioInput for Broken {
        fn start(&mut self) -> Result<SoundFormat> {
            Ok(SoundFormat::SPEECH)
        }

        fn next_samples(&mut self) -> Result<Vec<i16>> {
            Err(Error::new(Condition::GeneralFailure))
        }

        fn stop(&mut self) -> Result<Vec<i16>> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_source_that_breaks_leaves_the_recorder_free() {
        let mut recorder = Recorder::new(RecorderLimits::default());
        let error = record(&mut recorder, &mut Broken, |_| false).unwrap_err();
        assert_eq!(error.condition(), Condition::GeneralFailure);
        assert_eq!(recorder.state(), RecorderState::Idle);
    }
}
