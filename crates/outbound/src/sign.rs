//! How a receiver knows that a call is from this server, for this rule, and not an old one sent again.
//!
//! The vendor's own signature (an MD5 in the body, written by the dialect) covers neither the body nor its repetition;
//! this one does both. `docs/webhooks.md` shows how to check it.

use app::ports::HookCall;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// `t=<milliseconds since 1970>,v1=<hexadecimal HMAC-SHA-256>`.
pub const SIGNATURE_HEADER: &str = "x-kith-signature";

/// The header's value for a call: HMAC-SHA-256 under the rule's secret over the time, a full stop and the body.
pub fn signature(call: &HookCall) -> String {
    let time = call.at.0;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(call.secret.0.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(time.to_string().as_bytes());
    mac.update(b".");
    mac.update(&call.body);
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={time},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::hook::Secret;
    use model::Timestamp;
    use std::time::Duration;

    // The digest is that of `printf '%s' '1795220913000.{"a":1}' | openssl dgst -sha256 -hmac 's3cret'`.
    #[test]
    fn the_signature_is_what_openssl_makes_of_time_and_body() {
        let call = HookCall {
            url: String::new(),
            secret: Secret("s3cret".to_owned()),
            body: Bytes::from_static(b"{\"a\":1}"),
            timeout: Duration::ZERO,
            private_targets: false,
            key: String::new(),
            at: Timestamp(1_795_220_913_000),
        };
        assert_eq!(
            signature(&call),
            "t=1795220913000,v1=d915e2538a1094d2fac463f486c8dd315b1e80bb985e505a58fded4e09507ac9"
        );
    }
}
