//! The suite that every engine passes before it is used: one test a promise of the contract, and random
//! command lists that must get the answers that [`crate::MemoryKv`] gives.
//!
//! An engine's tests implement [`Harness`] and call [`crate::conformance!`] once. The cases know only the
//! contract; what an engine promises beyond it (crash recovery, several processes) it tests itself.

pub mod commits;
pub mod lasting;
pub mod limits;
pub mod logs;
pub mod random;
pub mod reads;
pub mod snapshots;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Batch, CellKey, Committed, Kv, Read, ReadLog, Space, Template, notes};

/// The engine under test: one set of data that can be opened again.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Opens the data of this harness: empty the first time, afterwards what earlier engines left. At most
    /// one engine is open at a time.
    async fn open(&self) -> Arc<dyn Kv>;
}

/// Expands to one `#[tokio::test]` a case, and to the comparison with the model. The expression makes a
/// [`Harness`] with data of its own; it is evaluated once a test (once a command list for the comparison),
/// may `.await`, and may `return` to skip the test. The calling crate needs `tokio` with `macros`.
///
/// ```ignore
/// kv::conformance!(TemporaryFolder::new());
/// ```
#[macro_export]
macro_rules! conformance {
    ($harness:expr) => {
        $crate::conformance! { @cases $harness =>
            commits::a_batch_with_a_failing_check_writes_nothing,
            commits::a_failing_check_fails_its_own_job_alone,
            commits::the_first_failing_check_is_named,
            commits::absent_and_hash_checks_mean_what_they_say,
            commits::checks_see_the_state_before_their_batch,
            commits::the_later_operation_on_a_key_wins,
            commits::one_of_many_wins_an_absent_key,
            commits::counters_lose_no_update,
            commits::a_key_is_taken_released_and_taken_again,
            commits::an_empty_batch_commits,
            logs::sequences_have_no_gap_under_concurrent_appends,
            logs::two_appends_of_one_batch_follow_each_other,
            logs::slots_are_filled_in_keys_values_entries_and_notes,
            logs::notes_are_lossless_and_in_commit_order,
            logs::large_notes_of_many_jobs_all_arrive,
            logs::a_log_is_read_in_pages_both_ways,
            logs::trims_remove_the_oldest_and_keep_the_head,
            logs::rewrites_replace_only_entries_that_are_there,
            logs::rewrites_and_trims_come_before_appends,
            logs::entries_may_be_empty,
            reads::values_come_back_in_the_order_asked,
            reads::scans_keep_bounds_limits_and_directions,
            reads::keys_are_ordered_as_unsigned_bytes,
            reads::a_prefix_of_high_bytes_has_no_end,
            reads::spaces_are_kept_apart,
            reads::periods_are_listed_and_dropped,
            reads::no_read_returns_more_than_the_read_limit,
            snapshots::a_snapshot_does_not_move,
            snapshots::cells_and_logs_of_a_snapshot_agree,
            snapshots::a_snapshot_sees_a_dropped_period_whole_or_not_at_all,
            snapshots::several_snapshots_keep_their_own_time,
            limits::what_breaks_a_limit_is_refused_and_writes_nothing,
            limits::what_just_fits_is_taken,
            lasting::reopening_keeps_everything,
            lasting::a_dropped_period_stays_dropped,
            lasting::closing_loses_no_answered_commit,
            lasting::a_sweep_deletes_its_range_and_can_be_repeated,
            lasting::background_work_commits_while_others_are_busy,
        }

        #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn random_commands_are_answered_like_the_model() {
            let mut search = $crate::conformance::random::Search::new();
            while let Some(commands) = search.next() {
                let harness = $harness;
                let outcome = $crate::conformance::random::compare(&harness, &commands).await;
                search.judge(outcome);
            }
            search.finish();
        }
    };
    (@cases $harness:expr => $($module:ident :: $case:ident),* $(,)?) => {
        $(
            #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let harness = $harness;
                $crate::conformance::$module::$case(&harness).await;
            }
        )*
    };
}

/// Closes the engine and opens its data again.
async fn reopen(harness: &dyn Harness, kv: Arc<dyn Kv>) -> Arc<dyn Kv> {
    kv.close().await;
    assert_eq!(Arc::strong_count(&kv), 1, "a case must not hold a second handle when it reopens");
    drop(kv);
    harness.open().await
}

async fn commit(kv: &dyn Kv, batch: Batch) -> Committed {
    kv.commit(batch).await.expect("the batch commits")
}

/// Puts one cell of [`Space::Main`] in a batch of its own.
async fn put(kv: &dyn Kv, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(Space::Main, key, value);
    commit(kv, batch).await;
}

/// Appends one entry in a batch of its own and returns its sequence.
async fn append(kv: &dyn Kv, log: &'static [u8], value: &[u8]) -> u64 {
    let mut batch = Batch::new();
    batch.append(log, value);
    commit(kv, batch).await.sequences[0]
}

async fn get(kv: &dyn Read, key: &[u8]) -> Option<Bytes> {
    kv.get(CellKey::main(key.to_vec())).await.expect("a cell is read")
}

/// All entries of a log, read in pages of an odd size.
async fn entries(kv: &dyn Read, log: &[u8]) -> Vec<(u64, Bytes)> {
    let mut entries: Vec<(u64, Bytes)> = Vec::new();
    loop {
        let from = entries.last().map_or(0, |(sequence, _)| sequence + 1);
        let read = ReadLog { log: log.to_vec().into(), from, limit: 97, reverse: false };
        let page = kv.read_log(read).await.expect("a log is read");
        if page.is_empty() {
            return entries;
        }
        entries.extend(page);
    }
}

/// The notes of a log, however the engine grouped them.
async fn flattened(kv: &dyn Read, log: &[u8]) -> Vec<Bytes> {
    entries(kv, log).await.into_iter().flat_map(|(_, entry)| notes(entry)).collect()
}

fn template(bytes: &[u8]) -> Template {
    Template::new().bytes(bytes)
}
