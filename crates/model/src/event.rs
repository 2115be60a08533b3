//! Things that happen and are not said by anybody: what stands in entries of [`crate::EntryKind::Event`].
//!
//! Canonical: each dialect renders an event in its own words, or passes over it. Names are the public ones, as they
//! were when it happened. Who caused it is the entry's sender; who must not see it is [`Event::hidden_from`], since an
//! event of a group stands once in the group's log for all its members.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{ConversationKind, Entry, EntryError, Timestamp, Uid};

/// An event as it is stored (JSON: events are few beside messages, and grow fields).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub news: News,
    /// Users whom it does not concern although they follow the feed: those who are told in their own words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden_from: Vec<u64>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    Group(GroupNews),
    Contact(ContactNews),
    Conversation(ConversationNews),
    Thread(ThreadNews),
    /// What is shown of some users has changed. Told to who is connected, and stored for nobody.
    Presence(Vec<PresenceNews>),
    /// The sender removed his whole history and all his conversations from his view.
    HistoryCleared,
    /// The sender changed when and by what he is woken; told to his other devices.
    Silence(SilenceNews),
    /// The app's back end changed what the sender has set for himself. Told to who is connected, and stored for nobody.
    Setting(SettingNews),
}

/// Which of the three it is that a group's number names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    Group,
    Room,
    /// A conversation below a message of a group.
    Thread,
}

/// Something happened in or about a group, chat room or thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNews {
    /// The public id.
    pub group: String,
    pub kind: GroupKind,
    /// The group's name, for those who do not know it yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The group that a thread belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub change: GroupChange,
}

/// What changed. `user` is the one whom it happened to: vendors' clients take one an event, but where many come or go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupChange {
    Created,
    Destroyed,
    /// The sender asks to be let in.
    Applied {
        reason: String,
        /// Whom a member wants in; `None`: the sender himself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        user: Option<String>,
        /// What all who may answer know the application by; 0: it was made before there were such numbers.
        #[serde(default)]
        number: u64,
    },
    /// The sender answered an application; told to the others who might have.
    ApplicationHandled {
        user: String,
        number: u64,
    },
    ApplicationAccepted {
        user: String,
    },
    ApplicationDeclined {
        user: String,
        reason: String,
    },
    Invited {
        user: String,
        reason: String,
    },
    /// The sender accepted an invitation.
    InvitationAccepted,
    InvitationDeclined {
        reason: String,
    },
    /// Told to the one who was removed.
    Removed {
        user: String,
    },
    /// Told to the one who may come back.
    Unblocked {
        user: String,
    },
    /// Told to the one who was added without being asked.
    Added {
        user: String,
    },
    /// The settings in JSON with the field's own names, only those that changed.
    Updated {
        settings: serde_json::Map<String, serde_json::Value>,
    },
    Joined {
        users: Vec<String>,
        member_count: u32,
        /// What the one who joined a room says about himself.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
        /// Owner or admins said yes to an application.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        approved: bool,
    },
    Left {
        users: Vec<String>,
        member_count: u32,
        /// To whom the group was handed on, where its owner went.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        new_owner: Option<String>,
        /// They were put on the block list, and could not stay.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        blocked: bool,
    },
    OwnerChanged {
        owner: String,
        /// Who was it before; empty in what older builds wrote.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        previous: String,
    },
    AdminAdded {
        user: String,
    },
    AdminRemoved {
        user: String,
    },
    Muted {
        user: String,
        /// Milliseconds since 1970; `None`: for ever.
        until: Option<u64>,
    },
    Unmuted {
        user: String,
    },
    /// A member of a group was muted, or is not any more: for those who are not told so by `Muted` and `Unmuted`.
    Silenced {
        user: String,
        silent: bool,
    },
    AllMuted,
    AllUnmuted,
    AllowListAdded {
        user: String,
    },
    AllowListRemoved {
        user: String,
    },
    AnnouncementChanged {
        text: String,
    },
    AnnouncementDeleted,
    FileShared {
        file: String,
        name: String,
        bytes: u64,
    },
    FileRemoved {
        file: String,
    },
    /// Attributes of a room.
    AttributesSet {
        attributes: serde_json::Map<String, serde_json::Value>,
    },
    AttributesRemoved {
        keys: Vec<String>,
    },
    /// Attributes of one member; an empty value is a removed one.
    MemberAttributesSet {
        user: String,
        attributes: serde_json::Map<String, serde_json::Value>,
    },
}

/// Something happened to a thread, for all who are in its group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadNews {
    pub thread: String,
    pub name: String,
    /// The public id of its group.
    pub parent: String,
    /// The message that it is about.
    pub topic: u64,
    pub change: ThreadChange,
    /// Messages that it has.
    pub messages: u64,
    /// The last one, as it is stored ([`ThreadNews::pack`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadChange {
    Created,
    Renamed,
    Ended,
    /// Somebody wrote in it. Told to who is connected, and stored for nobody.
    Spoken,
}

impl ThreadNews {
    /// An entry in hexadecimal digits.
    pub fn pack(entry: &Entry) -> String {
        let digit = |half: u8| char::from_digit(half.into(), 16).expect("half a byte is a digit");
        entry.encode().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
    }

    /// The last message; none where it can't be read.
    pub fn last(&self) -> Option<Entry> {
        let digits = self.last.as_deref()?.as_bytes();
        let half = |digit: u8| char::from(digit).to_digit(16).and_then(|half| u8::try_from(half).ok());
        let byte = |pair: &[u8]| Some(half(pair[0])? << 4 | half(pair[1])?);
        let bytes: Option<Vec<u8>> = digits.chunks_exact(2).map(byte).collect();
        Entry::decode(bytes?.into()).ok()
    }
}

/// Something happened between two users. The sender did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactNews {
    /// The other one.
    pub peer: String,
    pub change: ContactChange,
    /// What its reader had to do with a contact that came about by a question and a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ContactPart>,
}

/// The two sides of a question that was answered with yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactPart {
    /// He asked, and hears the answer by itself too.
    Asked,
    /// He said yes, on the device of this number; 0: his app's back end said it for him.
    Answered { device: u32 },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactChange {
    /// The sender asks to be a contact.
    Asked { reason: String },
    /// The sender said yes; told to the one who asked.
    Accepted,
    /// The sender said no.
    Declined { reason: String },
    /// They are contacts from now on.
    Added,
    /// The sender ended it.
    Removed,
    /// The sender blocks the other; told to the sender's own devices.
    Blocked,
    /// The sender does not block the other any more.
    Unblocked,
}

/// Something happened to a conversation, or to a message of it after it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConversationNews {
    pub kind: ConversationKind,
    /// The peer's name, as the sender calls it, or the public id of the group or room.
    pub name: String,
    pub change: ConversationChange,
}

/// What changed. The first six are the sender's own doing in his own view, told to his other devices. Messages are named
/// by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationChange {
    /// It left the list until something is said in it again.
    Deleted,
    Pinned,
    Unpinned,
    Marked {
        mark: u8,
    },
    Unmarked {
        mark: u8,
    },
    /// Some or all of its messages left the sender's history.
    HistoryDeleted,
    /// Everybody sees it at the top of the conversation.
    MessagePinned {
        message: u64,
    },
    MessageUnpinned {
        message: u64,
    },
    Reacted {
        message: u64,
        reaction: String,
        /// Or taken back.
        added: bool,
        /// How many have this reaction now.
        count: u32,
        /// The first few of them.
        users: Vec<String>,
    },
}

/// What a user wants to be woken by, for everything or for one conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilenceNews {
    /// The conversation and its name; `None`: everything.
    pub conversation: Option<(ConversationKind, String)>,
    /// `DEFAULT`, `ALL`, `AT` or `NONE`.
    pub level: String,
    /// Quiet until then.
    pub until: Option<Timestamp>,
    /// Quiet each day, `HH:MM-HH:MM`.
    pub interval: Option<String>,
    /// Whether anything is set still.
    pub is_set: bool,
}

/// What a back end changed for a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingNews {
    /// These users disturb him no longer, or again.
    UsersQuiet {
        users: Vec<String>,
        quiet: bool,
    },
    /// The same of groups: public ids and names.
    GroupsQuiet {
        groups: Vec<(String, String)>,
        quiet: bool,
    },
    AllQuiet {
        quiet: bool,
    },
    /// Nothing is delivered to him from a group any more, or is again: its public id and name.
    Shield {
        group: (String, String),
        shielded: bool,
    },
    /// What he tells of himself.
    Profile,
    /// What he wrote down about a contact: his name, and what of it changed.
    Noted {
        user: String,
        remark: Option<String>,
        others: Option<String>,
    },
}

/// Something changed in what is shown of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceNews {
    /// An id of its own among messages, since some clients pass over what has an id that they have seen.
    pub id: u64,
    pub presence: Presence,
}

/// What is shown of a user's presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    pub user: String,
    /// When it last changed.
    pub changed: Timestamp,
    /// When the subscription ends of whoever is told; `None` where it is not a subscription that asks.
    pub until: Option<Timestamp>,
    /// The user's own words.
    pub ext: String,
    /// The state of each device that is there, by resource; digits, `1` is simply online.
    pub states: BTreeMap<String, String>,
}

impl Event {
    pub fn new(news: News) -> Self {
        Self { news, hidden_from: Vec::new() }
    }

    /// The same event, not shown to these users.
    #[must_use]
    pub fn hidden_from(mut self, users: impl IntoIterator<Item = Uid>) -> Self {
        self.hidden_from.extend(users.into_iter().map(|uid| uid.0));
        self
    }

    pub fn is_hidden_from(&self, uid: Uid) -> bool {
        self.hidden_from.contains(&uid.0)
    }

    /// The payload of an entry.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self).expect("an event has text keys only").into()
    }

    /// Reads an entry's payload.
    ///
    /// # Errors
    /// [`EntryError`] for damaged bytes, and for news that this build does not know.
    pub fn decode(payload: &[u8]) -> Result<Self, EntryError> {
        serde_json::from_slice(payload).map_err(|_| EntryError("its event"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_told_of_with_its_last_message() {
        let entry = Entry::blank(crate::MessageId(7), crate::EntryKind::Message, Timestamp(5));
        let news = ThreadNews {
            thread: "123456789012345".to_owned(),
            name: "Plans".to_owned(),
            parent: "team".to_owned(),
            topic: 9,
            change: ThreadChange::Spoken,
            messages: 1,
            last: Some(ThreadNews::pack(&entry)),
        };
        assert_eq!(news.last(), Some(entry));
        for damaged in ["", "0", "zz", "00"] {
            assert_eq!(ThreadNews { last: Some(damaged.to_owned()), ..news.clone() }.last(), None);
        }
    }

    #[test]
    fn an_event_comes_back() {
        let change = GroupChange::Muted { user: "li".to_owned(), until: Some(7) };
        let news = GroupNews {
            group: "123456789012345".to_owned(),
            kind: GroupKind::Group,
            name: "Friends".to_owned(),
            parent: None,
            change,
        };
        let event = Event::new(News::Group(news)).hidden_from([Uid(3)]);
        assert_eq!(Event::decode(&event.encode()), Ok(event.clone()));
        assert!(event.is_hidden_from(Uid(3)) && !event.is_hidden_from(Uid(4)));
        assert!(Event::decode(b"{}").is_err());
    }
}
