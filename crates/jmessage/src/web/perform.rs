//! Runs what web sessions ask for against the use cases, and says what became of it in their words.

use std::sync::Arc;
use std::time::Duration;

use app::{Grant, LogIn, SessionFacts, Tenant, UseCases};
use conditions::{Condition, Operation};
use domain::device::Login;
use md5::{Digest as _, Md5};
use model::limits::PAGE_ENTRIES;
use model::{ConversationId, DeviceClass, Entry, EntryKind, Feed, JMessageKey, Seq, Timestamp};
use serde_json::{Value, json};
use session::clock::Offer;
use session::{Outcome, Peer, Perform};
use subtle::ConstantTimeEq as _;

use super::calls::{self, Call, Reply, number, users};
use super::event::{Answer, Caller, Command, Event, Item, Member, Object, PageRead, Rid, Shown};
use super::failure::{DIALECT, Failure};
use super::session::WebSession;
use super::{news, page_device, render};

/// How far a client's clock may be off when it signs (jmessage.md 2.3).
const SIGNATURE_LIFE: Duration = Duration::from_secs(600);
/// Bytes of what a client draws to sign.
const RANDOM_BYTES: std::ops::RangeInclusive<usize> = 20..=36;

/// One instance serves all web connections.
#[derive(Debug)]
pub struct WebPerform {
    use_cases: Arc<UseCases>,
    origin: String,
}

impl WebPerform {
    pub(crate) fn new(use_cases: Arc<UseCases>, origin: String) -> Self {
        Self { use_cases, origin }
    }

    pub(crate) fn use_cases(&self) -> &UseCases {
        &self.use_cases
    }

    /// Where clients reach this server.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl Perform<WebSession> for WebPerform {
    fn perform_now(&self, _: &Peer, event: Event) -> Outcome<WebSession> {
        match event {
            Event::Acknowledge { member, feed, seq } => {
                self.use_cases.acknowledge(member.app, member.uid, member.device, feed, seq);
                Outcome::Done(None)
            }
            Event::Refuse { rid, name, error } => {
                let operation = if name == "register" { Operation::UserRegister } else { Operation::Login };
                let body = Failure::from(*error).render(rid, Some(operation));
                let name = calls::answer_name(&name).to_owned();
                Outcome::Done(Some(Command::Answer(Answer { rid, name, body })))
            }
            event => Outcome::Later(event),
        }
    }

    async fn perform(&self, peer: Peer, event: Event) -> Option<Command> {
        Box::pin(self.do_next(&peer, event)).await
    }
}

impl WebPerform {
    async fn do_next(&self, peer: &Peer, event: Event) -> Option<Command> {
        match event {
            Event::Init { rid, data } => Some(self.init(rid, &data)),
            Event::Register { rid, face, data } => Some(self.register(peer, rid, &face, &data).await),
            Event::LogIn { rid, face, data } => Some(self.log_in(peer, rid, &face, &data).await),
            Event::Call { rid, member, call, data } => {
                let (body, told) = match self.call(&member, rid, call, &data).await {
                    Ok(Reply { body, told }) => (calls::success(rid, body), told),
                    Err(failure) => (failure.render(rid, Some(call.operation)), None),
                };
                let name = calls::answer_name(call.name).to_owned();
                let answer = Answer { rid, name, body };
                call.is_answered().then_some(match told {
                    Some((name, body)) => Command::AnswerAndMore { answer, name, body },
                    None => Command::Answer(answer),
                })
            }
            Event::LogOut { member, positions } => {
                peer.registrar.unbind(peer.connection);
                for (feed, seq) in positions {
                    self.use_cases.acknowledge(member.app, member.uid, member.device, feed, seq);
                }
                let left = self.use_cases.log_out(member.app, member.uid, peer.connection).await;
                left.err()?.report(DIALECT);
                None
            }
            Event::ListPending { member, roams } => {
                Some(self.list_pending(peer, &member, roams).await.unwrap_or_else(|error| {
                    error.report(DIALECT);
                    Command::PendingFailed
                }))
            }
            Event::FindPosition { member, feed } => {
                let position = self.position(&member, feed).await.unwrap_or_else(|error| {
                    error.report(DIALECT);
                    None
                });
                Some(Command::Position { feed, position })
            }
            Event::ReadPage { member, feed, after, had } => {
                let page = self.read_page(&member, feed, after, had).await;
                let page = page.map_err(|error| error.report(DIALECT)).ok();
                Some(Command::Page { feed, after, page })
            }
            event @ (Event::Acknowledge { .. } | Event::Refuse { .. }) => {
                match self.perform_now(peer, event) {
                    Outcome::Done(command) => command,
                    Outcome::Later(_) => None,
                }
            }
        }
    }

    /// A request, which takes a place as calls of the REST API do, but among requests.
    async fn call(&self, member: &Member, rid: Rid, call: &Call, data: &Object) -> Result<Reply, Failure> {
        let tenant = self.tenant(&member.face)?;
        self.use_cases.admit_page_request(&tenant, member.uid)?;
        let _place = self.use_cases.begin_request(&tenant, member.uid).await?;
        calls::run(self, Caller { member, tenant: &tenant }, rid, call, data).await
    }

    fn init(&self, rid: Rid, data: &Object) -> Command {
        let name = "c_init".to_owned();
        match self.check_init(data) {
            Ok(face) => {
                let body = calls::success(rid, Object::new());
                Command::Initialised { answer: Answer { rid, name, body }, face }
            }
            Err(failure) => {
                Command::Answer(Answer { rid, name, body: failure.render(rid, Some(Operation::Connect)) })
            }
        }
    }

    /// No app key, other arguments, unknown app, wrong signature, signature of another time: in this order.
    fn check_init(&self, data: &Object) -> Result<JMessageKey, Failure> {
        let text = |key: &str| data.get(key).and_then(Value::as_str).ok_or_else(|| Failure::argument(key));
        let appkey = data.get("appkey").and_then(Value::as_str).filter(|appkey| !appkey.is_empty());
        let appkey = appkey.ok_or_else(|| Failure::plain(Condition::AppKeyMissing))?;
        let random = text("random_str")?;
        let timestamp =
            data.get("timestamp").and_then(number).ok_or_else(|| Failure::argument("timestamp"))?;
        let signature = text("signature")?;
        if !RANDOM_BYTES.contains(&random.len()) {
            return Err(Failure::argument("random_str"));
        }
        let unknown = || Failure::plain(Condition::AppNotRegistered);
        let face: JMessageKey = appkey.parse().map_err(|_| unknown())?;
        let tenant = self.use_cases.find_app_by_hex_key(&face).ok_or_else(unknown)?;
        let secret = tenant.value.jmessage.as_ref().map_or("", |face| face.master_secret.as_str());
        let signed = format!("appkey={appkey}&timestamp={timestamp}&random_str={random}&key={secret}");
        let digest: String =
            Md5::digest(signed.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let is_right: bool = signature.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()).into();
        if !is_right {
            return Err(Failure::plain(Condition::SignatureWrong));
        }
        let (now, then) = (self.use_cases.now(), Timestamp(timestamp));
        if now.since(then) > SIGNATURE_LIFE || then.since(now) > SIGNATURE_LIFE {
            return Err(Failure::plain(Condition::SignatureExpired));
        }
        Ok(face)
    }

    fn tenant(&self, face: &JMessageKey) -> Result<Tenant, Failure> {
        let found = self.use_cases.find_app_by_hex_key(face);
        found.ok_or_else(|| Failure::plain(Condition::AppNotRegistered))
    }

    async fn register(&self, peer: &Peer, rid: Rid, face: &JMessageKey, data: &Object) -> Command {
        let registered = match self.tenant(face) {
            Ok(tenant) => users::register(&self.use_cases, &tenant, peer.address, data).await,
            Err(failure) => Err(failure),
        };
        let body = match registered {
            Ok(()) => calls::success(rid, Object::new()),
            Err(failure) => failure.render(rid, Some(Operation::UserRegister)),
        };
        Command::Answer(Answer { rid, name: "register".to_owned(), body })
    }

    async fn log_in(&self, peer: &Peer, rid: Rid, face: &JMessageKey, data: &Object) -> Command {
        let name = "login".to_owned();
        match self.check_login(peer, face, data).await {
            Ok((member, online)) => {
                let mut body = Object::new();
                body.insert("online_list".to_owned(), online);
                let answer = Answer { rid, name, body: calls::success(rid, body) };
                Command::LoggedIn { answer, member: Box::new(member) }
            }
            Err(failure) => {
                // It may have been bound before it was refused.
                peer.registrar.unbind(peer.connection);
                Command::Answer(Answer { rid, name, body: failure.render(rid, Some(Operation::Login)) })
            }
        }
    }

    async fn check_login(
        &self,
        peer: &Peer,
        face: &JMessageKey,
        data: &Object,
    ) -> Result<(Member, Value), Failure> {
        let text = |key: &str| data.get(key).and_then(Value::as_str).ok_or_else(|| Failure::argument(key));
        let (username, digest) = (text("username")?.to_owned(), text("password")?.to_owned());
        let tenant = self.tenant(face)?;
        if !tenant.value.settings.jmessage_oldest_sdk.admits(data.get("version").and_then(Value::as_str)) {
            return Err(Failure::plain(Condition::SdkTooOld));
        }
        let address = Some(peer.address);
        let grant = Grant::PasswordDigest { username: username.clone(), digest, address };
        let token = self.use_cases.issue_token(&tenant, grant).await?.token;
        let resource = page_device();
        let online = self.online_list(&tenant, &username, peer).await?;
        let device = Login {
            resource: resource.clone(),
            uuid: String::new(),
            name: String::new(),
            class: DeviceClass::Web,
            // Each login is typed in: it takes the place of the one before.
            login: format!("{:x}-{:x}", peer.connection.boot, peer.connection.number),
            manual: true,
            notice: String::new(),
            connection: peer.connection,
        };
        let app_key = tenant.value.key.to_string();
        let log_in = LogIn { app_key, username, token, device };
        let logged_in = self.use_cases.log_in(log_in, |app, uid| {
            peer.registrar.bind(peer.connection, app, uid).map_err(|limit| {
                app::Error::refused(Condition::ConnectionLimitReached, vec![("limit", limit.to_string())])
            })
        });
        let mut logged_in = logged_in.await?;
        let user = &logged_in.account.user;
        let member = Member {
            app: tenant.value.id,
            app_key: tenant.value.key.clone(),
            face: face.clone(),
            uid: user.uid,
            epoch: user.epoch,
            name: user.name.clone(),
            device: logged_in.device,
            resource,
            connection: peer.connection,
            since: self.use_cases.now(),
            contents: Arc::clone(self.use_cases.contents()),
            entered: Arc::default(),
        };
        self.follow(peer, &member).await?;
        logged_in.arriving.stay();
        Ok((member, online))
    }

    /// The user's devices as the login finds them; `flag`: the one whose place it takes.
    async fn online_list(&self, tenant: &Tenant, user: &str, peer: &Peer) -> Result<Value, app::Error> {
        let account = self.use_cases.get_user(tenant, user).await?;
        let page = page_device();
        let devices = self.use_cases.known_devices(tenant, &account).await?;
        let shown = devices.iter().map(|(device, is_live)| {
            let is_other = device.session.is_some_and(|session| session.connection() != peer.connection);
            json!({
                "platform": platform(&device.class),
                "mtime": device.seen.0 / 1000,
                "isOnline": is_live,
                "isLogin": !device.displaced,
                "flag": *is_live && is_other && device.resource == page,
            })
        });
        Ok(shown.collect())
    }

    async fn list_pending(&self, peer: &Peer, member: &Member, roams: bool) -> Result<Command, app::Error> {
        let Some(tenant) = self.use_cases.find_app_by_hex_key(&member.face) else {
            return Ok(Command::Ended(model::CloseCause::AppDisabled));
        };
        let session = SessionFacts {
            app: member.app,
            uid: member.uid,
            epoch: member.epoch,
            device: member.device,
            connection: peer.connection,
        };
        if let Some(cause) = self.use_cases.check_session(&tenant, session).await? {
            return Ok(Command::Ended(cause));
        }
        let followed = self.follow(peer, member).await?;
        let pending = match roams {
            true => self.use_cases.feeds_with_heads(member.app, followed).await?,
            false => self.use_cases.pending_feeds(member.app, followed).await?,
        };
        Ok(Command::Pending { pending, roams })
    }

    /// Brings what the connection follows up to date. Before the heads are read: what is said from here on is heard.
    async fn follow(&self, peer: &Peer, member: &Member) -> Result<Vec<store::FollowedFeed>, app::Error> {
        loop {
            let changes = peer.registrar.follow_changes(peer.connection);
            let followed = self.use_cases.followed_feeds(member.app, member.uid, member.device).await?;
            let groups = followed.iter().filter_map(|followed| match followed.feed {
                Feed::Conversation(group @ ConversationId::Group(_)) => Some(group),
                _ => None,
            });
            let rooms = self.use_cases.rooms_of(member.app, member.uid);
            if peer.registrar.follow(peer.connection, groups.chain(rooms).collect(), changes) {
                return Ok(followed);
            }
        }
    }

    /// `None`: the user has no part in the feed.
    async fn position(&self, member: &Member, feed: Feed) -> Result<Option<Seq>, app::Error> {
        if self.use_cases.sees_from(member.app, member.uid, feed).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.use_cases.position(member.app, member.uid, member.device, feed).await?))
    }

    /// What a user is shown of a feed, rendered; `None` where he is shown nothing of an entry.
    async fn read_page(
        &self,
        member: &Member,
        feed: Feed,
        after: Seq,
        had: Option<Seq>,
    ) -> Result<PageRead, app::Error> {
        let Some(from) = self.use_cases.sees_from(member.app, member.uid, feed).await? else {
            return Ok(PageRead { items: Vec::new(), head: after });
        };
        let (entries, head) = self.use_cases.page(member.app, feed, after.max(from), PAGE_ENTRIES).await?;
        let mut items = Vec::with_capacity(entries.len());
        for (seq, entry) in &entries {
            let shown = Shown { feed, entry };
            let item = match had {
                Some(_) if entry.kind == EntryKind::Message => render::roaming(member, shown),
                // What happened meanwhile is told once.
                Some(had) if *seq <= had => None,
                _ => self.item(member, shown).await?,
            };
            items.push((*seq, item));
        }
        Ok(PageRead { items, head })
    }

    async fn item(&self, member: &Member, shown: Shown<'_>) -> Result<Option<Item>, app::Error> {
        let entry: &Entry = shown.entry;
        if render::offer(member, entry) == Offer::Skip {
            return Ok(None);
        }
        match render::item(member, shown) {
            Some(item) => Ok(Some(item)),
            None => news::item(self, member, shown).await,
        }
    }
}

/// The vendor's word for a kind of device. Its REST API has letters for them.
fn platform(class: &DeviceClass) -> &'static str {
    match class {
        DeviceClass::Android => "Android",
        DeviceClass::Ios => "ios",
        DeviceClass::Desktop => "pc",
        DeviceClass::Web | DeviceClass::Custom(_) => "web",
    }
}
