//! `kith app`: makes, lists, shows and sets apps.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use http::Method;
use model::AppKey;
use serde_json::{Map, Value, json};

use crate::exit::Failure;
use crate::reach::{Reach, Target};
use crate::webhook::{self, WebhookCommand};

#[derive(Debug, Args)]
pub(crate) struct AppArgs {
    #[command(subcommand)]
    command: AppCommand,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Subcommand)]
enum AppCommand {
    /// Make an app and print its credentials
    Create {
        /// App key, such as acme#chat
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        key: AppKey,
        /// Anybody may register users, without a token
        #[arg(long)]
        open_registration: bool,
        /// Serve JMessage's back ends and web pages too, with a key and a secret of their own
        #[arg(long)]
        jmessage: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List all apps
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an app with its settings
    Get {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        key: AppKey,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change settings of an app; `kith app get` lists them
    Set {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        key: AppKey,
        /// Settings, such as recall.window_seconds=300; all are set or none
        #[arg(value_name = "NAME=VALUE", required = true, value_parser = setting)]
        settings: Vec<(String, String)>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Serve JMessage's back ends and web pages too, and print key and secret; an app that has them keeps them
    Jmessage {
        #[arg(value_name = "ORG#APP", value_parser = app_key)]
        key: AppKey,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Webhooks: have your server asked before messages go out, or told what happened
    #[command(subcommand)]
    Webhook(WebhookCommand),
}

/// Reads an app key; `NameError` alone would not say which form is asked for.
pub(crate) fn app_key(text: &str) -> Result<AppKey, String> {
    text.parse().map_err(|error| format!("write ORG#APP, such as acme#chat: {error}"))
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

pub(crate) fn run(arguments: &AppArgs) -> Result<u8, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let create = matches!(arguments.command, AppCommand::Create { .. });
        let reach = arguments.target.reach(create).await?;
        let answer = call(&reach, &arguments.command).await;
        reach.close().await;
        print(&mut io::stdout().lock(), &arguments.command, &answer?)?;
        Ok(0)
    })
}

async fn call(reach: &Reach, command: &AppCommand) -> Result<Value, Failure> {
    match command {
        AppCommand::Create { key, open_registration, jmessage, .. } => {
            let settings = if *open_registration { json!({ "registration.open": true }) } else { json!({}) };
            let body = json!({ "appkey": key.as_str(), "settings": settings, "jmessage": jmessage });
            reach.call(Method::POST, "/apps", Some(&body)).await
        }
        AppCommand::List { .. } => reach.call(Method::GET, "/apps", None).await,
        AppCommand::Get { key, .. } => reach.call(Method::GET, &path(key), None).await,
        AppCommand::Set { key, settings, .. } => {
            let settings: Map<String, Value> =
                settings.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
            reach.call(Method::PATCH, &path(key), Some(&json!({ "settings": settings }))).await
        }
        AppCommand::Jmessage { key, .. } => {
            reach.call(Method::PUT, &format!("{}/jmessage", path(key)), None).await
        }
        AppCommand::Webhook(command) => webhook::call(reach, command).await,
    }
}

/// The path of an app in the admin API. A legal key needs no escapes.
pub(crate) fn path(key: &AppKey) -> String {
    format!("/apps/{}/{}", key.org(), key.app())
}

fn print(out: &mut impl Write, command: &AppCommand, answer: &Value) -> io::Result<()> {
    let json = match command {
        AppCommand::Create { json, .. }
        | AppCommand::List { json }
        | AppCommand::Get { json, .. }
        | AppCommand::Set { json, .. }
        | AppCommand::Jmessage { json, .. } => *json,
        AppCommand::Webhook(command) => return webhook::print(out, command, answer),
    };
    if json {
        return writeln!(out, "{answer}");
    }
    match command {
        AppCommand::Create { .. } | AppCommand::Jmessage { .. } => credentials(out, answer),
        AppCommand::List { .. } => {
            for app in answer["apps"].as_array().into_iter().flatten() {
                let off = if app["enabled"] == false { "  disabled" } else { "" };
                writeln!(out, "{:<32} client id {}{off}", text(app, "appkey"), text(app, "client_id"))?;
            }
            Ok(())
        }
        AppCommand::Get { .. } => {
            credentials(out, answer)?;
            writeln!(out)?;
            for line in settings(answer) {
                let is_default = text(line, "value") == text(line, "default");
                let default =
                    if is_default { String::new() } else { format!("  (default {})", text(line, "default")) };
                writeln!(out, "{} = {}{default}", text(line, "name"), text(line, "value"))?;
                writeln!(out, "    {}", text(line, "meaning"))?;
            }
            Ok(())
        }
        AppCommand::Set { settings: changed, .. } => {
            for line in settings(answer).filter(|line| changed.iter().any(|(name, _)| line["name"] == **name))
            {
                writeln!(out, "{} = {}", text(line, "name"), text(line, "value"))?;
            }
            Ok(())
        }
        AppCommand::Webhook(_) => Ok(()),
    }
}

fn credentials(out: &mut impl Write, app: &Value) -> io::Result<()> {
    writeln!(out, "app key        {}", text(app, "appkey"))?;
    writeln!(out, "client id      {}", text(app, "client_id"))?;
    writeln!(out, "client secret  {}", text(app, "client_secret"))?;
    if app["jmessage_appkey"].is_string() {
        writeln!(out, "JMessage appkey         {}", text(app, "jmessage_appkey"))?;
        writeln!(out, "JMessage master secret  {}", text(app, "jmessage_master_secret"))?;
    }
    Ok(())
}

fn settings(app: &Value) -> impl Iterator<Item = &Value> {
    app["settings"].as_array().into_iter().flatten()
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
