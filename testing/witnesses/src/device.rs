//! A user's connection, whose answers are seen as they stand on the wire.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use client::Error;
use conditions::{Condition, msync_logout};
use easemob_wire::pb::message_body::{Content, Type};
use easemob_wire::pb::meta::NameSpace;
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::{JidRef, pb};
use fixtures::{Device, MsyncClient, Push, Refusal};
use prost::Message as _;
use tokio::time::timeout;

use crate::lab::{App, User};
use crate::witness::Outcome;

/// How long the end of a connection may take on a busy machine.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    client: MsyncClient,
    app_key: String,
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
        Ok(Outcome::Refused(error.with_trace_id(refusal.trace.clone())))
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
        self.try_log_in_on(user, "webim_web_verify").await
    }

    /// The same on a device of this name.
    pub(crate) async fn try_log_in_on(&self, user: &User, resource: &str) -> Result<Result<Line, Refused>> {
        let mut line = self.connect(user, resource).await?;
        Ok(match line.client.provision().await? {
            Ok(()) => Ok(line),
            Err(refusal) => Err(Refused(refusal)),
        })
    }

    /// Opens a connection and does not log in.
    pub(crate) async fn connect(&self, user: &User, resource: &str) -> Result<Line> {
        let address = self.server.trim_start_matches("http://");
        let address = tokio::net::lookup_host(address).await?.next().context("the server has no address")?;
        let device = Device {
            app_key: self.key.clone(),
            user: user.name.clone(),
            resource: resource.to_owned(),
            token: user.token.clone(),
        };
        Ok(Line { client: MsyncClient::connect(address, device).await?, app_key: self.key.clone() })
    }
}

/// The condition of a forced logout. Where several have a number, the words tell them apart.
fn told_by(number: i32, reason: &str) -> Option<Condition> {
    let is_of_number =
        |condition: &Condition| msync_logout(*condition).is_some_and(|answer| answer.code == number);
    let named: Vec<Condition> = Condition::ALL.iter().copied().filter(is_of_number).collect();
    match named[..] {
        [only] => Some(only),
        _ => named.into_iter().find(|condition| condition.meaning() == reason),
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

    /// Says something in a chat room.
    pub(crate) async fn say_in_room(&mut self, room: &str, text: &str) -> Result<Reply> {
        let content = Content { r#type: Some(0), text: Some(text.to_owned()), ..Content::default() };
        let body = pb::MessageBody {
            r#type: Some(Type::Chatroom.into()),
            contents: vec![content],
            ..Default::default()
        };
        self.send(JidRef::group(&self.app_key.clone(), room), &body).await
    }

    /// Sends a text to a user with something more in its body, or without its text.
    pub(crate) async fn say_body(&mut self, to: &str, body: &pb::MessageBody) -> Result<Reply> {
        self.send(JidRef::user(&self.app_key.clone(), to), body).await
    }

    /// The same to a group.
    pub(crate) async fn say_body_in_group(&mut self, group: &str, body: &pb::MessageBody) -> Result<Reply> {
        self.send(JidRef::group(&self.app_key.clone(), group), body).await
    }

    /// Takes a message to a user back.
    pub(crate) async fn recall(&mut self, to: &str, message: u64) -> Result<Reply> {
        let body = pb::MessageBody {
            r#type: Some(Type::Recall.into()),
            contents: vec![Content::default()],
            ack_message_id: Some(message),
            ..Default::default()
        };
        self.say_body(to, &body).await
    }

    async fn send(&mut self, to: JidRef<'_>, body: &pb::MessageBody) -> Result<Reply> {
        let payload = Some(body.encode_to_vec().into());
        let meta = pb::Meta { to: Some(to.into()), ns: Some(1), payload, ..Default::default() };
        let id = self.client.send_meta(meta).await?;
        self.reply(id).await
    }

    /// Enters a chat room.
    pub(crate) async fn enter(&mut self, room: &str) -> Result<Reply> {
        let body = pb::MucBody {
            muc_id: Some(JidRef::group(&self.app_key, room).into()),
            is_chatroom: Some(true),
            operation: Some(Operation::Join.into()),
            ..Default::default()
        };
        let payload = Some(body.encode_to_vec().into());
        let id = self.client.send_meta(pb::Meta { ns: Some(2), payload, ..Default::default() }).await?;
        self.reply(id).await
    }

    /// How the connection stands after something was done to it: it ended with a forced logout of this number, whose words
    /// say of which condition it tells, or it answers still.
    pub(crate) async fn seen_forced_out(&mut self, number: i32) -> Result<Outcome> {
        self.client.unread().await.ok();
        loop {
            match timeout(END_LIMIT, self.client.next_unanswered()).await? {
                Ok(Push::Unread(_)) => return Ok(Outcome::Fine),
                Ok(Push::Messages { metas, .. }) => {
                    let kicks = metas.into_iter().filter(|meta| meta.ns() == NameSpace::Statistic);
                    let Some(payload) = kicks.filter_map(|meta| meta.payload).next() else { continue };
                    let body = pb::StatisticsBody::decode(payload)?;
                    let (seen, reason) = (body.operation() as i32, body.reason());
                    ensure!(seen == number, "the forced logout has the number {seen}, and not {number}");
                    let condition = told_by(seen, reason);
                    let condition =
                        condition.with_context(|| format!("{seen} {reason:?} tells of nothing"))?;
                    return Ok(Outcome::Refused(Error::new(condition)));
                }
                Ok(_) => {}
                Err(error) => return Err(error.context("the connection ended without a word")),
            }
        }
    }

    /// Whether a connection that was never logged in is closed when it asks for something, and why it says it is.
    pub(crate) async fn seen_cut(&mut self) -> Result<Outcome> {
        self.client.unread().await?;
        match timeout(END_LIMIT, self.client.next_unanswered()).await? {
            Ok(_) => Ok(Outcome::Fine),
            Err(end) => {
                let said = format!("{end:#}");
                let mut words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                match words.find_map(|word| Condition::parse(word).filter(|_| word.contains('_'))) {
                    Some(condition) => Ok(Outcome::Refused(Error::new(condition))),
                    None => Err(end.context("the connection ended without a reason")),
                }
            }
        }
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
