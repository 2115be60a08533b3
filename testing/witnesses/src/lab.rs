//! Where witnesses run: servers, apps and users.
//!
//! Most of them share one server and get an app each. Who breaks a server starts one of his own.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use fixtures::Kith;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

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

/// What all witnesses of a run share.
#[derive(Debug)]
pub(crate) struct Lab {
    place: Place,
    folder: TempDir,
    http: Client,
    shared: OnceCell<Server>,
    /// Names of one run differ from those of another at the same server.
    prefix: String,
    next: AtomicU32,
}

impl Lab {
    pub(crate) fn new(place: Place) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kith-verify-").rand_bytes(12).tempdir()?;
        // The random part of the folder's name.
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let prefix = name.replace("kith-verify-", "verify").to_ascii_lowercase();
        Ok(Self {
            place,
            folder,
            http: Client::builder().no_proxy().build()?,
            shared: OnceCell::new(),
            prefix,
            next: AtomicU32::new(1),
        })
    }

    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A path in the run's folder where nothing is yet, in a folder of its own.
    pub(crate) fn new_path(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(format!("files{}", self.number()));
        // If that fails, so does whatever is done there.
        let _ = std::fs::create_dir(&folder);
        folder.join(name)
    }

    /// A server of the witness's own, with further flags of `kith serve`. It ends with the value.
    pub(crate) async fn own_server(&self, flags: &[&str]) -> Result<Server> {
        self.start(self.folder.path().join(format!("server{}", self.number())), flags).await
    }

    async fn start(&self, data: PathBuf, flags: &[&str]) -> Result<Server> {
        let Place::Own { kith } = &self.place else {
            anyhow::bail!("this needs a server of its own");
        };
        let kith = kith.clone();
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let started = spawn_blocking(move || {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let kith = Kith::start(&kith, &data, None, &flags)?;
            let token = std::fs::read_to_string(data.join("admin-token"))?.trim().to_owned();
            anyhow::Ok((kith, data, token))
        });
        let (kith, data, token) = started.await??;
        let url = format!("http://{}", kith.ports.http);
        Ok(Server { url, token, http: self.http.clone(), own: Some((kith, data)) })
    }

    /// A server of the witness's own with this configuration file.
    pub(crate) async fn configured_server(&self, config: &str) -> Result<Server> {
        self.own_server(&["--config", &self.configuration(config).await?]).await
    }

    /// Writes a configuration file, and gives its name.
    async fn configuration(&self, config: &str) -> Result<String> {
        let file = self.folder.path().join(format!("kith{}.toml", self.number()));
        tokio::fs::write(&file, config).await?;
        Ok(file.to_str().context("the temporary folder's name is no text")?.to_owned())
    }

    /// The server that is not broken by anybody.
    pub(crate) async fn server(&self) -> Result<&Server> {
        let start = || async {
            match &self.place {
                Place::Own { .. } => self.own_server(&[]).await,
                Place::Given { url, token } => {
                    let (url, token) = (url.trim_end_matches('/').to_owned(), token.clone());
                    Ok(Server { url, token, http: self.http.clone(), own: None })
                }
            }
        };
        self.shared.get_or_try_init(start).await
    }

    /// A new app on the server that all share, with these settings: `name=value`.
    pub(crate) async fn app(&self, settings: &[&str]) -> Result<App> {
        self.app_on(self.server().await?, settings).await
    }

    pub(crate) async fn app_on(&self, server: &Server, settings: &[&str]) -> Result<App> {
        let key = format!("{}#app{}", self.prefix, self.number());
        let body = json!({ "appkey": key, "settings": parsed(settings)?, "jmessage": true });
        let made = server.admin(Method::POST, "/apps", &body).await?;
        let text =
            |name: &str| Ok::<_, anyhow::Error>(made[name].as_str().context("no credentials")?.to_owned());
        let app = App {
            url: format!("{}/{}", server.url, key.replace('#', "/")),
            server: server.url.clone(),
            admin: server.token.clone(),
            http: self.http.clone(),
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
}

impl Server {
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
}

impl App {
    /// The same app as if its server were elsewhere.
    pub(crate) fn at(&self, server: String) -> Self {
        Self { server, ..self.clone() }
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
        change(client::Client::builder(&self.key, &self.server, &socket)).build()
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
