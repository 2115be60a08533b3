//! What a line that begins with `/` asks for.

use std::path::PathBuf;

use client::{Conversation, GroupId, RoomId, Username};

use crate::command::Ask;

/// An order that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Opens a conversation.
    Open(Conversation),
    Conversations,
    /// What the server answers, where nothing on the screen matters for it.
    Ask(Ask),
    /// Of the group that is open.
    Members,
    Invite(Vec<Username>),
    PutOut(Vec<Username>),
    /// The group or room that is open.
    Leave,
    SendFile(PathBuf),
    /// Of the selected message, or the newest that has one; `None`: under its own name here.
    SaveFile(Option<PathBuf>),
    CancelTransfers,
    Recall,
    Edit(String),
    /// Of the selected message, or the newest.
    React(String),
    Unreact(String),
    /// On the selected message, or the newest, of the group that is open.
    MakeThread(String),
    Threads,
    View,
    Older,
    LogOut,
    Help,
    Quit,
}

/// What each order is called, takes and does, as the help lists it.
pub(crate) const ORDERS: &[(&str, &str, &str)] = &[
    ("chat", "USER", "open the conversation with a user"),
    ("group", "ID", "open a group's conversation"),
    ("room", "ID", "enter a chat room"),
    ("contacts", "", "list contacts"),
    ("add", "USER [WORDS]", "ask a user to become a contact"),
    ("accept", "USER", "say yes to who asked"),
    ("decline", "USER", "say no to who asked"),
    ("remove", "USER", "end a contact"),
    ("block", "USER", "take no more messages of a user"),
    ("unblock", "USER", "take them again"),
    ("groups", "", "list the groups that you are in"),
    ("make", "NAME [USER ...]", "make a group with these members"),
    ("join", "ID", "join a public group, or ask to be let in"),
    ("agree", "ID", "accept the invitation to a group"),
    ("members", "", "list the open group's members"),
    ("invite", "USER ...", "invite users to the open group"),
    ("kick", "USER ...", "put members out of the open group"),
    ("startthread", "NAME", "start a thread on the selected message of the open group, or the newest"),
    ("threads", "", "list the open group's threads"),
    ("thread", "ID", "enter a thread"),
    ("rooms", "", "list the app's chat rooms"),
    ("leave", "", "leave the open group or room"),
    ("send", "PATH", "send a file"),
    ("save", "[PATH]", "save the file of the selected message, or the newest one"),
    ("cancel", "", "end the transfers of files"),
    ("edit", "WORDS", "write the selected message anew, or your last one"),
    ("recall", "", "take the selected message back, or your last one"),
    ("react", "REACTION", "put a reaction on the selected message, or the newest"),
    ("unreact", "REACTION", "take your reaction off it"),
    ("who", "USER ...", "show who of these is there"),
    ("status", "WORDS", "say how others see you"),
    ("view", "", "show all of the selected message"),
    ("older", "", "fetch older messages"),
    ("list", "", "list all conversations"),
    ("logout", "", "log out"),
    ("help", "", "this list"),
    ("quit", "", "end the program; Ctrl-C too"),
];

/// Reads a line without its `/`.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn parse(line: &str) -> Result<Order, String> {
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let Some((_, takes, _)) = ORDERS.iter().find(|(known, ..)| *known == name) else {
        return Err(format!(
            "there is no /{name}; /help lists what there is, and // sends a text that begins with /"
        ));
    };
    if rest.is_empty() != takes.is_empty() && !takes.starts_with('[') {
        let takes = if takes.is_empty() { "nothing" } else { takes };
        return Err(format!("/{name} takes {takes}"));
    }
    let mut words = rest.split_whitespace();
    let first = words.next().unwrap_or_default();
    let only = || if first == rest { Ok(first) } else { Err(format!("/{name} takes {takes}")) };
    Ok(match name {
        "chat" => Order::Open(Conversation::User(user(only()?)?)),
        "group" => Order::Open(Conversation::Group(group(only()?)?)),
        "room" => Order::Open(Conversation::Room(RoomId::parse(only()?).map_err(told)?)),
        "contacts" => Order::Ask(Ask::Contacts),
        "add" => Order::Ask(Ask::InviteContact(user(first)?, rest[first.len()..].trim_start().to_owned())),
        "accept" => Order::Ask(Ask::AcceptContact(user(only()?)?)),
        "decline" => Order::Ask(Ask::DeclineContact(user(only()?)?)),
        "remove" => Order::Ask(Ask::RemoveContact(user(only()?)?)),
        "block" => Order::Ask(Ask::Block(user(only()?)?)),
        "unblock" => Order::Ask(Ask::Unblock(user(only()?)?)),
        "groups" => Order::Ask(Ask::Groups),
        "make" => Order::Ask(Ask::MakeGroup(first.to_owned(), users(words)?)),
        "join" => Order::Ask(Ask::JoinGroup(group(only()?)?)),
        "agree" => Order::Ask(Ask::AcceptGroup(group(only()?)?)),
        "members" => Order::Members,
        "invite" => Order::Invite(users(rest.split_whitespace())?),
        "kick" => Order::PutOut(users(rest.split_whitespace())?),
        "rooms" => Order::Ask(Ask::Rooms),
        "leave" => Order::Leave,
        "send" => Order::SendFile(path(rest)),
        "save" => Order::SaveFile((!rest.is_empty()).then(|| path(rest))),
        "cancel" => Order::CancelTransfers,
        "edit" => Order::Edit(rest.to_owned()),
        "recall" => Order::Recall,
        "react" => Order::React(only()?.to_owned()),
        "unreact" => Order::Unreact(only()?.to_owned()),
        "startthread" => Order::MakeThread(rest.to_owned()),
        "threads" => Order::Threads,
        "thread" => Order::Ask(Ask::JoinThread(group(only()?)?)),
        "who" => Order::Ask(Ask::Presence(users(rest.split_whitespace())?)),
        "status" => Order::Ask(Ask::Publish(rest.to_owned())),
        "view" => Order::View,
        "older" => Order::Older,
        "list" => Order::Conversations,
        "logout" => Order::LogOut,
        "help" => Order::Help,
        _ => Order::Quit,
    })
}

fn user(name: &str) -> Result<Username, String> {
    client::username(name).map_err(told)
}

fn users<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Username>, String> {
    names.map(user).collect()
}

fn group(id: &str) -> Result<GroupId, String> {
    GroupId::parse(id).map_err(told)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn told(error: client::Error) -> String {
    error.to_string()
}

/// A path as a shell would give it: quotes around it go, and so does the backslash before a blank, which terminals add
/// when a file is dropped on them.
fn path(text: &str) -> PathBuf {
    let quoted = |quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('\'') || quoted('"') {
        return PathBuf::from(&text[1..text.len() - 1]);
    }
    PathBuf::from(text.replace("\\ ", " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Username {
        client::username("bob").unwrap()
    }

    #[test]
    fn orders_are_read_with_what_they_take() {
        assert_eq!(parse("chat bob"), Ok(Order::Open(Conversation::User(bob()))));
        assert_eq!(parse("add bob it is me"), Ok(Order::Ask(Ask::InviteContact(bob(), "it is me".into()))));
        assert_eq!(parse("make tea bob"), Ok(Order::Ask(Ask::MakeGroup("tea".into(), vec![bob()]))));
        assert_eq!(parse("send 'a b.png'"), Ok(Order::SendFile("a b.png".into())));
        assert_eq!(parse("send a\\ b.png"), Ok(Order::SendFile("a b.png".into())));
        assert_eq!(parse("save"), Ok(Order::SaveFile(None)));
        assert_eq!(parse("edit  so it is "), Ok(Order::Edit("so it is".into())));
        assert_eq!(parse("react 👍"), Ok(Order::React("👍".into())));
        assert_eq!(parse("who bob"), Ok(Order::Ask(Ask::Presence(vec![bob()]))));
    }

    #[test]
    fn what_is_wrong_with_an_order_is_said() {
        assert!(parse("dance").unwrap_err().contains("/help"));
        assert_eq!(parse("chat").unwrap_err(), "/chat takes USER");
        assert_eq!(parse("chat bob cora").unwrap_err(), "/chat takes USER");
        assert_eq!(parse("quit now").unwrap_err(), "/quit takes nothing");
        assert!(parse("chat 小明").unwrap_err().contains("user_name_not_ascii"));
        assert!(parse("group a/b").unwrap_err().contains("group_id_invalid"));
    }

    #[test]
    fn every_order_of_the_help_is_one() {
        for (name, takes, _) in ORDERS {
            let arguments = takes.replace(['[', ']', '.'], "").to_lowercase();
            let order =
                parse(&format!("{name} {arguments}")).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(order == Order::Quit, *name == "quit", "{name}");
        }
    }
}
