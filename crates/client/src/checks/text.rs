//! Names, passwords, addresses and other texts.

use conditions::Condition;
use model::Username;

use super::Checks;
use crate::{Error, Result, username};

impl Checks {
    /// The name of a user who is to be made. There may be users with other names, whom another vendor's clients made.
    ///
    /// # Errors
    /// As [`username`]; [`Condition::UserNameTooLong`], [`Condition::UserNameInvalid`] for one that is too long or too short
    /// for this vendor.
    pub fn user_name(&self, text: &str) -> Result<Username> {
        let name = username(text)?;
        if self.user_name_bytes.contains(&text.len()) {
            return Ok(name);
        }
        let is_long = text.len() > *self.user_name_bytes.end();
        let condition = if is_long { Condition::UserNameTooLong } else { Condition::UserNameInvalid };
        Err(Error::new(condition).with_detail(format!("{} bytes", text.len())))
    }

    /// # Errors
    /// [`Condition::PasswordInvalid`] for one that is empty, too short or too long.
    pub fn password(&self, text: &str) -> Result<()> {
        if self.password_bytes.contains(&text.len()) {
            Ok(())
        } else {
            Err(Error::new(Condition::PasswordInvalid))
        }
    }

    /// A nickname, a contact's note, a group's name.
    ///
    /// # Errors
    /// [`Condition::DisplayNameInvalid`] for one that is too long or has more than one line.
    pub fn display_name(&self, text: &str) -> Result<()> {
        if self.display_name.permits(text) && !text.contains(['\r', '\n']) {
            Ok(())
        } else {
            Err(Error::new(Condition::DisplayNameInvalid))
        }
    }

    /// Any other text: a description, a reason, a signature.
    ///
    /// # Errors
    /// [`Condition::InputInvalid`] for one that is too long or has control characters other than ends of lines.
    pub fn input(&self, text: &str) -> Result<()> {
        let is_odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if self.input.permits(text) && !text.chars().any(is_odd) {
            Ok(())
        } else {
            Err(Error::new(Condition::InputInvalid))
        }
    }
}

/// The address of a file or a server.
///
/// # Errors
/// [`Condition::UrlInvalid`] for what is no `http` or `https` address with a host.
pub fn url(text: &str) -> Result<()> {
    let uri = text.parse::<http::Uri>().ok();
    let is_usable = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_usable { Ok(()) } else { Err(Error::new(Condition::UrlInvalid)) }
}

/// Where a user's picture is, of what his attributes say.
///
/// # Errors
/// [`Condition::AvatarNotSet`]; [`Condition::UrlInvalid`].
pub fn avatar(address: Option<&str>) -> Result<&str> {
    match address.filter(|address| !address.is_empty()) {
        None => Err(Error::new(Condition::AvatarNotSet)),
        Some(address) => url(address).map(|()| address),
    }
}
