//! What went on in the app, in numbers (jmessage.md 1.3).
//!
//! The vendor's pages do not say what makes a user or group active: here it is that something was said, by him or in it.

use std::time::Duration;

use app::{Error, Kinds, SaidCounts};
use model::Timestamp;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::china_time::{self, day_text, hour_text, month_text};
use super::failure::Failure;
use super::routes::routes;

routes! {
    GET "/v2/statistic/users" Nothing Request => users;
    GET "/v2/statistic/groups" Nothing Request => groups;
    GET "/v2/statistic/messages" Nothing Request => messages;
}

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many of a unit one call asks for.
const HOURS: usize = 24;
const DAYS: usize = 60;
const MONTHS: usize = 2;

/// The days that a call asks for, each by its beginning.
fn days(call: &Call) -> Result<Vec<Timestamp>, Error> {
    if call.query.get("time_unit").ok_or_else(|| missing("time_unit"))? != "DAY" {
        return Err(invalid("time_unit"));
    }
    let start = call.query.get("start").ok_or_else(|| missing("start"))?;
    let first = china_time::parse_day(start).ok_or_else(|| invalid("start"))?;
    Ok(in_turn(first, DAY, duration(call, DAYS)?))
}

fn duration(call: &Call, most: usize) -> Result<usize, Error> {
    call.query.number("duration", 1..=most)?.ok_or_else(|| missing("duration"))
}

fn in_turn(first: Timestamp, step: Duration, count: usize) -> Vec<Timestamp> {
    std::iter::successors(Some(first), |at| Some(at.plus(step))).take(count).collect()
}

/// How many of some moments lie in a day, and how many before its end.
fn on_day(times: &[Timestamp], begin: Timestamp) -> (usize, usize) {
    let end = begin.plus(DAY);
    let until = times.iter().filter(|at| **at < end).count();
    let of_day = times.iter().filter(|at| (begin..end).contains(*at)).count();
    (of_day, until)
}

/// `GET /v2/statistic/users`
async fn users(call: Call) -> Result<Answer, Failure> {
    let days = days(&call)?;
    let times = call.use_cases().registrations(&call.tenant).await?;
    let mut rows = Vec::with_capacity(days.len());
    for begin in days {
        let SaidCounts { senders, .. } = call.use_cases().said_on_day(&call.tenant, begin).await?;
        let (new, total) = on_day(&times, begin);
        rows.push(json!({
            "date": day_text(begin),
            "active_users": senders,
            "total_users": total,
            "send_msg_users": senders,
            "new_users": new,
        }));
    }
    Ok(Answer::Found(Value::Array(rows)))
}

/// `GET /v2/statistic/groups`
async fn groups(call: Call) -> Result<Answer, Failure> {
    let days = days(&call)?;
    let times = call.use_cases().group_creations(&call.tenant).await?;
    let mut rows = Vec::with_capacity(days.len());
    for begin in days {
        let SaidCounts { groups, .. } = call.use_cases().said_on_day(&call.tenant, begin).await?;
        let (new, total) = on_day(&times, begin);
        rows.push(json!({
            "date": day_text(begin),
            "active_group": groups,
            "total_group": total,
            "new_group": new,
        }));
    }
    Ok(Answer::Found(Value::Array(rows)))
}

/// `GET /v2/statistic/messages`
async fn messages(call: Call) -> Result<Answer, Failure> {
    let unit = call.query.get("time_unit").ok_or_else(|| missing("time_unit"))?;
    let (mut rows, mut single, mut group) = (Vec::new(), Kinds::default(), Kinds::default());
    for (text, counts) in counted(&call, unit).await? {
        rows.push(json!({
            "time": text,
            "group_send_msg": counts.group.total(),
            "single_send_msg": counts.single.total(),
        }));
        (single, group) = (single.plus(counts.single), group.plus(counts.group));
    }
    Ok(Answer::Found(json!({
        "send_msg_stat": rows,
        "group_msg_stat": shown(group),
        "single_msg_stat": shown(single),
    })))
}

fn shown(kinds: Kinds) -> Value {
    json!({
        "txt_msg": kinds.texts,
        "image_msg": kinds.images,
        "voice_msg": kinds.voices,
        "other_msg": kinds.others,
    })
}

async fn counted(call: &Call, unit: &str) -> Result<Vec<(String, SaidCounts)>, Error> {
    let (use_cases, app) = (call.use_cases(), &call.tenant);
    let start = call.query.get("start").ok_or_else(|| missing("start"))?;
    let mut counted = Vec::new();
    match unit {
        "HOUR" => {
            let first = china_time::parse(&format!("{start}:00:00")).ok_or_else(|| invalid("start"))?;
            let count = duration(call, HOURS)?;
            // Hours of other days are not to be had.
            if day_text(first) != day_text(use_cases.now()) {
                return Err(invalid("start"));
            }
            for begin in in_turn(first, HOUR, count) {
                let counts = use_cases.said_between(app, begin, begin.plus(HOUR)).await?;
                counted.push((hour_text(begin), counts));
            }
        }
        "DAY" => {
            for begin in days(call)? {
                counted.push((day_text(begin), use_cases.said_on_day(app, begin).await?));
            }
        }
        "MONTH" => {
            let mut begin = china_time::parse_day(&format!("{start}-01")).ok_or_else(|| invalid("start"))?;
            for _ in 0..duration(call, MONTHS)? {
                let (month, mut counts) = (month_text(begin), SaidCounts::default());
                while month_text(begin) == month {
                    let of_day = use_cases.said_on_day(app, begin).await?;
                    counts.single = counts.single.plus(of_day.single);
                    counts.group = counts.group.plus(of_day.group);
                    begin = begin.plus(DAY);
                }
                counted.push((month, counts));
            }
        }
        _ => return Err(invalid("time_unit")),
    }
    Ok(counted)
}
