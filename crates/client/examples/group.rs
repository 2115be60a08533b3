//! Makes a group, talks in it and ends it.
//!
//! `kith serve --demo`, then `cargo run -p client --example group`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Client, Conversation, NewGroup, NewMessage, username};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, _events) = builder.device("example-group").build()?;
    client.log_in("alice", "alice-demo").await?;

    let new = NewGroup { members: vec![username("bob")?], ..NewGroup::named("Friends") };
    let group = client.create_group(&new).await?;
    client.announce(&group, "Be kind").await?;
    client.send(NewMessage::text(Conversation::Group(group.clone()), "hello all")).await?;
    for member in client.group_members(&group, 50, None).await?.entries {
        println!("{} is {:?}", member.user, member.role);
    }
    client.destroy_group(&group).await?;
    client.log_out().await
}
