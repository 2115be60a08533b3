//! Shows what comes, and tells authors that it was read.
//!
//! `kith serve --demo`, then `cargo run -p client --example receive`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Client, Conversation, ErrorTable, Event, Said};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, mut events) = builder
        .device("example-receiver")
        .error_table(ErrorTable::EasemobLegacyIos)
        .acknowledge_delivery(true)
        .build()?;
    client.log_in("bob", "bob-demo").await?;
    while let Some(event) = events.next().await {
        match event {
            Event::Message(message) => {
                if let Said::Text(text) = &message.content.said {
                    println!("{} in {}: {text}", message.from, message.conversation);
                }
                let tells_author = match message.conversation {
                    Conversation::User(_) => true,
                    Conversation::Group(_) => message.wants_receipts,
                    Conversation::Room(_) => false,
                };
                if tells_author {
                    client.read(&message).await?;
                }
            }
            Event::Disconnected { error, retry_in } => println!("{error}; again in {retry_in:?}"),
            // The code is of the table that was chosen above.
            Event::LoggedOut { error } => {
                println!("{} {}: {}", error.symbol(), error.code().unwrap_or(0), error.remedy());
                break;
            }
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
