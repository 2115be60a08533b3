//! The engine's metrics, all in one place. Names begin with `kv_`.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Gives every metric its help text. Called once per [`crate::open`].
pub(crate) fn describe() {
    describe_counter!("kv_groups_total", "Commit groups flushed to disk");
    describe_histogram!("kv_group_jobs", "Batches in one commit group");
    describe_histogram!("kv_flush_seconds", "Time to write and flush one commit group");
    describe_gauge!("kv_queue_jobs", "Batches waiting behind the group that is being committed");
    describe_counter!("kv_busy_total", "Batches refused because the queue was full");
    describe_counter!("kv_full_total", "Batches refused because free disk space is below the floor");
    describe_counter!("kv_stalls_total", "Commit groups that took longer than the alarm threshold");
    describe_histogram!("kv_stall_seconds", "Length of those stalls");
    describe_counter!("kv_fences_total", "Times the engine stopped writing after a failed flush");
    describe_gauge!("kv_free_bytes", "Free bytes on the file system of the data folder");
}

pub(crate) fn group_flushed(jobs: usize, took: Duration) {
    counter!("kv_groups_total").increment(1);
    #[expect(clippy::cast_precision_loss, reason = "a group has at most some thousand jobs")]
    histogram!("kv_group_jobs").record(jobs as f64);
    histogram!("kv_flush_seconds").record(took.as_secs_f64());
}

#[expect(clippy::cast_precision_loss, reason = "a queue holds far below 2^52 jobs")]
pub(crate) fn queue_depth(jobs: usize) {
    gauge!("kv_queue_jobs").set(jobs as f64);
}

pub(crate) fn refused_busy() {
    counter!("kv_busy_total").increment(1);
}

pub(crate) fn refused_full(jobs: usize) {
    counter!("kv_full_total").increment(jobs as u64);
}

pub(crate) fn stalled(took: Duration) {
    counter!("kv_stalls_total").increment(1);
    histogram!("kv_stall_seconds").record(took.as_secs_f64());
}

pub(crate) fn fenced() {
    counter!("kv_fences_total").increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of bytes needs no exactness")]
pub(crate) fn free_bytes(bytes: u64) {
    gauge!("kv_free_bytes").set(bytes as f64);
}
