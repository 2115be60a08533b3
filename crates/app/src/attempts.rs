//! Slows down the guessing of passwords: failed tries are counted a minute, by account and by address.
//!
//! A right password is taken out of the count again, so a client that logs in often is never stopped.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use model::{AddressBlock, AppId, Timestamp, Username};
use parking_lot::Mutex;

const WINDOW: Duration = Duration::from_secs(60);
/// Failed tries at one account in a window (reliability.md row 33).
const PER_ACCOUNT: u32 = 10;
/// Failed tries from one address in a window: a whole office may sit behind one.
const PER_ADDRESS: u32 = 100;
/// Accounts and addresses that are watched at once; above it the count begins anew for all.
const WATCHED: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    Account(AppId, Username),
    Address(AddressBlock),
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
    /// Begins a try at an account's password, if another one is allowed. It counts as failed until
    /// [`Attempts::take_back`] says otherwise, so that many at the same moment are as few as one after the other.
    ///
    /// # Errors
    /// The time until the window ends.
    pub fn begin(
        &self,
        app: AppId,
        name: &Username,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Duration> {
        let mut window = self.window.lock();
        window.move_to(now);
        let wait = WINDOW.saturating_sub(now.since(window.began));
        let failed_at =
            |address: IpAddr| window.failures.get(&Subject::Address(address.into())).copied().unwrap_or(0);
        if address.is_some_and(|address| failed_at(address) >= PER_ADDRESS) {
            return Err(wait);
        }
        let tries = window.count(Subject::Account(app, name.clone()));
        if *tries >= PER_ACCOUNT {
            return Err(wait);
        }
        *tries += 1;
        Ok(())
    }

    /// The password was right, or could not be tried.
    pub fn take_back(&self, app: AppId, name: &Username) {
        let mut window = self.window.lock();
        let subject = Subject::Account(app, name.clone());
        if let Some(tries) = window.failures.get_mut(&subject) {
            *tries = tries.saturating_sub(1);
            if *tries == 0 {
                window.failures.remove(&subject);
            }
        }
    }

    /// The password was wrong. The account's count has it already; now the address has it too: only here, since
    /// many right passwords may come from one address at the same moment.
    pub fn failed(&self, address: Option<IpAddr>, now: Timestamp) {
        let mut window = self.window.lock();
        window.move_to(now);
        if let Some(address) = address {
            *window.count(Subject::Address(address.into())) += 1;
        }
    }
}

impl Window {
    /// Begins anew when the window is over, and when the clock was set back: otherwise it would last until
    /// the clock has caught up.
    fn move_to(&mut self, now: Timestamp) {
        if now < self.began || now.since(self.began) >= WINDOW {
            *self = Self { began: now, failures: AHashMap::new() };
        }
    }

    fn count(&mut self, subject: Subject) -> &mut u32 {
        if self.failures.len() >= WATCHED && !self.failures.contains_key(&subject) {
            self.failures.clear();
        }
        self.failures.entry(subject).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: AppId = AppId(1);

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    /// Begins tries until one is refused; returns how many began.
    fn begun(attempts: &Attempts, account: &str, at: u64) -> usize {
        (0..50).take_while(|_| attempts.begin(APP, &name(account), None, Timestamp(at)).is_ok()).count()
    }

    #[test]
    fn the_eleventh_wrong_password_in_a_minute_is_not_tried() {
        let attempts = Attempts::default();
        assert_eq!(begun(&attempts, "alice", 100_000), 10, "also when none of them has ended yet");
        let wait = attempts.begin(APP, &name("alice"), None, Timestamp(110_000));
        assert_eq!(wait, Err(Duration::from_secs(50)));
        assert_eq!(attempts.begin(APP, &name("bob"), None, Timestamp(110_000)), Ok(()));
        assert_eq!(begun(&attempts, "alice", 160_000), 10);
    }

    #[test]
    fn right_passwords_are_never_too_many() {
        let attempts = Attempts::default();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        for _ in 0..1_000 {
            assert_eq!(attempts.begin(APP, &name("alice"), address, Timestamp(100_000)), Ok(()));
            attempts.take_back(APP, &name("alice"));
        }
        assert!(attempts.window.lock().failures.is_empty(), "nothing is remembered of them");
        assert_eq!(begun(&attempts, "alice", 100_000), 10);
    }

    #[test]
    fn an_address_that_guesses_at_many_accounts_is_stopped() {
        let attempts = Attempts::default();
        let address = Some(IpAddr::from([10, 0, 0, 1]));
        for number in 0..100 {
            let account = name(&format!("user{number}"));
            assert_eq!(attempts.begin(APP, &account, address, Timestamp(100_000)), Ok(()));
            attempts.failed(address, Timestamp(100_000));
        }
        assert!(attempts.begin(APP, &name("alice"), address, Timestamp(100_000)).is_err());
        assert_eq!(attempts.begin(APP, &name("alice"), None, Timestamp(100_000)), Ok(()));
    }

    #[test]
    fn a_guesser_with_a_whole_ipv6_network_is_one_guesser() {
        let attempts = Attempts::default();
        let address = |host: u16| Some(IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, host]));
        (0..100).for_each(|host| attempts.failed(address(host), Timestamp(100_000)));
        assert!(attempts.begin(APP, &name("alice"), address(500), Timestamp(100_000)).is_err());
        let neighbour = Some(IpAddr::from([0x2001, 0xdb8, 1, 3, 0, 0, 0, 1]));
        assert_eq!(attempts.begin(APP, &name("alice"), neighbour, Timestamp(100_000)), Ok(()));
    }

    // reliability.md row 49
    #[test]
    fn a_clock_that_was_set_back_locks_nobody_out() {
        let attempts = Attempts::default();
        assert_eq!(begun(&attempts, "alice", 9_000_000_000), 10);
        assert_eq!(begun(&attempts, "alice", 100_000), 10);
        assert!(attempts.begin(APP, &name("alice"), None, Timestamp(101_000)).is_err());
    }
}
