//! Asks, answers, links and unlinks contacts: one line for all that happens between two users.

use std::sync::Arc;

use conditions::Condition;
use domain::contact::{
    self, ContactAccepted, ContactRefused, ContactTold, ContactView, decide_accept, decide_ask,
    decide_decline, decide_link, decide_link_new, decide_note, decide_remove, decide_unlink,
};
use model::{ContactNews, DeviceNumber, Entry, Feed, News, Timestamp};
use store::{Account, StoredRelation, Written};

use crate::event_log::{ActingDevice, UserNews};
use crate::{Error, TRIES, Tenant, UseCases};

type Decided = Result<Option<ContactAccepted>, ContactRefused>;

/// Whether a decision asks how long the lists are; only then they are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    Counted,
    Uncounted,
}

impl UseCases {
    /// Asks a peer to be a contact.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_ask`]; faults.
    pub async fn ask_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        reason: &str,
        device: Option<&ActingDevice>,
    ) -> Result<(), Error> {
        let decide = |view: ContactView<'_>, at| decide_ask(view, peer, reason, at).map(Some);
        self.change_contact(app, user, peer, device, Lists::Counted, decide).await.map(drop)
    }

    /// Says yes to a peer who asked. A second yes succeeds.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_accept`]; faults.
    pub async fn accept_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        device: Option<&ActingDevice>,
    ) -> Result<(), Error> {
        let number = device.map_or(DeviceNumber::NONE, |device| device.number);
        let decide = |view: ContactView<'_>, at| decide_accept(view, peer, number, at);
        self.change_contact(app, user, peer, device, Lists::Counted, decide).await.map(drop)
    }

    /// Says no to a peer who asked. `reason`: in which words.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_decline`]; faults.
    pub async fn decline_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        reason: &str,
        device: Option<&ActingDevice>,
    ) -> Result<(), Error> {
        let decide = |view: ContactView<'_>, _| decide_decline(view, peer, reason).map(Some);
        self.change_contact(app, user, peer, device, Lists::Uncounted, decide).await.map(drop)
    }

    /// Ends what the user and a peer are to each other. Gives the peer.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_remove`]; faults.
    pub async fn remove_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        device: Option<&ActingDevice>,
    ) -> Result<Arc<Account>, Error> {
        let decide = |view: ContactView<'_>, _| decide_remove(view, peer).map(Some);
        self.change_contact(app, user, peer, device, Lists::Uncounted, decide).await
    }

    /// Makes two users contacts without asking them, as a back end does. Twice succeeds. Gives the peer.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_link`]; faults.
    pub async fn link_contacts(&self, app: &Tenant, user: &str, peer: &str) -> Result<Arc<Account>, Error> {
        let decide = |view: ContactView<'_>, at| decide_link(view, peer, at);
        self.change_contact(app, user, peer, None, Lists::Counted, decide).await
    }

    /// As [`UseCases::link_contacts`], and nobody is told.
    ///
    /// # Errors
    /// As there.
    pub async fn link_contacts_silently(&self, app: &Tenant, user: &str, peer: &str) -> Result<(), Error> {
        let decide = |view: ContactView<'_>, at| {
            let silent = |accepted: ContactAccepted| ContactAccepted { told: Vec::new(), ..accepted };
            decide_link(view, peer, at).map(|accepted| accepted.map(silent))
        };
        self.change_contact(app, user, peer, None, Lists::Counted, decide).await.map(drop)
    }

    /// Ends what two users are to each other, as a back end does. Twice succeeds. Gives the peer.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_unlink`]; faults.
    pub async fn unlink_contacts(&self, app: &Tenant, user: &str, peer: &str) -> Result<Arc<Account>, Error> {
        let decide = |view: ContactView<'_>, _| decide_unlink(view, peer);
        self.change_contact(app, user, peer, None, Lists::Uncounted, decide).await
    }

    /// Takes all contacts off a user's list. His block list stays as it is.
    ///
    /// # Errors
    /// [`ContactRefused::Off`], `user_not_found`; faults, after which some contacts are gone and some are not.
    pub async fn unlink_all_contacts(&self, app: &Tenant, user: &str) -> Result<(), Error> {
        const READ_AT_ONCE: usize = 100;
        contact::decide_access(&app.value.settings)?;
        let id = app.value.id;
        let uid = self.get_user(app, user).await?.user.uid;
        let mut after = None;
        loop {
            let contacts = self.store.contacts.list(id, uid, after, READ_AT_ONCE).await?;
            let Some((last, _)) = contacts.last() else { return Ok(()) };
            after = Some(*last);
            for (peer, _) in contacts {
                // Who was removed leaves the list when his account is swept.
                if let Some(peer) = self.store.users.get(id, peer).await? {
                    self.unlink_contacts(app, user, peer.user.name.as_str()).await?;
                }
            }
        }
    }

    /// Sets the user's own name for a contact; an empty one takes it away.
    ///
    /// # Errors
    /// `user_not_found` for the user, those of [`decide_note`]; faults.
    pub async fn note_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        remark: &str,
    ) -> Result<(), Error> {
        self.note_contact_fully(app, user, peer, Some(remark), None).await
    }

    /// Sets what a user wrote down about a contact, as far as it is given; an empty text takes it away.
    ///
    /// # Errors
    /// As [`UseCases::note_contact`].
    pub async fn note_contact_fully(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        remark: Option<&str>,
        others: Option<&str>,
    ) -> Result<(), Error> {
        let decide = |view: ContactView<'_>, _| decide_note(view, peer, remark, others).map(Some);
        self.change_contact(app, user, peer, None, Lists::Uncounted, decide).await.map(drop)
    }

    /// Makes two users contacts, as a back end does that wants to hear when they are already.
    ///
    /// # Errors
    /// `already_contacts`, and as [`UseCases::link_contacts`].
    pub async fn link_new_contacts(&self, app: &Tenant, user: &str, peer: &str) -> Result<(), Error> {
        let decide = |view: ContactView<'_>, at| decide_link_new(view, peer, at).map(Some);
        self.change_contact(app, user, peer, None, Lists::Counted, decide).await.map(drop)
    }

    async fn change_contact(
        &self,
        app: &Tenant,
        user: &str,
        peer: &str,
        device: Option<&ActingDevice>,
        lists: Lists,
        decide: impl Fn(ContactView<'_>, Timestamp) -> Decided,
    ) -> Result<Arc<Account>, Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let peer = self.find_user(app, peer).await?;
            let stored = self.relation(app, &account, peer.as_deref(), lists).await?;
            let is_blocked = match &peer {
                Some(peer) => self.blocks(app, &peer.user, account.user.uid).await?,
                None => false,
            };

            let now = self.now();
            let accepted = decide(
                ContactView {
                    settings: &app.value.settings,
                    user: &account.user,
                    peer: peer.as_ref().map(|peer| &peer.user),
                    relation: &stored.relation,
                    is_blocked,
                },
                now,
            )?;
            let peer = peer.expect("a decision without a peer is a refusal");
            let Some(accepted) = accepted else { return Ok(peer) };

            let events = self.contact_events(&accepted.told, &account, device, now).await?;
            let contacts = &self.store.contacts;
            match contacts.write(id, &account, &peer, &stored, &accepted.change, &events).await? {
                Written::Done(sequences) => {
                    self.tell_events(app, events, &sequences);
                    return Ok(peer);
                }
                Written::FactsMoved => self.forget(app, &account, &peer),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    async fn relation(
        &self,
        app: &Tenant,
        user: &Account,
        peer: Option<&Account>,
        lists: Lists,
    ) -> Result<StoredRelation, Error> {
        match peer {
            Some(peer) => {
                let limit = (lists == Lists::Counted).then_some(app.value.settings.contacts_limit);
                let (uid, peer) = (user.user.uid, peer.user.uid);
                Ok(self.store.contacts.relation(app.value.id, uid, peer, limit).await?)
            }
            None => Ok(StoredRelation::default()),
        }
    }

    async fn contact_events(
        &self,
        told: &[ContactTold],
        user: &Account,
        device: Option<&ActingDevice>,
        at: Timestamp,
    ) -> Result<Vec<(Feed, Entry)>, Error> {
        let mut events = Vec::with_capacity(told.len());
        for ContactTold { to, by, by_name, peer, change, part } in told {
            let news = ContactNews { peer: peer.to_string(), change: change.clone(), part: *part };
            let news = UserNews {
                to: *to,
                by: (*by, by_name),
                device: device.filter(|_| *by == user.user.uid),
                target: peer,
                news: News::Contact(news),
            };
            events.push(self.event_entry(news, at).await?);
        }
        Ok(events)
    }
}
