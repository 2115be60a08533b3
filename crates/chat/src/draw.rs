//! Shows the state on a terminal of any size. Decides nothing, and prints only what `text` has cleaned.
//!
//! No frames and no signs whose width terminals disagree on: rows, one bar between list and messages, words.

mod messages;

use std::time::Duration;

use jiff::tz::TimeZone;
use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};

use crate::state::{Connection, Editor, Field, Login, Panel, Screen, State, Talk, Transfer};
use crate::text::{clean, clean_line, columns, fitted, size, wrapped};

/// Frames are at least so far apart; what happens in between is drawn together.
pub(crate) const FRAME_PAUSE: Duration = Duration::from_millis(33);

/// Below this there is no room for more than a word.
const LEAST: (u16, u16) = (20, 5);
/// From here on the list of conversations stands beside the messages.
const COLUMNS_WITH_LIST: u16 = 56;
/// Stars of a password; longer ones look the same.
const SECRET_COLUMNS: usize = 40;
const EDITOR_ROWS: usize = 5;
const TRANSFER_ROWS: usize = 3;

const PLAIN: Style = Style::new();
const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);
const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const ERROR: Style = Style::new().fg(Color::Red);
const HEADING: Style = Style::new().fg(Color::Cyan);

/// A row: pieces of text, each in its style.
type Row = Vec<(String, Style)>;

/// Draws a frame, and says how many rows of the panel are below what fits.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &State, zone: &TimeZone) -> usize {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        print(frame, area, 0, &[("too small".to_owned(), PLAIN)]);
        return 0;
    }
    let page = Page { area, zone };
    match &state.screen {
        Screen::Login(login) => page.login(frame, state, login),
        Screen::Talk(talk) => page.talk(frame, state, talk),
    }
}

struct Page<'a> {
    area: Rect,
    zone: &'a TimeZone,
}

impl Page<'_> {
    fn login(&self, frame: &mut Frame<'_>, state: &State, login: &Login) -> usize {
        bar(frame, self.area, 0, &format!(" Kith chat   {}   {}", state.app, state.server));
        let shown = clean_line(login.user.text());
        if login.is_busy {
            print(frame, self.area, 1, &[(format!("  logging in {shown} ..."), PLAIN)]);
            return 0;
        }
        let secret = "*".repeat(login.password.text().chars().count().min(SECRET_COLUMNS));
        let fields = [(Field::User, "User      ", shown), (Field::Password, "Password  ", secret)];
        for (y, (field, label, text)) in (1..).zip(fields) {
            let is_here = field == login.field;
            let style = if is_here { BOLD } else { PLAIN };
            print(frame, self.area, y, &[(format!("  {label}"), style), (text.clone(), PLAIN)]);
            if is_here {
                let before = match field {
                    Field::User => columns(&clean_line(login.user.before())),
                    Field::Password => login.password.before().chars().count().min(SECRET_COLUMNS),
                };
                cursor(frame, self.area, 2 + label.len() + before, y);
            }
        }
        let hint = "  Enter logs in, Tab changes the field, Ctrl-C ends";
        print(frame, self.area, 3, &[(hint.to_owned(), DIM)]);
        let below = rows_from(self.area, 4);
        state.panel.as_ref().map_or(0, |open| panel(frame, below, open))
    }

    fn talk(&self, frame: &mut Frame<'_>, state: &State, talk: &Talk) -> usize {
        self.header(frame, state, talk);
        let width = usize::from(self.area.width);
        let (written, cursor_at) = written(&talk.editor, width.saturating_sub(2));
        let editor_rows = written.len() as u16;
        let transfers = &talk.transfers[..talk.transfers.len().min(TRANSFER_ROWS)];
        let mut bottom = self.area.height - editor_rows.min(self.area.height - 2);
        for (y, row) in (bottom..).zip(&written) {
            print(frame, self.area, y, &[("> ".to_owned(), DIM), (row.clone(), PLAIN)]);
        }
        cursor(frame, self.area, 2 + cursor_at.0, bottom + cursor_at.1);
        bottom -= 1;
        print(frame, self.area, bottom, &[(talk.notice.clone(), DIM)]);
        for transfer in transfers {
            if bottom > 3 {
                bottom -= 1;
                print(frame, self.area, bottom, &[(bar_of(transfer, width), PLAIN)]);
            }
        }
        let mut hidden = 0;
        if let Some(open) = &state.panel {
            let wanted = panel_rows(open, width).len() as u16 + 1;
            // The conversation stays in sight where there is room for both.
            let most = if bottom > 12 { bottom / 2 } else { bottom.saturating_sub(1) };
            let rows = wanted.min(most);
            let area = Rect { y: self.area.y + bottom - rows, height: rows, ..self.area };
            hidden = panel(frame, area, open);
            bottom -= rows;
        }
        let body = Rect { y: self.area.y + 1, height: bottom.saturating_sub(1), ..self.area };
        if body.height == 0 {
            return hidden;
        }
        let list_width = (self.area.width / 4).clamp(16, 30);
        if self.area.width < COLUMNS_WITH_LIST {
            messages::draw(frame, body, talk, self.zone);
            return hidden;
        }
        list(frame, Rect { width: list_width, ..body }, talk);
        for y in 0..body.height {
            frame.buffer_mut().set_string(body.x + list_width, body.y + y, "|", DIM);
        }
        let right = Rect { x: body.x + list_width + 1, width: body.width - list_width - 1, ..body };
        messages::draw(frame, right, talk, self.zone);
        hidden
    }

    fn header(&self, frame: &mut Frame<'_>, state: &State, talk: &Talk) {
        let connection = match &talk.connection {
            Connection::Online => "online".to_owned(),
            Connection::Syncing => "fetching".to_owned(),
            Connection::Offline { error, retry_seconds } => {
                format!("offline, tries again within {retry_seconds} s: {}", error.condition())
            }
        };
        let unread: u64 = talk.entries.iter().map(|entry| entry.unread).sum();
        let unread = if unread > 0 { format!("   {unread} unread") } else { String::new() };
        bar(
            frame,
            self.area,
            0,
            &format!(" {}   {connection}{unread}   {}   {}", talk.me, state.app, state.server),
        );
    }
}

/// The conversations, the open one in sight.
fn list(frame: &mut Frame<'_>, area: Rect, talk: &Talk) {
    let open = talk.entries.iter().position(|entry| Some(&entry.conversation) == talk.open.as_ref());
    let height = usize::from(area.height);
    let first = open.map_or(0, |open| (open + 1).saturating_sub(height));
    let width = usize::from(area.width);
    for (y, (index, entry)) in (0..).zip(talk.entries.iter().enumerate().skip(first).take(height)) {
        let unread = if entry.unread > 0 { format!(" {}", entry.unread) } else { String::new() };
        let kind = match entry.conversation {
            client::Conversation::User(_) => "",
            client::Conversation::Group(_) => "# ",
            client::Conversation::Room(_) => "* ",
        };
        let title = fitted(&format!("{kind}{}", entry.title), width.saturating_sub(unread.len()));
        let used = columns(&title) + unread.len() + 2;
        let preview = if used < width { fitted(&entry.preview, width - used) } else { String::new() };
        let style = match (Some(index) == open, entry.unread > 0) {
            (true, _) => BAR,
            (false, true) => BOLD,
            (false, false) => PLAIN,
        };
        print(frame, area, y, &[(title, style), (unread, HEADING), ("  ".to_owned(), PLAIN), (preview, DIM)]);
    }
}

/// A panel, and how many of its rows are below what fits.
fn panel(frame: &mut Frame<'_>, area: Rect, open: &Panel) -> usize {
    if area.height == 0 {
        return 0;
    }
    let rows = panel_rows(open, usize::from(area.width));
    let room = usize::from(area.height) - 1;
    let hidden = rows.len().saturating_sub(room);
    let scroll = open.scroll.min(hidden);
    let more = if hidden > scroll { "Page Down: more, " } else { "" };
    bar(frame, area, 0, &format!(" {}   ({more}Esc closes)", open.title));
    for (y, row) in (1..).zip(rows.iter().skip(scroll).take(room)) {
        print(frame, area, y, row);
    }
    hidden
}

fn panel_rows(open: &Panel, width: usize) -> Vec<Row> {
    let heading_style = if open.is_error { ERROR } else { HEADING };
    let widest = open.paragraphs.iter().map(|(heading, _)| columns(heading)).max().unwrap_or(0);
    let indent = if widest == 0 { 0 } else { (widest + 2).min(width / 2) };
    let mut rows = Vec::new();
    for (heading, text) in &open.paragraphs {
        let lines = wrapped(text, width.saturating_sub(indent + 1));
        for (index, line) in lines.into_iter().enumerate() {
            let heading = if index == 0 { fitted(heading, indent) } else { String::new() };
            let gap = " ".repeat(indent - columns(&heading));
            rows.push(vec![(heading, heading_style), (gap, PLAIN), (line, PLAIN)]);
        }
    }
    rows
}

/// The rows of what is being written, and where among them the cursor stands. The last rows around it, if there are many.
fn written(editor: &Editor, width: usize) -> (Vec<String>, (usize, u16)) {
    let mut rows = cut(&clean(editor.text()), width);
    let before = cut(&clean(editor.before()), width);
    let mut row = before.len().saturating_sub(1);
    let mut column = before.last().map_or(0, |line| columns(line));
    if column >= width {
        // Past the last column: the next letter begins a row.
        (row, column) = (row + 1, 0);
    }
    while rows.len() <= row {
        rows.push(String::new());
    }
    let first = (row + 1).saturating_sub(EDITOR_ROWS);
    let rows: Vec<String> = rows.into_iter().skip(first).take(EDITOR_ROWS).collect();
    (rows, (column, (row - first) as u16))
}

/// Cut at the width only: what is written must not move while one writes, as it would where words are kept whole.
fn cut(text: &str, width: usize) -> Vec<String> {
    use unicode_segmentation::UnicodeSegmentation as _;
    let width = width.max(2);
    let mut rows = Vec::new();
    for paragraph in text.split('\n') {
        let (mut row, mut used) = (String::new(), 0);
        for cluster in paragraph.graphemes(true) {
            let wide = columns(cluster);
            if used + wide > width {
                rows.push(std::mem::take(&mut row));
                used = 0;
            }
            row.push_str(cluster);
            used += wide;
        }
        rows.push(row);
    }
    rows
}

/// `sending cat.png [#####-----] 50 %  1.0 MiB of 2.0 MiB`
fn bar_of(transfer: &Transfer, width: usize) -> String {
    const CELLS: u64 = 20;
    let verb = if transfer.is_upload { "sending" } else { "saving" };
    let name = fitted(&transfer.name, (width / 3).max(4));
    let Some(total) = transfer.total.filter(|total| *total > 0) else {
        return format!("{verb} {name}  {}", size(transfer.bytes));
    };
    let bytes = transfer.bytes.min(total);
    let part = |of: u64| (u128::from(bytes) * u128::from(of) / u128::from(total)) as usize;
    let (full, percent) = (part(CELLS), part(100));
    let empty = CELLS as usize - full;
    format!(
        "{verb} {name} [{}{}] {percent} %  {} of {}",
        "#".repeat(full),
        "-".repeat(empty),
        size(bytes),
        size(total)
    )
}

/// A row over the whole width that separates.
fn bar(frame: &mut Frame<'_>, area: Rect, y: u16, text: &str) {
    let width = usize::from(area.width);
    let text = fitted(text, width);
    let gap = " ".repeat(width - columns(&text));
    print(frame, area, y, &[(text, BAR), (gap, BAR)]);
}

/// Prints a row of `area`; what does not fit is cut.
fn print(frame: &mut Frame<'_>, area: Rect, y: u16, row: &[(String, Style)]) {
    if y >= area.height {
        return;
    }
    let (mut x, end) = (area.x, area.right());
    for (text, style) in row {
        let room = usize::from(end.saturating_sub(x));
        (x, _) = frame.buffer_mut().set_stringn(x, area.y + y, text, room, *style);
    }
}

fn cursor(frame: &mut Frame<'_>, area: Rect, x: usize, y: u16) {
    let x = u16::try_from(x).unwrap_or(u16::MAX).min(area.width - 1);
    frame.set_cursor_position(Position { x: area.x + x, y: area.y + y.min(area.height - 1) });
}

fn rows_from(area: Rect, y: u16) -> Rect {
    let y = y.min(area.height);
    Rect { y: area.y + y, height: area.height - y, ..area }
}

#[cfg(test)]
mod tests;
