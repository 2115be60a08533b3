//! Messages, over what the engine and the accounts do meanwhile.

use conditions::Condition;

use crate::house::House;

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
