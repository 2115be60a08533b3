//! Calls bob, or waits to be called, and hangs up after three seconds. Without sound: the engine is the app's to bring.
//!
//! `kith serve --demo`, then `cargo run -p client --example call -- bob` and `cargo run -p client --example call -- alice`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use client::calls::{CallEvent, LoopbackEngine, Medium};
use client::{Client, username};

#[tokio::main]
async fn main() -> Result<(), client::Error> {
    let user = std::env::args().nth(1).unwrap_or_else(|| "alice".to_owned());
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, _events) = builder.device("example-call").build()?;
    client.log_in(&user, &format!("{user}-demo")).await?;
    let (calls, mut events) = client.calls(LoopbackEngine::default())?;
    if user == "alice" {
        calls.start(Medium::Audio, &[username("bob")?])?;
    }
    while let Some(event) = events.next().await {
        println!("{event:?}");
        match event {
            CallEvent::Invited { call, .. } => calls.accept(Some(call))?,
            CallEvent::Connected { call } => {
                tokio::time::sleep(Duration::from_secs(3)).await;
                // The other side may have been faster.
                drop(calls.hang_up(Some(call)));
            }
            CallEvent::Ended { .. } => break,
            _ => {}
        }
    }
    client.log_out().await
}
