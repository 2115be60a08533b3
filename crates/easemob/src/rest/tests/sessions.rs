//! Who is connected, and forcing them off, with devices that logged in as MSYNC does it.

use std::sync::Arc;

use app::LogIn;
use bus::{Bus, LocalBus, Subscriber};
use domain::device::Login;
use kv::MemoryKv;
use model::{CloseCause, CloseTarget, ConnectionId, DeviceClass, Hint, Resource};
use parking_lot::Mutex;
use serde_json::json;

use super::World;

#[derive(Debug, Default)]
pub(super) struct Closed(pub(super) Mutex<Vec<(CloseTarget, CloseCause)>>);

impl Subscriber for Closed {
    fn hint(&self, hint: &Hint) {
        if let Hint::Close { target, cause, .. } = hint {
            self.0.lock().push((target.clone(), cause.clone()));
        }
    }
}

pub(super) async fn connect(world: &World, user: &str, resource: &str, number: u64) {
    let device = Login {
        resource: Resource::parse(resource).unwrap(),
        uuid: format!("uuid-{number}"),
        name: "webim".into(),
        class: DeviceClass::Web,
        login: format!("{number}"),
        manual: false,
        notice: String::new(),
        connection: ConnectionId { boot: world.use_cases.boot(), number },
    };
    let token = world.user_token(user).await;
    let log_in = LogIn { app_key: "demo#kith".into(), username: user.into(), token, device };
    world.use_cases.log_in(log_in, |_, _| Ok(())).await.unwrap().arriving.stay();
}

#[tokio::test]
async fn a_connected_device_is_seen_and_forced_off() {
    let bus = Arc::new(LocalBus::new());
    let closed = Arc::new(Closed::default());
    bus.subscribe(Arc::clone(&closed) as Arc<dyn Subscriber>);
    let world = World::on(Arc::new(MemoryKv::new()), bus).await;
    connect(&world, "alice", "webim_web_1", 1).await;
    connect(&world, "alice", "webim_web_2", 2).await;

    let status = world.back_end("GET", "/users/alice/status", None).await.ok();
    assert_eq!(status.body["data"], json!({ "alice": "online" }));
    let batch = Some(json!({ "usernames": ["alice", "bob"] }));
    let statuses = world.back_end("POST", "/users/batch/status", batch).await.ok();
    assert_eq!(statuses.body["data"], json!([{ "alice": "online" }, { "bob": "offline" }]));

    let alice = world.user_token("alice").await;
    let devices = world.call("GET", "/users/alice/resources", Some(&alice), None).await.ok();
    assert_eq!(
        devices.body["data"],
        json!([
            { "res": "webim_web_1", "device_uuid": "uuid-1", "device_name": "webim" },
            { "res": "webim_web_2", "device_uuid": "uuid-2", "device_name": "webim" },
        ])
    );

    // The documented method, the Java library's, and all at once.
    for (method, path, devices) in [
        ("DELETE", "/users/alice/disconnect/webim_web_1", 1),
        ("GET", "/users/alice/disconnect/webim_web_2", 1),
        ("GET", "/users/alice/disconnect", 1),
    ] {
        let reply = world.back_end(method, path, None).await.ok();
        assert_eq!(reply.body["data"], json!({ "result": true }), "{path}");
        let told = std::mem::take(&mut *closed.0.lock());
        assert_eq!(told.len(), devices, "{path}");
        assert_eq!(told[0].1, CloseCause::KickedByDevice, "{path}");
    }
}

// The web SDKs renew a token on a live connection by asking for its end over REST; nothing comes by the socket.
#[tokio::test]
async fn asking_for_the_end_of_a_newer_token_renews_the_connected_user() {
    let world = World::new().await;
    connect(&world, "alice", "webim_web_1", 1).await;
    let uid = world.use_cases.find_user(&world.app, "alice").await.unwrap().unwrap().user.uid;
    let until = || world.use_cases.renewed_until(world.app.value.id, uid);
    assert_eq!(until(), None);
    let token = world.user_token("alice").await;
    let reply = world.call("GET", "/sdk/users/alice/token/expires", Some(&token), None).await.ok();
    assert_eq!(until().map(|until| until.0), reply.body["expire_timestamp"].as_u64());
}

#[tokio::test]
async fn sessions_end_with_the_password_the_activation_and_the_account() {
    let bus = Arc::new(LocalBus::new());
    let closed = Arc::new(Closed::default());
    bus.subscribe(Arc::clone(&closed) as Arc<dyn Subscriber>);
    let world = World::on(Arc::new(MemoryKv::new()), bus).await;
    let password = Some(json!({ "newpassword": "new" }));
    world.back_end("PUT", "/users/alice/password", password).await.ok();
    world.back_end("POST", "/users/alice/deactivate", None).await.ok();
    world.back_end("DELETE", "/users/alice", None).await.ok();
    let causes: Vec<_> = closed.0.lock().iter().map(|(_, cause)| cause.clone()).collect();
    assert_eq!(causes, [CloseCause::PasswordChanged, CloseCause::UserDeactivated, CloseCause::UserRemoved]);
}
