//! The messages of the open conversation: the newest at the bottom, or the selected one.

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::{BAR, BOLD, DIM, ERROR, PLAIN, Row, bar, print};
use crate::state::{Entry, Line, Mark, Talk};
use crate::text::{columns, wrapped};

/// Rows of one message; `/view` shows all of it.
const ROWS_LIMIT: usize = 60;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, talk: &Talk, zone: &TimeZone) {
    let Some(entry) = talk.open_entry() else { return };
    bar(frame, area, 0, &title(entry));
    let room = usize::from(area.height) - 1;
    let selected = talk.selected.and_then(|selected| entry.lines.iter().rposition(|line| selected.is(line)));
    let last = selected.or_else(|| entry.lines.len().checked_sub(1));
    let mut rows: Vec<Row> = Vec::new();
    for index in (0..last.map_or(0, |last| last + 1)).rev() {
        let line = &entry.lines[index];
        let before = index.checked_sub(1).and_then(|index| day(entry.lines.get(index)?, zone));
        let mut block = Vec::new();
        if let Some(day) = day(line, zone).filter(|day| before.as_ref() != Some(day)) {
            block.push(vec![(format!("-- {day} --"), DIM)]);
        }
        block.extend(rows_of(line, selected == Some(index), usize::from(area.width), zone));
        // From the bottom up; turned round at the end.
        rows.extend(block.into_iter().rev());
        if rows.len() >= room {
            break;
        }
    }
    rows.truncate(room);
    let top = room - rows.len();
    for (y, row) in rows.iter().rev().enumerate() {
        print(frame, area, (1 + top + y) as u16, row);
    }
}

fn title(entry: &Entry) -> String {
    use client::Conversation;
    match &entry.conversation {
        Conversation::User(user) => format!(" {user}"),
        Conversation::Group(group) => format!(" group {}   {group}", entry.title),
        Conversation::Room(room) if entry.is_entered => format!(" room {}   {room}", entry.title),
        Conversation::Room(room) => format!(" room {}   {room}   not entered", entry.title),
    }
}

fn rows_of(line: &Line, is_selected: bool, width: usize, zone: &TimeZone) -> Vec<Row> {
    if line.from.is_empty() {
        return wrapped(&format!("* {}", line.words()), width)
            .into_iter()
            .map(|row| vec![(row, DIM)])
            .collect();
    }
    let time = line.at.and_then(|at| clock(at, zone)).unwrap_or_else(|| "--:--".to_owned());
    let head = format!("{time} {}: ", line.from);
    let name_style = if line.is_own { BOLD } else { name_style(&line.from) };
    let mut tail = String::new();
    if line.is_edited {
        tail.push_str(" (changed)");
    }
    if !line.reactions.is_empty() {
        tail.push_str(&format!(" {{{}}}", line.reactions));
    }
    let mark = line.mark.words();
    if !mark.is_empty() {
        tail.push_str(&format!(" [{mark}]"));
    }
    let tail_style = if matches!(line.mark, Mark::Failed(_)) { ERROR } else { DIM };
    let style = if is_selected { BAR } else { PLAIN };

    // The name stands in front of the first row, what became of the message behind the last one.
    let words = line.words();
    let is_narrow = columns(&head) * 2 > width;
    let (mut lines, indent) = if is_narrow {
        (wrapped(&words, width), 0)
    } else {
        (wrapped(&words, width - columns(&head)), columns(&head))
    };
    if lines.len() > ROWS_LIMIT {
        lines.truncate(ROWS_LIMIT);
        lines.push("(select it, and /view shows the rest)".to_owned());
    }
    let mut rows: Vec<Row> = Vec::new();
    if is_narrow {
        rows.push(vec![(head.clone(), name_style)]);
    }
    for (index, text) in lines.into_iter().enumerate() {
        let front = match (is_narrow, index) {
            (false, 0) => (head.clone(), name_style),
            _ => (" ".repeat(indent), PLAIN),
        };
        rows.push(vec![front, (text, style)]);
    }
    let used: usize = rows.last().map_or(0, |row| row.iter().map(|(text, _)| columns(text)).sum());
    match rows.last_mut() {
        Some(row) if used + columns(&tail) <= width => row.push((tail, tail_style)),
        _ => {
            for text in wrapped(tail.trim_start(), width.saturating_sub(indent)) {
                rows.push(vec![(" ".repeat(indent), PLAIN), (text, tail_style)]);
            }
        }
    }
    rows
}

/// The same name has the same colour, here and everywhere.
fn name_style(name: &str) -> Style {
    const COLORS: [Color; 5] = [Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];
    let sum = name.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    Style::new().fg(COLORS[sum % COLORS.len()])
}

fn zoned(at: client::Timestamp, zone: &TimeZone) -> Option<jiff::Zoned> {
    let milliseconds = i64::try_from(at.0).ok()?;
    Some(jiff::Timestamp::from_millisecond(milliseconds).ok()?.to_zoned(zone.clone()))
}

fn clock(at: client::Timestamp, zone: &TimeZone) -> Option<String> {
    Some(zoned(at, zone)?.strftime("%H:%M").to_string())
}

fn day(line: &Line, zone: &TimeZone) -> Option<String> {
    Some(zoned(line.at?, zone)?.strftime("%Y-%m-%d").to_string())
}
