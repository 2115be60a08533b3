//! `kith chat` in terminals, against a server in another process.

use std::process::{Command, Stdio};

use crate::kith::{Place, Serving};
use crate::terminal::Terminal;

const CTRL_C: &str = "\u{3}";
const ESCAPE: &str = "\u{1b}";

fn command(place: &Place, server: &Serving, user: &str) -> Command {
    let folder = place.data().with_file_name("profiles").join(user);
    let mut command = place.command_without_data(&["chat", "--user", user]);
    command.args(["--server", &format!("http://{}", server.address())]).arg("--data").arg(folder);
    command
}

fn logged_in(place: &Place, server: &Serving, user: &str) -> Terminal {
    let mut terminal = Terminal::start(&command(place, server, user));
    terminal.shows(&["Password"]);
    terminal.enter(&format!("{user}-demo"));
    terminal.shows(&["online"]);
    terminal
}

#[test]
fn two_people_talk_and_one_sees_that_the_other_read() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let mut alice = logged_in(&place, &server, "alice");
    let mut bob = logged_in(&place, &server, "bob");
    alice.enter("/chat bob");
    alice.enter("hello from alice");
    alice.shows(&["alice: hello from alice ["]);
    bob.shows(&["alice 1", "1 unread"]);
    bob.press("\t");
    bob.shows(&["alice: hello from alice"]);
    bob.shows_no("unread");
    alice.shows(&["hello from alice [read]"]);
    bob.enter("你好 alice");
    alice.shows(&["bob: 你好 alice"]);
    bob.shows(&["你好 alice [read]"]);

    bob.enter("/edit 再见 alice");
    alice.shows(&["bob: 再见 alice (changed)"]);
    alice.press("\u{1b}[A\u{1b}[A");
    alice.enter("/recall");
    bob.shows(&["alice: (taken back)"]);

    for terminal in [&mut alice, &mut bob] {
        terminal.press(CTRL_C);
        assert_eq!(terminal.ended(), Some(0));
    }
}

#[test]
fn a_message_never_steers_the_terminal_of_who_reads_it() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let mut alice = logged_in(&place, &server, "alice");
    let bob = logged_in(&place, &server, "bob");
    alice.enter("/chat bob");
    // A paste carries what no key gives: clear the screen, go home, set the title.
    alice.press("\u{1b}[200~boo \u{7}\u{9b}2J\u{8}\u{202e}end\u{1b}[201~\r");
    alice.shows(&["alice: boo"]);
    bob.shows(&["alice 1", "bob   online"]);
}

#[test]
fn a_wrong_password_is_explained_and_can_be_mended() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let mut alice = Terminal::start(&command(&place, &server, "alice"));
    alice.shows(&["Password"]);
    alice.enter("wrong-password");
    alice.shows(&["That did not work", "What happened", "Condition", "Cause", "Remedy", "Trace id"]);
    let text = alice.text();
    assert!(text.contains("credentials_wrong") || text.contains("password_wrong"), "{text}");
    assert!(!text.contains("wrong-password"), "the password is on the screen:\n{text}");
    alice.enter("alice-demo");
    alice.shows(&["online"]);
    alice.shows_no("That did not work");

    // What is refused later is explained in its place, too.
    alice.enter("/join 1");
    alice.shows(&["That did not work", "group_not_found"]);
    alice.press(ESCAPE);
    alice.shows_no("That did not work");
    alice.signal("TERM");
    assert_eq!(alice.ended(), Some(0));
}

#[test]
fn a_user_is_made_once_and_again_only_by_who_knows_the_password() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let register = |password: &str| {
        let mut terminal = Terminal::start(command(&place, &server, "carol").arg("--register"));
        terminal.shows(&["Password"]);
        terminal.enter(password);
        terminal
    };
    let mut carol = register("a fine secret");
    carol.shows(&["carol   online"]);
    carol.enter("/logout");
    carol.shows(&["Password"]);
    carol.press(CTRL_C);
    assert_eq!(carol.ended(), Some(0));
    // As after an answer that was lost: the user is there, and it is this person's.
    let mut carol = register("a fine secret");
    carol.shows(&["carol   online"]);
    carol.enter("/logout");
    carol.shows(&["Password"]);
    carol.press(CTRL_C);
    assert_eq!(carol.ended(), Some(0));
    let mut stranger = register("another secret");
    stranger.shows(&["That did not work", "user_already_exists"]);
    stranger.press(CTRL_C);
    assert_eq!(stranger.ended(), Some(0));
}

#[test]
fn another_size_and_a_wiped_screen_end_nothing_and_the_last_line_is_not_lost() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let mut alice = logged_in(&place, &server, "alice");
    let mut bob = logged_in(&place, &server, "bob");
    alice.press("\u{c}");
    alice.resize(24, 70);
    alice.enter("/chat bob");
    alice.enter("after the resize");
    alice.shows(&["alice   online", "alice: after the resize ["]);
    bob.shows(&["alice 1"]);
    bob.press("\t");
    bob.shows(&["alice: after the resize"]);
    // One burst: the line, and the end.
    alice.press("the last word\r\u{3}");
    assert_eq!(alice.ended(), Some(0));
    let _again = Terminal::start(&command(&place, &server, "alice"));
    bob.shows(&["alice: the last word"]);
}

#[test]
fn a_killed_server_is_waited_for_and_what_was_written_meanwhile_goes_out() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let address = server.address();
    let mut alice = logged_in(&place, &server, "alice");
    let mut bob = logged_in(&place, &server, "bob");
    alice.enter("/chat bob");
    alice.enter("before");
    bob.shows(&["alice 1"]);
    bob.press("\t");
    bob.shows(&["alice: before"]);
    server.kill();
    alice.shows(&["offline, tries again within"]);
    alice.enter("meanwhile");
    alice.shows(&["meanwhile ["]);
    assert!(!alice.text().contains("meanwhile [sent]"));
    let _server = place.serve_at(&address, &["--demo"]);
    alice.shows(&["alice   online", "meanwhile [read]"]);
    bob.shows(&["bob   online", "alice: meanwhile"]);
}

#[test]
fn files_and_groups_and_a_profile_that_remembers() {
    let place = Place::new();
    let server = place.serve(&["--demo"]);
    let folder = place.data().with_file_name("files");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("notes.txt"), "what we said").unwrap();
    let mut alice = logged_in(&place, &server, "alice");
    let mut bob = logged_in(&place, &server, "bob");
    alice.enter("/make tea bob");
    alice.shows(&["the group tea is made", "group tea"]);
    alice.enter("/send files/notes.txt");
    alice.shows(&["[file notes.txt, 12 B] [sent]"]);
    bob.shows(&["# tea"]);
    bob.press("\t");
    bob.shows(&["alice: [file notes.txt, 12 B]"]);
    bob.enter("/save files/copy.txt");
    bob.shows(&["saved as files/copy.txt"]);
    assert_eq!(std::fs::read(folder.join("copy.txt")).unwrap(), b"what we said");
    alice.enter("who reads this?");
    bob.shows(&["alice: who reads this?"]);
    alice.shows(&["who reads this? [read by 1]"]);
    bob.enter("/members");
    bob.shows(&["Members of group", "alice  owner"]);
    bob.press(ESCAPE);
    bob.press("begun");
    bob.press(CTRL_C);
    assert_eq!(bob.ended(), Some(0));

    let second = Terminal::start(&command(&place, &server, "alice"));
    second.shows(&["That did not work", "alice is open in another kith chat"]);
    // The login is kept, too.
    let mut bob = Terminal::start(&command(&place, &server, "bob"));
    bob.shows(&["bob   online"]);
    bob.press("\t");
    bob.shows(&["alice: [file notes.txt, 12 B]", "> begun"]);
    bob.enter("\u{15}/logout");
    bob.shows(&["Password"]);
    bob.press(CTRL_C);
    assert_eq!(bob.ended(), Some(0));
    let bob = Terminal::start(&command(&place, &server, "bob"));
    bob.shows(&["Password"]);
}

#[test]
fn without_a_terminal_it_says_so() {
    let place = Place::new();
    let data = place.data();
    let mut command = place.command_without_data(&["chat", "--user", "alice", "--data"]);
    let output = command.arg(&data).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("a chat needs a terminal"), "{words}");
    assert_eq!(output.stdout, b"");
    assert!(!data.exists());
}
