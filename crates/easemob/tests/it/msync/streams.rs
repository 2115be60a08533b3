//! Messages that a back end says part by part, as sessions see them (easemob-rest.md 3.8.4).

use std::sync::Arc;

use app::{ComposePiece, StreamParties, StreamTarget};
use domain::stream::{Part, Piece, Stage};
use easemob_wire::rest::message::{ChatType, NewMessage, RoomLevel, StreamMark, StreamStatus, content};
use model::MessageId;
use serde_json::json;

use super::back_end::POST;
use super::house::{Client, House, LoginForm};

fn compose() -> Arc<ComposePiece> {
    Arc::new(|from: &str, to: &str, piece: &Piece<'_>| {
        let content = content("txt", json!({ "msg": piece.text }).as_object().unwrap()).unwrap();
        let message = NewMessage {
            chat_type: ChatType::Chat,
            from,
            to,
            content: &content,
            ext: &[],
            wants_receipts: false,
            online_only: false,
            directed_users: &[],
            room_level: RoomLevel::Normal,
        };
        let status = match piece.stage {
            Stage::Begun => StreamStatus::Begun,
            Stage::BegunAndEnded(_) => StreamStatus::BegunAndEnded,
            Stage::GoesOn => StreamStatus::GoesOn,
            Stage::Ended(_) => StreamStatus::Ended,
            Stage::Whole(_) => StreamStatus::Whole,
        };
        let number = piece.number;
        message.encode_stream(&StreamMark {
            style: "text",
            number,
            status,
            failure: None,
            finish_reason: None,
        })
    })
}

impl House {
    fn stream(&self, to: &str, id: Option<MessageId>, number: u64, text: &str, is_last: bool) -> MessageId {
        let parties = StreamParties { author: "admin".to_owned(), target: StreamTarget::User(to.to_owned()) };
        let part = Part { number, text, is_last, reason: None };
        let (tenant, use_cases) = (self.tenant(), &self.use_cases);
        self.wait(async {
            match id {
                None => use_cases.begin_stream(&tenant, parties, POST, part, compose()).await.unwrap(),
                Some(id) => {
                    use_cases.continue_stream(&tenant, id, &parties, part).await.unwrap();
                    id
                }
            }
        })
    }

    /// A client that does not know streams.
    fn log_in_older(&self, user: &str, resource: &str) -> Client<'_> {
        let token = self.token(user, None);
        let mut client = self.connect();
        let form =
            LoginForm { user, resource, token: &token, action_version: "v5.1", ..LoginForm::default() };
        client.log_in(form);
        client
    }
}

#[test]
fn a_stream_is_shown_as_it_is_said_and_waits_as_a_whole_for_the_others() {
    let house = House::new();
    let mut bob = house.log_in("bob", "webim_web_new");
    let mut older = house.log_in_older("bob", "webim_phone_old");

    let id = house.stream("bob", None, 0, "Once ", false);
    house.settle(&mut [&mut bob, &mut older]);
    bob.react();
    older.react();
    assert_eq!(bob.shown(), ["Once "]);
    house.stream("bob", Some(id), 1, "upon ", false);
    house.stream("bob", Some(id), 5, "a time", true);
    house.settle(&mut [&mut bob, &mut older]);
    bob.react();
    older.react();
    assert_eq!(bob.shown(), ["Once ", "upon ", "a time", "Once upon a time"]);
    assert_eq!(older.shown(), ["Once upon a time"], "an older client has one message, and all of it");
    assert_eq!(older.repeats(), 0);
    bob.unread();
    bob.react();
    assert_eq!(bob.shown().len(), 4, "it was acknowledged in the same queue");

    let mut third = house.log_in("bob", "webim_pad_late");
    house.stream("bob", None, 0, "all of it", true);
    third.unread();
    third.react();
    let mut carol = house.log_in("carol", "webim_web_c");
    house.stream("carol", None, 0, "hi", true);
    house.settle(&mut [&mut carol]);
    carol.react();
    assert_eq!(carol.shown(), ["hi", "hi"], "the only part, and the whole with the next number");
    assert_eq!(third.shown().last().unwrap(), "all of it");
}

#[test]
fn what_there_is_of_a_stream_is_kept_when_its_back_end_goes_silent_and_when_the_server_stops() {
    let house = House::new();
    house.register("bob");
    house.stream("bob", None, 0, "lost for ", false);
    house.pass(31_000);
    house.stream("bob", None, 0, "stopped", false);
    let account = house.wait(house.use_cases.get_user(&house.tenant(), "bob")).unwrap();
    let waiting = async || house.use_cases.count_waiting(&house.tenant(), &account).await.unwrap();
    assert_eq!(house.wait(waiting()), 0, "nothing is stored while it is said");
    house.run_jobs_while(async {
        for _ in 0..500 {
            if waiting().await > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert_eq!(waiting().await, 1, "the jobs end the first, and not the one that goes on");
    });
    assert_eq!(house.wait(waiting()), 2, "the other is kept when they stop");
    let mut bob = house.log_in("bob", "webim_web_b");
    bob.unread();
    bob.react();
    let mut shown = bob.shown();
    shown.sort();
    assert_eq!(shown, ["lost for ", "stopped"]);
}
