//! Contacts: who may ask whom, what an answer does, who is told of it (easemob-rest.md 3.5, msync.md 2.16).
//!
//! Being contacts is mutual: it stands on both lists or on none. The one who is asked decides; the app's back end
//! links two users without asking. Knows no store: a decision says what becomes of the pair.

use conditions::Condition;
use model::{ContactChange, ContactPart, DeviceNumber, Timestamp, Uid, Username, limits};
use thiserror::Error;

use crate::Refusal;
use crate::account::User;
use crate::app::Settings;

/// What one user has on his list about another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub since: Timestamp,
    /// The user's own name for the other; nobody else sees it.
    pub remark: Option<String>,
    /// What else he wrote down about him (JMessage's second note).
    pub others: Option<String>,
}

/// What stands between two users, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    /// What the user has about his peer, while they are contacts.
    pub contact: Option<Contact>,
    /// The peer waits for the user's answer.
    pub is_asked: bool,
    /// How many contacts the user has, counted up to the app's limit.
    pub contacts: u64,
    /// How many the peer has.
    pub peer_contacts: u64,
    /// The requests that wait for the peer's answer are as many as may wait; this is who asked first.
    pub oldest_asker: Option<Uid>,
}

/// What a decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct ContactView<'a> {
    pub settings: &'a Settings,
    /// Whose list it is about.
    pub user: &'a User,
    /// `None`: nobody has the name.
    pub peer: Option<&'a User>,
    /// Empty where there is no peer.
    pub relation: &'a Relation,
    /// The user stands on the peer's block list.
    pub is_blocked: bool,
}

/// What becomes of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairChange {
    /// The user's request waits for the peer's answer. Another one's goes for it, where too many wait.
    Ask {
        at: Timestamp,
        drops: Option<Uid>,
    },
    /// The peer's request is answered.
    Answer,
    /// Both are contacts; all requests between them are answered.
    Link {
        at: Timestamp,
    },
    Unlink,
    /// The user's own row about the peer.
    Note(Contact),
}

/// Somebody hears of it in his event log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactTold {
    pub to: Uid,
    /// Who stands as the author.
    pub by: Uid,
    pub by_name: Username,
    /// The other one of the two.
    pub peer: Username,
    pub change: ContactChange,
    pub part: Option<ContactPart>,
}

/// A change that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactAccepted {
    pub change: PairChange,
    pub told: Vec<ContactTold>,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ContactRefused {
    #[error("contacts are off for this app (contacts.enabled)")]
    Off,
    #[error("there is no user {name:?}")]
    PeerNotFound { name: String },
    #[error("nobody is his own contact")]
    Oneself,
    #[error("the words of the request are over {} characters", limits::CONTACT_REASON_CHARS)]
    ReasonTooLong,
    #[error("{peer} has blocked the user")]
    Blocked { peer: Username },
    #[error("{peer} is a contact already")]
    AlreadyContacts { peer: Username },
    #[error("the user has {limit} contacts (contacts.limit)")]
    Full { limit: u64 },
    #[error("the peer has {limit} contacts (contacts.limit)")]
    PeerFull { limit: u64 },
    #[error("{peer} has not asked")]
    NotAsked { peer: Username },
    #[error("{peer} is no contact")]
    NotContacts { peer: Username },
    #[error("the remark is over {} characters", limits::REMARK_CHARS)]
    RemarkTooLong,
}

impl Refusal for ContactRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Off => Condition::ServiceNotEnabled,
            Self::PeerNotFound { .. } => Condition::UserNotFound,
            Self::Oneself => Condition::ContactAddFailed,
            Self::ReasonTooLong => Condition::ArgumentInvalid,
            Self::Blocked { .. } => Condition::BlockedByRecipient,
            Self::AlreadyContacts { .. } => Condition::AlreadyContacts,
            Self::Full { .. } => Condition::ContactLimitReached,
            Self::PeerFull { .. } => Condition::PeerContactLimitReached,
            Self::NotAsked { .. } => Condition::ContactRequestInvalid,
            Self::NotContacts { .. } => Condition::ContactNotFound,
            Self::RemarkTooLong => Condition::ContactNoteInvalid,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Off => vec![("feature", "contact".to_owned())],
            Self::PeerNotFound { name } => vec![("user", name.clone())],
            Self::AlreadyContacts { peer } | Self::NotContacts { peer } => vec![("user", peer.to_string())],
            Self::ReasonTooLong => vec![("name", "reason".to_owned())],
            Self::RemarkTooLong => vec![("limit", limits::REMARK_CHARS.to_string())],
            Self::Oneself
            | Self::Blocked { .. }
            | Self::NotAsked { .. }
            | Self::Full { .. }
            | Self::PeerFull { .. } => Vec::new(),
        }
    }
}

/// Whether the app's users have contact lists at all.
///
/// # Errors
/// [`ContactRefused::Off`].
pub fn decide_access(settings: &Settings) -> Result<(), ContactRefused> {
    if settings.contacts_enabled { Ok(()) } else { Err(ContactRefused::Off) }
}

/// Decides a contact request. Order: feature, the peer's name, oneself, the words, the peer's block list, whether
/// they are contacts already, the user's limit, the peer's. Asking again is a new request.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_ask(
    view: ContactView<'_>,
    name: &str,
    reason: &str,
    at: Timestamp,
) -> Result<ContactAccepted, ContactRefused> {
    let peer = other(view, name)?;
    if reason.chars().count() > limits::CONTACT_REASON_CHARS {
        return Err(ContactRefused::ReasonTooLong);
    }
    if view.is_blocked {
        return Err(ContactRefused::Blocked { peer: peer.name.clone() });
    }
    if view.relation.contact.is_some() {
        return Err(ContactRefused::AlreadyContacts { peer: peer.name.clone() });
    }
    check_room(view)?;
    let asked = told(peer, view.user, peer, ContactChange::Asked { reason: reason.to_owned() });
    Ok(ContactAccepted {
        change: PairChange::Ask { at, drops: view.relation.oldest_asker },
        told: vec![asked],
    })
}

/// Decides a yes. Order: feature, the peer's name, whether they are contacts already (then nothing is left to do:
/// `None`), the request, the user's limit, the peer's.
///
/// Both sides are told that they have a new contact, on every device, and the one who asked that it was a yes. `device`:
/// where the yes was said.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_accept(
    view: ContactView<'_>,
    name: &str,
    device: DeviceNumber,
    at: Timestamp,
) -> Result<Option<ContactAccepted>, ContactRefused> {
    let peer = other(view, name)?;
    if view.relation.contact.is_some() {
        return Ok(None);
    }
    if !view.relation.is_asked {
        return Err(ContactRefused::NotAsked { peer: peer.name.clone() });
    }
    check_room(view)?;
    let mut told_all = vec![told(peer, view.user, peer, ContactChange::Accepted)];
    let parts = [ContactPart::Asked, ContactPart::Answered { device: device.0 }];
    told_all.extend(
        told_of_link(view.user, peer)
            .into_iter()
            .zip(parts)
            .map(|(told, part)| ContactTold { part: Some(part), ..told }),
    );
    Ok(Some(ContactAccepted { change: PairChange::Link { at }, told: told_all }))
}

/// Decides a no. Order: feature, the peer's name, the words, the request.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_decline(
    view: ContactView<'_>,
    name: &str,
    reason: &str,
) -> Result<ContactAccepted, ContactRefused> {
    let peer = other(view, name)?;
    if reason.chars().count() > limits::CONTACT_REASON_CHARS {
        return Err(ContactRefused::ReasonTooLong);
    }
    if !view.relation.is_asked {
        return Err(ContactRefused::NotAsked { peer: peer.name.clone() });
    }
    let declined = ContactChange::Declined { reason: reason.to_owned() };
    Ok(ContactAccepted { change: PairChange::Answer, told: vec![told(peer, view.user, peer, declined)] })
}

/// Decides an end by one of the two. Order: feature, the peer's name, whether they are contacts. The peer is told,
/// and the user's own other devices.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_remove(view: ContactView<'_>, name: &str) -> Result<ContactAccepted, ContactRefused> {
    let peer = other(view, name)?;
    if view.relation.contact.is_none() {
        return Err(ContactRefused::NotContacts { peer: peer.name.clone() });
    }
    let removed = |to| told(to, view.user, peer, ContactChange::Removed);
    Ok(ContactAccepted { change: PairChange::Unlink, told: vec![removed(peer), removed(view.user)] })
}

/// Decides a link by the back end, without a request. Order: feature, the peer's name, oneself, whether they are
/// contacts already (`None`), the user's limit, the peer's.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_link(
    view: ContactView<'_>,
    name: &str,
    at: Timestamp,
) -> Result<Option<ContactAccepted>, ContactRefused> {
    let peer = other(view, name)?;
    if view.relation.contact.is_some() {
        return Ok(None);
    }
    check_room(view)?;
    let told = told_of_link(view.user, peer).into();
    Ok(Some(ContactAccepted { change: PairChange::Link { at }, told }))
}

/// As [`decide_link`], for a back end that wants to hear when they are contacts already.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_link_new(
    view: ContactView<'_>,
    name: &str,
    at: Timestamp,
) -> Result<ContactAccepted, ContactRefused> {
    let linked = decide_link(view, name, at)?;
    linked.ok_or_else(|| ContactRefused::AlreadyContacts {
        peer: view.peer.expect("a decision without a peer is a refusal").name.clone(),
    })
}

/// Decides an end by the back end; `None` where they are no contacts. Each is told that the other ended it.
///
/// # Errors
/// [`ContactRefused::Off`], [`ContactRefused::PeerNotFound`], [`ContactRefused::Oneself`].
pub fn decide_unlink(view: ContactView<'_>, name: &str) -> Result<Option<ContactAccepted>, ContactRefused> {
    let peer = other(view, name)?;
    Ok(view.relation.contact.is_some().then(|| unlink(view.user, peer)))
}

/// The end of what two users are to each other.
pub fn unlink(user: &User, peer: &User) -> ContactAccepted {
    let removed = |to: &User, by: &User| told(to, by, to, ContactChange::Removed);
    ContactAccepted { change: PairChange::Unlink, told: vec![removed(peer, user), removed(user, peer)] }
}

/// Decides a remark; an empty one takes it away. Order: feature, the peer's name, length, whether they are contacts.
///
/// # Errors
/// The first [`ContactRefused`].
pub fn decide_note(
    view: ContactView<'_>,
    name: &str,
    remark: Option<&str>,
    others: Option<&str>,
) -> Result<ContactAccepted, ContactRefused> {
    decide_access(view.settings)?;
    let peer = view.peer.ok_or_else(|| not_found(name))?;
    let is_long = |text: Option<&str>, most| text.is_some_and(|text| text.chars().count() > most);
    if is_long(remark, limits::REMARK_CHARS) || is_long(others, limits::CONTACT_OTHERS_CHARS) {
        return Err(ContactRefused::RemarkTooLong);
    }
    let Some(contact) = &view.relation.contact else {
        return Err(ContactRefused::NotContacts { peer: peer.name.clone() });
    };
    let noted = |given: Option<&str>, present: &Option<String>| match given {
        Some(text) => Some(text.to_owned()).filter(|text| !text.is_empty()),
        None => present.clone(),
    };
    let change = PairChange::Note(Contact {
        since: contact.since,
        remark: noted(remark, &contact.remark),
        others: noted(others, &contact.others),
    });
    Ok(ContactAccepted { change, told: Vec::new() })
}

/// The peer, where contacts are on and he is there and somebody else.
fn other<'a>(view: ContactView<'a>, name: &str) -> Result<&'a User, ContactRefused> {
    decide_access(view.settings)?;
    let peer = view.peer.ok_or_else(|| not_found(name))?;
    if peer.uid == view.user.uid { Err(ContactRefused::Oneself) } else { Ok(peer) }
}

fn not_found(name: &str) -> ContactRefused {
    ContactRefused::PeerNotFound { name: crate::account::printable(name) }
}

fn check_room(view: ContactView<'_>) -> Result<(), ContactRefused> {
    let limit = view.settings.contacts_limit;
    if view.relation.contacts >= limit {
        return Err(ContactRefused::Full { limit });
    }
    if view.relation.peer_contacts >= limit {
        return Err(ContactRefused::PeerFull { limit });
    }
    Ok(())
}

/// Each hears it from the other, so that a client finds its new contact where it looks for it.
fn told_of_link(user: &User, peer: &User) -> [ContactTold; 2] {
    let added = |to: &User, by: &User| told(to, by, to, ContactChange::Added);
    [added(peer, user), added(user, peer)]
}

fn told(to: &User, by: &User, peer: &User, change: ContactChange) -> ContactTold {
    let (by_name, peer) = (by.name.clone(), peer.name.clone());
    ContactTold { to: to.uid, by: by.uid, by_name, peer, change, part: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::testing::user;

    /// Alice acts; bob is the peer. All is well but for what the test changes.
    struct Given {
        settings: Settings,
        peer: Option<User>,
        relation: Relation,
        is_blocked: bool,
    }

    impl Given {
        fn strangers() -> Self {
            let settings = Settings { contacts_limit: 2, ..Settings::default() };
            Self { settings, peer: Some(user(2, "bob")), relation: Relation::default(), is_blocked: false }
        }

        fn asked() -> Self {
            let relation = Relation { is_asked: true, ..Relation::default() };
            Self { relation, ..Self::strangers() }
        }

        fn contacts() -> Self {
            let contact = Some(Contact { since: Timestamp(1), remark: None, others: None });
            let relation = Relation { contact, contacts: 1, peer_contacts: 1, ..Relation::default() };
            Self { relation, ..Self::strangers() }
        }

        fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
            change(&mut self);
            self
        }

        fn decide<T>(&self, decide: impl FnOnce(ContactView<'_>) -> T) -> T {
            let alice = user(1, "alice");
            decide(ContactView {
                settings: &self.settings,
                user: &alice,
                peer: self.peer.as_ref(),
                relation: &self.relation,
                is_blocked: self.is_blocked,
            })
        }

        fn ask(&self) -> Result<ContactAccepted, Condition> {
            self.decide(|view| decide_ask(view, "bob", "hi", Timestamp(9)).map_err(|e| e.condition()))
        }

        fn accept(&self) -> Result<Option<ContactAccepted>, Condition> {
            self.decide(|view| {
                decide_accept(view, "bob", DeviceNumber(3), Timestamp(9)).map_err(|e| e.condition())
            })
        }

        fn link(&self) -> Result<Option<ContactAccepted>, Condition> {
            self.decide(|view| decide_link(view, "bob", Timestamp(9)).map_err(|e| e.condition()))
        }
    }

    /// Who hears what from whom.
    fn heard(accepted: &ContactAccepted) -> Vec<(u64, u64, &str, ContactChange)> {
        let one = |told: &ContactTold| (told.to.0, told.by.0, told.peer.to_string(), told.change.clone());
        let all: Vec<_> = accepted.told.iter().map(one).collect();
        all.into_iter()
            .map(|(to, by, peer, change)| (to, by, if peer == "bob" { "bob" } else { "alice" }, change))
            .collect()
    }

    #[test]
    fn a_request_is_told_to_the_one_who_is_asked() {
        let accepted = Given::strangers().ask().unwrap();
        assert_eq!(accepted.change, PairChange::Ask { at: Timestamp(9), drops: None });
        assert_eq!(heard(&accepted), [(2, 1, "bob", ContactChange::Asked { reason: "hi".into() })]);
        let again = Given::asked().with(|given| given.relation.oldest_asker = Some(Uid(7))).ask().unwrap();
        assert_eq!(again.change, PairChange::Ask { at: Timestamp(9), drops: Some(Uid(7)) });
    }

    #[test]
    fn requests_are_refused_in_the_documented_order() {
        let mut given = Given::contacts().with(|given| {
            given.settings.contacts_enabled = false;
            given.is_blocked = true;
            given.relation.contacts = 2;
            given.relation.peer_contacts = 2;
        });
        let bob = given.peer.take();
        assert_eq!(given.ask(), Err(Condition::ServiceNotEnabled));
        given.settings.contacts_enabled = true;
        assert_eq!(given.ask(), Err(Condition::UserNotFound));
        given.peer = Some(user(1, "alice"));
        assert_eq!(given.ask(), Err(Condition::ContactAddFailed));
        given.peer = bob;
        let long = "x".repeat(limits::CONTACT_REASON_CHARS + 1);
        let refused = given.decide(|view| decide_ask(view, "bob", &long, Timestamp(9)).unwrap_err());
        assert_eq!(refused.arguments(), [("name", "reason".to_owned())]);
        assert_eq!(given.ask(), Err(Condition::BlockedByRecipient));
        given.is_blocked = false;
        assert_eq!(given.ask(), Err(Condition::AlreadyContacts));
        given.relation.contact = None;
        assert_eq!(given.ask(), Err(Condition::ContactLimitReached));
        given.relation.contacts = 1;
        assert_eq!(given.ask(), Err(Condition::PeerContactLimitReached));
        given.relation.peer_contacts = 1;
        assert!(given.ask().is_ok());
    }

    #[test]
    fn a_yes_needs_a_request_and_both_hear_of_their_new_contact() {
        assert_eq!(Given::strangers().accept(), Err(Condition::ContactRequestInvalid));
        let accepted = Given::asked().accept().unwrap().unwrap();
        assert_eq!(accepted.change, PairChange::Link { at: Timestamp(9) });
        let expected = [
            (2, 1, "bob", ContactChange::Accepted),
            (2, 1, "bob", ContactChange::Added),
            (1, 2, "alice", ContactChange::Added),
        ];
        assert_eq!(heard(&accepted), expected);
        assert_eq!(Given::contacts().accept(), Ok(None), "a second yes changes nothing");
        let full = Given::asked().with(|given| given.relation.contacts = 2);
        assert_eq!(full.accept(), Err(Condition::ContactLimitReached));
        let peer_full = Given::asked().with(|given| given.relation.peer_contacts = 2);
        assert_eq!(peer_full.accept(), Err(Condition::PeerContactLimitReached));
    }

    #[test]
    fn a_no_needs_a_request_and_is_told_to_the_one_who_asked() {
        let decline = |given: Given| given.decide(|view| decide_decline(view, "bob", "not now"));
        assert!(matches!(decline(Given::strangers()), Err(ContactRefused::NotAsked { .. })));
        let accepted = decline(Given::asked()).unwrap();
        assert_eq!(accepted.change, PairChange::Answer);
        assert_eq!(heard(&accepted), [(2, 1, "bob", ContactChange::Declined { reason: "not now".into() })]);
    }

    #[test]
    fn an_end_is_told_to_both() {
        let remove = |given: &Given| given.decide(|view| decide_remove(view, "bob"));
        assert_eq!(remove(&Given::strangers()).unwrap_err().condition(), Condition::ContactNotFound);
        let accepted = remove(&Given::contacts()).unwrap();
        assert_eq!(accepted.change, PairChange::Unlink);
        let removed = ContactChange::Removed;
        assert_eq!(heard(&accepted), [(2, 1, "bob", removed.clone()), (1, 1, "bob", removed)]);
    }

    #[test]
    fn the_back_end_links_and_unlinks_without_asking_and_twice() {
        let accepted = Given::strangers().with(|given| given.is_blocked = true).link().unwrap().unwrap();
        assert_eq!(accepted.change, PairChange::Link { at: Timestamp(9) });
        assert_eq!(heard(&accepted).len(), 2);
        assert_eq!(Given::contacts().link(), Ok(None));
        let full = Given::strangers().with(|given| given.relation.contacts = 2);
        assert_eq!(full.link(), Err(Condition::ContactLimitReached));

        let unlink = |given: Given| given.decide(|view| decide_unlink(view, "bob")).unwrap();
        assert_eq!(unlink(Given::strangers()), None);
        let accepted = unlink(Given::contacts()).unwrap();
        let removed = ContactChange::Removed;
        assert_eq!(heard(&accepted), [(2, 1, "bob", removed.clone()), (1, 2, "alice", removed)]);
    }

    #[test]
    fn a_remark_is_for_contacts_and_has_a_length() {
        let note = |given: &Given, remark: &str| {
            given.decide(|view| {
                decide_note(view, "bob", Some(remark), None).map_err(|refused| refused.condition())
            })
        };
        let long = "名".repeat(limits::REMARK_CHARS + 1);
        assert_eq!(note(&Given::strangers(), &long), Err(Condition::ContactNoteInvalid));
        assert_eq!(note(&Given::strangers(), "Bobby"), Err(Condition::ContactNotFound));
        let kept = |remark: &str| match note(&Given::contacts(), remark).unwrap().change {
            PairChange::Note(contact) => contact.remark,
            other => panic!("{other:?}"),
        };
        assert_eq!(kept(&"名".repeat(limits::REMARK_CHARS)).unwrap().chars().count(), 100);
        assert_eq!(kept(""), None);
    }
}
