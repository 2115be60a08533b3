//! Form bodies as clients of user attributes write them (easemob-rest.md 3.3, msync.md 3.2).

use super::request::BodyError;

/// The attributes that the web SDKs know.
const SDK_NAMES: [&str; 8] = ["nickname", "avatarurl", "mail", "phone", "gender", "sign", "birth", "ext"];

/// The pairs of a form.
///
/// The web SDKs encode a form of several attributes, and write a single one as it is. So a body in which something
/// stands that every encoder escapes is taken literally, and when it begins with a name of the SDKs' and goes on with
/// others, that is the rest of the value: an address has `&` and `=`, too. So is a `+` at the beginning of a value, where
/// a telephone number has one and nobody means a blank, and what follows an `&` without a `=`.
///
/// # Errors
/// [`BodyError::Json`] in words for bytes that are no UTF-8.
pub fn parse_form(body: &[u8]) -> Result<Vec<(String, String)>, BodyError> {
    let text = std::str::from_utf8(body)
        .map_err(|error| BodyError::Json(format!("the form is no UTF-8: {error}")))?;
    let is_encoded = is_encoded(text);
    let mut raw: Vec<(&str, String)> = Vec::new();
    for part in text.split('&') {
        let pair = part.split_once('=').filter(|(name, _)| {
            let is_first_known = raw.first().is_some_and(|(first, _)| SDK_NAMES.contains(first));
            is_encoded || !is_first_known || SDK_NAMES.contains(name)
        });
        match (pair, raw.last_mut()) {
            (Some((name, value)), _) => raw.push((name, value.to_owned())),
            (None, Some((_, value))) => {
                value.push('&');
                value.push_str(part);
            }
            (None, None) if part.is_empty() => {}
            (None, None) => raw.push((part, String::new())),
        }
    }
    if !is_encoded {
        return Ok(raw.into_iter().map(|(name, value)| (name.to_owned(), value)).collect());
    }
    let pairs = raw.into_iter().map(|(name, value)| match value.strip_prefix('+') {
        Some(rest) => (decode(name), format!("+{}", decode(rest))),
        None => (decode(name), decode(&value)),
    });
    Ok(pairs.collect())
}

/// Whether nothing stands in a form that encoders escape.
fn is_encoded(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.!~*'()+&=".contains(&byte);
        let is_escape = byte == b'%'
            && bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit())
            && bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
        if !is_plain && !is_escape {
            return false;
        }
    }
    true
}

fn decode(text: &str) -> String {
    let value = format!("={}", text.replace('&', "%26"));
    form_urlencoded::parse(value.as_bytes()).map(|(_, value)| value.into_owned()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Vec<(String, String)> {
        parse_form(body.as_bytes()).unwrap()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_encoded_form_is_decoded() {
        let body = "nickname=%E5%B0%8F%20x&avatarurl=https%3A%2F%2Fa.b%2Fc%3Fd%3D1%26e&sign=a+b&ext=";
        let expected =
            [("nickname", "小 x"), ("avatarurl", "https://a.b/c?d=1&e"), ("sign", "a b"), ("ext", "")];
        assert_eq!(parse(body), pairs(&expected));
        assert_eq!(parse("phone=%2B49"), pairs(&[("phone", "+49")]));
    }

    #[test]
    fn a_form_that_nobody_encoded_is_taken_as_it_is() {
        assert_eq!(parse("nickname=小 x+y 100%"), pairs(&[("nickname", "小 x+y 100%")]));
        let address = "https://a.b/c?d=1&e&f=2";
        assert_eq!(parse(&format!("avatarurl={address}")), pairs(&[("avatarurl", address)]));
        let two = pairs(&[("avatarurl", address), ("sign", "x y")]);
        assert_eq!(parse(&format!("avatarurl={address}&sign=x y")), two);
        assert_eq!(parse("a=1 2&b=3"), pairs(&[("a", "1 2"), ("b", "3")]));
        assert_eq!(parse("phone=+4912"), pairs(&[("phone", "+4912")]));
        assert_eq!(parse("nickname=Tom&Jerry"), pairs(&[("nickname", "Tom&Jerry")]));
        assert_eq!(parse("sign=50%"), pairs(&[("sign", "50%")]));
    }

    #[test]
    fn odd_forms_do_no_harm() {
        assert_eq!(parse(""), []);
        assert_eq!(parse("&"), []);
        assert_eq!(parse("name"), pairs(&[("name", "")]));
        assert_eq!(parse("=x"), pairs(&[("", "x")]));
        assert_eq!(parse("a=%ff"), pairs(&[("a", "\u{fffd}")]));
        assert!(matches!(parse_form(b"a=\xff"), Err(BodyError::Json(_))));
    }
}
