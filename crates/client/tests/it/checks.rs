//! What an app is told before the server is asked.

use client::{Client, Condition, Conversation, ErrorTable, NewGroup, NewMessage, Username};
use house::Site;

use crate::support::Device;

fn legacy(error: client::Error) -> Option<i32> {
    error.in_table(ErrorTable::EasemobLegacyIos).code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_fetched_once_at_a_time() {
    let site = Site::start().await;
    let Device { client, events: _events } = Device::log_in(&site, "alice", "phone").await;
    let (one, other) = tokio::join!(client.contacts(), client.contacts());
    assert_eq!((one.is_ok(), legacy(other.unwrap_err())), (true, Some(1035)));
    let (one, other) = tokio::join!(client.joined_groups(0, 20), client.joined_groups(0, 20));
    assert_eq!((one.is_ok(), legacy(other.unwrap_err())), (true, Some(1010)));
    assert_eq!(legacy(client.first_contacts().await.unwrap_err()), Some(1036), "they were fetched before");
    client.contacts().await.unwrap();
    // Whoever gives up makes room for the next one.
    let given_up = client.contacts();
    tokio::time::timeout(std::time::Duration::ZERO, given_up).await.ok();
    client.contacts().await.unwrap();
    client.log_out().await.unwrap();
    client.log_in("alice", "alice-demo").await.unwrap();
    client.first_contacts().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_do_not_reach_the_server() {
    let mut site = Site::start().await;
    let Device { client, events: _events } = Device::log_in(&site, "alice", "phone").await;
    let (stranger, _strangers) =
        Client::builder(Site::APP, &site.rest_url(), &site.socket_url()).build().unwrap();
    let to_bob = Conversation::user("bob").unwrap();
    let error = client.send(NewMessage::text(to_bob, "")).await.unwrap_err();
    assert_eq!((error.condition(), legacy(error)), (Condition::MessageEmpty, Some(1020)));
    site.stop().await;
    let many: Vec<_> = (0..501).map(|index| Username::parse(&format!("user{index}")).unwrap()).collect();
    let of = |error: client::Error| error.condition();
    assert_eq!(of(client.block_users(&[]).await.unwrap_err()), Condition::MemberListEmpty);
    assert_eq!(of(client.block_users(&many).await.unwrap_err()), Condition::BatchTooLarge);
    assert_eq!(of(client.presence(&many).await.unwrap_err()), Condition::BatchTooLarge);
    let nameless = NewGroup::named(" ");
    assert_eq!(of(client.create_group(&nameless).await.unwrap_err()), Condition::GroupFieldsInvalid);
    assert_eq!(of(stranger.register("wu", "").await.unwrap_err()), Condition::PasswordInvalid);
    let error = stranger.log_in("alice", "").await.unwrap_err();
    assert_eq!((error.condition(), error.code()), (Condition::PasswordInvalid, Some(102)));
}
