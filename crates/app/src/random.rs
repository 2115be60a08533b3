//! Random secrets and names, from the operating system's generator.

use base64::Engine as _;
use rand::TryRngCore;
use rand::rngs::OsRng;

/// Bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// A number that does not come twice.
pub(crate) fn number() -> u64 {
    u64::from_be_bytes(bytes())
}

/// Lower-case hexadecimal digits, two a byte.
pub(crate) fn hex<const N: usize>() -> String {
    bytes::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text for URLs: a letter, a digit, `-` or `_` for every six bits.
pub(crate) fn url_text<const N: usize>() -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes::<N>())
}

/// A random UUID (version 4), as the vendor's ids of apps and users look.
pub(crate) fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}
