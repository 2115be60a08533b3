//! What HTTP answers to a failed call carry beside their bodies, whoever writes them: the vendors' routes, the
//! server's own, the gateway. What stands in a vendor's body is [`crate::rest_answer`]'s.

use std::time::Duration;

/// Names the condition.
pub const CONDITION_HEADER: &str = "x-kith-condition";
/// Names the line in the server's log.
pub const TRACE_HEADER: &str = "x-kith-trace";
/// `Access-Control-Expose-Headers`: a page of another origin can't read them otherwise.
pub const EXPOSED_HEADERS: &str = "x-kith-condition, x-kith-trace, retry-after";

/// The value of `Retry-After`: whole seconds, never too early, at least one.
pub fn retry_after_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        let seconds = |millis| retry_after_seconds(Duration::from_millis(millis));
        assert_eq!([0, 1, 1_000, 1_001, 59_999].map(seconds), [1, 1, 1, 2, 60]);
        assert_eq!(retry_after_seconds(Duration::MAX), u64::MAX);
    }
}
