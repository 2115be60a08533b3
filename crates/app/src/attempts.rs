//! Slows down the guessing of passwords: failed tries are counted a minute, by account and by address.
//!
//! Only failures count, so a client that logs in often with the right password is never stopped.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use model::{AppId, Timestamp, Username};
use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(60);
/// Failed tries at one account in a window (reliability.md row 33).
const PER_ACCOUNT: u32 = 10;
/// Failed tries from one address in a window: a whole office may sit behind one.
const PER_ADDRESS: u32 = 100;
/// Accounts and addresses that are watched at once; above it the window begins anew for all.
const WATCHED: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Account(AppId, Username),
    Address(IpAddr),
}

/// Failed tries of the present window.
#[derive(Debug, Default)]
pub struct Attempts {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    began: Timestamp,
    failures: AHashMap<Subject, u32>,
}

impl Attempts {
    /// Whether another try is allowed; if not, how long to wait.
    ///
    /// # Errors
    /// The time until the window ends.
    pub fn check(
        &self,
        app: AppId,
        name: &Username,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let window = self.window.lock();
        let age = now.since(window.began);
        if age >= WINDOW {
            return Ok(());
        }
        let failures = |subject| window.failures.get(&subject).copied().unwrap_or(0);
        let account = failures(Subject::Account(app, name.clone())) >= PER_ACCOUNT;
        let address = address.is_some_and(|address| failures(Subject::Address(address)) >= PER_ADDRESS);
        if account || address { Err(WINDOW.saturating_sub(age)) } else { Ok(()) }
    }

    /// Counts a failed try.
    pub fn failed(&self, app: AppId, name: &Username, address: Option<IpAddr>, now: Timestamp) {
        let mut window = self.window.lock();
        if now.since(window.began) >= WINDOW || window.failures.len() >= WATCHED {
            *window = Window { began: now, failures: AHashMap::new() };
        }
        let account = Subject::Account(app, name.clone());
        for subject in [Some(account), address.map(Subject::Address)].into_iter().flatten() {
            *window.failures.entry(subject).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_wrong_password_in_a_minute_is_not_tried() {
        let attempts = Attempts::default();
        let (app, name) = (AppId(1), Username::parse("alice").unwrap());
        for _ in 0..10 {
            assert_eq!(attempts.check(app, &name, None, Timestamp(100_000)), Ok(()));
            attempts.failed(app, &name, None, Timestamp(100_000));
        }
        let wait = attempts.check(app, &name, None, Timestamp(110_000));
        assert_eq!(wait, Err(Duration::from_secs(50)));
        let other = Username::parse("bob").unwrap();
        assert_eq!(attempts.check(app, &other, None, Timestamp(110_000)), Ok(()));
        assert_eq!(attempts.check(app, &name, None, Timestamp(160_000)), Ok(()));
    }
}
