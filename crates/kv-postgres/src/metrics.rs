//! The engine's metrics, with their help texts.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

pub(crate) const GROUP_JOBS: &str = "kv_postgres_group_jobs";
pub(crate) const COMMIT_SECONDS: &str = "kv_postgres_commit_seconds";
pub(crate) const QUEUE_JOBS: &str = "kv_postgres_queue_jobs";
pub(crate) const REPEATS: &str = "kv_postgres_group_repeats_total";
pub(crate) const UNKNOWN: &str = "kv_postgres_unknown_outcomes_total";
pub(crate) const CONNECTS: &str = "kv_postgres_connects_total";

/// Tells the installed recorder what the metrics mean.
pub fn describe() {
    describe_histogram!(GROUP_JOBS, "Jobs that one transaction committed together");
    describe_histogram!(COMMIT_SECONDS, Unit::Seconds, "From taking a group to its answer, repeats included");
    describe_gauge!(QUEUE_JOBS, "Jobs that wait for the writer");
    describe_counter!(REPEATS, "Groups run again after a conflict with another writer or a lost connection");
    describe_counter!(UNKNOWN, "Jobs whose commit may or may not have happened: the connection broke in it");
    describe_counter!(CONNECTS, "Connections opened to the database");
}
