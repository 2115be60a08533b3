//! Each example as it is built, in a process of its own, against a server: what it says is what somebody who tries it sees.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use client::{Conversation, Event, NewMessage};
use house::Site;
use http::Method;

use crate::support::Device;

/// An example that runs; it ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended by itself is what was wanted.
        drop(self.0.kill());
    }
}

impl Running {
    fn start(site: &Site, name: &str, arguments: &[&str], folder: &Path) -> Self {
        // Beside the folder of this test's own binary. Whoever runs tests builds the examples with them.
        let tests: PathBuf = std::env::current_exe().unwrap();
        let program = tests.parent().unwrap().with_file_name("examples").join(name);
        let mut command = Command::new(&program);
        command.args(arguments).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::inherit());
        command.env("KITH_SERVER", site.rest_url().trim_start_matches("http://"));
        let started = command.spawn();
        Self(started.unwrap_or_else(|error| panic!("{error}: cargo build -p client --examples")))
    }

    /// What it said until it ended, and well. Numbers that are other ones each time are `#`.
    async fn said(mut self) -> Vec<String> {
        let ended = tokio::task::spawn_blocking(move || {
            let mut said = String::new();
            self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
            assert!(self.0.wait().unwrap().success(), "{said}");
            said
        });
        ended.await.unwrap().lines().map(settled).collect()
    }
}

/// A line without its numbers.
fn settled(line: &str) -> String {
    let is_number = |word: &str| word.len() >= 12 && word.chars().all(|letter| letter.is_ascii_hexdigit());
    let mut settled = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
        settled.push_str(if is_number(&rest[..end]) { "#" } else { &rest[..end] });
        let next = rest[end..].chars().next().map_or(0, char::len_utf8);
        settled.push_str(&rest[end..end + next]);
        rest = &rest[end + next..];
    }
    settled
}

fn picture() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(4, 4).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

async fn run(site: &Site, name: &str, arguments: &[&str], folder: &Path) -> Vec<String> {
    Running::start(site, name, arguments, folder).said().await
}

/// Until a user is there.
async fn online(site: &Site, user: &str) {
    let mut back_end = site.back_end().await;
    loop {
        let status = back_end.call(Method::GET, &format!("/users/{user}/status"), None).await.unwrap();
        if status["data"][user] == "online" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn login_and_send_shows_a_message_that_arrives_and_one_that_is_explained() {
    let site = Site::start().await;
    let said = run(&site, "login_and_send", &[], Path::new(".")).await;
    assert_eq!(said[..2], ["logged in as alice until Some(Timestamp(#))", "stored as message #"]);
    assert_eq!(said[2], "user_not_found 204: There is no user of this name in the app.");
    assert!(said[3].starts_with("why: ") && said[4].starts_with("what helps: "), "{said:?}");
    assert_eq!(said[5..], ["the server's log has more under #"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn group_lists_its_members() {
    let site = Site::start().await;
    assert_eq!(run(&site, "group", &[], Path::new(".")).await, ["alice is Owner", "bob is Member"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_sends_a_picture_and_gets_the_same_one() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("photo.png"), picture()).unwrap();
    let said = run(&site, "file", &["photo.png"], folder.path()).await;
    let bytes = picture().len();
    assert_eq!(
        said[said.len() - 2..],
        [format!("{bytes} of Some({bytes}) bytes"), "stored as message #".to_owned()]
    );
    assert_eq!(std::fs::read(folder.path().join("picture.copy")).unwrap(), picture());
}

#[tokio::test(flavor = "multi_thread")]
async fn receive_shows_texts_reads_them_and_says_why_it_was_put_out() {
    let site = Site::start().await;
    let receiver = Running::start(&site, "receive", &[], Path::new("."));
    online(&site, "bob").await;
    let mut back_end = site.back_end().await;
    let group = back_end.create_group("g", "alice", &["bob".to_owned()]).await.unwrap();
    let mut alice = Device::log_in(&site, "alice", "phone").await;
    let to_all = Conversation::group(&group).unwrap();
    // Of a group's messages only those are acknowledged that ask for it.
    alice.client.send(NewMessage::text(to_all, "hello all")).await.unwrap();
    let sent =
        alice.client.send(NewMessage::text(Conversation::user("bob").unwrap(), "hello")).await.unwrap();
    let read = alice.until(|event| match event {
        Event::Read { id, .. } => Some(id),
        _ => None,
    });
    assert_eq!(read.await, sent.id);
    back_end.call(Method::GET, "/users/bob/disconnect", None).await.unwrap();
    let said = receiver.said().await;
    for line in ["alice in #: hello all", "alice in alice: hello"] {
        assert!(said.iter().any(|known| known == line), "{said:?}");
    }
    let end = said.last().unwrap();
    assert!(end.starts_with("EMErrorFailure 1044: "), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn call_rings_connects_and_hangs_up() {
    let site = Site::start().await;
    let callee = Running::start(&site, "call", &["bob"], Path::new("."));
    online(&site, "bob").await;
    let kinds = |said: Vec<String>| -> Vec<String> {
        said.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let caller = kinds(run(&site, "call", &["alice"], Path::new(".")).await);
    assert_eq!(caller, ["Outgoing", "Ringing", "Connected", "MemberJoined", "Ended"]);
    let callee = kinds(callee.said().await);
    assert_eq!(callee, ["Invited", "Connecting", "Connected", "MemberJoined", "Ended"]);
}
