//! Flushes that fail or take long, by changing system calls with strace.

use std::process::Command;

use crate::child::Process;
use crate::support;

fn strace() -> bool {
    let there = Command::new("strace").arg("-V").output().is_ok();
    if !there {
        support::skipped("strace is not installed, so no flush can be made to fail");
    }
    there
}

#[tokio::test]
async fn a_failed_flush_is_never_acknowledged_and_service_resumes_by_itself() {
    if !strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inject = "inject=fdatasync:error=EIO:when=7";
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let mut process = Process::start("persist", folder.path(), &wrapper);
    let lines = process.lines();
    let of = |kind: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(kind)?.strip_prefix('|')).collect()
    };
    let (acknowledged, unknown, unavailable) = (of("acknowledged"), of("unknown"), of("unavailable"));
    assert_eq!(acknowledged.len(), 40);
    assert_eq!(unknown.len(), 1, "{lines:?}");
    assert!(!unavailable.is_empty(), "later writes were not refused: {lines:?}");
    assert_eq!(of("stored"), acknowledged, "what is stored is what was acknowledged");

    // The next process finds the same.
    let kv = support::open(folder.path()).await;
    assert_eq!(support::sent(&kv, "log").await, acknowledged);
}

#[test]
fn nobody_reads_what_is_not_flushed_yet() {
    if !strace() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let inject = "inject=fdatasync:delay_enter=400000";
    let wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", inject];
    let mut process = Process::start("look early", folder.path(), &wrapper);
    let lines = process.lines();
    let (last, early) = lines.split_last().expect("the child looks");
    assert_eq!(last, "answered true, cell true, head 1");
    assert!(early.len() > 5, "the flush was not slow, so nothing was looked at early: {lines:?}");
    // The look that crosses the answer may see either.
    for line in &early[..early.len() - 1] {
        assert_eq!(line, "answered false, cell false, head 0");
    }
}
