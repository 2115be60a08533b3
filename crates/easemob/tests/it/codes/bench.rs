//! A house with its REST API, and what was seen, in one line.

use std::sync::Arc;

use app::ports::{CallFailed, HookCall, Ports, PreSend};
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use domain::app::Settings;
use domain::hook::{self, RuleKind, RuleSpec};
use easemob::hooks::EasemobForms;
use easemob::rest::{Options, router};
use easemob_wire::client::Downlink;
use easemob_wire::pb::message_body::Type;
use easemob_wire::pb::muc_body::Operation;
use easemob_wire::{JidRef, pb};
use http::{Request, StatusCode};
use prost::Message as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::FINE;
use crate::msync::house::{APP, Client, House, LoginForm, text_body};

/// One app with the users alice, bob and carol; anybody may register.
pub(super) struct Bench {
    pub(super) house: House,
    router: Router,
}

/// The app's own server, which lets nobody say "refused".
#[derive(Debug)]
struct Censor;

#[async_trait]
impl PreSend for Censor {
    async fn ask(&self, call: HookCall) -> Result<Bytes, CallFailed> {
        let is_refused = call.body.windows(7).any(|window| window == b"refused");
        let answer = if is_refused { r#"{"valid":false,"code":"no ads"}"# } else { r#"{"valid":true}"# };
        Ok(Bytes::from_static(answer.as_bytes()))
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let ports = Ports { forms: Arc::new(EasemobForms), pre_send: Arc::new(Censor), ..Ports::default() };
        let settings = Settings { open_registration: true, ..Settings::default() };
        let house = House::with_ports(settings, ports);
        let router = router(Arc::clone(&house.use_cases), Options::default());
        let bench = Self { house, router };
        ["alice", "bob", "carol"].iter().for_each(|name| bench.house.register(name));
        bench
    }

    pub(super) fn set(&self, name: &str, value: &str) {
        self.house.set(name, value);
    }

    /// The app asks its own server before each message.
    pub(super) fn ask_before_sending(&self) {
        let spec = RuleSpec {
            name: "censor".to_owned(),
            url: "http://example.com/".to_owned(),
            enabled: true,
            conversations: Vec::new(),
            environment: None,
            kind: RuleKind::PreSend(hook::PreSend { report: true, ..hook::PreSend::default() }),
        };
        self.house.wait(self.house.use_cases.add_hook(&APP.parse().unwrap(), spec)).unwrap();
    }

    pub(super) fn app_token(&self) -> String {
        let tenant = self.house.tenant();
        let credentials = json!({
            "grant_type": "client_credentials",
            "client_id": tenant.value.client_id,
            "client_secret": tenant.value.secrets.client_secret,
        });
        let body = self.call("POST", "/token", None, Some(&credentials)).1;
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A call by anybody: its status, body and condition.
    fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (StatusCode, Value, String) {
        let mut request = Request::builder().method(method).uri(format!("/org/app{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap())
    }

    pub(super) fn send(&self, request: Request<Body>) -> (StatusCode, Value, String) {
        self.house.wait(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let condition = response.headers().get("x-kith-condition");
            let condition = condition.map_or("", |value| value.to_str().unwrap()).to_owned();
            let status = response.status();
            let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            (status, serde_json::from_slice(&bytes).unwrap_or_default(), condition)
        })
    }

    pub(super) fn anybody(&self, method: &str, path: &str, body: Value) -> String {
        rest(self.call(method, path, None, Some(&body)))
    }

    pub(super) fn with_token(&self, token: &str, method: &str, path: &str, body: Value) -> String {
        rest(self.call(method, path, Some(token), Some(&body).filter(|body| !body.is_null())))
    }

    pub(super) fn back_end(&self, method: &str, path: &str, body: Value) -> String {
        let token = self.app_token();
        rest(self.call(method, path, Some(&token), Some(&body).filter(|body| !body.is_null())))
    }

    pub(super) fn user(&self, user: &str, method: &str, path: &str, body: Value) -> String {
        let token = self.house.token(user, None);
        rest(self.call(method, path, Some(&token), Some(&body).filter(|body| !body.is_null())))
    }

    /// alice's group `team` with bob in it.
    pub(super) fn team(&self, more: &[(&str, Value)]) {
        let mut body = json!({ "groupid": "team", "groupname": "Team", "public": true, "owner": "alice" });
        body["members"] = json!(["bob"]);
        more.iter().for_each(|(name, value)| body[*name] = value.clone());
        assert_eq!(self.back_end("POST", "/chatgroups", body), FINE);
    }

    /// alice's room `hall`, with nobody in it.
    pub(super) fn hall(&self, more: &[(&str, Value)]) {
        let mut body =
            json!({ "chatroomid": "hall", "name": "Hall", "description": "Talk", "owner": "alice" });
        more.iter().for_each(|(name, value)| body[*name] = value.clone());
        assert_eq!(self.back_end("POST", "/chatrooms", body), FINE);
    }

    /// A device of a user's, logged in.
    pub(super) fn log_in(&self, user: &str, resource: &str) -> Client<'_> {
        self.house.log_in(user, resource)
    }

    /// What a login is answered.
    pub(super) fn try_login(&self, form: LoginForm<'_>) -> String {
        let mut client = self.house.connect();
        client.log_in(form);
        let said = client.said();
        let Some(Downlink::Provision(provision)) = said.first() else { panic!("{said:?}") };
        status("login", provision.status.as_ref())
    }
}

/// How a call ended.
pub(super) fn rest((status, body, condition): (StatusCode, Value, String)) -> String {
    if status == 200 {
        return FINE.to_owned();
    }
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    format!("{} {}: {} [{condition}]", status.as_u16(), text("error"), text("error_description"))
}

fn status(what: &str, status: Option<&pb::Status>) -> String {
    let status = status.expect("every answer has one");
    if status.error_code() == pb::status::ErrorCode::Ok {
        return FINE.to_owned();
    }
    format!("{what} {} {} [{}]", status.error_code() as i32, status.reason(), status.condition())
}

/// What a send is answered.
pub(super) fn sent(answer: &pb::CommSyncDl) -> String {
    status("send", answer.status.as_ref())
}

/// Says something to a group or room.
pub(super) fn say_in(client: &mut Client<'_>, conversation: &str, body_type: Type, text: &str) -> String {
    let body = pb::MessageBody { r#type: Some(body_type.into()), ..text_body(text) };
    sent(&client.send_meta(meta(conversation, &body)))
}

pub(super) fn meta(conversation: &str, body: &pb::MessageBody) -> pb::Meta {
    pb::Meta {
        to: Some(JidRef::group(APP, conversation).into()),
        ns: Some(1),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    }
}

/// Enters a room.
pub(super) fn enter(client: &mut Client<'_>, room: &str) -> String {
    let body = pb::MucBody {
        muc_id: Some(JidRef::group(APP, room).into()),
        is_chatroom: Some(true),
        operation: Some(Operation::Join.into()),
        ..Default::default()
    };
    sent(&client.send_meta(pb::Meta {
        ns: Some(2),
        payload: Some(body.encode_to_vec().into()),
        ..Default::default()
    }))
}

/// How a connection ended: the forced logout that was said, or the close without a word.
pub(super) fn ended(bench: &Bench, client: &mut Client<'_>) -> String {
    bench.house.settle(&mut [client]);
    let kick = client.said().into_iter().find_map(|downlink| match downlink {
        Downlink::Sync(sync) => sync.metas.iter().find_map(|meta| {
            if meta.ns() != pb::meta::NameSpace::Statistic {
                return None;
            }
            let body = pb::StatisticsBody::decode(meta.payload.clone()?).ok()?;
            Some(body.operation() as i32)
        }),
        _ => None,
    });
    match (kick, client.closed()) {
        (Some(operation), Some(reason)) => format!("kick {operation} [{reason}]"),
        (None, Some(reason)) => format!("close [{reason}]"),
        (_, None) => FINE.to_owned(),
    }
}
