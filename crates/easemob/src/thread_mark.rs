//! The mark of messages in threads (msync.md 2.12, `thread`): which thread it is, and what that is about. Clients send an
//! empty one; what they are shown is the server's.

use app::{Error, Tenant, UseCases};
use bytes::Bytes;
use easemob_wire::amend::with_side_data;
use serde_json::{Map, Value, json};

/// The mark of what is said to a name; `None`: it is no thread's.
///
/// # Errors
/// Faults.
pub(crate) async fn of(
    use_cases: &UseCases,
    app: &Tenant,
    name: &str,
) -> Result<Option<Map<String, Value>>, Error> {
    let Some((stored, parent)) = use_cases.thread_named(app, name).await? else { return Ok(None) };
    let thread = &stored.group;
    let mark = json!({
        "msg_parent_id": thread.topic.map_or_else(String::new, |topic| topic.to_string()),
        "muc_parent_id": parent.as_str(),
        "thread_name": thread.name,
    });
    Ok(Some(Map::from_iter([("thread".to_owned(), mark)])))
}

/// A message with a mark. What can't be marked stays as it is.
pub(crate) fn put(payload: &Bytes, mark: &Map<String, Value>) -> Bytes {
    with_side_data(payload, mark).unwrap_or_else(|_| payload.clone())
}
