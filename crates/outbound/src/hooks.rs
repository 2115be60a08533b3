//! The port that asks the apps' own servers, with figures about how they answer.

use app::ports::{CallFailed, Callbacks, Fetch, Fetched, Fetcher, HookCall, PreSend, PushCall, PushProvider};
use async_trait::async_trait;
use bytes::Bytes;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use tokio::time::Instant;

use crate::client::{Client, Options};

/// The way out of the house.
#[derive(Debug)]
pub struct Outbound {
    client: Client,
}

impl Outbound {
    pub fn new(options: &Options) -> Self {
        describe_counter!("kith_webhook_calls_total", "Calls of apps' own servers, by purpose and outcome.");
        describe_histogram!("kith_webhook_call_seconds", Unit::Seconds, "Time of one call, by purpose.");
        Self { client: Client::new(options) }
    }

    async fn call(&self, purpose: &'static str, call: HookCall) -> Result<Bytes, CallFailed> {
        let begun = Instant::now();
        let outcome = self.client.call(call).await;
        histogram!("kith_webhook_call_seconds", "purpose" => purpose).record(begun.elapsed().as_secs_f64());
        let name = outcome.as_ref().map_or_else(name_of, |_| "ok");
        counter!("kith_webhook_calls_total", "purpose" => purpose, "outcome" => name).increment(1);
        outcome
    }
}

fn name_of(failed: &CallFailed) -> &'static str {
    match failed {
        CallFailed::Url(_) => "bad_url",
        CallFailed::Target(_) => "refused_target",
        CallFailed::Connect(_) => "no_connection",
        CallFailed::Timeout(_) => "timeout",
        CallFailed::Status(_) => "status",
        CallFailed::TooLong => "too_long",
        CallFailed::Broken(_) => "broken",
        CallFailed::NoWayOut => "no_way_out",
    }
}

#[async_trait]
impl PreSend for Outbound {
    async fn ask(&self, call: HookCall) -> Result<Bytes, CallFailed> {
        self.call("pre_send", call).await
    }
}

#[async_trait]
impl Callbacks for Outbound {
    async fn tell(&self, call: HookCall) -> Result<(), CallFailed> {
        self.call("post_send", call).await.map(drop)
    }
}

/// The app's own server as a provider: it is given the notification as JSON.
#[async_trait]
impl PushProvider for Outbound {
    async fn push(&self, call: PushCall) -> Result<(), CallFailed> {
        let body =
            serde_json::to_vec(&call.notification).map_err(|error| CallFailed::Broken(error.to_string()))?;
        let PushCall { url, secret, timeout, private_targets, key, at, .. } = call;
        let call = HookCall { url, secret, body: body.into(), timeout, private_targets, key, at };
        self.call("push", call).await.map(drop)
    }
}

#[async_trait]
impl Fetcher for Outbound {
    async fn fetch(&self, fetch: Fetch) -> Result<Box<dyn Fetched>, CallFailed> {
        let outcome = self.client.fetch(&fetch).await;
        let name = outcome.as_ref().map_or_else(name_of, |_| "ok");
        counter!("kith_webhook_calls_total", "purpose" => "fetch", "outcome" => name).increment(1);
        Ok(Box::new(outcome?))
    }
}
