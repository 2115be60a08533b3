//! The recorder of metrics, one for the process, and the server's own metrics.
//!
//! The other crates name and explain theirs; here they become Prometheus' text.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};

use crate::status::Status;

/// From a tenth of a millisecond, which a flush on a good disk takes, to the patience of clients.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];
/// Jobs of a commit group, and other counts.
const COUNTS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// How often samples of histograms are moved out of their buffers, which would grow otherwise.
const UPKEEP: Duration = Duration::from_secs(5);

/// Handle to the process' recorder.
#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the recorder, once a process. Call it before anything keeps handles to metrics.
    pub(crate) fn install() -> Self {
        static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
        let handle = RECORDER.get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
                .and_then(|builder| builder.set_buckets(&COUNTS))
                .expect("neither list of buckets is empty")
                .build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("this process has another recorder of metrics; /metrics stays empty");
            }
            describe();
            handle
        });
        gauge!("kith_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        Self(handle.clone())
    }

    /// Runs until it is dropped.
    pub(crate) async fn keep_up(self) {
        let mut ticks = interval(UPKEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.0.run_upkeep();
        }
    }

    /// All metrics at this moment.
    pub(crate) fn render(&self, status: &Status) -> String {
        gauge!("kith_uptime_seconds").set(status.uptime().as_secs_f64());
        self.0.render()
    }
}

fn describe() {
    describe_gauge!("kith_build_info", "1, with the version of this build.");
    describe_counter!(
        "kith_panics_total",
        "Panics, wherever they were caught. Each is a bug and an error line."
    );
    describe_counter!(
        "kith_job_panics_total",
        "Background jobs and webhooks that panicked and were begun again."
    );
    describe_gauge!("kith_uptime_seconds", Unit::Seconds, "Time since the server started.");
}
