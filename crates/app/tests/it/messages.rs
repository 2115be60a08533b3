//! Messages, over what the engine and the accounts do meanwhile.

use std::time::Duration;

use conditions::Condition;
use domain::said::{Place, Span};
use store::keys;

use crate::house::{House, NOON, Pause};

#[tokio::test]
async fn nobody_sends_under_a_name_that_is_somebody_elses_by_now() {
    let house = House::new().await;
    let old = house.register("alice").await;
    house.register("bob").await;
    house.use_cases.delete_user(&house.tenant(), "alice").await.unwrap();
    house.register("alice").await;
    let refused = house.send(&old, "bob", 1).await.unwrap_err();
    assert_eq!(refused.condition(), Condition::UserRemoved);
    assert_eq!(house.told(), []);
}

// The first one may have been stored while its sender was cut off, and then nobody was told.
#[tokio::test]
async fn a_repeat_is_told_of_again_as_what_was_stored() {
    let house = House::new().await;
    let alice = house.register("alice").await;
    house.register("bob").await;
    let first = house.send(&alice, "bob", 1).await.unwrap();
    let repeat = house.send(&alice, "bob", 1).await.unwrap();
    assert_eq!(repeat, first);
    assert_eq!(house.told(), [(1, first.id.0), (1, first.id.0)]);
}

// A question about a week reads all that the app said in it; many at once would leave the engine no time for messages.
#[tokio::test]
async fn what_an_app_said_is_gone_through_for_one_asker_at_a_time() {
    let house = House::new().await;
    let tenant = house.tenant();
    let span = Span::new(NOON.minus(Duration::from_secs(60)), NOON).unwrap();
    let (pause, begun, go_on) = Pause::new(keys::arrivals(house.app()));
    let bob = house.register("bob").await;
    house.send(&bob, "bob", 1).await.unwrap();
    *house.kv.pause_read.lock() = Some(pause);
    let first = house.use_cases.count_said(&tenant, Place::App, span);
    let second = async {
        begun.await.unwrap();
        let refused = house.use_cases.count_said(&tenant, Place::App, span).await;
        go_on.send(()).unwrap();
        refused
    };
    let (counted, refused) = tokio::join!(first, second);
    counted.unwrap();
    assert_eq!(refused.unwrap_err().condition(), Condition::RateLimited);
}
