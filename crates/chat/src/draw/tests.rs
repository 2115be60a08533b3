//! Screens as they are drawn, and that no text breaks out of them.

use client::{Condition, Content, Conversation, Event, Message, MessageId, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::command::{Done, Refused};
use crate::keys::Key;
use crate::state::Setup;

/// Where a password is asked for.
fn state() -> State {
    let server = "http://127.0.0.1:8080".into();
    let mut state = State::new(Setup {
        app: "demo#kith".into(),
        server,
        user: "alice".into(),
        token: None,
        registers: false,
    });
    state.done(Done::LoggedIn(Err(Refused::Nobody)));
    state
}

fn type_line(state: &mut State, line: &str) {
    state.press(&Key::Paste(line.to_owned()));
    state.press(&Key::Enter);
}

/// Alice, with the conversation with bob open.
fn with_bob() -> State {
    let mut state = state();
    type_line(&mut state, "secret");
    state.done(Done::LoggedIn(Ok(client::username("alice").unwrap())));
    state.done(Done::Listed(Ok(Vec::new())));
    let conversation = Conversation::user("bob").unwrap();
    type_line(&mut state, "/chat bob");
    state.done(Done::Opened { conversation, records: Ok(Vec::new()) });
    state
}

fn hear(state: &mut State, from: &str, id: u64, text: &str) {
    let from = client::username(from).unwrap();
    state.hear(Event::Message(Box::new(Message {
        id: MessageId(id),
        conversation: Conversation::User(from.clone()),
        from,
        is_own: false,
        at: Timestamp(1_795_255_200_000 + id * 60_000),
        content: Content::text(text),
        wants_receipts: false,
        marks: Default::default(),
    })));
}

fn drawn(state: &State, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    draw_on(&mut terminal, state);
    terminal.backend().buffer().clone()
}

fn draw_on(terminal: &mut Terminal<TestBackend>, state: &State) -> usize {
    let mut hidden = 0;
    terminal.draw(|frame| hidden = draw(frame, state, &TimeZone::UTC)).unwrap();
    hidden
}

/// Rows as one reads them, without the blanks at their ends.
fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y: u16| {
        let mut text = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            text.push_str(symbol);
            x += columns(symbol).max(1) as u16;
        }
        text.trim_end().to_owned()
    };
    (0..buffer.area.height).map(row).collect()
}

#[track_caller]
fn shows(state: &State, width: u16, expected: &[&str]) {
    let found = rows(&drawn(state, width, expected.len() as u16));
    assert_eq!(found, expected, "found:\n{}", found.join("\n"));
}

#[test]
fn a_wrong_password_is_explained_under_the_form() {
    let mut state = state();
    type_line(&mut state, "wrong");
    let error = client::Error::new(Condition::CredentialsWrong).with_trace_id("7f3a");
    state.done(Done::LoggedIn(Err(Refused::Error(error.clone()))));
    state.press(&Key::Letter('x'));
    let found = rows(&drawn(&state, 80, 24));
    assert_eq!(found[0], " Kith chat   demo#kith   http://127.0.0.1:8080");
    assert_eq!(
        found[1..4],
        ["  User      alice", "  Password  *", "  Enter logs in, Tab changes the field, Ctrl-C ends"]
    );
    assert_eq!(found[4], " That did not work   (Esc closes)");
    let text = found[5..].join(" ");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "What happened",
        "credentials_wrong",
        error.meaning(),
        error.cause(),
        error.remedy(),
        "Trace id 7f3a",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
}

#[test]
fn a_conversation_with_its_list() {
    let mut state = with_bob();
    hear(&mut state, "cora", 1, "are you there?");
    hear(&mut state, "bob", 2, "hello alice");
    hear(&mut state, "bob", 3, "你好，世界");
    type_line(&mut state, "hi");
    state.press(&Key::Letter('o'));
    shows(
        &state,
        60,
        &[
            " alice   online   1 unread   demo#kith   http://127.0.0.1:..",
            "bob  hi         | bob",
            "cora 1  are yo..|",
            "                |",
            "                |-- 2026-11-21 --",
            "                |10:02 bob: hello alice",
            "                |10:03 bob: 你好，世界",
            "                |--:-- alice: hi [waiting]",
            "",
            "> o",
        ],
    );
}

#[test]
fn long_texts_wrap_at_words_and_wide_ones_anywhere() {
    let mut state = with_bob();
    hear(&mut state, "bob", 1, "one two three four five six seven");
    hear(&mut state, "bob", 2, "一二三四五六七八九十一二三四五");
    shows(
        &state,
        30,
        &[
            " alice   online   demo#kith ..",
            " bob",
            "-- 2026-11-21 --",
            "10:01 bob: one two three four",
            "           five six seven",
            "10:02 bob: 一二三四五六七八九",
            "           十一二三四五",
            "",
            ">",
        ],
    );
}

#[test]
fn a_selected_message_stands_at_the_bottom() {
    let mut state = with_bob();
    for id in 1..=5 {
        hear(&mut state, "bob", id, &format!("message {id}"));
    }
    for _ in 0..3 {
        state.press(&Key::Up);
    }
    let buffer = drawn(&state, 40, 8);
    let found = rows(&buffer);
    assert_eq!(found[3..6], ["10:01 bob: message 1", "10:02 bob: message 2", "10:03 bob: message 3"]);
    assert!(buffer[(12, 5)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_file_shows_how_far_it_is() {
    let mut state = with_bob();
    type_line(&mut state, "/send holiday.png");
    state.done(Done::Progress { number: 1, bytes: 512 << 10, total: Some(2 << 20) });
    let found = rows(&drawn(&state, 80, 10));
    assert_eq!(found[7], "sending holiday.png [#####---------------] 25 %  512.0 KiB of 2.0 MiB");
}

#[test]
fn a_lost_connection_stands_at_the_top() {
    let mut state = with_bob();
    let error = client::Error::new(Condition::NetworkUnavailable);
    state.hear(Event::Disconnected { error, retry_in: Duration::from_secs(4) });
    let found = rows(&drawn(&state, 80, 10));
    assert!(
        found[0].starts_with(" alice   offline, tries again within 4 s: network_unavailable"),
        "{}",
        found[0]
    );
}

#[test]
fn a_panel_that_is_longer_than_the_screen_scrolls_to_its_end() {
    let mut state = with_bob();
    state.press(&Key::Help);
    for _ in 0..20 {
        state.press(&Key::PageDown);
    }
    let mut terminal = Terminal::new(TestBackend::new(60, 16)).unwrap();
    let hidden = draw_on(&mut terminal, &state);
    state.set_panel_rows_hidden(hidden);
    let found = rows(terminal.backend().buffer());
    assert!(found.iter().any(|row| row.starts_with("/quit")), "{}", found.join("\n"));
    state.press(&Key::PageUp);
    let found = rows(&drawn(&state, 60, 16));
    assert!(!found.iter().any(|row| row.starts_with("/quit")), "one page up leaves the end");
}

/// Everything that a stranger may write, on terminals of every size: each cell holds one thing of the width that it is
/// reckoned with, and nothing that steers a terminal.
#[test]
fn no_message_moves_the_cursor() {
    let texts = [
        "\u{1b}[2J\u{1b}[H\u{1b}]0;title\u{7}",
        "a\r\nb\tc\u{8}\u{c}\u{7f}\u{9b}31m\u{85}",
        "\u{202e}right to left\u{2066}\u{200f}",
        "👩\u{200d}👩\u{200d}👧\u{fe0f} 🇩🇪 👍🏽 ☎\u{fe0f}",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "\u{301}\u{200b}\u{feff}",
        "字",
        &"无空格的很长的一行".repeat(400),
        &"word ".repeat(2000),
        &"\n".repeat(500),
        "",
    ];
    for text in texts {
        let mut state = with_bob();
        hear(&mut state, "bob", 1, text);
        hear(&mut state, "cora", 2, text);
        state.press(&Key::Paste(text.to_owned()));
        for (width, height) in
            [(1, 1), (3, 2), (19, 4), (20, 5), (21, 6), (30, 9), (56, 8), (80, 24), (200, 3), (200, 60)]
        {
            for is_selected in [false, true] {
                state.press(if is_selected { &Key::Up } else { &Key::Escape });
                let buffer = drawn(&state, width, height);
                for cell in &buffer.content {
                    let symbol = cell.symbol();
                    assert!(!symbol.contains(char::is_control), "{symbol:?} of {text:?} at {width}x{height}");
                    assert!(symbol.chars().count() <= 8 && columns(symbol) <= 2, "{symbol:?}");
                    assert_eq!(clean(symbol), *symbol, "of {text:?}");
                }
            }
        }
    }
}

#[test]
fn names_and_errors_of_strangers_are_cleaned_too() {
    let mut state = with_bob();
    let group = client::GroupId::parse("77").unwrap();
    state.done(Done::Named(vec![(group, "\u{1b}[31mtea\u{202e}".into())]));
    state.done(Done::Answered(Err(client::Error::new(Condition::ServerBusy).with_detail("\u{1b}[2Jx\u{7}"))));
    let buffer = drawn(&state, 80, 24);
    assert!(buffer.content.iter().all(|cell| clean(cell.symbol()) == *cell.symbol()));
    assert!(rows(&buffer).iter().any(|row| row.contains("␛[31mtea")));
}

#[test]
fn what_is_written_scrolls_with_the_cursor() {
    let mut state = with_bob();
    state.press(&Key::Paste("0123456789".repeat(30)));
    let mut terminal = Terminal::new(TestBackend::new(30, 12)).unwrap();
    draw_on(&mut terminal, &state);
    let position = terminal.get_cursor_position().unwrap();
    assert_eq!((position.x, position.y), (2 + 300 % 28, 11));
    state.press(&Key::Home);
    draw_on(&mut terminal, &state);
    let position = terminal.get_cursor_position().unwrap();
    assert_eq!((position.x, position.y), (2, 7));
}
