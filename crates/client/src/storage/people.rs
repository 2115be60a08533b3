//! Contacts and groups as the server last told them.

use std::collections::HashSet;

use model::{MessageId, Username};
use rusqlite::{Connection, params};

use super::database::Database;
use super::messages::unreadable;
use super::spans::{ENDLESS, Spans as _};
use super::{Contact, Group};
use crate::{Conversation, GroupId, Result};

pub(super) trait People {
    fn set_contact(&self, contact: &Contact) -> rusqlite::Result<usize>;
    fn add_contact(&self, name: &Username, remark: Option<&str>) -> rusqlite::Result<usize>;
    fn list_contacts(&self, contacts: &[(Username, String)]) -> rusqlite::Result<usize>;
    fn drop_contact(&self, name: &Username) -> rusqlite::Result<usize>;
    fn replace_contacts(&self, contacts: &[Contact]) -> rusqlite::Result<usize>;
    fn set_group(&self, group: &Group) -> rusqlite::Result<usize>;
    fn add_group(&self, id: &GroupId, name: &str) -> rusqlite::Result<usize>;
    fn drop_group(&self, id: &GroupId, since: MessageId) -> rusqlite::Result<usize>;
    fn replace_groups(&self, groups: &[Group]) -> rusqlite::Result<usize>;
}

impl People for Connection {
    fn set_contact(&self, contact: &Contact) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "INSERT INTO contacts (name, remark, details) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO UPDATE SET remark = ?2, details = ?3
             WHERE remark <> ?2 OR details <> ?3",
        )?;
        statement.execute(params![contact.name.as_str(), contact.remark, contact.details])
    }

    fn add_contact(&self, name: &Username, remark: Option<&str>) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "INSERT INTO contacts (name, remark, details) VALUES (?1, coalesce(?2, ''), '')
             ON CONFLICT (name) DO UPDATE SET remark = ?2 WHERE remark <> ?2",
        )?;
        statement.execute(params![name.as_str(), remark])
    }

    fn list_contacts(&self, contacts: &[(Username, String)]) -> rusqlite::Result<usize> {
        let listed: HashSet<&str> = contacts.iter().map(|(name, _)| name.as_str()).collect();
        let known: Vec<String> = {
            let mut statement = self.prepare_cached("SELECT name FROM contacts")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        let mut changed = 0;
        for gone in known.iter().filter(|name| !listed.contains(name.as_str())) {
            changed += self.prepare_cached("DELETE FROM contacts WHERE name = ?1")?.execute([gone])?;
        }
        for (name, remark) in contacts {
            changed += self.add_contact(name, Some(remark))?;
        }
        Ok(changed)
    }

    fn drop_contact(&self, name: &Username) -> rusqlite::Result<usize> {
        self.prepare_cached("DELETE FROM contacts WHERE name = ?1")?.execute([name.as_str()])
    }

    fn replace_contacts(&self, contacts: &[Contact]) -> rusqlite::Result<usize> {
        let gone = self.execute("DELETE FROM contacts", [])?;
        contacts.iter().try_fold(gone, |changed, contact| Ok(changed + self.set_contact(contact)?))
    }

    fn set_group(&self, group: &Group) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached(
            "INSERT INTO groups (id, name, details) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET name = ?2, details = ?3 WHERE name <> ?2 OR details <> ?3",
        )?;
        statement.execute(params![group.id.as_str(), group.name, group.details])
    }

    fn add_group(&self, id: &GroupId, name: &str) -> rusqlite::Result<usize> {
        let mut statement = self.prepare_cached("SELECT EXISTS (SELECT 1 FROM groups WHERE id = ?1)")?;
        let is_known: bool = statement.query_row([id.as_str()], |row| row.get(0))?;
        if !is_known {
            self.hear(&Conversation::Group(id.clone()))?;
        }
        let mut statement = self.prepare_cached(
            "INSERT INTO groups (id, name, details) VALUES (?1, ?2, '')
             ON CONFLICT (id) DO UPDATE SET name = ?2 WHERE ?2 <> '' AND name <> ?2",
        )?;
        statement.execute(params![id.as_str(), name])
    }

    fn drop_group(&self, id: &GroupId, since: MessageId) -> rusqlite::Result<usize> {
        self.stop_hearing(&Conversation::Group(id.clone()), since)?;
        self.prepare_cached("DELETE FROM groups WHERE id = ?1")?.execute([id.as_str()])
    }

    fn replace_groups(&self, groups: &[Group]) -> rusqlite::Result<usize> {
        let known: Vec<String> = {
            let mut statement = self.prepare_cached("SELECT id FROM groups")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect::<rusqlite::Result<_>>()?
        };
        for id in known.iter().filter_map(|id| GroupId::parse(id).ok()) {
            if groups.iter().all(|group| group.id != id) {
                self.stop_hearing(&Conversation::Group(id), ENDLESS)?;
            }
        }
        for group in groups.iter().filter(|group| !known.iter().any(|id| id == group.id.as_str())) {
            self.hear(&Conversation::Group(group.id.clone()))?;
        }
        let gone = self.execute("DELETE FROM groups", [])?;
        groups.iter().try_fold(gone, |changed, group| Ok(changed + self.set_group(group)?))
    }
}

impl Database {
    pub(super) fn contacts(&self) -> Result<Vec<Contact>> {
        self.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, remark, details FROM contacts ORDER BY name")?;
            let rows = statement.query_map([], |row| {
                let name: String = row.get(0)?;
                let name = Username::parse(&name).map_err(|cause| unreadable(&cause.to_string()))?;
                Ok(Contact { name, remark: row.get(1)?, details: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    pub(super) fn groups(&self) -> Result<Vec<Group>> {
        self.ask(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, name, details FROM groups ORDER BY id")?;
            let rows = statement.query_map([], |row| {
                let id: String = row.get(0)?;
                let id = GroupId::parse(&id).map_err(|error| unreadable(&error.to_string()))?;
                Ok(Group { id, name: row.get(1)?, details: row.get(2)? })
            })?;
            rows.collect()
        })
    }
}
