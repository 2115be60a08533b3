//! Links to files that anybody may follow for a while, for vendors that hand out such (jmessage.md 1.3, "Resources").

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{AppId, FileId, Timestamp};
use sha2::Sha256;

/// How long a link is good.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// A link to one app's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLink {
    /// Seconds since 1970.
    pub expires: u64,
    /// Hexadecimal.
    pub signature: String,
}

impl FileLink {
    pub fn new(app: AppId, key: &[u8; 32], file: FileId, now: Timestamp) -> Self {
        let expires = now.plus(LIFE).0 / 1000;
        let signature = mac(app, key, file, expires).finalize().into_bytes();
        Self { expires, signature: signature.iter().map(|byte| format!("{byte:02x}")).collect() }
    }

    /// Whether it is one of ours, and good.
    pub fn is_good(&self, app: AppId, key: &[u8; 32], file: FileId, now: Timestamp) -> bool {
        let signature = (0..self.signature.len() / 2)
            .map(|place| u8::from_str_radix(self.signature.get(2 * place..2 * place + 2)?, 16).ok())
            .collect::<Option<Vec<u8>>>();
        // Every digit counts, so that no two texts are one link.
        let is_ours = self.signature.len() == 64
            && signature
                .is_some_and(|signature| mac(app, key, file, self.expires).verify_slice(&signature).is_ok());
        is_ours && self.expires > now.0 / 1000
    }
}

/// The key signs tokens too; the words in front keep the two apart.
fn mac(app: AppId, key: &[u8; 32], file: FileId, expires: u64) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(b"file link");
    mac.update(&app.0.to_be_bytes());
    mac.update(&file.0.to_be_bytes());
    mac.update(&expires.to_be_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_for_its_file_and_for_an_hour() {
        let (app, key, file, now) = (AppId(1), [7; 32], FileId(9), Timestamp(1_795_220_913_000));
        let link = FileLink::new(app, &key, file, now);
        assert!(link.is_good(app, &key, file, now.plus(LIFE - Duration::from_secs(1))));
        assert!(!link.is_good(app, &key, file, now.plus(LIFE)));
        assert!(!link.is_good(AppId(2), &key, file, now) && !link.is_good(app, &[8; 32], file, now));
        assert!(!link.is_good(app, &key, FileId(8), now));
        let later = FileLink { expires: link.expires + 1, ..link.clone() };
        assert!(!later.is_good(app, &key, file, now));
        for signature in ["", "00", "zz", &link.signature[2..], &format!("{}0", link.signature), "é"] {
            assert!(
                !FileLink { signature: signature.to_owned(), ..link.clone() }.is_good(app, &key, file, now)
            );
        }
    }
}
