//! `kith app webhook`: whom an app asks before messages go out, and whom it tells what happened.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use http::Method;
use model::AppKey;
use serde_json::{Value, json};

use crate::app::{app_key, path, text};
use crate::exit::Failure;
use crate::reach::Reach;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// Add a webhook and print its secret
    Add(Box<Add>),
    /// List an app's webhooks
    List {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        key: AppKey,
        /// Print JSON, with the secrets
        #[arg(long)]
        json: bool,
    },
    /// Switch a webhook on
    On(Named),
    /// Switch a webhook off: what happens meanwhile is not told
    Off(Named),
    /// Remove a webhook
    Remove(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[arg(value_name = "ORG#APP", value_parser = app_key)]
    key: AppKey,
    #[arg(value_name = "NAME")]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[arg(value_name = "ORG#APP", value_parser = app_key)]
    key: AppKey,
    /// Name, unique in the app
    #[arg(value_name = "NAME")]
    name: String,
    /// Address of your server, http:// or https://
    #[arg(value_name = "URL")]
    url: String,
    /// Ask before each message goes out; without it, tell what happened
    #[arg(long)]
    pre_send: bool,
    /// Be asked to wake the devices of users who are away
    #[arg(long, conflicts_with_all = ["pre_send", "events", "without_back_end", "drop_on_failure", "format", "types", "conversations"])]
    push: bool,
    /// Wake devices that were bound to these providers' names only
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "push")]
    notifiers: Vec<String>,
    /// Messages of these types only: text, image, location, audio, video, file, command, custom, combined
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// In these conversations only: single, group, room
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    conversations: Vec<String>,
    /// Messages of this environment only, 1 to 8 letters and digits; without it, those that name none
    #[arg(long, value_name = "NAME", conflicts_with = "push")]
    environment: Option<String>,
    /// Milliseconds that one call may take [default: 200 with --pre-send, else 5000]
    #[arg(long, value_name = "MS")]
    timeout: Option<u64>,
    /// Refuse messages when your server gives no usable answer
    #[arg(long, requires = "pre_send")]
    refuse_on_failure: bool,
    /// Tell the sender that and why his message was refused
    #[arg(long, requires = "pre_send")]
    report: bool,
    /// Your server may rewrite other messages than texts too
    #[arg(long, requires = "pre_send")]
    rewrite_files: bool,
    /// Events to tell [default: message]: message, offline_message, read, conversation_read, recall, edit, reaction,
    /// group, room, contact, session, keyword, moderation, thread, push
    #[arg(long, value_name = "EVENT", value_delimiter = ',', conflicts_with = "pre_send")]
    events: Vec<String>,
    /// Leave out what your own back end sent
    #[arg(long, conflicts_with = "pre_send")]
    without_back_end: bool,
    /// Give up what could not be told in two tries, as the vendor does
    #[arg(long, conflicts_with = "pre_send")]
    drop_on_failure: bool,
    /// Form of group and room events: muc or group_op
    #[arg(long, value_name = "FORM", conflicts_with = "pre_send")]
    format: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Add {
    fn body(&self) -> Value {
        let mut body = json!({ "name": self.name, "url": self.url, "conversations": self.conversations });
        if let Some(environment) = &self.environment {
            body["environment"] = environment.as_str().into();
        }
        let mut rule = json!({ "types": self.types });
        if let Some(timeout) = self.timeout {
            rule["timeout_ms"] = timeout.into();
        }
        if self.pre_send {
            rule["on_failure"] = if self.refuse_on_failure { "refuse" } else { "deliver" }.into();
            rule["report"] = self.report.into();
            rule["rewrite_files"] = self.rewrite_files.into();
            body["pre_send"] = rule;
        } else if self.push {
            let mut rule = json!({ "notifiers": self.notifiers });
            if let Some(timeout) = self.timeout {
                rule["timeout_ms"] = timeout.into();
            }
            body["push"] = rule;
        } else {
            rule["events"] = self.events.clone().into();
            rule["back_end"] = (!self.without_back_end).into();
            rule["keep"] = (!self.drop_on_failure).into();
            if let Some(format) = &self.format {
                rule["format"] = format.as_str().into();
            }
            body["post_send"] = rule;
        }
        body
    }
}

pub(crate) async fn call(reach: &Reach, command: &WebhookCommand) -> Result<Value, Failure> {
    let below = |key: &AppKey| format!("{}/webhooks", path(key));
    let one = |named: &Named| format!("{}/{}", below(&named.key), named.name);
    let switch = |on: bool| json!({ "enabled": on });
    match command {
        WebhookCommand::Add(add) => reach.call(Method::POST, &below(&add.key), Some(&add.body())).await,
        WebhookCommand::List { key, .. } => reach.call(Method::GET, &below(key), None).await,
        WebhookCommand::On(named) => reach.call(Method::PATCH, &one(named), Some(&switch(true))).await,
        WebhookCommand::Off(named) => reach.call(Method::PATCH, &one(named), Some(&switch(false))).await,
        WebhookCommand::Remove(named) => reach.call(Method::DELETE, &one(named), None).await,
    }
}

pub(crate) fn print(out: &mut impl Write, command: &WebhookCommand, answer: &Value) -> io::Result<()> {
    let json = match command {
        WebhookCommand::Add(add) => add.json,
        WebhookCommand::List { json, .. } => *json,
        WebhookCommand::On(named) | WebhookCommand::Off(named) | WebhookCommand::Remove(named) => named.json,
    };
    if json {
        return writeln!(out, "{answer}");
    }
    match command {
        WebhookCommand::Add(_) => {
            line(out, answer)?;
            writeln!(out, "secret  {}", text(answer, "secret"))
        }
        WebhookCommand::List { .. } => {
            answer["webhooks"].as_array().into_iter().flatten().try_for_each(|hook| line(out, hook))
        }
        WebhookCommand::Remove(named) => writeln!(out, "removed {}", named.name),
        WebhookCommand::On(_) | WebhookCommand::Off(_) => line(out, answer),
    }
}

fn line(out: &mut impl Write, hook: &Value) -> io::Result<()> {
    let kind = if hook["pre_send"].is_object() {
        "before sending"
    } else if hook["push"].is_object() {
        "to wake devices"
    } else {
        "afterwards"
    };
    let off = if hook["enabled"] == false { "  off" } else { "" };
    writeln!(out, "{:<20} {kind:<15} {}{off}", text(hook, "name"), text(hook, "url"))
}
