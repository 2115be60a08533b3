//! Messages before they are sent.

use conditions::Condition;
use model::content::{Attached, Content, Said};

use super::Checks;
use crate::{Error, Result};

impl Checks {
    /// Whether a content makes a message. Order: is there anything, is it what its kind needs, is it not too large.
    ///
    /// # Errors
    /// [`Condition::MessageEmpty`], [`Condition::MessageContentInvalid`], [`Condition::MediaResourceMissing`],
    /// [`Condition::MessageTooLarge`].
    pub fn content(&self, content: &Content) -> Result<()> {
        let refused = |condition, detail: &str| Err(Error::new(condition).with_detail(detail));
        match &content.said {
            Said::Text(text) if text.is_empty() => return refused(Condition::MessageEmpty, "no text"),
            Said::Location { latitude, longitude, .. }
                if !((-90.0..=90.0).contains(latitude) && (-180.0..=180.0).contains(longitude)) =>
            {
                return refused(Condition::MessageContentInvalid, "no such place on earth");
            }
            Said::Voice { seconds: 0, .. } | Said::Video { seconds: 0, .. } => {
                return refused(Condition::MessageContentInvalid, "it lasts no time");
            }
            Said::Custom { event, .. } if event.is_empty() => {
                return refused(Condition::MessageContentInvalid, "a custom message without its event");
            }
            Said::Command { action, .. } if action.is_empty() => {
                return refused(Condition::MessageContentInvalid, "a command without its action");
            }
            Said::Other { .. } => {
                return refused(Condition::MessageContentInvalid, "it can be received only");
            }
            _ => {}
        }
        if crate::media::place_of(&content.said).is_err_and(|error| is_missing(&error)) {
            return refused(Condition::MediaResourceMissing, "the file was not uploaded");
        }
        let bytes = bytes(content);
        match self.message_bytes {
            Some(limit) if bytes > limit => {
                refused(Condition::MessageTooLarge, &format!("{bytes} bytes, at most {limit}"))
            }
            _ => Ok(()),
        }
    }
}

fn is_missing(error: &Error) -> bool {
    error.condition() == Condition::MediaResourceMissing
}

/// Roughly what a content takes: its texts, and its keys as JSON.
fn bytes(content: &Content) -> usize {
    let json = |map: &serde_json::Map<String, serde_json::Value>| {
        if map.is_empty() { 0 } else { serde_json::to_string(map).map_or(0, |text| text.len()) }
    };
    let file = |file: &Attached| file.name.len() + file.format.len();
    let said = match &content.said {
        Said::Text(text) | Said::Other { readable: text } => text.len(),
        Said::Image { file: attached, .. } | Said::Voice { file: attached, .. } | Said::File(attached) => {
            file(attached)
        }
        Said::Video { file: attached, thumbnail, .. } => file(attached) + thumbnail.as_ref().map_or(0, file),
        Said::Location { label, .. } => label.len(),
        Said::Custom { event: name, values } | Said::Command { action: name, values } => {
            name.len() + json(values)
        }
    };
    said + json(&content.ext)
}
