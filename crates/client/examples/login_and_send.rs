//! Logs in, sends a text and waits until the server has stored it.
//!
//! `kith serve --demo`, then `cargo run -p client --example login_and_send`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Client, Conversation, NewMessage};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, _events) = builder.device("example-sender").build()?;
    let logged_in = client.log_in("alice", "alice-demo").await?;
    // Kept somewhere safe, this is the next start's login: `client.log_in_again(&logged_in)`.
    println!("logged in as {} until {:?}", logged_in.user, logged_in.expires_at);

    let sent = client.send(NewMessage::text(Conversation::user("bob")?, "hello")).await?;
    println!("stored as message {}", sent.id);

    if let Err(error) = client.send(NewMessage::text(Conversation::user("nobody-here")?, "hello")).await {
        println!("{} {}: {}", error.condition(), error.code().unwrap_or(0), error.meaning());
        println!("why: {}\nwhat helps: {}", error.cause(), error.remedy());
        println!("the server's log has more under {}", error.trace_id().unwrap_or("no number"));
    }
    client.log_out().await
}
