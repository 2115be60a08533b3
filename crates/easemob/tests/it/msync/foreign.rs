//! What was said in another dialect, as this one's clients see it.

use std::sync::Arc;

use app::ports::{Contents, Ports};
use bytes::Bytes;
use domain::app::Settings;
use domain::message::{RecallMessage, SendMessage, Sender, Target};
use easemob_wire::client::Downlink;
use easemob_wire::pb;
use easemob_wire::pb::message_body::Type as BodyType;
use easemob_wire::pb::message_body::content::Type;
use model::content::{Attached, Content, Place, Said, Size};
use model::{ClientMessageId, DeviceNumber, Dialect, Entry, EntryKind, FileId, MessageId};
use prost::Message as _;

use super::house::House;

/// A dialect whose payloads are plain text, or the word `picture`.
#[derive(Debug)]
struct Plain;

impl Contents for Plain {
    fn content(&self, entry: &Entry) -> Option<Content> {
        if entry.dialect != Dialect::JMessage {
            return None;
        }
        let text = std::str::from_utf8(&entry.payload).ok()?;
        if text != "picture" {
            return Some(Content::text(text));
        }
        let file = Attached {
            at: Place::Kept { file: FileId(9), secret: Some("s3".to_owned()) },
            name: String::new(),
            bytes: 12,
            crc32: None,
            format: "png".to_owned(),
        };
        let ext = serde_json::Map::from_iter([("k".to_owned(), 1.into())]);
        Some(Content { said: Said::Image { file, size: Some(Size { width: 3, height: 4 }) }, ext })
    }
}

impl House {
    fn sender(&self, name: &str) -> Sender {
        let account = self.wait(self.use_cases.find_user(&self.tenant(), name)).unwrap().unwrap();
        let device = DeviceNumber(9);
        Sender {
            uid: account.user.uid,
            name: account.user.name.clone(),
            device,
            resource: None,
            connection: None,
        }
    }

    fn say(&self, from: &str, to: &str, payload: &'static str) -> MessageId {
        let message = SendMessage {
            sender: self.sender(from),
            target: Target::User(to.to_owned()),
            directed: Vec::new(),
            wants_receipts: false,
            resource: None,
            kind: EntryKind::Message,
            dialect: Dialect::JMessage,
            online_only: false,
            priority: domain::message::Priority::Normal,
            client_id: ClientMessageId(payload.len() as u128),
            digest: payload.len() as u64,
            payload: Bytes::from_static(payload.as_bytes()),
        };
        self.wait(self.use_cases.send_message(&self.tenant(), &message)).unwrap().id
    }
}

fn house() -> House {
    House::with_ports(Settings::default(), Ports { contents: Arc::new(Plain), ..Ports::default() })
}

#[test]
fn a_message_of_another_dialect_is_shown_live_and_to_who_comes_later() {
    let house = house();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.register("anna");
    house.say("anna", "bob", "one");
    house.settle(&mut [&mut bob]);
    bob.react();
    assert_eq!(bob.shown(), ["one"]);
    bob.drop_socket();

    house.say("anna", "bob", "three");
    let mut again = house.log_in("bob", "webim_web_devB");
    again.unread();
    again.react();
    assert_eq!(again.shown(), ["three"]);
}

#[test]
fn a_picture_of_another_dialect_points_to_the_file_and_what_opens_it() {
    let house = house();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.register("anna");
    house.say("anna", "bob", "picture");
    house.settle(&mut [&mut bob]);
    let body = last_body(&bob.react());
    let content = &body.contents[0];
    assert_eq!((content.r#type(), content.secret_key()), (Type::Image, "s3"));
    let url = "http://localhost/org/app/chatfiles/00000000-0000-0000-0000-000000000009";
    assert_eq!(content.remote_path(), url);
    assert_eq!((content.display_name(), content.file_length()), ("image.png", 12));
    assert_eq!(body.ext[0].key(), "k");
}

#[test]
fn a_recall_of_another_dialect_names_the_message() {
    let house = house();
    let mut bob = house.log_in("bob", "webim_web_devB");
    house.register("anna");
    let subject = house.say("anna", "bob", "oops");
    let recall = RecallMessage {
        sender: house.sender("anna"),
        target: Target::User("bob".to_owned()),
        subject,
        dialect: Dialect::JMessage,
        payload: Bytes::new(),
    };
    house.wait(house.use_cases.recall_message(&house.tenant(), recall)).unwrap();
    house.settle(&mut [&mut bob]);
    let notice = last_body(&bob.react());
    assert_eq!((notice.r#type(), notice.ack_message_id), (BodyType::Recall, Some(subject.0)));
}

fn last_body(said: &[Downlink]) -> pb::MessageBody {
    let metas = said.iter().filter_map(|downlink| match downlink {
        Downlink::Sync(sync) => sync.metas.last(),
        _ => None,
    });
    let meta = metas.last().expect("a message was said");
    pb::MessageBody::decode(meta.payload.clone().unwrap()).unwrap()
}
