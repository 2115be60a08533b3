//! Paths as official clients write them: slashes double and at the end, names encoded or not.

/// The parts of a path, decoded; empty ones are left out. `None` for what is no text.
pub(crate) fn parts(path: &str) -> Option<Vec<String>> {
    path.split('/').filter(|part| !part.is_empty()).map(decode).collect()
}

fn decode(part: &str) -> Option<String> {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%').then(|| bytes.get(at + 1..at + 3)).flatten();
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded_byte) => {
                decoded.push(decoded_byte);
                at += 3;
            }
            None => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_and_escapes_are_read_as_clients_mean_them() {
        let expected = vec!["v1".to_owned(), "users".to_owned(), "a@b".to_owned(), "groups".to_owned()];
        for path in ["/v1/users/a@b/groups", "/v1//users/a%40b/groups/", "//v1/users//a%40b/groups//"] {
            assert_eq!(parts(path), Some(expected.clone()), "{path}");
        }
        assert_eq!(parts("/v1/%zz%4"), Some(vec!["v1".to_owned(), "%zz%4".to_owned()]));
        assert_eq!(parts("/v1/%ff"), None);
    }
}
