//! Passwords: argon2id over HMAC(pepper, MD5 hex of the password), in a bounded pool.
//!
//! The MD5 stands inside because JMessage's web SDK sends nothing else; it adds no strength and takes none
//! away. The pepper lies in a file beside the data, so that stolen data alone can't be tried.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use conditions::Condition;
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use store::PasswordHash;
use tokio::sync::Semaphore;

use crate::{Error, random};

/// Hashes that may wait for the pool; one more is answered with "busy".
const WAITING: usize = 512;

/// The secret that is mixed into every password.
#[derive(Clone)]
pub struct Pepper(pub [u8; 32]);

impl Pepper {
    /// A new one, for a fresh data folder.
    pub fn random() -> Self {
        Self(random::bytes())
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// A password as a client says it.
#[derive(Clone, Copy)]
pub enum Password<'a> {
    Plain(&'a str),
    /// Its MD5 in hexadecimal digits, which is all that some clients send.
    Digest(&'a str),
}

impl<'a, T: AsRef<str> + ?Sized> From<&'a T> for Password<'a> {
    fn from(plain: &'a T) -> Self {
        Self::Plain(plain.as_ref())
    }
}

impl std::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// How passwords are hashed.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    pub pepper: Pepper,
    /// Memory of one hash in KiB. Stored hashes keep the parameters that they were made with.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Hashes computed at the same time.
    pub parallel: usize,
}

impl PasswordSettings {
    /// 4 MiB and 3 passes, some 6 ms of one core (architecture.md section 7); one core of the machine's.
    pub fn new(pepper: Pepper, cores: usize) -> Self {
        Self { pepper, memory_kib: 4096, passes: 3, parallel: cores.max(1) }
    }
}

#[derive(Debug)]
pub(crate) struct Passwords {
    pepper: Pepper,
    argon2: Arc<Argon2<'static>>,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Verified against when there is no account, so that "unknown user" costs what a wrong password does.
    decoy: PasswordHash,
}

impl Passwords {
    pub(crate) fn new(settings: PasswordSettings) -> Self {
        let params = Params::new(settings.memory_kib, settings.passes, 1, Some(32))
            .expect("the settings are inside argon2's limits");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = hash(&argon2, &random::bytes::<32>());
        Self {
            pepper: settings.pepper,
            argon2: Arc::new(argon2),
            permits: Arc::new(Semaphore::new(settings.parallel)),
            waiting: AtomicUsize::new(0),
            decoy,
        }
    }

    /// # Errors
    /// `server_busy` when too many hashes wait.
    pub(crate) async fn hash(&self, password: impl Into<Password<'_>>) -> Result<PasswordHash, Error> {
        let input = self.input(password.into());
        let argon2 = Arc::clone(&self.argon2);
        self.run(move || hash(&argon2, &input)).await
    }

    /// Whether the password is the one of the hash. Without a hash it costs the same and is `false`.
    ///
    /// # Errors
    /// `server_busy` when too many hashes wait.
    pub(crate) async fn verify(
        &self,
        password: impl Into<Password<'_>>,
        stored: Option<&PasswordHash>,
    ) -> Result<bool, Error> {
        let input = self.input(password.into());
        let argon2 = Arc::clone(&self.argon2);
        let known = stored.filter(|stored| !stored.0.is_empty());
        let is_known = known.is_some();
        let against = known.unwrap_or(&self.decoy).clone();
        let matches = self
            .run(move || {
                phc::PasswordHash::new(&against.0)
                    .is_ok_and(|parsed| argon2.verify_password(&input, &parsed).is_ok())
            })
            .await?;
        Ok(matches && is_known)
    }

    fn input(&self, password: Password<'_>) -> [u8; 32] {
        let digest: String = match password {
            Password::Plain(plain) => {
                Md5::digest(plain.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
            }
            Password::Digest(digest) => digest.to_ascii_lowercase(),
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.pepper.0).expect("HMAC takes keys of any length");
        mac.update(digest.as_bytes());
        mac.finalize().into_bytes().into()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Place::take(&self.waiting).ok_or_else(|| Error::plain(Condition::ServerBusy))?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        drop(place);
        let permit = permit.expect("the pool is never closed");
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        task.await.map_err(|_| Error::plain(Condition::InternalError))
    }
}

/// A place among those who wait for the pool. Given back when dropped: a caller may give up while he waits.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(argon2: &Argon2<'_>, input: &[u8; 32]) -> PasswordHash {
    let hashed: phc::PasswordHash = argon2
        .hash_password_with_salt(input, &random::bytes::<16>())
        .expect("the parameters and the salt's length are fixed and legal");
    PasswordHash(hashed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passwords(pepper: u8) -> Passwords {
        Passwords::new(PasswordSettings {
            memory_kib: 64,
            passes: 1,
            ..PasswordSettings::new(Pepper([pepper; 32]), 2)
        })
    }

    #[tokio::test]
    async fn a_password_and_its_digest_are_one() {
        let passwords = passwords(1);
        let stored = passwords.hash("secret").await.unwrap();
        let digest = "5EBE2294ECD0E0F08EAB7690D2A6EE69";
        assert!(passwords.verify(Password::Digest(digest), Some(&stored)).await.unwrap());
        let stored = passwords.hash(Password::Digest(digest)).await.unwrap();
        assert!(passwords.verify("secret", Some(&stored)).await.unwrap());
        assert!(!passwords.verify(digest, Some(&stored)).await.unwrap(), "the digest is no password");
    }

    #[tokio::test]
    async fn the_right_password_and_pepper_match_and_nothing_else_does() {
        let passwords_one = passwords(1);
        let stored = passwords_one.hash("secret").await.unwrap();
        assert!(stored.0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", stored.0);
        assert!(passwords_one.verify("secret", Some(&stored)).await.unwrap());
        assert!(!passwords_one.verify("Secret", Some(&stored)).await.unwrap());
        assert!(!passwords(2).verify("secret", Some(&stored)).await.unwrap());
        assert!(!passwords_one.verify("", None).await.unwrap());
        assert!(!passwords_one.verify("", Some(&PasswordHash(String::new()))).await.unwrap());
    }

    #[tokio::test]
    async fn callers_who_give_up_while_they_wait_leave_their_places_to_others() {
        let passwords = passwords(1);
        let all = passwords.permits.acquire_many(2).await.unwrap();
        for _ in 0..=WAITING {
            let given_up = tokio::time::timeout(std::time::Duration::ZERO, passwords.hash("secret")).await;
            assert!(given_up.is_err(), "it did not wait: {given_up:?}");
        }
        drop(all);
        assert!(passwords.hash("secret").await.is_ok());
    }

    #[tokio::test]
    async fn one_more_than_may_wait_is_told_that_the_server_is_busy() {
        let passwords = passwords(1);
        let _all = passwords.permits.acquire_many(2).await.unwrap();
        let places: Vec<_> = (0..WAITING).map(|_| Place::take(&passwords.waiting).unwrap()).collect();
        let refused = passwords.hash("secret").await.unwrap_err();
        assert_eq!(refused.condition(), Condition::ServerBusy);
        drop(places);
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
    }
}
