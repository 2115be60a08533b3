//! What a person does and sees, without a terminal or a server.

use client::storage::{ConversationRow, Record, RecordState};
use client::{
    ClientMessageId, Condition, Content, Conversation, Event, GroupId, HistoryPage, Message, MessageId,
    RoomId, Said, SendState, Sent, Timestamp, Username,
};

use super::*;
use crate::command::{Answer, Ask};

fn user(name: &str) -> Username {
    client::username(name).unwrap()
}

fn with(name: &str) -> Conversation {
    Conversation::User(user(name))
}

fn setup() -> Setup {
    let server = "http://127.0.0.1:8080".into();
    Setup { app: "demo#kith".into(), server, user: "alice".into(), token: None, registers: false }
}

/// Where a password is asked for.
fn state() -> State {
    let mut state = State::new(setup());
    assert_eq!(commands(&mut state), [Command::Resume { user: "alice".into() }]);
    state.done(Done::LoggedIn(Err(Refused::Nobody)));
    state
}

/// Logged in as alice, with the first questions answered.
fn talking() -> State {
    let mut state = state();
    type_line(&mut state, "secret");
    state.done(Done::LoggedIn(Ok(user("alice"))));
    state.done(Done::Listed(Ok(Vec::new())));
    state.done(Done::Named(Vec::new()));
    commands(&mut state);
    state
}

/// The same with the conversation with bob open and fetched.
fn with_bob() -> State {
    let mut state = talking();
    type_line(&mut state, "/chat bob");
    state.done(Done::Opened { conversation: with("bob"), records: Ok(Vec::new()) });
    fetched(&mut state, Vec::new(), None);
    commands(&mut state);
    state
}

fn type_line(state: &mut State, line: &str) {
    for letter in line.chars() {
        state.press(&Key::Letter(letter));
    }
    state.press(&Key::Enter);
}

fn commands(state: &mut State) -> Vec<Command> {
    std::iter::from_fn(|| state.poll_command()).collect()
}

fn talk(state: &State) -> &Talk {
    match &state.screen {
        Screen::Talk(talk) => talk,
        Screen::Login(_) => panic!("nobody is logged in"),
    }
}

fn shown(state: &State) -> Vec<String> {
    let entry = talk(state).open_entry().expect("a conversation is open");
    let line = |line: &Line| match line.mark.words().as_str() {
        "" => line.words(),
        mark => format!("{} [{mark}]", line.words()),
    };
    entry.lines.iter().map(line).collect()
}

fn from(name: &str, id: u64, text: &str) -> Message {
    Message {
        id: MessageId(id),
        conversation: with(name),
        from: user(name),
        is_own: false,
        at: Timestamp(id * 1000),
        content: Content::text(text),
        wants_receipts: false,
        marks: Default::default(),
    }
}

fn hear(state: &mut State, message: Message) {
    state.hear(Event::Message(Box::new(message)));
}

fn fetched(state: &mut State, messages: Vec<Message>, next: Option<&str>) {
    let page = Ok(HistoryPage { messages, next: next.map(str::to_owned) });
    state.done(Done::Fetched { conversation: with("bob"), page });
}

/// What is sent, by its number.
fn send_of(commands: &[Command]) -> ClientMessageId {
    match commands {
        [Command::Send(message)] => message.client_id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_is_asked_for_tried_once_and_never_kept() {
    let mut state = state();
    type_line(&mut state, "wrong");
    let [Command::LogIn { user, secret }] = &commands(&mut state)[..] else { panic!("no login") };
    assert_eq!((user.as_str(), secret), ("alice", &Secret::Password("wrong".into())));
    assert!(!format!("{secret:?}").contains("wrong"));
    // Keys while it is under way change nothing.
    type_line(&mut state, "more");
    assert!(commands(&mut state).is_empty());
    let error = Error::new(Condition::CredentialsWrong).with_trace_id("7f");
    state.done(Done::LoggedIn(Err(Refused::Error(error.clone()))));
    let panel = state.panel.clone().expect("it is explained");
    let said = |heading: &str| panel.paragraphs.iter().find(|(known, _)| known == heading).unwrap().1.clone();
    assert_eq!(said("What happened"), error.meaning());
    assert!(said("Condition").starts_with("credentials_wrong"), "{}", said("Condition"));
    assert_eq!((said("Cause"), said("Remedy")), (error.cause().to_owned(), error.remedy().to_owned()));
    assert_eq!(said("Trace id"), "7f");
    let Screen::Login(login) = &state.screen else { panic!("logged in") };
    assert_eq!((login.password.text(), login.is_busy), ("", false));
}

#[test]
fn a_user_is_made_at_the_first_login_and_not_at_the_next() {
    let mut state = State::new(Setup { registers: true, ..setup() });
    assert!(commands(&mut state).is_empty(), "nobody is kept who is not there yet");
    type_line(&mut state, "secret");
    let registers = Command::Register { user: "alice".into(), secret: Secret::Password("secret".into()) };
    assert_eq!(commands(&mut state), [registers]);
    state.done(Done::LoggedIn(Ok(user("alice"))));
    state.hear(Event::LoggedOut { error: Error::new(Condition::TokenExpired) });
    commands(&mut state);
    state.press(&Key::Escape);
    type_line(&mut state, "secret");
    assert!(matches!(commands(&mut state)[..], [Command::LogIn { .. }]));
}

#[test]
fn a_user_that_was_made_but_not_logged_in_is_not_made_again() {
    let mut state = State::new(Setup { registers: true, ..setup() });
    type_line(&mut state, "secret");
    assert!(matches!(commands(&mut state)[..], [Command::Register { .. }]));
    state.done(Done::Registered);
    state.done(Done::LoggedIn(Err(Refused::Error(Error::new(Condition::RequestTimeout)))));
    state.press(&Key::Escape);
    type_line(&mut state, "secret");
    assert!(matches!(commands(&mut state)[..], [Command::LogIn { .. }]));
}

#[test]
fn reactions_and_threads_go_to_the_selected_message_or_the_newest() {
    let mut state = with_bob();
    type_line(&mut state, "/react ok");
    assert!(talk(&state).notice.contains("no message"), "{}", talk(&state).notice);
    hear(&mut state, from("bob", 7, "tea?"));
    hear(&mut state, from("bob", 8, "now?"));
    commands(&mut state);
    let react = |id, reaction: &str| Command::Ask(Ask::React(MessageId(id), reaction.into()));
    type_line(&mut state, "/react ok");
    assert_eq!(commands(&mut state), [react(8, "ok")]);
    state.press(&Key::Up);
    state.press(&Key::Up);
    type_line(&mut state, "/react 👍");
    assert_eq!(commands(&mut state), [react(7, "👍")]);
    type_line(&mut state, "/startthread Tea");
    assert!(talk(&state).notice.contains("group"), "{}", talk(&state).notice);
}

#[test]
fn a_token_logs_in_without_being_asked() {
    let mut state = State::new(Setup { token: Some(Secret::Token("t".into())), ..setup() });
    let log_in = Command::LogIn { user: "alice".into(), secret: Secret::Token("t".into()) };
    assert_eq!(commands(&mut state), [log_in]);
}

#[test]
fn a_kept_login_asks_for_nothing_and_one_that_has_ended_is_explained() {
    let mut state = State::new(setup());
    state.done(Done::LoggedIn(Ok(user("alice"))));
    assert_eq!(talk(&state).me, user("alice"));
    let mut state = State::new(setup());
    state.done(Done::LoggedIn(Err(Refused::Error(Condition::TokenExpired.into()))));
    assert!(state.panel.is_some_and(|panel| panel.is_error));
}

#[test]
fn a_message_is_seen_waiting_then_sent_then_read() {
    let mut state = with_bob();
    type_line(&mut state, "hello");
    assert_eq!(shown(&state), ["hello [waiting]"]);
    let client_id = send_of(&commands(&mut state));
    state.hear(Event::SendState { client_id, state: SendState::OnTheWire });
    assert_eq!(shown(&state), ["hello [sending]"]);
    let sent = Sent { client_id, id: MessageId(5), at: Timestamp(1) };
    state.done(Done::Sent { client_id, result: Ok(sent) });
    assert_eq!(shown(&state), ["hello [sent]"]);
    // The event of it may come after the result.
    let acknowledged = SendState::Acknowledged { id: MessageId(5), at: Timestamp(1) };
    state.hear(Event::SendState { client_id, state: acknowledged });
    state.hear(Event::Delivered { id: MessageId(5), conversation: with("bob"), by: user("bob") });
    assert_eq!(shown(&state), ["hello [delivered]"]);
    state.hear(Event::ConversationRead { conversation: with("bob"), by: user("bob") });
    assert_eq!(shown(&state), ["hello [read]"]);
}

#[test]
fn a_refused_message_says_so_and_why() {
    let mut state = with_bob();
    type_line(&mut state, "hello");
    let client_id = send_of(&commands(&mut state));
    state.done(Done::Sent { client_id, result: Err(Condition::BlockedByRecipient.into()) });
    assert_eq!(shown(&state), ["hello [not sent: blocked_by_recipient]"]);
    assert!(state.panel.as_ref().is_some_and(|panel| panel.is_error));
    state.press(&Key::Escape);
    assert_eq!(state.panel, None);
}

#[test]
fn messages_elsewhere_count_as_unread_until_they_are_seen() {
    let mut state = with_bob();
    hear(&mut state, from("cora", 7, "one"));
    hear(&mut state, from("cora", 8, "two"));
    let cora = &talk(&state).entries[0];
    assert_eq!((cora.title.as_str(), cora.unread, cora.preview.as_str()), ("cora", 2, "two"));
    assert!(commands(&mut state).is_empty(), "nothing is told of what nobody saw");
    type_line(&mut state, "/chat cora");
    let told = Command::MarkRead { conversation: with("cora"), receipts: Vec::new() };
    assert_eq!(commands(&mut state), [Command::Open(with("cora")), told]);
    assert_eq!(talk(&state).entries[0].unread, 0);
}

#[test]
fn what_comes_into_the_open_conversation_is_told_as_read_one_at_a_time() {
    let mut state = with_bob();
    for id in 1..=3 {
        hear(&mut state, from("bob", id, "x"));
    }
    let marked = Command::MarkRead { conversation: with("bob"), receipts: Vec::new() };
    assert_eq!(commands(&mut state), std::slice::from_ref(&marked));
    state.done(Done::MarkedRead { conversation: with("bob"), result: Ok(()) });
    assert_eq!(commands(&mut state), [marked]);
    state.done(Done::MarkedRead { conversation: with("bob"), result: Ok(()) });
    assert!(commands(&mut state).is_empty());
}

#[test]
fn the_list_comes_from_the_device_and_nothing_counts_twice() {
    let mut state = talking();
    let last = Record {
        number: 1,
        conversation: with("bob"),
        id: Some(MessageId(9)),
        client_id: None,
        from: user("bob"),
        is_own: false,
        at: Timestamp(1),
        state: RecordState::Received,
        text: String::new(),
        payload: Vec::new(),
        marks: String::new(),
        follows_gap: false,
    };
    let row = |unread| ConversationRow {
        conversation: with("bob"),
        unread,
        draft: "begun".into(),
        pinned_at: None,
        last: Some(last.clone()),
    };
    state.done(Done::Listed(Ok(vec![row(3)])));
    assert_eq!(talk(&state).entries[0].unread, 3);
    // Written before the list was read, told after it.
    hear(&mut state, from("bob", 9, "known"));
    assert_eq!(talk(&state).entries[0].unread, 3);
    hear(&mut state, from("bob", 10, "new"));
    assert_eq!(talk(&state).entries[0].unread, 4);
    // A list that was read before that message is asked for again.
    state.done(Done::Listed(Ok(vec![row(3)])));
    assert_eq!((talk(&state).entries[0].unread, commands(&mut state)), (4, vec![Command::List]));
    state.press(&Key::Tab);
    assert_eq!(talk(&state).editor.text(), "begun");
}

#[test]
fn opening_shows_the_device_then_the_server_and_up_fetches_older() {
    let mut state = talking();
    type_line(&mut state, "/chat bob");
    assert_eq!(commands(&mut state), [Command::Open(with("bob"))]);
    state.done(Done::Opened { conversation: with("bob"), records: Ok(Vec::new()) });
    let history =
        |after: Option<&str>| Command::History { conversation: with("bob"), after: after.map(Into::into) };
    assert_eq!(commands(&mut state), [history(None)]);
    fetched(&mut state, vec![from("bob", 4, "d"), from("bob", 3, "c")], Some("3"));
    assert_eq!(shown(&state), ["c", "d"]);
    state.press(&Key::Up);
    state.press(&Key::Up);
    assert!(commands(&mut state).is_empty());
    state.press(&Key::Up);
    assert_eq!(commands(&mut state), [history(Some("3"))]);
    state.press(&Key::Up);
    assert!(commands(&mut state).is_empty(), "one page at a time");
    fetched(&mut state, vec![from("bob", 2, "b")], None);
    state.press(&Key::Up);
    state.press(&Key::Up);
    assert_eq!((shown(&state), commands(&mut state)), (vec!["b".into(), "c".into(), "d".into()], Vec::new()));
}

#[test]
fn a_page_that_can_not_be_fetched_is_tried_again() {
    let mut state = talking();
    type_line(&mut state, "/chat bob");
    state.done(Done::Opened { conversation: with("bob"), records: Ok(Vec::new()) });
    commands(&mut state);
    state.done(Done::Fetched { conversation: with("bob"), page: Err(Condition::NetworkUnavailable.into()) });
    assert!(talk(&state).notice.contains("network_unavailable"));
    type_line(&mut state, "/older");
    assert_eq!(commands(&mut state), [Command::History { conversation: with("bob"), after: None }]);
}

#[test]
fn messages_are_taken_back_and_written_anew() {
    let mut state = with_bob();
    hear(&mut state, from("bob", 1, "his"));
    hear(&mut state, Message { is_own: true, from: user("alice"), ..from("bob", 2, "mien") });
    commands(&mut state);
    state.press(&Key::Edit);
    assert_eq!(talk(&state).editor.text(), "/edit mien");
    state.press(&Key::EraseWord);
    type_line(&mut state, "mine");
    let edit = Command::Edit { conversation: with("bob"), id: MessageId(2), text: "mine".into() };
    assert_eq!(commands(&mut state), [edit]);
    let done =
        |result| Done::Edited { conversation: with("bob"), id: MessageId(2), text: "mine".into(), result };
    state.done(done(Err(Condition::EditLimitReached.into())));
    assert_eq!(shown(&state)[1], "mien [sent]");
    state.done(done(Ok(())));
    assert_eq!(shown(&state)[1], "mine [sent]");
    type_line(&mut state, "/recall");
    assert_eq!(commands(&mut state), [Command::Recall { conversation: with("bob"), id: MessageId(2) }]);
    state.done(Done::Recalled { conversation: with("bob"), id: MessageId(2), result: Ok(()) });
    assert_eq!(shown(&state)[1], "(taken back) [sent]");
    type_line(&mut state, "/recall");
    assert!(commands(&mut state).is_empty() && talk(&state).notice.contains("no message"));
    state.hear(Event::Recalled {
        id: MessageId(1),
        conversation: with("bob"),
        by: user("bob"),
        note: String::new(),
    });
    assert_eq!(shown(&state)[0], "(taken back)");
}

#[test]
fn what_the_server_changed_meanwhile_replaces_what_the_device_has() {
    let mut state = with_bob();
    hear(&mut state, from("bob", 1, "before"));
    fetched(&mut state, vec![from("bob", 1, "after")], None);
    assert_eq!(shown(&state), ["after"]);
}

#[test]
fn files_show_how_far_they_are_and_become_messages() {
    let mut state = with_bob();
    type_line(&mut state, "/send cat.png");
    let [Command::SendFile { number, .. }] = commands(&mut state)[..] else { panic!("no upload") };
    state.done(Done::Progress { number, bytes: 5, total: Some(10) });
    assert_eq!((talk(&state).transfers[0].bytes, talk(&state).transfers[0].total), (5, Some(10)));
    type_line(&mut state, "/cancel");
    assert_eq!(commands(&mut state), [Command::Cancel(number)]);
    let message = client::NewMessage::new(with("bob"), Said::Text("as if it were a file".into()));
    let client_id = message.client_id;
    state.done(Done::Uploaded { number, message: Box::new(message) });
    assert!(talk(&state).transfers.is_empty());
    assert_eq!(send_of(&commands(&mut state)), client_id);
    type_line(&mut state, "/save");
    assert!(talk(&state).notice.contains("no file"));
}

#[test]
fn groups_are_made_opened_and_left() {
    let mut state = talking();
    type_line(&mut state, "/make tea bob");
    assert_eq!(commands(&mut state), [Command::Ask(Ask::MakeGroup("tea".into(), vec![user("bob")]))]);
    let group = Conversation::Group(GroupId::parse("77").unwrap());
    let opened = Answer::Opened { conversation: group.clone(), title: "tea".into(), words: "made".into() };
    state.done(Done::Answered(Ok(opened)));
    assert_eq!(
        (talk(&state).open.clone(), talk(&state).entries[0].title.as_str()),
        (Some(group.clone()), "tea")
    );
    commands(&mut state);
    type_line(&mut state, "/members");
    type_line(&mut state, "/leave");
    let id = GroupId::parse("77").unwrap();
    assert_eq!(
        commands(&mut state),
        [Command::Ask(Ask::Members(id)), Command::Ask(Ask::Leave(group.clone()))]
    );
    state.done(Done::Answered(Ok(Answer::Left(group))));
    assert_eq!(shown(&state), ["you left"]);
}

#[test]
fn groups_are_named_and_those_without_a_word_come_last() {
    let mut state = talking();
    hear(&mut state, from("bob", 1, "x"));
    let names = ["77", "78"].map(|id| (GroupId::parse(id).unwrap(), format!("group {id}")));
    state.done(Done::Named(names.to_vec()));
    let titles: Vec<_> = talk(&state).entries.iter().map(|entry| entry.title.as_str()).collect();
    assert_eq!(titles, ["bob", "group 77", "group 78"]);
}

#[test]
fn messages_to_groups_ask_who_read_them() {
    let mut state = talking();
    for (order, asks) in [("/chat bob", false), ("/group 77", true)] {
        type_line(&mut state, order);
        commands(&mut state);
        type_line(&mut state, "hello");
        let [Command::Send(message)] = &commands(&mut state)[..] else { panic!("no send") };
        assert_eq!(message.wants_receipts, asks);
    }
    let group = Conversation::Group(GroupId::parse("77").unwrap());
    let own = Message { conversation: group, is_own: true, from: user("alice"), ..from("bob", 9, "mine") };
    hear(&mut state, own);
    let read = Event::Read {
        id: MessageId(9),
        conversation: with("bob"),
        by: user("bob"),
        readers: Some(1),
        note: String::new(),
    };
    state.hear(read);
    assert_eq!(shown(&state), ["mine [read by 1]", "hello [waiting]"]);
}

#[test]
fn a_room_that_lets_nobody_in_after_a_reconnect_is_told_and_can_be_entered_anew() {
    let mut state = talking();
    let room = RoomId::parse("9").unwrap();
    type_line(&mut state, "/room 9");
    let enter = Command::Ask(Ask::EnterRoom(room.clone()));
    assert_eq!(commands(&mut state), std::slice::from_ref(&enter));
    let opened =
        Answer::Opened { conversation: Conversation::Room(room), title: "hall".into(), words: String::new() };
    state.done(Done::Answered(Ok(opened)));
    commands(&mut state);
    let error = Error::new(Condition::NetworkUnavailable);
    state.hear(Event::Disconnected { error, retry_in: std::time::Duration::from_secs(3) });
    assert!(matches!(talk(&state).connection, Connection::Offline { retry_seconds: 3, .. }));
    state.hear(Event::Connected);
    assert_eq!(talk(&state).connection, Connection::Online);
    // The SDK enters it again by itself.
    assert!(commands(&mut state).is_empty());
    let error = Error::new(Condition::ChatroomNotFound);
    state.hear(Event::RoomLost { room: RoomId::parse("9").unwrap(), error });
    assert!(talk(&state).notice.contains("chatroom_not_found"), "{}", talk(&state).notice);
    type_line(&mut state, "/room 9");
    assert_eq!(commands(&mut state), [enter]);
}

#[test]
fn the_end_of_a_session_is_explained_where_one_logs_in_again() {
    let mut state = with_bob();
    state.hear(Event::LoggedOut { error: Condition::KickedByNewLogin.into() });
    let Screen::Login(login) = &state.screen else { panic!("still in") };
    assert_eq!((login.user.text(), login.field), ("alice", Field::Password));
    assert!(
        state.panel.as_ref().is_some_and(|panel| panel
            .paragraphs
            .iter()
            .any(|(_, text)| text.contains("kicked_by_new_login")))
    );
    // What was under way then finds nobody.
    state.done(Done::Listed(Ok(Vec::new())));
    fetched(&mut state, Vec::new(), None);
}

#[test]
fn what_happens_before_the_login_is_answered_is_heard_after_it() {
    let mut state = state();
    type_line(&mut state, "secret");
    state.hear(Event::Connected);
    hear(&mut state, from("bob", 1, "early"));
    state.done(Done::LoggedIn(Ok(user("alice"))));
    assert!(talk(&state).entries.iter().any(|entry| entry.conversation == with("bob")));

    // However much comes.
    let mut state = self::state();
    type_line(&mut state, "secret");
    for number in 0..5_000 {
        hear(&mut state, from("bob", number + 1, "x"));
    }
    state.hear(Event::LoggedOut { error: Condition::KickedByNewLogin.into() });
    state.done(Done::LoggedIn(Ok(user("alice"))));
    assert!(matches!(state.screen, Screen::Login(_)));
    assert!(state.panel.is_some());

    // What came during a login that failed is nobody's.
    let mut state = self::state();
    type_line(&mut state, "secret");
    hear(&mut state, from("bob", 1, "x"));
    state.done(Done::LoggedIn(Err(Refused::Nobody)));
    type_line(&mut state, "secret");
    state.done(Done::LoggedIn(Ok(user("alice"))));
    assert!(talk(&state).entries.is_empty());
}

#[test]
fn a_wrong_order_stays_to_be_mended_and_two_slashes_send_one() {
    let mut state = with_bob();
    type_line(&mut state, "/dance");
    assert!(commands(&mut state).is_empty());
    assert_eq!(talk(&state).editor.text(), "/dance");
    state.press(&Key::EraseLine);
    type_line(&mut state, "//etc");
    assert_eq!(shown(&state), ["/etc [waiting]"]);
}

#[test]
fn drafts_are_kept_when_one_goes_elsewhere_and_at_the_end() {
    let mut state = with_bob();
    hear(&mut state, from("cora", 1, "x"));
    state.press(&Key::Letter('h'));
    state.press(&Key::Tab);
    let kept = Command::KeepDraft { conversation: with("bob"), text: "h".into() };
    assert!(commands(&mut state).contains(&kept));
    state.press(&Key::Tab);
    assert_eq!(talk(&state).editor.text(), "h");
    state.press(&Key::Letter('i'));
    commands(&mut state);
    state.press(&Key::Quit);
    let kept = Command::KeepDraft { conversation: with("bob"), text: "hi".into() };
    assert_eq!((state.is_over(), commands(&mut state)), (true, vec![kept]));
}

#[test]
fn memory_is_bounded_by_conversations_and_by_those_that_were_opened() {
    let mut state = with_bob();
    for number in 0..600 {
        hear(&mut state, from(&format!("u{number}"), number + 1, "x"));
    }
    assert_eq!(talk(&state).entries.len(), 500);
    assert!(talk(&state).open_entry().is_some(), "the open one stays");
    for number in 500..520 {
        let name = format!("u{number}");
        type_line(&mut state, &format!("/chat {name}"));
        let page = HistoryPage { messages: vec![from(&name, number + 1, "x")], next: None };
        state.done(Done::Opened { conversation: with(&name), records: Ok(Vec::new()) });
        state.done(Done::Fetched { conversation: with(&name), page: Ok(page) });
    }
    let loaded = talk(&state).entries.iter().filter(|entry| !entry.lines.is_empty()).count();
    assert_eq!(loaded, 16);
}

#[test]
fn a_bot_that_writes_as_one_reads_makes_one_message() {
    let mut state = with_bob();
    for (number, part, is_last) in [(1, "Once", false), (2, " upon", false), (3, " a time", true)] {
        state.hear(Event::Stream {
            id: MessageId(3),
            conversation: with("bob"),
            from: user("bob"),
            number,
            at: Timestamp(1),
            content: Box::new(Content::text(part)),
            is_whole: false,
            is_last,
        });
    }
    assert_eq!(shown(&state), ["Once upon a time"]);
}
