//! Shows what comes, and tells authors that it was read.
//!
//! `kith serve --demo`, then `cargo run -p client --example receive`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Client, ErrorTable, Event, Said};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let builder = Client::builder("demo#kith", "http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws");
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
                client.read(&message).await?;
            }
            Event::Disconnected { error, retry_in } => println!("{error}; again in {retry_in:?}"),
            // The code is of the table that was chosen above.
            Event::LoggedOut { error } => {
                println!("{} {:?}: {}", error.symbol(), error.code(), error.remedy());
                break;
            }
            other => println!("{other:?}"),
        }
    }
    Ok(())
}
