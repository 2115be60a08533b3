//! Reading the live data: order, bounds, limits, spaces and periods.

use bytes::Bytes;

use super::{Harness, append, commit, get, put};
use crate::{BATCH_OPERATIONS_LIMIT, Batch, CellKey, Kv, READ_LIMIT, Read, ReadLog, Scan, Space, prefix_end};

pub async fn values_come_back_in_the_order_asked(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"a", b"1").await;
    put(&*kv, b"b", b"").await;
    let mut batch = Batch::new();
    batch.put(Space::Period(4), b"a".as_slice(), b"timed".as_slice());
    commit(&*kv, batch).await;

    let keys = [
        CellKey::main("b"),
        CellKey::period(4, "a"),
        CellKey::main("missing"),
        CellKey::main("a"),
        CellKey::period(5, "a"),
        CellKey::main("b"),
        CellKey::period(4, "a"),
    ];
    let wanted = [Some(""), Some("timed"), None, Some("1"), None, Some(""), Some("timed")];
    assert_eq!(kv.get_many(&keys).await, Ok(wanted.map(|value| value.map(Bytes::from)).to_vec()));
    assert_eq!(kv.get_many(&[]).await, Ok(Vec::new()));
}

pub async fn scans_keep_bounds_limits_and_directions(harness: &dyn Harness) {
    let kv = harness.open().await;
    for space in [Space::Main, Space::Period(9)] {
        let mut batch = Batch::new();
        for key in ["a", "b", "ba", "bb", "c", "d"] {
            batch.put(space, key.as_bytes(), format!("value of {key}").into_bytes());
        }
        commit(&*kv, batch).await;

        let rows: [(&'static str, Option<&'static str>, usize, &[&str]); 14] = [
            ("", None, 9, &["a", "b", "ba", "bb", "c", "d"]),
            ("b", None, 9, &["b", "ba", "bb", "c", "d"]),
            ("b", Some("c"), 9, &["b", "ba", "bb"]),
            ("b\0", Some("bb"), 9, &["ba"]),
            ("aa", Some("bc"), 9, &["b", "ba", "bb"]),
            ("a", Some("a"), 9, &[]),
            ("c", Some("a"), 9, &[]),
            ("e", None, 9, &[]),
            ("", Some("a"), 9, &[]),
            ("", Some("a\0"), 9, &["a"]),
            ("", Some(""), 9, &[]),
            ("", None, 0, &[]),
            ("d", None, 1, &["d"]),
            ("", Some("zzz"), usize::MAX, &["a", "b", "ba", "bb", "c", "d"]),
        ];
        for (from, to, limit, wanted) in rows {
            let to = to.map(Bytes::from);
            let mut scan = Scan { space, from: from.into(), to, limit, reverse: false };
            assert_eq!(keys(&*kv, &scan).await, wanted, "{scan:?}");
            scan.reverse = true;
            let backwards: Vec<&str> = wanted.iter().rev().copied().collect();
            assert_eq!(keys(&*kv, &scan).await, backwards, "{scan:?}");
        }
        let mut scan = Scan::prefix(space, "b", 2);
        assert_eq!(keys(&*kv, &scan).await, ["b", "ba"]);
        scan.reverse = true;
        assert_eq!(keys(&*kv, &scan).await, ["bb", "ba"], "a limit counts from the end it starts at");
    }
}

/// The keys of a scan; holds the values to be those written above.
async fn keys(kv: &dyn Read, scan: &Scan) -> Vec<String> {
    let cells = kv.scan(scan.clone()).await.expect("cells are scanned");
    cells
        .into_iter()
        .map(|(key, value)| {
            let key = String::from_utf8(key.to_vec()).expect("the keys are text");
            assert_eq!(value, format!("value of {key}"));
            key
        })
        .collect()
}

pub async fn keys_are_ordered_as_unsigned_bytes(harness: &dyn Harness) {
    let kv = harness.open().await;
    let sorted: [&[u8]; 9] =
        [&[0], &[0, 0], &[0, 1], &[0x7f], &[0x7f, 0xff], &[0x80], &[0xc3, 0x28], &[0xff], &[0xff, 0xff]];
    for space in [Space::Main, Space::Period(1)] {
        let mut batch = Batch::new();
        for key in [4, 0, 8, 2, 6, 1, 7, 3, 5].map(|index: usize| sorted[index]) {
            batch.put(space, key, key);
        }
        commit(&*kv, batch).await;
        let scan = Scan { space, from: Bytes::new(), to: None, limit: 99, reverse: false };
        let cells = kv.scan(scan).await.expect("cells are scanned");
        assert!(cells.iter().all(|(key, value)| key == value));
        assert_eq!(cells.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), sorted);
    }
}

pub async fn a_prefix_of_high_bytes_has_no_end(harness: &dyn Harness) {
    let kv = harness.open().await;
    let longest = vec![0xff; crate::KEY_BYTES_LIMIT];
    for key in [&[0xfe, 0xff][..], &[0xff], &[0xff, 0xff, 1], &longest] {
        put(&*kv, key, b"").await;
    }
    assert_eq!(prefix_end(&[0xff, 0xff]), None);
    let mut scan = Scan::prefix(Space::Main, vec![0xff, 0xff], 9);
    for reverse in [false, true] {
        scan.reverse = reverse;
        let cells = kv.scan(scan.clone()).await.expect("cells are scanned");
        let mut found: Vec<Bytes> = cells.into_iter().map(|(key, _)| key).collect();
        found.sort();
        assert_eq!(found, [Bytes::from_static(&[0xff, 0xff, 1]), longest.clone().into()]);
    }
    let scan = Scan::prefix(Space::Main, vec![0xfe, 0xff], 9);
    assert_eq!(scan.to.as_deref(), Some(&[0xff][..]));
    assert_eq!(kv.scan(scan).await.expect("cells are scanned").len(), 1);
}

pub async fn spaces_are_kept_apart(harness: &dyn Harness) {
    let kv = harness.open().await;
    let spaces =
        [Space::Main, Space::Period(0), Space::Period(1), Space::Period(256), Space::Period(u32::MAX)];
    let mut batch = Batch::new();
    for (number, space) in (0_u8..).zip(spaces) {
        batch.put(space, b"key".as_slice(), vec![number]);
    }
    commit(&*kv, batch).await;
    let mut batch = Batch::new();
    batch.delete(CellKey::period(1, "key"));
    commit(&*kv, batch).await;
    for (number, space) in (0_u8..).zip(spaces) {
        let wanted = (space != Space::Period(1)).then(|| Bytes::from(vec![number]));
        let cell = CellKey { space, key: "key".into() };
        assert_eq!(kv.get(cell).await, Ok(wanted.clone()), "{space:?}");
        for reverse in [false, true] {
            let scan = Scan { space, from: Bytes::new(), to: None, limit: 9, reverse };
            let cells: Vec<Bytes> =
                kv.scan(scan).await.expect("cells are scanned").into_iter().map(|(_, value)| value).collect();
            assert_eq!(cells, wanted.clone().into_iter().collect::<Vec<_>>(), "{space:?} {reverse}");
        }
    }
}

pub async fn periods_are_listed_and_dropped(harness: &dyn Harness) {
    let kv = harness.open().await;
    put(&*kv, b"key", b"main").await;
    assert_eq!(kv.periods().await, Ok(vec![]));
    for period in [20_000, 0, u32::MAX, 300, 20_000] {
        let mut batch = Batch::new();
        for key in 0..20_u8 {
            batch.put(Space::Period(period), vec![key], vec![key]);
        }
        commit(&*kv, batch).await;
    }
    assert_eq!(kv.periods().await, Ok(vec![0, 300, 20_000, u32::MAX]));

    kv.drop_period(300).await.expect("a period is dropped");
    kv.drop_period(300).await.expect("dropping what is not there does nothing");
    kv.drop_period(77).await.expect("dropping what never was does nothing");
    assert_eq!(kv.periods().await, Ok(vec![0, 20_000, u32::MAX]));
    assert_eq!(cells_in(&*kv, 300).await, 0);
    assert_eq!(kv.get(CellKey::period(300, vec![1])).await, Ok(None));
    for other in [0, 20_000, u32::MAX] {
        assert_eq!(cells_in(&*kv, other).await, 20, "period {other}");
    }
    assert_eq!(get(&*kv, b"key").await.as_deref(), Some(&b"main"[..]));

    let mut again = Batch::new();
    again.put(Space::Period(300), b"new".as_slice(), b"".as_slice());
    commit(&*kv, again).await;
    assert_eq!(cells_in(&*kv, 300).await, 1, "a dropped period can be used again, and is empty");
}

async fn cells_in(kv: &dyn Kv, period: u32) -> usize {
    kv.scan(Scan::prefix(Space::Period(period), "", 999)).await.expect("cells are scanned").len()
}

pub async fn no_read_returns_more_than_the_read_limit(harness: &dyn Harness) {
    const MORE: usize = READ_LIMIT + 10;
    let kv = harness.open().await;
    let mut number = 0;
    while number < MORE {
        let mut batch = Batch::new();
        for _ in 0..(BATCH_OPERATIONS_LIMIT / 2).min(MORE - number) {
            batch.put(Space::Main, (number as u32).to_be_bytes().to_vec(), b"".as_slice());
            batch.append("log", b"".as_slice());
            number += 1;
        }
        commit(&*kv, batch).await;
    }
    assert_eq!(append(&*kv, b"log", b"").await, MORE as u64 + 1);
    for (limit, wanted) in [(MORE, READ_LIMIT), (usize::MAX, READ_LIMIT), (READ_LIMIT - 1, READ_LIMIT - 1)] {
        for reverse in [false, true] {
            let scan = Scan { space: Space::Main, from: Bytes::new(), to: None, limit, reverse };
            assert_eq!(kv.scan(scan).await.map(|cells| cells.len()), Ok(wanted));
            let from = if reverse { u64::MAX } else { 0 };
            let read = ReadLog { log: "log".into(), from, limit, reverse };
            assert_eq!(kv.read_log(read).await.map(|entries| entries.len()), Ok(wanted));
        }
    }
}
