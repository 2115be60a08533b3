//! A user's connection, whose answers are seen as they stand on the wire.

use anyhow::{Context, Result, ensure};
use client::Error;
use conditions::Condition;
use fixtures::{Device, MsyncClient, Push, Refusal};

use crate::lab::{App, User};
use crate::witness::Outcome;

/// A logged-in connection.
#[derive(Debug)]
pub(crate) struct Line {
    client: MsyncClient,
}

/// What a login or a message was answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The id of the message.
    Taken(u64),
    Refused(Refused),
}

/// A refusal on the connection.
#[derive(Debug)]
pub(crate) struct Refused(Refusal);

impl Refused {
    /// What the run saw. It must have this status and these words of its reason, a condition and a trace id.
    pub(crate) fn seen(&self, code: i32, words: &str) -> Result<Outcome> {
        let refusal = &self.0;
        ensure!(
            refusal.code == code && refusal.reason.contains(words),
            "the wire says {refusal}, and not {code} {words:?}"
        );
        let condition = Condition::parse(&refusal.condition).context("the answer names no condition")?;
        ensure!(!refusal.trace.is_empty(), "the answer has no trace id");
        let error = Error::new(condition).with_detail(refusal.reason.clone());
        Ok(Outcome::Failed(error.with_trace_id(refusal.trace.clone())))
    }
}

impl Reply {
    /// What the run saw; see [`Refused::seen`].
    pub(crate) fn seen(&self, code: i32, words: &str) -> Result<Outcome> {
        match self {
            Self::Taken(_) => Ok(Outcome::Fine),
            Self::Refused(refused) => refused.seen(code, words),
        }
    }

    /// The id of a message that had to be taken.
    pub(crate) fn id(&self) -> Result<u64> {
        match self {
            Self::Taken(id) => Ok(*id),
            Self::Refused(Refused(refusal)) => anyhow::bail!("the message was refused: {refusal}"),
        }
    }
}

impl App {
    /// Opens a connection that has to be let in.
    pub(crate) async fn log_in(&self, user: &User) -> Result<Line> {
        match self.try_log_in(user).await? {
            Ok(line) => Ok(line),
            Err(Refused(refusal)) => anyhow::bail!("the login was refused: {refusal}"),
        }
    }

    /// Opens a connection that may be refused.
    pub(crate) async fn try_log_in(&self, user: &User) -> Result<Result<Line, Refused>> {
        let address = self.server.trim_start_matches("http://");
        let address = tokio::net::lookup_host(address).await?.next().context("the server has no address")?;
        let device = Device {
            app_key: self.key.clone(),
            user: user.name.clone(),
            resource: "webim_web_verify".to_owned(),
            token: user.token.clone(),
        };
        let mut client = MsyncClient::connect(address, device).await?;
        Ok(match client.provision().await? {
            Ok(()) => Ok(Line { client }),
            Err(refusal) => Err(Refused(refusal)),
        })
    }
}

impl Line {
    /// Says something to a user.
    pub(crate) async fn say(&mut self, to: &str, text: &str) -> Result<Reply> {
        let id = self.client.send_text(to, text).await?;
        self.reply(id).await
    }

    /// Says something in a group.
    pub(crate) async fn say_in_group(&mut self, group: &str, text: &str) -> Result<Reply> {
        let id = self.client.send_group_text(group, text).await?;
        self.reply(id).await
    }

    /// Says several things at once, and gives the first refusal, or else the last answer.
    pub(crate) async fn say_fast(&mut self, to: &str, times: usize) -> Result<Reply> {
        let mut ids = Vec::new();
        for _ in 0..times {
            ids.push(self.client.send_text(to, "hi").await?);
        }
        let mut last = Reply::Taken(0);
        for id in ids {
            last = self.reply(id).await?;
            if matches!(last, Reply::Refused(_)) {
                break;
            }
        }
        Ok(last)
    }

    async fn reply(&mut self, id: u64) -> Result<Reply> {
        loop {
            match self.client.next().await? {
                Push::Answer { client_id, outcome } if client_id == id => {
                    return Ok(match outcome {
                        Ok(id) => Reply::Taken(id),
                        Err(refusal) => Reply::Refused(Refused(refusal)),
                    });
                }
                _ => {}
            }
        }
    }
}
