//! Sends a picture and downloads it again.
//!
//! `kith serve --demo`, then `cargo run -p client --example file -- picture.png`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;

use client::media::{FileRules, LocalFile, MediaKind};
use client::{Client, Conversation, NewMessage};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, _events) = builder.device("example-file").build()?;
    client.log_in("alice", "alice-demo").await?;

    let path = std::env::args().nth(1).unwrap_or_else(|| "picture.png".to_owned());
    let picture = LocalFile::look(Path::new(&path), MediaKind::Image, &FileRules::default()).await?;
    let mut upload = client.upload(&picture)?;
    while let Some((done, total)) = upload.progress().await {
        println!("{done} of {total:?} bytes");
    }
    let message = NewMessage::file(Conversation::user("bob")?, &picture, upload.finish().await?, 0);
    let content = message.content.clone();
    let sent = client.send(message).await?;
    println!("stored as message {}", sent.id);

    client.download(&content, Path::new("picture.copy"))?.finish().await?;
    client.log_out().await
}
