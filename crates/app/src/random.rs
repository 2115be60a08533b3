//! Random secrets and names, from the operating system's generator.

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

/// A random UUID (version 4), as the vendor's ids of apps and users look.
pub(crate) fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}
