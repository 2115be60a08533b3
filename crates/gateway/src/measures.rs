//! The gateway's metrics: their names, their help, and handles that cost an atomic addition.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

/// Handles to all metrics of this crate. Made once, after the recorder was installed.
pub(crate) struct Measures {
    pub(crate) connections_open: Gauge,
    pub(crate) connections_accepted: Counter,
    pub(crate) accept_errors: Counter,
    pub(crate) refused_address_limit: Counter,
    pub(crate) refused_user_limit: Counter,
    pub(crate) refused_handshake: Counter,
    pub(crate) refused_tls: Counter,
    pub(crate) refused_upgrade: Counter,
    pub(crate) handshakes_in_flight: Gauge,
    pub(crate) frames_received: Counter,
    pub(crate) frames_sent: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) mailbox_merges: Counter,
    pub(crate) mailbox_drops: Counter,
    pub(crate) mailbox_overflows: Counter,
    pub(crate) closed_slow_reader: Counter,
    pub(crate) closed_idle: Counter,
    pub(crate) closed_no_login: Counter,
    pub(crate) closed_violation: Counter,
    pub(crate) closed_draining: Counter,
    pub(crate) perform_seconds: Histogram,
    pub(crate) performs_abandoned: Counter,
    pub(crate) panics: Counter,
    pub(crate) tls_reloads: Counter,
    pub(crate) tls_reload_errors: Counter,
}

impl Measures {
    pub(crate) fn new() -> Self {
        describe();
        Self {
            connections_open: gauge!("gateway_connections_open"),
            connections_accepted: counter!("gateway_connections_accepted_total"),
            accept_errors: counter!("gateway_accept_errors_total"),
            refused_address_limit: counter!("gateway_refused_total", "cause" => "address_limit"),
            refused_user_limit: counter!("gateway_refused_total", "cause" => "user_limit"),
            refused_handshake: counter!("gateway_refused_total", "cause" => "handshake"),
            refused_tls: counter!("gateway_refused_total", "cause" => "tls"),
            refused_upgrade: counter!("gateway_refused_total", "cause" => "upgrade"),
            handshakes_in_flight: gauge!("gateway_handshakes_in_flight"),
            frames_received: counter!("gateway_frames_received_total"),
            frames_sent: counter!("gateway_frames_sent_total"),
            bytes_received: counter!("gateway_bytes_received_total"),
            bytes_sent: counter!("gateway_bytes_sent_total"),
            mailbox_merges: counter!("gateway_mailbox_merges_total"),
            mailbox_drops: counter!("gateway_mailbox_drops_total"),
            mailbox_overflows: counter!("gateway_mailbox_overflows_total"),
            closed_slow_reader: counter!("gateway_closed_total", "cause" => "slow_reader"),
            closed_idle: counter!("gateway_closed_total", "cause" => "idle"),
            closed_no_login: counter!("gateway_closed_total", "cause" => "no_login"),
            closed_violation: counter!("gateway_closed_total", "cause" => "violation"),
            closed_draining: counter!("gateway_closed_total", "cause" => "draining"),
            perform_seconds: histogram!("gateway_perform_seconds"),
            performs_abandoned: counter!("gateway_performs_abandoned_total"),
            panics: counter!("gateway_panics_total"),
            tls_reloads: counter!("gateway_tls_reloads_total", "result" => "loaded"),
            tls_reload_errors: counter!("gateway_tls_reloads_total", "result" => "refused"),
        }
    }
}

fn describe() {
    describe_gauge!("gateway_connections_open", "Sessions that have a socket now.");
    describe_counter!("gateway_connections_accepted_total", "Sockets accepted, of clients and of REST.");
    describe_counter!("gateway_accept_errors_total", "Sockets that the system could not give us.");
    describe_counter!("gateway_refused_total", "Sockets and logins refused, by cause.");
    describe_gauge!("gateway_handshakes_in_flight", "Sockets before their upgrade or first request.");
    describe_counter!("gateway_frames_received_total", "Whole messages from clients.");
    describe_counter!("gateway_frames_sent_total", "Whole messages to clients.");
    describe_counter!("gateway_bytes_received_total", Unit::Bytes, "Bytes of messages from clients.");
    describe_counter!("gateway_bytes_sent_total", Unit::Bytes, "Bytes of messages to clients.");
    describe_counter!(
        "gateway_mailbox_merges_total",
        "Hints replaced by a newer one of the same feed before the session saw them."
    );
    describe_counter!(
        "gateway_mailbox_drops_total",
        "Hints of what no feed holds (online-only messages, who came into a room) dropped for connections that are behind."
    );
    describe_counter!(
        "gateway_mailbox_overflows_total",
        "Connections closed because hints of too many feeds waited for them."
    );
    describe_counter!("gateway_closed_total", "Connections that the gateway ended, by cause.");
    describe_histogram!(
        "gateway_perform_seconds",
        Unit::Seconds,
        "Time of a session's event that had to wait for something."
    );
    describe_counter!(
        "gateway_performs_abandoned_total",
        "Events given up after the socket was gone and their time was over."
    );
    describe_counter!(
        "gateway_panics_total",
        "Panics caught; each closed one connection. Someone should look."
    );
    describe_counter!("gateway_tls_reloads_total", "Certificate files read again, by result.");
}
