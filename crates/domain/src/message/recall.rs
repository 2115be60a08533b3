//! Recalls: who may take a message back, and how long.

use bytes::Bytes;
use conditions::Condition;
use model::{ConversationId, Dialect, Entry, EntryKind, MessageId, Seq, Timestamp};
use thiserror::Error;

use super::{SendRefused, SendView, Sender, Target, check_active, check_size, entry};
use crate::Refusal;

/// A recall as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct RecallMessage {
    pub sender: Sender,
    pub target: Target,
    pub subject: MessageId,
    pub dialect: Dialect,
    pub payload: Bytes,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct RecallView<'a> {
    pub send: SendView<'a>,
    /// The message in the conversation; `None` when it is not there.
    pub found: Option<(Seq, &'a Entry)>,
}

/// A recall that may be written: the message's place without its content, and the notice for all devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecallAccepted {
    pub conversation: ConversationId,
    pub place: Seq,
    pub tombstone: Entry,
    pub notice: Entry,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum RecallRefused {
    #[error(transparent)]
    Send(#[from] SendRefused),
    #[error("recall is off for this app (recall.enabled)")]
    Disabled,
    #[error("there is no message {subject} in the conversation")]
    NotFound { subject: MessageId },
    #[error("the message does not stand in the conversation with {target:?}")]
    OtherConversation { target: String },
    #[error("only the sender, and in a group its owner and admins, may take a message back")]
    NotSender,
    #[error("the message was taken back before")]
    AlreadyRecalled,
    #[error("the message was sent {} s ago, recall.window_seconds is {window_seconds}", .age_ms / 1000)]
    TooLate { age_ms: u64, window_seconds: u64 },
}

impl Refusal for RecallRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Send(refused) => refused.condition(),
            Self::Disabled => Condition::RecallDisabled,
            Self::NotFound { .. } => Condition::MessageNotFound,
            Self::OtherConversation { .. } => Condition::RecipientNotFound,
            Self::NotSender => Condition::RecallNotPermitted,
            Self::AlreadyRecalled => Condition::AlreadyRecalled,
            Self::TooLate { .. } => Condition::RecallWindowPassed,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Send(refused) => refused.arguments(),
            Self::NotFound { subject } => vec![("message", subject.to_string())],
            Self::TooLate { window_seconds, .. } => vec![("window", window_seconds.to_string())],
            Self::Disabled | Self::NotSender | Self::AlreadyRecalled | Self::OtherConversation { .. } => {
                Vec::new()
            }
        }
    }
}

/// Decides a recall. Order: sender, switch, size, recipient (as [`decide_send`]; a muted member may), message, right
/// (the sender; in a group also its owner and admins), window. `Ok(None)`: it was recalled before, and asking again
/// changes nothing (user-asks.md row 14).
///
/// # Errors
/// The first [`RecallRefused`].
///
/// [`decide_send`]: super::decide_send
pub fn decide_recall(
    view: RecallView<'_>,
    command: &RecallMessage,
    at: Timestamp,
    id: MessageId,
) -> Result<Option<RecallAccepted>, RecallRefused> {
    let settings = view.send.settings;
    check_active(view.send.sender)?;
    if !settings.recall_enabled {
        return Err(RecallRefused::Disabled);
    }
    check_size(settings, &command.payload)?;
    let (conversation, target_name) = view.send.conversation(&command.target)?;
    let not_found = RecallRefused::NotFound { subject: command.subject };
    let Some((place, message)) = view.found else { return Err(not_found) };
    match message.kind {
        EntryKind::Message | EntryKind::Recalled => {}
        // Commands can't be taken back: the app has acted on them (easemob-rest.md 6.1).
        _ => return Err(not_found),
    }
    if message.sender != command.sender.uid && !view.send.is_leader() {
        return Err(RecallRefused::NotSender);
    }
    if message.kind == EntryKind::Recalled {
        return Ok(None);
    }
    let window = match command.dialect {
        // Its clients have a time of their own, whichever way they ask.
        Dialect::JMessage => crate::post::RETRACT_WINDOW,
        Dialect::Easemob | Dialect::Kith => settings.recall_window(),
    };
    if at > message.at.plus(window) {
        return Err(RecallRefused::TooLate { age_ms: at.0 - message.at.0, window_seconds: window.as_secs() });
    }
    Ok(Some(RecallAccepted {
        conversation,
        place,
        tombstone: Entry { kind: EntryKind::Recalled, payload: Bytes::new(), ..message.clone() },
        notice: Entry {
            // Who was not shown the message is not told of its recall.
            target_resource: message.target_resource.clone(),
            only_for: message.only_for.clone(),
            subject: Some(command.subject),
            ..entry(
                &command.sender,
                EntryKind::Recall,
                command.dialect,
                target_name,
                &command.payload,
                at,
                id,
            )
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{message, sender};
    use super::super::{Reach, Recipient, decide_send};
    use super::*;
    use crate::account::User;
    use crate::account::testing::user;
    use crate::app::Settings;

    /// A recall of alice's message, sent at 1 000 ms, under a window of 2 s.
    fn recall(
        by: &User,
        at: u64,
        kind: EntryKind,
        enabled: bool,
    ) -> Result<Option<RecallAccepted>, RecallRefused> {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings { recall_window_seconds: 2, recall_enabled: enabled, ..Settings::default() };
        let view = SendView {
            sender: &alice,
            recipient: Recipient::User(Some(&bob)),
            directed: &[],
            reach: Reach::default(),
            settings: &settings,
        };
        let sent = decide_send(view, &message(&alice, 3), Timestamp(1_000), MessageId(9)).unwrap();
        let stored = Entry { kind, ..sent.entry };
        let peer = if by.uid == alice.uid { &bob } else { &alice };
        let view = RecallView {
            send: SendView {
                sender: by,
                recipient: Recipient::User(Some(peer)),
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            },
            found: Some((Seq(4), &stored)),
        };
        let command = RecallMessage {
            sender: sender(by),
            target: Target::User(peer.name.to_string()),
            subject: MessageId(9),
            dialect: Dialect::Easemob,
            payload: Bytes::from_static(b"recall"),
        };
        decide_recall(view, &command, Timestamp(at), MessageId(10))
    }

    #[test]
    fn a_sender_takes_a_message_back_inside_the_window() {
        let alice = user(1, "alice");
        let accepted = recall(&alice, 3_000, EntryKind::Message, true).unwrap().unwrap();
        assert_eq!(accepted.place, Seq(4));
        assert_eq!((accepted.tombstone.kind, accepted.tombstone.payload.len()), (EntryKind::Recalled, 0));
        assert_eq!(accepted.notice.subject, Some(MessageId(9)));
        let late = recall(&alice, 3_001, EntryKind::Message, true).unwrap_err();
        assert_eq!(late.condition(), Condition::RecallWindowPassed);
    }

    #[test]
    fn nobody_else_may_and_a_switch_forbids_it_to_all() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        assert_eq!(recall(&bob, 1_500, EntryKind::Message, true), Err(RecallRefused::NotSender));
        assert_eq!(recall(&alice, 1_500, EntryKind::Message, false), Err(RecallRefused::Disabled));
        assert!(matches!(
            recall(&alice, 1_500, EntryKind::Command, true),
            Err(RecallRefused::NotFound { .. })
        ));
    }

    // user-asks.md row 14
    #[test]
    fn ask_14_recalling_twice_succeeds_and_changes_nothing() {
        assert_eq!(recall(&user(1, "alice"), 9_000, EntryKind::Recalled, true), Ok(None));
    }
}
