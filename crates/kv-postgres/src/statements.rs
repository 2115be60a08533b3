//! The SQL, all of it by primary key.
//!
//! Locks of a transaction are taken in one order, so that two writers can wait for each other but never
//! in a ring: cells in key order, period cells in (period, key) order, heads in log order, each in one
//! statement (`ORDER BY` below `FOR UPDATE` is the order of locking); then new rows in the same order.

/// Statements on one of the two cell tables. All take the same parameters, so the writer treats both alike;
/// the period is not looked at where the table has none.
#[derive(Debug)]
pub(crate) struct CellStatements {
    /// (ordinals, periods, keys, wanted) → (ordinal, value if wanted) of those that are there, kept from
    /// changing.
    pub(crate) lock_shared: &'static str,
    /// The same, kept for this transaction to change.
    pub(crate) lock: &'static str,
    /// (periods, keys, values) of cells that must not be there: one that is fails the transaction.
    pub(crate) insert: &'static str,
    /// (periods, keys, values)
    pub(crate) upsert: &'static str,
    /// (periods, keys)
    pub(crate) delete: &'static str,
}

macro_rules! cell_statements {
    ($table:literal, $columns:literal, $same:literal, $order:literal) => {
        CellStatements {
            lock_shared: concat!(
                "SELECT k.ordinal, CASE WHEN k.wanted THEN c.value END ",
                "FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::bool[]) AS k(ordinal, period, key, wanted) ",
                "JOIN ", $table, " AS c ON ", $same, " ORDER BY ", $order, " FOR SHARE OF c"
            ),
            lock: concat!(
                "SELECT k.ordinal, CASE WHEN k.wanted THEN c.value END ",
                "FROM unnest($1::int8[], $2::int8[], $3::bytea[], $4::bool[]) AS k(ordinal, period, key, wanted) ",
                "JOIN ", $table, " AS c ON ", $same, " ORDER BY ", $order, " FOR UPDATE OF c"
            ),
            insert: concat!(
                "INSERT INTO ", $table, " (", $columns, ", value) SELECT ", $columns, ", value ",
                "FROM unnest($1::int8[], $2::bytea[], $3::bytea[]) AS k(period, key, value)"
            ),
            upsert: concat!(
                "INSERT INTO ", $table, " (", $columns, ", value) SELECT ", $columns, ", value ",
                "FROM unnest($1::int8[], $2::bytea[], $3::bytea[]) AS k(period, key, value) ",
                "ON CONFLICT (", $columns, ") DO UPDATE SET value = excluded.value"
            ),
            delete: concat!(
                "DELETE FROM ", $table, " AS c USING unnest($1::int8[], $2::bytea[]) AS k(period, key) WHERE ", $same
            ),
        }
    };
}

/// Writes to every table, under keys that nothing has, and takes it back.
pub(crate) const PROBE: &str = "BEGIN; \
    INSERT INTO kith_cells (key, value) VALUES ('', '') \
    ON CONFLICT (key) DO UPDATE SET value = kith_cells.value; \
    INSERT INTO kith_period_cells (period, key, value) VALUES (0, '', '') \
    ON CONFLICT (period, key) DO UPDATE SET value = kith_period_cells.value; \
    INSERT INTO kith_heads (log, head, trimmed) VALUES ('', 0, 0) \
    ON CONFLICT (log) DO UPDATE SET head = kith_heads.head; \
    INSERT INTO kith_entries (log, sequence, value) VALUES ('', 0, '') \
    ON CONFLICT (log, sequence) DO UPDATE SET value = kith_entries.value; \
    ROLLBACK";

pub(crate) const MAIN: CellStatements = cell_statements!("kith_cells", "key", "c.key = k.key", "c.key");
pub(crate) const PERIOD: CellStatements = cell_statements!(
    "kith_period_cells",
    "period, key",
    "c.period = k.period AND c.key = k.key",
    "c.period, c.key"
);

/// (logs) → (log, head, trimmed) of those that are there.
pub(crate) const LOCK_HEADS: &str = "SELECT h.log, h.head, h.trimmed \
     FROM unnest($1::bytea[]) AS k(log) JOIN kith_heads AS h ON h.log = k.log ORDER BY h.log FOR UPDATE OF h";
/// (logs, heads, trimmed) of logs that must not be there.
pub(crate) const INSERT_HEADS: &str = "INSERT INTO kith_heads (log, head, trimmed) \
     SELECT log, head, trimmed FROM unnest($1::bytea[], $2::int8[], $3::int8[]) AS k(log, head, trimmed)";
/// (logs, heads, trimmed)
pub(crate) const UPDATE_HEADS: &str = "UPDATE kith_heads AS h SET head = k.head, trimmed = k.trimmed \
     FROM unnest($1::bytea[], $2::int8[], $3::int8[]) AS k(log, head, trimmed) WHERE h.log = k.log";
/// (logs, sequences, values)
pub(crate) const INSERT_ENTRIES: &str = "INSERT INTO kith_entries (log, sequence, value) \
     SELECT log, sequence, value FROM unnest($1::bytea[], $2::int8[], $3::bytea[]) AS k(log, sequence, value)";
/// (logs, sequences, values)
pub(crate) const REWRITE_ENTRIES: &str = "UPDATE kith_entries AS e SET value = k.value \
     FROM unnest($1::bytea[], $2::int8[], $3::bytea[]) AS k(log, sequence, value) \
     WHERE e.log = k.log AND e.sequence = k.sequence";
/// (logs, after, up to)
pub(crate) const TRIM_ENTRIES: &str = "DELETE FROM kith_entries AS e \
     USING unnest($1::bytea[], $2::int8[], $3::int8[]) AS k(log, after, up_to) \
     WHERE e.log = k.log AND e.sequence > k.after AND e.sequence <= k.up_to";

/// (main ordinals, main keys, period ordinals, periods, period keys) → (ordinal, value). One statement, so
/// that cells of both tables are seen at one point in time.
pub(crate) const GET_MANY: &str = "SELECT k.ordinal, c.value \
     FROM unnest($1::int8[], $2::bytea[]) AS k(ordinal, key) JOIN kith_cells AS c ON c.key = k.key \
     UNION ALL SELECT k.ordinal, c.value \
     FROM unnest($3::int8[], $4::int8[], $5::bytea[]) AS k(ordinal, period, key) \
     JOIN kith_period_cells AS c ON c.period = k.period AND c.key = k.key";
/// (from, to, limit)
pub(crate) const SCAN: [&str; 2] = [
    "SELECT key, value FROM kith_cells WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3",
    "SELECT key, value FROM kith_cells WHERE key >= $1 AND key < $2 ORDER BY key DESC LIMIT $3",
];
/// (from, to, limit, period)
pub(crate) const SCAN_PERIOD: [&str; 2] = [
    "SELECT key, value FROM kith_period_cells WHERE period = $4 AND key >= $1 AND key < $2 \
     ORDER BY period, key LIMIT $3",
    "SELECT key, value FROM kith_period_cells WHERE period = $4 AND key >= $1 AND key < $2 \
     ORDER BY period DESC, key DESC LIMIT $3",
];
/// (log, from, limit)
pub(crate) const READ_LOG: [&str; 2] = [
    "SELECT sequence, value FROM kith_entries WHERE log = $1 AND sequence >= $2 \
     ORDER BY log, sequence LIMIT $3",
    "SELECT sequence, value FROM kith_entries WHERE log = $1 AND sequence <= $2 \
     ORDER BY log DESC, sequence DESC LIMIT $3",
];
/// (ordinals, logs) → the heads of those that have one.
pub(crate) const HEADS: &str = "SELECT k.ordinal, h.head \
     FROM unnest($1::int8[], $2::bytea[]) AS k(ordinal, log) JOIN kith_heads AS h ON h.log = k.log";
/// (after) → the next period that has a cell.
pub(crate) const NEXT_PERIOD: &str =
    "SELECT period FROM kith_period_cells WHERE period > $1 ORDER BY period, key LIMIT 1";
/// (period, after, cells) → the key that ends the next chunk.
pub(crate) const CHUNK_END: &str = "SELECT key FROM kith_period_cells WHERE period = $1 AND key > $2 \
     ORDER BY period, key OFFSET $3 LIMIT 1";
/// (period, after, up to)
pub(crate) const DELETE_CHUNK: &str =
    "DELETE FROM kith_period_cells WHERE period = $1 AND key > $2 AND key <= $3";
