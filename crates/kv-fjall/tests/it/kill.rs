//! What was acknowledged survives SIGKILL at any moment.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use crate::child::Process;
use crate::support;

const ROUNDS: u64 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut random = u64::from(std::process::id());
    for round in 0..ROUNDS {
        let mut process = Process::start("load", folder.path(), &[]);
        let mut said = vec![process.line().expect("the child sends")];
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_millis(10 + (random >> 33) % 300);
        #[expect(clippy::disallowed_methods, reason = "a test that kills by the clock")]
        let start = Instant::now();
        while start.elapsed() < life {
            said.extend(process.line());
        }
        said.extend(process.kill());
        for line in said {
            let (log, id) = line.split_once('|').expect("the child says what was acknowledged");
            acknowledged.entry(log.to_owned()).or_default().push(id.to_owned());
        }

        let kv = support::open(folder.path()).await;
        for (log, ids) in &acknowledged {
            let stored = support::sent(&kv, log).await;
            let unique: HashSet<&String> = stored.iter().collect();
            assert_eq!(unique.len(), stored.len(), "round {round}: {log} holds a message twice");
            for id in ids {
                assert!(unique.contains(id), "round {round}, {life:?}: {log} lost {id}");
            }
        }
    }
    let count: usize = acknowledged.values().map(Vec::len).sum();
    assert!(count > 100, "only {count} messages were sent: the test proves nothing");
}
