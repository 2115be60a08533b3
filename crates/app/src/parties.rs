//! Who a message is between, as found before it is decided: accounts, the group and the sender's place in it, with the
//! versions that the commit is held against.

use std::sync::Arc;

use conditions::Condition;
use domain::account::User;
use domain::app::Settings;
use domain::group::{Group, Member, tagged};
use domain::message::{Reach, Recipient, SendView, Sender, Target};
use model::{AppId, ConversationId, Entry, Feed, GroupId, GroupKind, MessageId, Seq, Uid};
use store::{Account, ContactProof, Facts, StoredGroup, StoredMember};

use crate::{Error, Tenant, UseCases};

/// A message, and where it stands.
pub(crate) type FoundMessage = (ConversationId, Seq, Entry);

pub(crate) struct Parties {
    app: AppId,
    sender: Arc<Account>,
    recipient: Found,
    directed: Vec<Uid>,
    is_blocked: bool,
    contact: Option<ContactProof>,
}

enum Found {
    User(Option<Arc<Account>>),
    Group { group: Option<Arc<StoredGroup>>, member: Option<Arc<StoredMember>> },
    Room { room: Option<Arc<StoredGroup>>, member: Option<Member> },
    Thread(Box<FoundThread>),
}

/// A thread and its group, with the sender as a member of each.
struct FoundThread {
    thread: Arc<StoredGroup>,
    member: Option<Arc<StoredMember>>,
    group: Arc<StoredGroup>,
    group_member: Option<Arc<StoredMember>>,
}

impl Parties {
    pub(crate) fn view<'a>(&'a self, settings: &'a Settings) -> SendView<'a> {
        let recipient = match &self.recipient {
            Found::User(account) => Recipient::User(account.as_ref().map(|account| &account.user)),
            Found::Group { group, member } => Recipient::Group {
                group: group.as_ref().map(|group| &group.group),
                member: member.as_ref().map(|member| &member.member),
            },
            Found::Room { room, member } => {
                Recipient::Group { group: room.as_ref().map(|room| &room.group), member: member.as_ref() }
            }
            Found::Thread(found) => Recipient::Thread {
                thread: &found.thread.group,
                member: found.member.as_ref().map(|member| &member.member),
                group: &found.group.group,
                group_member: found.group_member.as_ref().map(|member| &member.member),
            },
        };
        let reach = Reach { is_blocked: self.is_blocked, are_contacts: self.contact.is_some() };
        SendView { sender: &self.sender.user, recipient, directed: &self.directed, reach, settings }
    }

    /// What the decision rests on.
    pub(crate) fn facts(&self) -> Facts {
        let facts = Facts::default().account(self.app, &self.sender);
        match &self.recipient {
            Found::User(Some(account)) => {
                let facts = facts.account(self.app, account);
                match &self.contact {
                    Some(contact) => facts.contact(self.app, contact),
                    None => facts,
                }
            }
            Found::Group { group: Some(group), member: Some(member) } => {
                facts.group(self.app, group).member(self.app, member)
            }
            // Whoever changes a member's rights in a room writes the room too.
            Found::Room { room: Some(room), .. } => facts.group(self.app, room),
            Found::Thread(found) => {
                let members = [&found.member, &found.group_member].into_iter().flatten();
                let facts = facts.group(self.app, &found.thread).group(self.app, &found.group);
                members.fold(facts, |facts, member| facts.member(self.app, member))
            }
            Found::User(None) | Found::Group { .. } | Found::Room { room: None, .. } => facts,
        }
    }

    /// Since when the sender takes part in the conversation that was looked up; `None`: he does not.
    pub(crate) fn part_in(&self, conversation: ConversationId) -> Option<Seq> {
        let uid = self.sender.user.uid;
        match (&self.recipient, conversation) {
            (Found::User(_), ConversationId::Single { low, high }) => {
                (low == uid || high == uid).then_some(Seq::ZERO)
            }
            (Found::Group { group: Some(_), member: Some(member) }, _) => Some(member.member.joined),
            (Found::Thread(found), _) => {
                let member = found.member.as_ref().filter(|_| found.group_member.is_some())?;
                Some(member.member.joined)
            }
            (Found::Room { room: Some(_), member: Some(_) }, _) => Some(Seq::ZERO),
            _ => None,
        }
    }

    /// Whether the sender is shown a message of the conversation that was looked up.
    pub(crate) fn sees(&self, conversation: ConversationId, seq: Seq, entry: &Entry) -> bool {
        self.part_in(conversation).is_some_and(|after| seq > after) && entry.is_for(self.sender.user.uid)
    }

    /// The user who wants something.
    pub(crate) fn sender(&self) -> &User {
        &self.sender.user
    }

    /// The conversation, if both ends of it are there.
    pub(crate) fn conversation(&self) -> Option<ConversationId> {
        match &self.recipient {
            Found::User(Some(account)) => {
                Some(ConversationId::single(self.sender.user.uid, account.user.uid))
            }
            Found::Group { group: Some(group), .. } | Found::Room { room: Some(group), .. } => {
                Some(group.group.conversation())
            }
            Found::Thread(found) => Some(found.thread.group.conversation()),
            Found::User(None) | Found::Group { group: None, .. } | Found::Room { room: None, .. } => None,
        }
    }

    /// The thread, if it is one that something is said in.
    pub(crate) fn thread(&self) -> Option<&Group> {
        match &self.recipient {
            Found::Thread(found) => Some(&found.thread.group),
            _ => None,
        }
    }
}

impl UseCases {
    /// Looks up whom something is said to. The sender's account is looked up by number: his name may be somebody
    /// else's by now, while his old connection is still open.
    pub(crate) async fn parties(
        &self,
        app: &Tenant,
        sender: &Sender,
        target: &Target,
        directed: &[String],
    ) -> Result<Parties, Error> {
        let id = app.value.id;
        let account = self.store.users.get(id, sender.uid).await?;
        let Some(account) = account else { return Err(Error::plain(Condition::UserRemoved)) };
        let recipient = match target {
            Target::User(name) => Found::User(self.find_user(app, name).await?),
            Target::Group(name) => {
                let group = self.find_any_group(app, name).await?;
                let group = group.filter(|group| group.group.kind != GroupKind::Room);
                let member = match &group {
                    Some(group) => self.store.groups.member(id, group.group.id, sender.uid).await?,
                    None => None,
                };
                match group {
                    Some(thread) if thread.group.kind == GroupKind::Thread => {
                        self.found_thread(id, thread, member, sender.uid).await?
                    }
                    group => Found::Group { group, member },
                }
            }
            Target::Room(name) => {
                let room = self.find_any_group(app, name).await?;
                let room = room.filter(|room| room.group.kind == GroupKind::Room);
                let member = room.as_ref().and_then(|room| self.in_room(id, &room.group, sender.uid));
                Found::Room { room, member }
            }
        };
        let mut named = Vec::with_capacity(directed.len());
        for name in directed {
            named.extend(self.find_user(app, name).await?.map(|account| account.user.uid));
        }
        let (mut is_blocked, mut contact) = (false, None);
        if let Found::User(Some(peer)) = &recipient {
            (is_blocked, contact) = self.reach_if_asked(app, &account, peer).await?;
        }
        Ok(Parties { app: id, sender: account, recipient, directed: named, is_blocked, contact })
    }

    /// The user as somebody who is in a room.
    fn in_room(&self, app: AppId, room: &Group, uid: Uid) -> Option<Member> {
        if room.tag_mutes.is_empty() {
            return self.leases.member(app, room.id, uid);
        }
        let (member, tags) = self.leases.tagged(app, room.id, uid)?;
        Some(tagged(room, member, &tags))
    }

    async fn found_thread(
        &self,
        app: AppId,
        thread: Arc<StoredGroup>,
        member: Option<Arc<StoredMember>>,
        uid: Uid,
    ) -> Result<Found, Error> {
        // A thread whose group is gone goes as well.
        let Ok(group) = self.parent_of(app, &thread.group).await else {
            return Ok(Found::Group { group: None, member: None });
        };
        let group_member = self.store.groups.member(app, group.group.id, uid).await?;
        Ok(Found::Thread(Box::new(FoundThread { thread, member, group, group_member })))
    }

    /// Whether a user is in the group that a thread is in; in another group there is nothing to ask.
    pub(crate) async fn is_in_group_of(&self, app: AppId, group: GroupId, uid: Uid) -> Result<bool, Error> {
        let parent = self.store.groups.get(app, group).await?.and_then(|stored| stored.group.parent);
        Ok(match parent {
            Some(parent) => self.store.groups.member(app, parent, uid).await?.is_some(),
            None => true,
        })
    }

    /// Whether a conversation is a thread.
    pub(crate) async fn is_thread(&self, app: AppId, conversation: ConversationId) -> Result<bool, Error> {
        let ConversationId::Group(group) = conversation else { return Ok(false) };
        let stored = self.store.groups.get(app, group).await?;
        Ok(stored.is_some_and(|stored| stored.group.kind == GroupKind::Thread))
    }

    /// Whether a user blocks the sender, and whether they are contacts where that is asked.
    async fn reach(
        &self,
        app: &Tenant,
        sender: &Account,
        recipient: &Account,
    ) -> Result<(bool, Option<ContactProof>), Error> {
        let (from, to) = (sender.user.uid, recipient.user.uid);
        let is_blocked = self.blocks(app, &recipient.user, from).await?;
        let contact = match app.value.settings.contacts_only {
            true => self.store.contacts.proof(app.value.id, from, to).await?,
            false => None,
        };
        Ok((is_blocked, contact))
    }

    /// Who meets in a conversation to whose messages a user wants to add something. `None`: in none that he knows.
    pub(crate) async fn parties_in(
        &self,
        app: &Tenant,
        uid: Uid,
        conversation: Option<ConversationId>,
    ) -> Result<Parties, Error> {
        let id = app.value.id;
        let account = self.store.users.get(id, uid).await?;
        let Some(account) = account else { return Err(Error::plain(Condition::UserRemoved)) };
        let (mut is_blocked, mut contact) = (false, None);
        let recipient = match conversation {
            None => Found::User(None),
            Some(ConversationId::Room(room)) => {
                let room = self.store.groups.get(id, room).await?;
                let member = room.as_ref().and_then(|room| self.in_room(id, &room.group, uid));
                Found::Room { room, member }
            }
            Some(ConversationId::Single { low, high }) => {
                let peer = if low == uid { high } else { low };
                let peer = if peer == Uid::BACK_END { None } else { self.store.users.get(id, peer).await? };
                if let Some(peer) = &peer {
                    (is_blocked, contact) = self.reach_if_asked(app, &account, peer).await?;
                }
                Found::User(peer)
            }
            Some(ConversationId::Group(group)) => {
                let member = self.store.groups.member(id, group, uid).await?;
                match self.store.groups.get(id, group).await? {
                    Some(thread) if thread.group.kind == GroupKind::Thread => {
                        self.found_thread(id, thread, member, uid).await?
                    }
                    group => Found::Group { group, member },
                }
            }
        };
        Ok(Parties { app: id, sender: account, recipient, directed: Vec::new(), is_blocked, contact })
    }

    /// A message to which a user wants to add something, with those who meet in its conversation: only in one that he
    /// takes part in, and only if he was shown it.
    pub(crate) async fn find_message_to_add_to(
        &self,
        app: &Tenant,
        uid: Uid,
        id: MessageId,
    ) -> Result<(Parties, Option<FoundMessage>), Error> {
        let found = self.find_in_conversations(app, id).await?;
        let parties =
            self.parties_in(app, uid, found.as_ref().map(|(conversation, ..)| *conversation)).await?;
        let found = found.filter(|(conversation, seq, entry)| parties.sees(*conversation, *seq, entry));
        Ok((parties, found))
    }

    /// What stands between two users, read only where it can matter: for those who block nobody, in an app where anybody
    /// may write, nothing is read, and no room taken.
    async fn reach_if_asked(
        &self,
        app: &Tenant,
        sender: &Account,
        recipient: &Account,
    ) -> Result<(bool, Option<ContactProof>), Error> {
        let settings = &app.value.settings;
        if (recipient.user.blocks != 0 && settings.blocks_enabled) || settings.contacts_only {
            return Box::pin(self.reach(app, sender, recipient)).await;
        }
        Ok((false, None))
    }

    /// Drops what is held in memory of parties whose facts moved.
    pub(crate) fn forget_parties(&self, parties: &Parties) {
        let (app, sender) = (parties.app, parties.sender.user.uid);
        self.store.users.forget(app, sender);
        match &parties.recipient {
            Found::User(Some(account)) => self.store.users.forget(app, account.user.uid),
            Found::Group { group: Some(group), .. } | Found::Room { room: Some(group), .. } => {
                self.store.groups.forget(app, group.group.id, sender);
            }
            Found::Thread(found) => {
                self.store.groups.forget(app, found.thread.group.id, sender);
                self.store.groups.forget(app, found.group.group.id, sender);
            }
            Found::User(None) | Found::Group { .. } | Found::Room { .. } => {}
        }
    }

    /// Whether a user is shown what stands in a feed, and from where on: a member of a group sees what came after him.
    ///
    /// # Errors
    /// Faults.
    pub async fn sees_from(&self, app: AppId, uid: Uid, feed: Feed) -> Result<Option<model::Seq>, Error> {
        match feed {
            Feed::Conversation(ConversationId::Group(group)) => {
                let member = self.store.groups.member(app, group, uid).await?;
                if member.is_some() && !self.is_in_group_of(app, group, uid).await? {
                    return Ok(None);
                }
                Ok(member.filter(|stored| !stored.member.shielded).map(|stored| stored.member.joined))
            }
            // Nobody is shown what was said before he came; a session begins where it first hears of the room.
            Feed::Conversation(ConversationId::Room(room)) => {
                Ok(self.leases.member(app, room, uid).map(|_| model::Seq::ZERO))
            }
            _ => Ok(Some(model::Seq::ZERO)),
        }
    }
}
