//! Many users at once, and lists that are fetched once at a time.

use conditions::Condition;
use model::Username;

use super::Checks;
use crate::{Error, Result, username};

/// Users that one call may name (jmessage-ios 863005).
pub const USERS_LIMIT: usize = 500;

impl Checks {
    /// The users that a call names, each once.
    ///
    /// # Errors
    /// [`Condition::MemberListEmpty`], [`Condition::BatchTooLarge`] for more than 500; those of [`username`].
    pub fn users(&self, names: &[&str]) -> Result<Vec<Username>> {
        count(names.len())?;
        let mut users = Vec::with_capacity(names.len());
        for name in names {
            let user = username(name)?;
            if !users.contains(&user) {
                users.push(user);
            }
        }
        Ok(users)
    }
}

/// Whether a call may name so many users.
///
/// # Errors
/// [`Condition::MemberListEmpty`], [`Condition::BatchTooLarge`] for more than 500.
pub fn count(users: usize) -> Result<()> {
    match users {
        0 => Err(Error::new(Condition::MemberListEmpty)),
        1..=USERS_LIMIT => Ok(()),
        _ => {
            let detail = format!("{users} users, at most {USERS_LIMIT}");
            Err(Error::new(Condition::BatchTooLarge).with_detail(detail))
        }
    }
}

/// Whether a page may be so large. The server would give a smaller one, and the app would take that for the end.
///
/// # Errors
/// [`Condition::ArgumentInvalid`].
pub fn page(size: u32, limit: u32) -> Result<()> {
    if (1..=limit).contains(&size) {
        return Ok(());
    }
    let detail = format!("a page has 1 to {limit} entries, and not {size}");
    Err(Error::new(Condition::ArgumentInvalid).with_detail(detail))
}

/// A list that the app fetches from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// The first fetch of the contacts after a login. Once it succeeded, changes come as events.
    FirstContacts,
    /// The contacts, whenever the app wants them.
    Contacts,
    Groups,
    Blocks,
}

/// Which lists are being fetched. One for each login.
#[derive(Debug, Default)]
pub struct Fetches {
    running: Vec<Fetch>,
    has_contacts: bool,
}

impl Fetches {
    /// Begins a fetch; [`Fetches::end`] belongs to it.
    ///
    /// # Errors
    /// [`Condition::ContactFetchInProgress`], [`Condition::ContactsAlreadyFetched`],
    /// [`Condition::OperationInFlight`].
    pub fn begin(&mut self, fetch: Fetch) -> Result<()> {
        let is_of_contacts = |fetch: Fetch| matches!(fetch, Fetch::FirstContacts | Fetch::Contacts);
        let is_running = |other: &Fetch| *other == fetch || is_of_contacts(*other) && is_of_contacts(fetch);
        if self.running.iter().any(is_running) {
            let condition = if is_of_contacts(fetch) {
                Condition::ContactFetchInProgress
            } else {
                Condition::OperationInFlight
            };
            return Err(Error::new(condition));
        }
        if fetch == Fetch::FirstContacts && self.has_contacts {
            return Err(Error::new(Condition::ContactsAlreadyFetched));
        }
        self.running.push(fetch);
        Ok(())
    }

    /// A fetch is over.
    pub fn end(&mut self, fetch: Fetch, has_succeeded: bool) {
        self.running.retain(|running| *running != fetch);
        self.has_contacts |= has_succeeded && fetch != Fetch::Groups && fetch != Fetch::Blocks;
    }
}
