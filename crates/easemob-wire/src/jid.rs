//! Addresses: app key, name, domain, device.

use bytes::{BufMut, Bytes};

use crate::scan::Fields;
use crate::shapes::JID;
use crate::{Text, WireError, pb, write};

/// The domain of users (msync.md 2.1).
pub const USER_DOMAIN: &str = "easemob.com";
/// The domain of groups, chat rooms and threads (msync.md 2.1).
pub const GROUP_DOMAIN: &str = "conference.easemob.com";
/// The name of the queue that holds a user's own events. `#` is in no user name and no group id, and clients
/// tell queues apart by name only.
pub const EVENT_QUEUE: &str = "#events";

/// More fields than a JID has, for a newer SDK's additions.
const FIELDS_LIMIT: u32 = 16;

/// An address that arrived. Absent parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jid {
    /// `org#app`.
    pub app_key: Text,
    /// A user name or a group's id.
    pub name: Text,
    pub domain: Text,
    /// A device's resource.
    pub resource: Text,
}

impl Jid {
    /// Reads a `JID` message; of a repeated field the last one counts.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, WireError> {
        let mut jid = Self::default();
        let mut fields = Fields::new(bytes, &JID, FIELDS_LIMIT);
        while let Some(field) = fields.next()? {
            let part = match field.number {
                1 => &mut jid.app_key,
                2 => &mut jid.name,
                3 => &mut jid.domain,
                4 => &mut jid.resource,
                _ => continue,
            };
            *part = Text::new(bytes.slice(field.body()))?;
        }
        Ok(jid)
    }

    /// Whether it names a group, chat room or thread.
    pub fn is_group(&self) -> bool {
        self.domain.as_str() == GROUP_DOMAIN
    }
}

/// An address to write. Empty parts are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JidRef<'a> {
    pub app_key: &'a str,
    pub name: &'a str,
    pub domain: &'a str,
    pub resource: &'a str,
}

impl<'a> JidRef<'a> {
    /// A user; also the queue that holds the conversation with that user.
    pub fn user(app_key: &'a str, name: &'a str) -> Self {
        Self { app_key, name, domain: USER_DOMAIN, resource: "" }
    }

    /// A device of a user.
    pub fn device(app_key: &'a str, name: &'a str, resource: &'a str) -> Self {
        Self { app_key, name, domain: USER_DOMAIN, resource }
    }

    /// A group, chat room or thread; also its queue.
    pub fn group(app_key: &'a str, id: &'a str) -> Self {
        Self { app_key, name: id, domain: GROUP_DOMAIN, resource: "" }
    }

    /// The queue of the user's own events.
    pub fn events(app_key: &'a str) -> Self {
        Self::user(app_key, EVENT_QUEUE)
    }

    /// A bare name, as it stands inside message bodies.
    pub fn bare(name: &'a str) -> Self {
        Self { name, ..Self::default() }
    }

    fn parts(&self) -> [(u32, &'a str); 4] {
        [(1, self.app_key), (2, self.name), (3, self.domain), (4, self.resource)]
    }

    /// Bytes of the message, without tag and length.
    pub(crate) fn encoded_len(&self) -> usize {
        self.parts().iter().map(|(number, part)| write::text_len(*number, part)).sum()
    }

    pub(crate) fn put(&self, out: &mut impl BufMut) {
        for (number, part) in self.parts() {
            write::put_text(out, number, part);
        }
    }
}

impl From<JidRef<'_>> for pb::Jid {
    fn from(jid: JidRef<'_>) -> Self {
        let part = |text: &str| if text.is_empty() { None } else { Some(text.to_owned()) };
        Self {
            app_key: part(jid.app_key),
            name: part(jid.name),
            domain: part(jid.domain),
            client_resource: part(jid.resource),
        }
    }
}
