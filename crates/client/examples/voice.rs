//! Records a voice message of three seconds and sends it.
//!
//! `kith serve --demo`, then `cargo run -p client --features microphone --example voice`. With a file's name behind it, a
//! WAV file is played instead of listening.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use client::media::{FileRules, LocalFile, MediaKind};
use client::voice::{AudioInput, FileInput, Microphone, Recorder, RecorderLimits, Recording, record};
use client::{Client, Conversation};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = std::env::var("KITH_SERVER").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let builder = Client::builder("demo#kith", &format!("http://{server}"), &format!("ws://{server}/ws"));
    let (client, _events) = builder.device("example-voice").build()?;
    client.log_in("alice", "alice-demo").await?;

    let source = std::env::args_os().nth(1).map(PathBuf::from);
    // Waits for the sound, so it has a thread of its own.
    let recording = tokio::task::spawn_blocking(move || speak(source.as_deref())).await??;
    let path = std::env::temp_dir().join(format!("kith-voice-{}.wav", std::process::id()));
    tokio::fs::write(&path, recording.to_wav()).await?;

    let voice = LocalFile::look(&path, MediaKind::Voice, &FileRules::default()).await?;
    let sent = client.send_file(Conversation::user("bob")?, &voice, recording.seconds()).await?;
    println!("{} s stored as message {}", recording.seconds(), sent.id);
    tokio::fs::remove_file(&path).await?;
    client.log_out().await?;
    Ok(())
}

fn speak(source: Option<&Path>) -> Result<Recording, client::Error> {
    let mut input: Box<dyn AudioInput> = match source {
        Some(file) => Box::new(FileInput::open(file)?),
        None => {
            let microphone = Microphone::of_system()?;
            println!("speak into {}", microphone.name());
            Box::new(microphone)
        }
    };
    let mut recorder = Recorder::new(RecorderLimits::default());
    record(&mut recorder, input.as_mut(), |recorder| recorder.duration() >= Duration::from_secs(3))
}
