//! Senders, messages and a group that the tests of this module decide about.

use super::*;
use model::GroupId;

pub(in crate::message) fn sender(user: &User) -> Sender {
    Sender {
        uid: user.uid,
        name: user.name.clone(),
        device: DeviceNumber(1),
        resource: None,
        connection: None,
    }
}

pub(in crate::message) fn message(sender_user: &User, bytes: usize) -> SendMessage {
    SendMessage {
        sender: sender(sender_user),
        target: Target::User("bob".to_owned()),
        directed: Vec::new(),
        wants_receipts: false,
        resource: None,
        kind: EntryKind::Message,
        dialect: Dialect::Easemob,
        payload: vec![0; bytes].into(),
        online_only: false,
        priority: Priority::Normal,
        client_id: ClientMessageId(1),
        digest: 0,
    }
}

pub(crate) fn group() -> Group {
    let person = |uid, name| crate::group::Person { uid: Uid(uid), name: Username::parse(name).unwrap() };
    Group {
        id: GroupId(7),
        kind: model::GroupKind::Group,
        public_id: Username::parse("114000000000000").unwrap(),
        name: String::new(),
        description: String::new(),
        avatar: String::new(),
        custom: String::new(),
        owner: person(9, "owner"),
        admins: vec![person(8, "admin")],
        public: false,
        members_only: false,
        allow_invites: false,
        invite_need_confirm: true,
        max_users: 200,
        member_count: 3,
        mute_all: false,
        disabled: false,
        announcement: String::new(),
        files: 0,
        created: Timestamp(0),
        modified: Timestamp(0),
        revision: 1,
        parent: None,
        topic: None,
        tag_mutes: Vec::new(),
        absent_mutes: Vec::new(),
    }
}
