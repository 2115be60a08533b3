//! Receipts: who is told that a message was delivered or read.

use bytes::Bytes;
use model::{ConversationId, Dialect, Entry, EntryKind, Feed, GroupId, MessageId, Timestamp, Uid, Username};

use super::{Recipient, SendRefused, SendView, Sender, Target, check_active, entry};

/// What a receipt says about a message or conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptKind {
    Delivered,
    Read,
    /// The whole conversation.
    ConversationRead,
}

/// A receipt as a dialect hands it in.
#[derive(Clone, Debug)]
pub struct SendReceipt {
    pub sender: Sender,
    /// The author of the message, or the peer of the conversation; the group.
    pub target: Target,
    pub kind: ReceiptKind,
    /// The message; `None` for a conversation.
    pub subject: Option<MessageId>,
    pub dialect: Dialect,
    pub payload: Bytes,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptView<'a> {
    pub send: SendView<'a>,
    /// The message that a member of a group read; `None` when it is not there. Not asked for between two users.
    pub found: Option<&'a Entry>,
}

/// A receipt's entries: for the peer, and for the sender's own other devices where they care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptAccepted {
    pub entry: Entry,
    pub feeds: Vec<Feed>,
    /// The conversation whose read mark moves to its end.
    pub read: Option<ConversationId>,
    /// The group whose message one more member has read. How many have is counted by the commit.
    pub counted: Option<GroupId>,
}

/// The largest receipt: who reads a group's message may answer with a line of text (msync.md 2.11, `ackContent`).
const RECEIPT_BYTES_LIMIT: usize = 4 * 1024;

/// Decides a receipt. Delivered and read concern the author alone; a read conversation also the reader's
/// other devices, in a group only those (msync.md 2.11). Where the peer is no user it is the back end, under one of its
/// names, which follows nothing: only the reader's side is written. So it is with a peer whom the reader can't write to: his
/// receipt looks sent, since clients send receipts by themselves and would show their users an error for each message read.
///
/// Order: as [`decide_send`] up to the recipient; then, for a group's message: the switch, the message, whether its
/// author asked for receipts and is another, its age.
///
/// # Errors
/// As [`decide_send`], and [`SendRefused::Invalid`] when the message id is missing.
///
/// [`decide_send`]: super::decide_send
pub fn decide_receipt(
    view: ReceiptView<'_>,
    command: &SendReceipt,
    at: Timestamp,
    id: MessageId,
) -> Result<ReceiptAccepted, SendRefused> {
    check_active(view.send.sender)?;
    let bytes = command.payload.len();
    if bytes > RECEIPT_BYTES_LIMIT {
        return Err(SendRefused::TooLarge { bytes, limit: RECEIPT_BYTES_LIMIT as u64 });
    }
    if command.kind != ReceiptKind::ConversationRead && command.subject.is_none() {
        return Err(SendRefused::Invalid { what: "ackMessageId" });
    }
    let (conversation, target_name) = match view.send.recipient {
        Recipient::User(None) => (
            ConversationId::single(command.sender.uid, Uid::BACK_END),
            Username::parse(command.target.name()).unwrap_or_else(|_| Username::back_end()),
        ),
        _ => view.send.conversation(&command.target)?,
    };
    let mut counted = None;
    let peer = match (view.send.recipient, command.kind) {
        (Recipient::User(user), _) => user.filter(|user| view.send.reaches(user)).map(|user| user.uid),
        (_, ReceiptKind::ConversationRead) => None,
        _ => {
            counted = conversation.group();
            Some(author_of(view, command, at)?)
        }
    };
    let own = Feed::Events(command.sender.uid);
    let mut feeds: Vec<Feed> = peer.map(Feed::Events).into_iter().collect();
    let (kind, read) = match command.kind {
        ReceiptKind::Delivered => (EntryKind::DeliveryReceipt, None),
        ReceiptKind::Read => (EntryKind::ReadReceipt, None),
        ReceiptKind::ConversationRead => {
            if feeds != [own] {
                feeds.push(own);
            }
            (EntryKind::ConversationRead, Some(conversation))
        }
    };
    Ok(ReceiptAccepted {
        feeds,
        read,
        counted,
        entry: Entry {
            subject: command.subject,
            readers: counted.map(|_| 0),
            ..entry(&command.sender, kind, command.dialect, target_name, &command.payload, at, id)
        },
    })
}

/// The author of a group's message, if he asked this member to acknowledge it.
fn author_of(view: ReceiptView<'_>, command: &SendReceipt, at: Timestamp) -> Result<Uid, SendRefused> {
    let settings = view.send.settings;
    if !settings.group_receipts {
        return Err(SendRefused::ReceiptsDisabled);
    }
    let subject = command.subject.unwrap_or(MessageId(0));
    let Some(message) = view.found else { return Err(SendRefused::SubjectNotFound { subject }) };
    let is_asked = message.wants_receipts && message.is_for(command.sender.uid);
    if command.kind != ReceiptKind::Read || !is_asked || message.sender == command.sender.uid {
        return Err(SendRefused::ReceiptNotPermitted);
    }
    if at.since(message.at).as_secs() > settings.group_receipt_seconds {
        return Err(SendRefused::ReceiptTooLate);
    }
    Ok(message.sender)
}

#[cfg(test)]
mod tests {
    use super::super::Reach;
    use super::super::testing::{group, sender};
    use super::*;
    use crate::account::User;
    use crate::account::testing::user;
    use crate::app::Settings;
    use crate::group::Member;

    #[test]
    fn a_receipt_of_somebody_who_may_not_write_looks_sent_and_stays_with_him() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let decide = |to: &User, reach, contacts_only, kind, bytes| {
            let settings = Settings { contacts_only, ..Settings::default() };
            let recipient = Recipient::User(Some(to));
            let send = SendView { sender: &bob, recipient, directed: &[], reach, settings: &settings };
            let command = SendReceipt {
                sender: sender(&bob),
                target: Target::User(to.name.to_string()),
                kind,
                subject: Some(MessageId(3)),
                dialect: Dialect::Easemob,
                payload: vec![0; bytes].into(),
            };
            let view = ReceiptView { send, found: None };
            decide_receipt(view, &command, Timestamp(5), MessageId(9)).map(|accepted| accepted.feeds)
        };
        let (blocked, stranger) = (Reach { is_blocked: true, are_contacts: true }, Reach::default());
        let contact = Reach { is_blocked: false, are_contacts: true };
        let (of_alice, own) = (Feed::Events(alice.uid), Feed::Events(bob.uid));
        for (reach, contacts_only, is_told) in
            [(blocked, false, false), (stranger, true, false), (contact, true, true), (stranger, false, true)]
        {
            let peer: Vec<Feed> = Some(of_alice).filter(|_| is_told).into_iter().collect();
            for kind in [ReceiptKind::Delivered, ReceiptKind::Read] {
                assert_eq!(decide(&alice, reach, contacts_only, kind, 0), Ok(peer.clone()));
            }
            let both = [peer, vec![own]].concat();
            assert_eq!(decide(&alice, reach, contacts_only, ReceiptKind::ConversationRead, 0), Ok(both));
        }
        assert_eq!(
            decide(&bob, stranger, true, ReceiptKind::Read, 4_096),
            Ok(vec![own]),
            "his other devices"
        );
        assert!(matches!(
            decide(&alice, stranger, false, ReceiptKind::Read, 4_097),
            Err(SendRefused::TooLarge { .. })
        ));
    }

    #[test]
    fn receipts_go_to_the_author_and_a_read_conversation_to_both() {
        let (alice, bob) = (user(1, "alice"), user(2, "bob"));
        let settings = Settings::default();
        let decide = |kind, subject| {
            let view = SendView {
                sender: &bob,
                recipient: Recipient::User(Some(&alice)),
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
            let command = SendReceipt {
                sender: sender(&bob),
                target: Target::User("alice".to_owned()),
                kind,
                subject,
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            decide_receipt(ReceiptView { send: view, found: None }, &command, Timestamp(5), MessageId(9))
        };
        let read = decide(ReceiptKind::Read, Some(MessageId(4))).unwrap();
        assert_eq!((read.feeds, read.read), (vec![Feed::Events(Uid(1))], None));
        let conversation = decide(ReceiptKind::ConversationRead, None).unwrap();
        assert_eq!(conversation.feeds, [Feed::Events(Uid(1)), Feed::Events(Uid(2))]);
        assert!(conversation.read.is_some());
        assert_eq!(decide(ReceiptKind::Delivered, None), Err(SendRefused::Invalid { what: "ackMessageId" }));
    }

    #[test]
    fn what_a_back_end_said_can_be_read_though_it_is_no_user() {
        let (bob, settings) = (user(2, "bob"), Settings::default());
        let decide = |kind| {
            let recipient = Recipient::User(None);
            let send = SendView {
                sender: &bob,
                recipient,
                directed: &[],
                reach: Reach::default(),
                settings: &settings,
            };
            let command = SendReceipt {
                sender: sender(&bob),
                target: Target::User("admin".to_owned()),
                kind,
                subject: Some(MessageId(4)),
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            let view = ReceiptView { send, found: None };
            decide_receipt(view, &command, Timestamp(5), MessageId(9)).unwrap()
        };
        assert!(decide(ReceiptKind::Read).feeds.is_empty());
        let read = decide(ReceiptKind::ConversationRead);
        assert_eq!(read.feeds, [Feed::Events(Uid(2))]);
        assert_eq!(read.read, Some(ConversationId::single(Uid::BACK_END, Uid(2))));
    }

    #[test]
    fn a_groups_message_is_acknowledged_where_its_author_asked_for_it_and_in_time() {
        let (bob, settings) = (user(2, "bob"), Settings { group_receipt_seconds: 2, ..Settings::default() });
        let member = Member::new(bob.name.clone(), Timestamp(0));
        let sent = entry(
            &sender(&user(1, "alice")),
            EntryKind::Message,
            Dialect::Easemob,
            bob.name.clone(),
            &Bytes::new(),
            Timestamp(1_000),
            MessageId(4),
        );
        let asked = Entry { wants_receipts: true, ..sent.clone() };
        let decide = |found: Option<&Entry>, kind, at, settings: &Settings| {
            let recipient = Recipient::Group { group: Some(&group()), member: Some(&member) };
            let send = SendView { sender: &bob, recipient, directed: &[], reach: Reach::default(), settings };
            let command = SendReceipt {
                sender: sender(&bob),
                target: Target::Group("114000000000000".to_owned()),
                kind,
                subject: Some(MessageId(4)),
                dialect: Dialect::Easemob,
                payload: Bytes::new(),
            };
            let view = ReceiptView { send, found };
            decide_receipt(view, &command, Timestamp(at), MessageId(9))
        };
        let (read, all) = (ReceiptKind::Read, ReceiptKind::ConversationRead);
        let accepted = decide(Some(&asked), read, 3_999, &settings).unwrap();
        assert_eq!((accepted.feeds, accepted.entry.readers), (vec![Feed::Events(Uid(1))], Some(0)));
        assert_eq!(decide(Some(&asked), read, 4_000, &settings), Err(SendRefused::ReceiptTooLate));
        assert_eq!(decide(Some(&sent), read, 2_000, &settings), Err(SendRefused::ReceiptNotPermitted));
        let own = Entry { sender: Uid(2), ..asked.clone() };
        assert_eq!(decide(Some(&own), read, 2_000, &settings), Err(SendRefused::ReceiptNotPermitted));
        let for_others = Entry { only_for: vec![Uid(1), Uid(3)], ..asked };
        assert_eq!(decide(Some(&for_others), read, 2_000, &settings), Err(SendRefused::ReceiptNotPermitted));
        let subject = MessageId(4);
        assert_eq!(decide(None, read, 2_000, &settings), Err(SendRefused::SubjectNotFound { subject }));
        let off = Settings { group_receipts: false, ..settings.clone() };
        assert_eq!(decide(None, read, 2_000, &off), Err(SendRefused::ReceiptsDisabled));
        let conversation = decide(None, all, 2_000, &off).unwrap();
        assert_eq!(
            conversation.feeds,
            [Feed::Events(Uid(2))],
            "of a read group only the own devices are told"
        );
    }
}
