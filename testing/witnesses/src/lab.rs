//! Where witnesses run: servers, apps and users.
//!
//! Most of them share one server and get an app each. Who breaks a server starts one of his own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use client::ErrorTable;
use fixtures::{Kith, Ports};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::relay::Relay;
use crate::wire::Answer;

/// Where the servers are.
#[derive(Clone, Debug)]
pub enum Place {
    /// Throwaway servers, started from this binary on free ports in a temporary folder.
    Own { kith: PathBuf },
    /// A running server, whose admin API makes the apps: `http://HOST:PORT` and the admin token. What it makes is named
    /// `verify…#…` and stays.
    Given { url: String, token: String },
}

/// What a run of a witness has: what all of them share, and the table that its SDK speaks.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    base: Arc<Base>,
    face: ErrorTable,
}

#[derive(Debug)]
struct Base {
    place: Place,
    /// SDKs meet servers through a [`Relay`].
    is_plain: bool,
    folder: TempDir,
    http: Client,
    shared: OnceCell<Server>,
    /// Names of one run differ from those of another at the same server.
    prefix: String,
    next: AtomicU32,
}

impl Lab {
    /// `is_plain`: the SDK gets answers without what Kith adds to the protocol.
    pub(crate) fn new(place: Place, is_plain: bool) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kith-verify-").rand_bytes(12).tempdir()?;
        // The random part of the folder's name.
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let prefix = name.replace("kith-verify-", "verify").to_ascii_lowercase();
        let base = Base {
            place,
            is_plain,
            folder,
            http: Client::builder().no_proxy().build()?,
            shared: OnceCell::new(),
            prefix,
            next: AtomicU32::new(1),
        };
        Ok(Self { base: Arc::new(base), face: ErrorTable::default() })
    }

    /// The same with an SDK that speaks this table.
    pub(crate) fn speaking(&self, face: ErrorTable) -> Self {
        Self { base: Arc::clone(&self.base), face }
    }

    fn number(&self) -> u32 {
        self.base.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A path in the run's folder where nothing is yet, in a folder of its own.
    pub(crate) fn new_path(&self, name: &str) -> PathBuf {
        let folder = self.base.folder.path().join(format!("files{}", self.number()));
        // If that fails, so does whatever is done there.
        let _ = std::fs::create_dir(&folder);
        folder.join(name)
    }

    /// A server of the witness's own, with further flags of `kith serve`. It ends with the value.
    pub(crate) async fn own_server(&self, flags: &[&str]) -> Result<Server> {
        self.start(self.base.folder.path().join(format!("server{}", self.number())), flags).await
    }

    async fn start(&self, data: PathBuf, flags: &[&str]) -> Result<Server> {
        self.start_at(data, None, flags).await
    }

    async fn start_at(&self, data: PathBuf, ports: Option<Ports>, flags: &[&str]) -> Result<Server> {
        let Place::Own { kith } = &self.base.place else {
            anyhow::bail!("this needs a server of its own");
        };
        let kith = kith.clone();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let started = spawn_blocking(move || {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let kith = Kith::start(&kith, &data, ports, &flags)?;
            let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
            anyhow::Ok((kith, data, token))
        });
        let (kith, data, token) = started.await??;
        let url = format!("http://{}", kith.ports.http);
        self.reached(url, token, Some((kith, data))).await
    }

    async fn reached(&self, url: String, token: String, own: Option<(Kith, PathBuf)>) -> Result<Server> {
        let relay = if self.base.is_plain { Some(Relay::start(&url).await?) } else { None };
        Ok(Server { url, token, http: self.base.http.clone(), own, relay })
    }

    /// Kills a server of the witness's own, does something to its data folder, and starts it again where it was.
    pub(crate) async fn revived(
        &self,
        mut server: Server,
        flags: &[&str],
        meanwhile: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<Server> {
        let (kith, data) = server.own.take().context("the server is another's")?;
        let ports = kith.ports;
        spawn_blocking(move || kith.kill()).await??;
        meanwhile(&data).await?;
        self.start_at(data, Some(ports), flags).await
    }

    /// A server of the witness's own with this configuration file.
    pub(crate) async fn configured_server(&self, config: &str) -> Result<Server> {
        self.own_server(&["--config", &self.configuration(config).await?]).await
    }

    /// Writes a configuration file, and gives its name.
    async fn configuration(&self, config: &str) -> Result<String> {
        let file = self.base.folder.path().join(format!("kith{}.toml", self.number()));
        tokio::fs::write(&file, config).await?;
        Ok(file.to_str().context("the temporary folder's name is no text")?.to_owned())
    }

    /// The server that is not broken by anybody.
    pub(crate) async fn server(&self) -> Result<&Server> {
        let start = || async {
            match &self.base.place {
                Place::Own { .. } => self.own_server(&[]).await,
                Place::Given { url, token } => {
                    let (url, token) = (url.trim_end_matches('/').to_owned(), token.clone());
                    self.reached(url, token, None).await
                }
            }
        };
        self.base.shared.get_or_try_init(start).await
    }

    /// A new app on the server that all share, with these settings: `name=value`.
    pub(crate) async fn app(&self, settings: &[&str]) -> Result<App> {
        self.app_on(self.server().await?, settings).await
    }

    pub(crate) async fn app_on(&self, server: &Server, settings: &[&str]) -> Result<App> {
        let key = format!("{}#app{}", self.base.prefix, self.number());
        let body = json!({ "appkey": key, "settings": parsed(settings)?, "jmessage": true });
        let made = server.admin(Method::POST, "/apps", &body).await?;
        let text =
            |name: &str| Ok::<_, anyhow::Error>(made[name].as_str().context("no credentials")?.to_owned());
        let app = App {
            url: format!("{}/{}", server.url, key.replace('#', "/")),
            server: server.url.clone(),
            admin: server.token.clone(),
            http: self.base.http.clone(),
            face: self.face,
            relay: server.relay.clone(),
            jmessage_key: text("jmessage_appkey")?,
            jmessage_secret: text("jmessage_master_secret")?,
            token: String::new(),
            key,
        };
        let grant = json!({
            "grant_type": "client_credentials",
            "client_id": text("client_id")?,
            "client_secret": text("client_secret")?,
        });
        let token = app.token(&grant).await?;
        Ok(App { token, ..app })
    }
}

fn parsed(settings: &[&str]) -> Result<Value> {
    let pair = |line: &&str| {
        let (name, value) = line.split_once('=').context("write name=value")?;
        Ok((name.to_owned(), Value::from(value)))
    };
    settings.iter().map(pair).collect::<Result<serde_json::Map<_, _>>>().map(Value::Object)
}

/// A server, as whoever runs it reaches it. One's own is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    token: String,
    http: Client,
    own: Option<(Kith, PathBuf)>,
    relay: Option<Relay>,
}

impl Server {
    /// Lets no file of the server's grow beyond so many bytes from now on, as a full disk does.
    pub(crate) fn limit_files(&self, bytes: u64) -> Result<()> {
        let (kith, _) = self.own.as_ref().context("the server is another's")?;
        kith.limit_files(bytes)
    }

    async fn admin(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
        let request =
            self.http.request(method, format!("{}/admin/v1{path}", self.url)).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        Answer::read(request.send().await?).await?.json().context("the admin API refused")
    }
}

/// A new app and its credentials.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) key: String,
    /// Where its REST API begins.
    pub(crate) url: String,
    /// Where its server listens.
    pub(crate) server: String,
    pub(crate) jmessage_key: String,
    pub(crate) jmessage_secret: String,
    /// The back end's token.
    pub(crate) token: String,
    admin: String,
    http: Client,
    /// What its SDKs speak.
    face: ErrorTable,
    relay: Option<Relay>,
}

impl App {
    /// The same app as if its server were elsewhere.
    pub(crate) fn at(&self, server: String) -> Self {
        let relay = self.relay.clone().filter(|_| server == self.server);
        Self { server, relay, ..self.clone() }
    }

    /// The SDK on this app.
    pub(crate) fn sdk(&self) -> client::Result<(client::Client, client::Events)> {
        self.sdk_with(|builder| builder)
    }

    /// The same with something else than it has by itself.
    pub(crate) fn sdk_with(
        &self,
        change: impl FnOnce(client::Builder) -> client::Builder,
    ) -> client::Result<(client::Client, client::Events)> {
        let socket = format!("{}/ws", self.server.replacen("http", "ws", 1));
        let (rest, socket) = match &self.relay {
            Some(relay) => (&relay.rest, &relay.socket),
            None => (&self.server, &socket),
        };
        let builder = client::Client::builder(&self.key, rest, socket).error_table(self.face);
        change(builder.push_services(&[client::PushService::Apns])).build()
    }

    /// The SDK with a user logged in.
    pub(crate) async fn sdk_of(&self, user: &User) -> Result<Sdk> {
        self.sdk_of_with(user, |builder| builder).await
    }

    /// The same with something else than the SDK has by itself.
    pub(crate) async fn sdk_of_with(
        &self,
        user: &User,
        change: impl FnOnce(client::Builder) -> client::Builder,
    ) -> Result<Sdk> {
        let (client, events) = self.sdk_with(change)?;
        client.log_in_with_token(&user.name, &user.token).await.context("the SDK's login")?;
        Ok(Sdk { client, events })
    }

    /// What an SDK is told of a login as this user on a device of this name. It is let go again.
    pub(crate) async fn sdk_log_in(&self, user: &User, device: &str) -> Result<client::Result<()>> {
        let (client, _events) = self.sdk_with(|builder| builder.device(device))?;
        let told = client.log_in_with_token(&user.name, &user.token).await;
        client.close().await;
        Ok(told.map(drop))
    }

    /// Where an SDK meets the server, past its sockets.
    pub(crate) fn met_at(&self) -> &str {
        self.relay.as_ref().map_or(&*self.server, |relay| &*relay.rest)
    }

    /// Changes settings while it runs: `name=value`.
    pub(crate) async fn set(&self, settings: &[&str]) -> Result<()> {
        let url = format!("{}/admin/v1/apps/{}", self.server, self.key.replace('#', "/"));
        let body = json!({ "settings": parsed(settings)? }).to_string();
        let request =
            self.http.patch(url).bearer_auth(&self.admin).header("content-type", "application/json");
        Answer::read(request.body(body).send().await?).await?.json().context("a setting was refused")?;
        Ok(())
    }

    /// Has the app's own server called.
    pub(crate) async fn webhook(&self, rule: &Value) -> Result<()> {
        let url = format!("{}/admin/v1/apps/{}/webhooks", self.server, self.key.replace('#', "/"));
        let request = self.http.post(url).bearer_auth(&self.admin).header("content-type", "application/json");
        let answer = Answer::read(request.body(rule.to_string()).send().await?).await?;
        answer.json().context("the webhook was refused")?;
        Ok(())
    }

    /// Calls the app's REST API with a token, or without (`""`). `body`: null for none.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Result<Answer> {
        let request =
            self.http.request(Method::from_bytes(method.as_bytes())?, format!("{}{path}", self.url));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let request = if body.is_null() {
            request
        } else {
            request.header("content-type", "application/json").body(body.to_string())
        };
        Answer::read(request.send().await?).await
    }

    /// Calls JMessage's REST API as the app's back end.
    pub(crate) async fn jmessage(&self, method: &str, path: &str, body: Value) -> Result<Answer> {
        self.jmessage_as(Some((&self.jmessage_key, &self.jmessage_secret)), method, path, body).await
    }

    /// The same with an app key and a master secret that may be wrong, or with neither.
    pub(crate) async fn jmessage_as(
        &self,
        credentials: Option<(&str, &str)>,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.server);
        let request = self.http.request(Method::from_bytes(method.as_bytes())?, url);
        let request = match credentials {
            Some((key, secret)) => request.basic_auth(key, Some(secret)),
            None => request,
        };
        let request = if body.is_null() {
            request
        } else {
            request.header("content-type", "application/json").body(body.to_string())
        };
        Answer::read(request.send().await?).await
    }

    /// Asks JMessage's HTTP service for devices, with a user's token or without.
    pub(crate) async fn as_device(&self, path: &str, token: Option<&str>, body: &Value) -> Result<Answer> {
        let request =
            self.http.post(format!("{}{path}", self.server)).header("x-app-key", &self.jmessage_key);
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Answer::read(request.body(body.to_string()).send().await?).await
    }

    /// Calls the app's REST API as its back end.
    pub(crate) async fn back_end(&self, method: &str, path: &str, body: Value) -> Result<Answer> {
        self.call(method, path, &self.token, body).await
    }

    /// A call of the back end that has to succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let answer = self.back_end(method, path, body).await?;
        answer.json().with_context(|| format!("{method} {path} was to succeed"))
    }

    /// Uploads a file as a user.
    pub(crate) async fn upload(&self, user: &User, name: &str, content: &str) -> Result<Answer> {
        let head = format!("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"");
        let request = self.http.post(format!("{}/chatfiles", self.url)).bearer_auth(&user.token);
        let request = request.header("content-type", "multipart/form-data; boundary=b");
        Answer::read(request.body(format!("{head}\r\n\r\n{content}\r\n--b--\r\n")).send().await?).await
    }

    pub(crate) async fn token(&self, grant: &Value) -> Result<String> {
        let answer = self.call("POST", "/token", "", grant.clone()).await?.json()?;
        Ok(answer["access_token"].as_str().context("no token")?.to_owned())
    }

    /// A user who is registered, logged in over REST.
    pub(crate) async fn user(&self, name: &str) -> Result<User> {
        let grant = json!({ "grant_type": "password", "username": name, "password": password(name) });
        Ok(User { name: name.to_owned(), token: self.token(&grant).await? })
    }

    /// Registers users and logs each in over REST; [`password`] has their passwords.
    pub(crate) async fn users<const N: usize>(&self, names: [&str; N]) -> Result<[User; N]> {
        let list: Vec<Value> =
            names.iter().map(|name| json!({ "username": name, "password": password(name) })).collect();
        self.done("POST", "/users", Value::Array(list)).await?;
        let mut users = Vec::with_capacity(N);
        for name in names {
            let grant = json!({ "grant_type": "password", "username": name, "password": password(name) });
            users.push(User { name: name.to_owned(), token: self.token(&grant).await? });
        }
        let count = users.len();
        users.try_into().map_err(|_| anyhow::anyhow!("{count} users for {N} names"))
    }

    /// Makes a group with these members and gives its id.
    pub(crate) async fn group(&self, owner: &str, members: &[&str], more: Value) -> Result<String> {
        let mut body = json!({
            "groupname": "Friends", "desc": "", "public": true, "owner": owner, "members": members,
            "maxusers": 200, "approval": false,
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let made = self.done("POST", "/chatgroups", body).await?;
        Ok(made["data"]["groupid"].as_str().context("no group id")?.to_owned())
    }

    /// Makes a chat room and gives its id.
    pub(crate) async fn room(&self, owner: &str, more: Value) -> Result<String> {
        let mut body = json!({ "name": "Room", "description": "", "owner": owner, "maxusers": 200 });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        let made = self.done("POST", "/chatrooms", body).await?;
        Ok(made["data"]["id"].as_str().context("no room id")?.to_owned())
    }
}

/// An SDK that is logged in, and what it is told.
#[derive(Debug)]
pub(crate) struct Sdk {
    client: client::Client,
    pub(crate) events: client::Events,
}

impl std::ops::Deref for Sdk {
    type Target = client::Client;

    fn deref(&self) -> &client::Client {
        &self.client
    }
}

impl Sdk {
    /// Says something to a user.
    pub(crate) async fn say(&self, to: &str, text: &str) -> Result<client::Result<client::Sent>> {
        let to = client::Conversation::User(client::username(to)?);
        Ok(self.client.send(client::NewMessage::text(to, text)).await)
    }

    /// Says something in a group.
    pub(crate) async fn say_in_group(&self, group: &str, text: &str) -> Result<client::Result<client::Sent>> {
        let to = client::Conversation::group(group)?;
        Ok(self.client.send(client::NewMessage::text(to, text)).await)
    }

    /// How the session stands after something was done to its user, which is to end it or not: what it is told at its end,
    /// or that it goes on.
    pub(crate) async fn forced_out(&mut self, is_to_end: bool) -> Result<client::Result<()>> {
        if !is_to_end {
            let me = self.client.user().context("nobody is logged in")?;
            return Ok(self.say(me.as_str(), "still here").await?.map(drop));
        }
        let ended = self.hears(|event| match event {
            client::Event::LoggedOut { error } => Some(error),
            _ => None,
        });
        Ok(Err(ended.await?))
    }

    /// Waits for something that it is told of.
    pub(crate) async fn hears<T>(&mut self, is: impl Fn(client::Event) -> Option<T>) -> Result<T> {
        let heard = async {
            while let Some(event) = self.events.next().await {
                if let Some(heard) = is(event) {
                    return Ok(heard);
                }
            }
            anyhow::bail!("the SDK ended without a word")
        };
        timeout(EVENT_LIMIT, heard).await.context("the SDK was told nothing")?
    }
}

/// How long an event may take on a busy machine.
const EVENT_LIMIT: Duration = Duration::from_secs(20);

/// The password of the user of a name.
pub(crate) fn password(name: &str) -> String {
    format!("pw-{name}")
}

/// A registered user with a token.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process ends first, then what it wrote.
        if let Some((kith, data)) = self.own.take() {
            drop(kith);
            let _ = std::fs::remove_dir_all(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_pairs() {
        assert_eq!(parsed(&["a.b=c=d"]).unwrap(), json!({ "a.b": "c=d" }));
        assert!(parsed(&["a"]).is_err());
    }
}
