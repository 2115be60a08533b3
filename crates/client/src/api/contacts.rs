//! Contacts and the block list (msync.md 3.2).

use conditions::Operation;
use model::Username;
use serde_json::json;

use super::{call, cursor, list, malformed, names, text, user, users};
use crate::checks::{Fetch, page};
use crate::core::Method;
use crate::storage::Write;
use crate::{Client, Result};

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub user: Username,
    /// What this user calls it; may be empty.
    pub note: String,
}

/// A part of a list, and what leads on.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub entries: Vec<T>,
    /// For the next call; `None`: that was all.
    pub next: Option<String>,
}

impl Client {
    /// Asks a user to become a contact. `reason` is shown with it.
    ///
    /// # Errors
    /// [`crate::Condition::AlreadyContacts`], [`crate::Condition::UserNotFound`], and what else the server has against it.
    pub async fn ask_contact(&self, peer: &Username, reason: &str) -> Result<()> {
        let path = "/users/{me}/contacts/apply?resource={device}";
        let body = json!({ "usernames": [peer.as_str()], "reason": reason });
        self.call(call(Operation::ContactAdd, Method::Post, path).with(body)).await.map(drop)
    }

    /// Says yes to who asked.
    ///
    /// # Errors
    /// [`crate::Condition::ContactRequestInvalid`] when nobody did, or what else the server has against it.
    pub async fn accept_contact(&self, peer: &Username) -> Result<()> {
        let rows = self.rows();
        let path = format!("/users/{{me}}/contacts/accept/users/{peer}?resource={{device}}");
        self.call(call(Operation::ContactAdd, Method::Post, path)).await?;
        rows.note(vec![Write::AddContact { name: peer.clone(), remark: None }]).await;
        Ok(())
    }

    /// Says no to who asked.
    ///
    /// # Errors
    /// As [`Client::accept_contact`].
    pub async fn decline_contact(&self, peer: &Username) -> Result<()> {
        let path = format!("/users/{{me}}/contacts/decline/users/{peer}?resource={{device}}");
        self.call(call(Operation::ContactAdd, Method::Post, path)).await.map(drop)
    }

    /// Ends a contact, on both sides.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn remove_contact(&self, peer: &Username) -> Result<()> {
        let rows = self.rows();
        let path = format!("/users/{{me}}/contacts/users/{peer}?resource={{device}}");
        self.call(call(Operation::ContactRemove, Method::Delete, path)).await?;
        rows.note(vec![Write::DropContact { name: peer.clone() }]).await;
        Ok(())
    }

    /// Says what this user calls a contact.
    ///
    /// # Errors
    /// [`crate::Condition::ContactNoteInvalid`], and what else the server has against it.
    pub async fn note_contact(&self, peer: &Username, note: &str) -> Result<()> {
        let rows = self.rows();
        let path = format!("/users/{{me}}/contacts/users/{peer}?resource={{device}}");
        let body = json!({ "remark": note });
        self.call(call(Operation::ContactNote, Method::Put, path).with(body)).await?;
        rows.note(vec![Write::AddContact { name: peer.clone(), remark: Some(note.to_owned()) }]).await;
        Ok(())
    }

    /// All contacts, for the first time since the login. Changes come as events from then on.
    ///
    /// # Errors
    /// As [`Client::contacts`]; [`crate::Condition::ContactsAlreadyFetched`] after it has succeeded once.
    pub async fn first_contacts(&self) -> Result<Vec<Contact>> {
        let fetching = self.begin(Fetch::FirstContacts)?;
        fetching.ended(self.fetch_contacts().await)
    }

    /// All contacts.
    ///
    /// # Errors
    /// [`crate::Condition::ContactFetchInProgress`] while they are being fetched, and what the server has against it.
    pub async fn contacts(&self) -> Result<Vec<Contact>> {
        let fetching = self.begin(Fetch::Contacts)?;
        fetching.ended(self.fetch_contacts().await)
    }

    async fn fetch_contacts(&self) -> Result<Vec<Contact>> {
        let rows = self.rows();
        let operation = Operation::Request;
        let path = "/users/{me}/contacts/users?needReturnRemark=true";
        let answer = self.call(call(operation, Method::Get, path)).await?;
        let contacts = list(&answer["entities"], operation).and_then(|entries| {
            let contact = |entry: &serde_json::Value| {
                let note = entry["remark"].as_str().unwrap_or_default().to_owned();
                Ok(Contact { user: user(&entry["username"], operation)?, note })
            };
            entries.iter().map(contact).collect()
        });
        let contacts: Vec<Contact> = self.told(contacts)?;
        let listed = contacts.iter().map(|contact| (contact.user.clone(), contact.note.clone())).collect();
        rows.note(vec![Write::ContactList(listed)]).await;
        Ok(contacts)
    }

    /// A page of contacts, at most `size` (1 to 50).
    ///
    /// # Errors
    /// [`crate::Condition::ArgumentInvalid`] for another size, [`crate::Condition::CursorInvalid`], and what else the
    /// server has against it.
    pub async fn contacts_page(&self, size: u32, after: Option<&str>) -> Result<Page<Contact>> {
        let operation = Operation::Request;
        self.told(page(size, 50))?;
        let after = super::part(after.unwrap_or_default());
        let path = format!("/users/{{me}}/contacts?needReturnRemark=true&limit={size}&cursor={after}");
        let answer = self.call(call(operation, Method::Get, path)).await?;
        let data = &answer["data"];
        let entries = list(&data["contacts"], operation).and_then(|entries| {
            let contact = |entry: &serde_json::Value| {
                let name = text(&entry["username"], operation)?;
                let user = Username::parse(name).map_err(|_| malformed(operation))?;
                Ok(Contact { user, note: entry["remark"].as_str().unwrap_or_default().to_owned() })
            };
            entries.iter().map(contact).collect()
        });
        Ok(Page { entries: self.told(entries)?, next: cursor(&data["cursor"]) })
    }

    /// Puts users on the block list: their messages no longer come.
    ///
    /// # Errors
    /// [`crate::Condition::BlockListFull`], and what else the server has against it.
    pub async fn block_users(&self, peers: &[Username]) -> Result<()> {
        self.check_users(Operation::BlockAdd, peers)?;
        let path = "/sdk/user/{me}/blocks?resource={device}";
        let body = json!({ "usernames": names(peers) });
        self.call(call(Operation::BlockAdd, Method::Post, path).with(body)).await.map(drop)
    }

    /// Takes users off it.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn unblock_users(&self, peers: &[Username]) -> Result<()> {
        self.check_users(Operation::BlockRemove, peers)?;
        let path = "/sdk/user/{me}/blocks?resource={device}";
        let body = json!({ "usernames": names(peers) });
        self.call(call(Operation::BlockRemove, Method::Delete, path).with(body)).await.map(drop)
    }

    /// Who is on it.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn blocked_users(&self) -> Result<Vec<Username>> {
        let operation = Operation::Request;
        let fetching = self.begin(Fetch::Blocks)?;
        let answer = self.call(call(operation, Method::Get, "/users/{me}/blocks/users")).await;
        let blocked = answer.and_then(|answer| self.told(users(&answer["data"], operation)));
        fetching.ended(blocked)
    }
}
