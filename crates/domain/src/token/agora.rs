//! Agora's AccessToken2 (easemob-rest.md 2.5): `007`, then base64 of a zlib stream of signature, app, times and services.
//! Only the chat service is looked at; the others are passed over, as far as it takes to find it.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::Timestamp;
use sha2::Sha256;

use super::{CLOCK_SKEW, Named, TokenRefused};

pub(super) const PREFIX: &str = "007";
/// Characters of a token. One with all of the vendor's services has some 400.
const TEXT_LIMIT: usize = 4096;
/// Bytes of the stream's content.
const CONTENT_LIMIT: u64 = 4096;
/// The longest life that the vendor's services take.
const LIFE_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);
/// Services of one token, and privileges of one service: the vendor has seven and four.
const PARTS_LIMIT: u16 = 32;

const SERVICE_CHAT: u16 = 5;
const PRIVILEGE_USER: u16 = 1;
const PRIVILEGE_APP: u16 = 2;

/// Verifies form, app, signature, times and privileges, in this order. An app's own token names no user.
///
/// # Errors
/// [`TokenRefused`] naming the first check that failed.
pub(super) fn verify(
    token: &str,
    app_id: &str,
    certificate: &str,
    now: Timestamp,
) -> Result<Named, TokenRefused> {
    let text = token.strip_prefix(PREFIX).ok_or(TokenRefused::Malformed)?;
    if text.len() > TEXT_LIMIT {
        return Err(TokenRefused::Malformed);
    }
    let stream = STANDARD.decode(text).map_err(|_| TokenRefused::Malformed)?;
    let mut content = Vec::new();
    let mut decoder = ZlibDecoder::new(&stream[..]).take(CONTENT_LIMIT);
    decoder.read_to_end(&mut content).map_err(|_| TokenRefused::Malformed)?;

    let mut reader = Reader { rest: &content };
    let signature = reader.text()?;
    let body = reader.rest;
    let claims = Claims::read(&mut reader)?;
    if claims.app_id != app_id.as_bytes() {
        return Err(TokenRefused::Foreign);
    }
    let issue_key = mac(&claims.issued_seconds.to_le_bytes(), certificate.as_bytes());
    let key = mac(&claims.salt.to_le_bytes(), &issue_key.finalize().into_bytes());
    let mut signed = Hmac::<Sha256>::new_from_slice(&key.finalize().into_bytes()).expect("any length");
    signed.update(body);
    signed.verify_slice(signature).map_err(|_| TokenRefused::Forged)?;
    claims.accept(now)
}

fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac
}

struct Claims<'a> {
    app_id: &'a [u8],
    issued_seconds: u32,
    life_seconds: u32,
    salt: u32,
    chat: Option<Chat<'a>>,
}

/// The chat service: seconds of its privileges, 0 for as long as the token.
#[derive(Default)]
struct Chat<'a> {
    user: &'a [u8],
    as_user: Option<u32>,
    as_app: Option<u32>,
}

impl<'a> Claims<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, TokenRefused> {
        let app_id = reader.text()?;
        let (issued_seconds, life_seconds, salt) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let services = reader.u16()?;
        if services > PARTS_LIMIT {
            return Err(TokenRefused::Malformed);
        }
        let mut claims = Self { app_id, issued_seconds, life_seconds, salt, chat: None };
        // They come in ascending order, so behind the chat service nothing is of interest.
        for _ in 0..services {
            let service = reader.u16()?;
            let privileges = reader.u16()?;
            if privileges > PARTS_LIMIT {
                return Err(TokenRefused::Malformed);
            }
            let mut chat = Chat::default();
            for _ in 0..privileges {
                match (reader.u16()?, reader.u32()?) {
                    (PRIVILEGE_USER, seconds) => chat.as_user = Some(seconds),
                    (PRIVILEGE_APP, seconds) => chat.as_app = Some(seconds),
                    _ => {}
                }
            }
            // Channel and user; user; channel and user.
            let texts = match service {
                1 | 3 => 2,
                2 => 1,
                SERVICE_CHAT => {
                    claims.chat = Some(Chat { user: reader.text()?, ..chat });
                    break;
                }
                _ => 0,
            };
            for _ in 0..texts {
                reader.text()?;
            }
        }
        Ok(claims)
    }

    fn accept(self, now: Timestamp) -> Result<Named, TokenRefused> {
        let unacceptable = |reason| TokenRefused::Unacceptable { reason };
        let issued = Timestamp(u64::from(self.issued_seconds) * 1000);
        if issued > now.plus(CLOCK_SKEW) {
            return Err(unacceptable("its time lies ahead"));
        }
        if Duration::from_secs(self.life_seconds.into()) > LIFE_LIMIT {
            return Err(unacceptable("its life is longer than a day"));
        }
        let chat = self.chat.ok_or(unacceptable("it is not for chat"))?;
        let user = std::str::from_utf8(chat.user).map_err(|_| TokenRefused::Malformed)?;
        let privilege = match (chat.as_user, chat.as_app, user.is_empty()) {
            (Some(seconds), None, false) | (_, Some(seconds), true) => seconds,
            _ => return Err(unacceptable("its privileges do not fit whom it is for")),
        };
        let life = if privilege == 0 { self.life_seconds } else { self.life_seconds.min(privilege) };
        let expires = issued.plus(Duration::from_secs(life.into()));
        if expires <= now {
            return Err(TokenRefused::Expired { ago: now.since(expires) });
        }
        Ok(Named { user: user.to_owned(), issued, expires })
    }
}

/// Little-endian numbers, and texts behind their length.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TokenRefused> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(TokenRefused::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, TokenRefused> {
        Ok(u16::from_le_bytes(self.take(2)?.try_into().expect("2 bytes")))
    }

    fn u32(&mut self) -> Result<u32, TokenRefused> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }

    fn text(&mut self) -> Result<&'a [u8], TokenRefused> {
        let length = self.u16()?;
        self.take(length.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::read::ZlibEncoder;

    const APP_ID: &str = "970CA35de60c44645bbae8a215061b33";
    const CERTIFICATE: &str = "5CFd2fd1755d40ecb72977518be15d3b";
    const NOW: Timestamp = Timestamp(1_795_220_913_000);
    const ISSUED: u32 = 1_795_220_000;

    fn text(out: &mut Vec<u8>, text: &[u8]) {
        out.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        out.extend(text);
    }

    /// A service: its number, its privileges with their seconds, its texts.
    type Service<'a> = (u16, &'a [(u16, u32)], &'a [&'a str]);

    /// As the vendor's builders pack it.
    fn token(issued: u32, life: u32, services: &[Service<'_>], certificate: &str) -> String {
        let mut body = Vec::new();
        text(&mut body, APP_ID.as_bytes());
        for number in [issued, life, 7] {
            body.extend(number.to_le_bytes());
        }
        body.extend(u16::try_from(services.len()).unwrap().to_le_bytes());
        for (service, privileges, texts) in services {
            body.extend(service.to_le_bytes());
            body.extend(u16::try_from(privileges.len()).unwrap().to_le_bytes());
            for (privilege, seconds) in *privileges {
                body.extend(privilege.to_le_bytes());
                body.extend(seconds.to_le_bytes());
            }
            texts.iter().for_each(|part| text(&mut body, part.as_bytes()));
        }
        let issue_key = mac(&issued.to_le_bytes(), certificate.as_bytes()).finalize().into_bytes();
        let key = mac(&7_u32.to_le_bytes(), &issue_key).finalize().into_bytes();
        let mut content = Vec::new();
        text(&mut content, &mac(&key, &body).finalize().into_bytes());
        content.extend(body);
        let mut stream = Vec::new();
        ZlibEncoder::new(&content[..], Compression::default()).read_to_end(&mut stream).unwrap();
        format!("007{}", STANDARD.encode(stream))
    }

    fn read(token: &str) -> Result<Named, TokenRefused> {
        verify(token, APP_ID, CERTIFICATE, NOW)
    }

    #[test]
    fn a_users_and_an_apps_token_say_whom_they_are_for() {
        let user = token(ISSUED, 3600, &[(SERVICE_CHAT, &[(PRIVILEGE_USER, 1800)], &["u-1"])], CERTIFICATE);
        let named = read(&user).unwrap();
        assert_eq!((named.user.as_str(), named.expires), ("u-1", Timestamp(1_795_221_800_000)));
        let rtc: Service<'_> = (1, &[(1, 60), (2, 60)], &["room", "9"]);
        let app =
            [rtc, (2, &[(1, 60)], &["me"]), (SERVICE_CHAT, &[(PRIVILEGE_APP, 0)], &[""]), (7, &[], &["x"])];
        let named = read(&token(ISSUED, 3600, &app, CERTIFICATE)).unwrap();
        assert_eq!((named.user.as_str(), named.expires), ("", Timestamp(1_795_223_600_000)));
    }

    #[test]
    fn each_refusal_names_the_check_that_failed() {
        let chat = |privileges, user| (SERVICE_CHAT, privileges, user);
        let as_user: &[(u16, u32)] = &[(PRIVILEGE_USER, 3600)];
        let good = [chat(as_user, &["alice"][..])];
        assert_eq!(read(&token(ISSUED, 3600, &good, "0".repeat(32).as_str())), Err(TokenRefused::Forged));
        let other = verify(&token(ISSUED, 3600, &good, CERTIFICATE), "other", CERTIFICATE, NOW);
        assert_eq!(other, Err(TokenRefused::Foreign));
        let ago = Duration::from_secs(13);
        assert_eq!(read(&token(ISSUED, 900, &good, CERTIFICATE)), Err(TokenRefused::Expired { ago }));
        for refused in [
            token(ISSUED + 1_000, 3600, &good, CERTIFICATE),
            token(ISSUED, 86_401, &good, CERTIFICATE),
            token(ISSUED, 3600, &[(2, as_user, &["alice"])], CERTIFICATE),
            token(ISSUED, 3600, &[chat(&[(PRIVILEGE_APP, 9)], &["alice"])], CERTIFICATE),
            token(ISSUED, 3600, &[chat(&[(PRIVILEGE_USER, 9), (PRIVILEGE_APP, 9)], &["alice"])], CERTIFICATE),
            token(ISSUED, 3600, &[chat(as_user, &[""])], CERTIFICATE),
        ] {
            assert!(matches!(read(&refused), Err(TokenRefused::Unacceptable { .. })), "{:?}", read(&refused));
        }
    }

    #[test]
    fn what_is_cut_changed_or_blown_up_is_refused() {
        let good = token(ISSUED, 3600, &[(SERVICE_CHAT, &[(PRIVILEGE_USER, 0)], &["alice"])], CERTIFICATE);
        for place in 3..good.len() {
            let mut changed = good.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            // The stream's own checksum, at its end, may be wrong or gone: the signature is over what it holds.
            for token in [str::from_utf8(&changed).unwrap(), &good[..place]] {
                assert!(read(token).is_err() || read(token) == read(&good), "{place}");
            }
        }
        let mut bomb = Vec::new();
        ZlibEncoder::new(&vec![0; 1 << 24][..], Compression::best()).read_to_end(&mut bomb).unwrap();
        assert!(read(&format!("007{}", STANDARD.encode(&bomb[..2000]))).is_err());
        assert!(read(&format!("007{}", "A".repeat(100_000))).is_err());
    }
}
