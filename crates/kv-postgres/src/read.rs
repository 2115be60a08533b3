//! Reads over one connection, whether it is the pool's or a snapshot's.

use bytes::Bytes;
use kv::{CellKey, KEY_BYTES_LIMIT, READ_LIMIT, ReadLog, Scan, Space};
use tokio_postgres::Error;

use crate::connection::Connection;
use crate::statements;

/// Above every key: they are shorter.
const ABOVE_ALL_KEYS: [u8; KEY_BYTES_LIMIT + 1] = [u8::MAX; KEY_BYTES_LIMIT + 1];

pub(crate) async fn get_many(connection: &Connection, keys: &[CellKey]) -> Result<Vec<Option<Bytes>>, Error> {
    let (mut main_ordinals, mut main_keys): (Vec<i64>, Vec<&[u8]>) = (Vec::new(), Vec::new());
    let (mut period_ordinals, mut periods, mut period_keys): (Vec<i64>, Vec<i64>, Vec<&[u8]>) =
        (Vec::new(), Vec::new(), Vec::new());
    for (ordinal, cell) in (0_i64..).zip(keys) {
        match cell.space {
            Space::Main => {
                main_ordinals.push(ordinal);
                main_keys.push(&cell.key);
            }
            Space::Period(period) => {
                period_ordinals.push(ordinal);
                periods.push(i64::from(period));
                period_keys.push(&cell.key);
            }
        }
    }
    let mut values = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(values);
    }
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&main_ordinals, &main_keys, &period_ordinals, &periods, &period_keys];
    for row in connection.query(statements::GET_MANY, &parameters).await? {
        let ordinal: i64 = row.get(0);
        let ordinal = usize::try_from(ordinal).expect("ordinals come back as they were sent");
        values[ordinal] = Some(Bytes::copy_from_slice(row.get(1)));
    }
    Ok(values)
}

pub(crate) async fn scan(connection: &Connection, scan: &Scan) -> Result<Vec<(Bytes, Bytes)>, Error> {
    let from: &[u8] = &scan.from;
    let to: &[u8] = scan.to.as_deref().unwrap_or(&ABOVE_ALL_KEYS);
    if to <= from || scan.limit == 0 {
        return Ok(Vec::new());
    }
    let limit = row_limit(scan.limit);
    let direction = usize::from(scan.reverse);
    let rows = match scan.space {
        Space::Main => connection.query(statements::SCAN[direction], &[&from, &to, &limit]).await?,
        Space::Period(period) => {
            let period = i64::from(period);
            connection.query(statements::SCAN_PERIOD[direction], &[&from, &to, &limit, &period]).await?
        }
    };
    let copied = |row: &tokio_postgres::Row, column| Bytes::copy_from_slice(row.get(column));
    Ok(rows.iter().map(|row| (copied(row, 0), copied(row, 1))).collect())
}

pub(crate) async fn read_log(connection: &Connection, read: &ReadLog) -> Result<Vec<(u64, Bytes)>, Error> {
    let log: &[u8] = &read.log;
    let from = sequence_to_sql(read.from);
    let limit = row_limit(read.limit);
    let sql = statements::READ_LOG[usize::from(read.reverse)];
    let rows = connection.query(sql, &[&log, &from, &limit]).await?;
    let entry =
        |row: &tokio_postgres::Row| (sequence_from_sql(row.get(0)), Bytes::copy_from_slice(row.get(1)));
    Ok(rows.iter().map(entry).collect())
}

pub(crate) async fn log_heads(connection: &Connection, logs: &[Bytes]) -> Result<Vec<u64>, Error> {
    let ordinals: Vec<i64> = (0..).take(logs.len()).collect();
    let names: Vec<&[u8]> = logs.iter().map(|log| &log[..]).collect();
    let mut heads = vec![0; logs.len()];
    for row in connection.query(statements::HEADS, &[&ordinals, &names]).await? {
        let ordinal: i64 = row.get(0);
        let ordinal = usize::try_from(ordinal).expect("ordinals come back as they were sent");
        heads[ordinal] = sequence_from_sql(row.get(1));
    }
    Ok(heads)
}

pub(crate) async fn periods(connection: &Connection) -> Result<Vec<u32>, Error> {
    // One step a period: "distinct" would read every cell.
    let mut periods = Vec::new();
    let mut after: i64 = -1;
    while let Some(row) = connection.query(statements::NEXT_PERIOD, &[&after]).await?.first() {
        after = row.get(0);
        periods.push(u32::try_from(after).expect("periods are written from u32"));
    }
    Ok(periods)
}

/// Cells that one statement of [`drop_period`] deletes: a fraction of a second of work, so that a commit
/// that meets it waits briefly.
const CHUNK: i64 = 5000;

/// Deletes in chunks; interrupted, it can be started again.
pub(crate) async fn drop_period(connection: &Connection, period: u32) -> Result<(), Error> {
    let period = i64::from(period);
    let mut after: Vec<u8> = Vec::new();
    loop {
        let last = connection.query(statements::CHUNK_END, &[&period, &after, &(CHUNK - 1)]).await?;
        let up_to = last.first().map_or_else(|| ABOVE_ALL_KEYS.to_vec(), |row| row.get(0));
        connection.execute(statements::DELETE_CHUNK, &[&period, &after, &up_to]).await?;
        if last.is_empty() {
            return Ok(());
        }
        // From behind the deleted ones: walking over their remains is what costs.
        after = up_to;
    }
}

fn row_limit(limit: usize) -> i64 {
    i64::try_from(limit.min(READ_LIMIT)).expect("READ_LIMIT is small")
}

/// Sequences above what the database can count never exist, so the highest stands for them.
pub(crate) fn sequence_to_sql(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

pub(crate) fn sequence_from_sql(sequence: i64) -> u64 {
    u64::try_from(sequence).expect("sequences are written from u64")
}
