//! A house with both surfaces of the dialect, and what was answered, in one line.

use std::sync::Arc;

use app::By;
use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::group::CreateGroup;
use domain::keyword::{ListSpec, WordAction};
use http::Request;
use jmessage::rest::{Options, router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::FINE;
use crate::house::{Client, House};

/// One app with the users anna, bert and carl, and the administrator boss; anybody may register.
pub(super) struct Bench {
    pub(super) house: House,
    router: Router,
}

impl Bench {
    pub(super) fn new() -> Self {
        let house = House::new();
        let router = router(Arc::clone(&house.use_cases), Options::default());
        let bench = Self { house, router };
        ["anna", "bert", "carl"].iter().for_each(|name| bench.house.register(name));
        let boss = json!({ "username": "boss", "password": "secret" });
        assert_eq!(bench.rest("POST", "/v1/admins/", boss), FINE);
        bench
    }

    pub(super) fn set(&self, name: &str, value: &str) {
        self.house.set(name, value);
    }

    pub(super) fn log_in(&self, name: &str) -> Client<'_> {
        self.house.log_in(name)
    }

    /// A call of the app's back end.
    pub(super) fn rest(&self, method: &str, path: &str, body: Value) -> String {
        let face = self.house.tenant().value.jmessage.clone().unwrap();
        let pair = format!("{}:{}", face.key, face.master_secret);
        self.rest_as(Some(&pair), method, path, body)
    }

    /// A call with this key and secret.
    pub(super) fn rest_as(&self, pair: Option<&str>, method: &str, path: &str, body: Value) -> String {
        let mut request =
            Request::builder().method(method).uri(path).header("content-type", "application/json");
        if let Some(pair) = pair {
            request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap())
    }

    pub(super) fn send(&self, request: Request<Body>) -> String {
        self.house.wait(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status();
            if status.is_success() {
                return FINE.to_owned();
            }
            let condition = response.headers().get("x-kith-condition");
            let condition = condition.map_or("", |value| value.to_str().unwrap()).to_owned();
            let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body: Value = serde_json::from_slice(&bytes).unwrap();
            let (code, message) = (&body["error"]["code"], &body["error"]["message"]);
            format!("{} {code} {} [{condition}]", status.as_u16(), message.as_str().unwrap())
        })
    }

    /// anna's group with bert in it: her page, and its number.
    pub(super) fn team(&self, public: bool) -> (Client<'_>, u64) {
        let mut anna = self.log_in("anna");
        let made = anna.ask("create_group", json!({ "group_name": "Team", "is_limit": public })).is(0);
        let gid = made["gid"].as_u64().unwrap();
        self.add(gid, "bert");
        (anna, gid)
    }

    /// The back end adds somebody to a group.
    pub(super) fn add(&self, gid: u64, name: &str) {
        assert_eq!(self.rest("POST", &format!("/v2/groups/{gid}/addMembers"), json!([name])), FINE);
    }

    /// boss's room.
    pub(super) fn hall(&self) -> u64 {
        let command = CreateGroup {
            custom_id: None,
            name: "Hall".to_owned(),
            description: String::new(),
            avatar: String::new(),
            custom: String::new(),
            public: true,
            members_only: false,
            allow_invites: false,
            invite_need_confirm: false,
            max_users: None,
        };
        let (tenant, by) = (self.house.tenant(), By::back_end());
        let room = self.house.wait(self.house.use_cases.create_room(&tenant, &by, "boss", &[], &command));
        room.unwrap().public_id.as_str().parse().unwrap()
    }

    /// Messages with the word "casino" are refused.
    pub(super) fn forbid(&self) {
        let spec = ListSpec {
            name: "rude".to_owned(),
            kind: None,
            action: WordAction::Refuse,
            whole_text: false,
            enabled: true,
        };
        let (app, words) = (self.house.tenant().value.key.clone(), ["casino".to_owned()]);
        self.house.wait(self.house.use_cases.create_keyword_list(&app, &spec, &words, "")).unwrap();
    }
}

/// What a request of a page is answered.
pub(super) fn web(client: &mut Client<'_>, name: &str, data: Value) -> String {
    let answer = client.ask(name, data).0;
    assert!(answer["message"].as_str().is_some_and(|message| !message.is_empty()), "{answer}");
    match answer["code"].as_i64() {
        Some(0) => FINE.to_owned(),
        Some(code) => format!("{code} [{}]", answer["kith_condition"].as_str().unwrap()),
        None => panic!("{answer}"),
    }
}

/// Users as requests name them.
pub(super) fn users(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "username": name })).collect()
}
