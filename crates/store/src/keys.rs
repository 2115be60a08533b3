//! The key layout. All numbers are big-endian, so that keys sort as the numbers do.
//!
//! | cell key | value | written by | read by |
//! |---|---|---|---|
//! | `0 F` | format version and name | first open | each open |
//! | `0 I` node | message ids reserved up to | [`crate::IdReservation`] | start of a node |
//! | `0 A` app key | app number | [`crate::Apps`] | [`crate::Apps`] |
//! | `0 a` app number | app row (JSON) | [`crate::Apps`] | open, calls |
//! | app `n` name | what has the name: kind, number | register, delete | look-ups by name |
//! | app `k` uuid | the number of the user who has it | register, delete | tokens that name a user by it |
//! | app `u` uid | account row (JSON) | register, update, delete | look-ups, lists; a policy cell |
//! | app `d` uid | the user's devices and sessions (JSON) | login, disconnect | login, status |
//! | app `z` uid | nothing: the user has a mute in his account row that was not lifted | mutes | lists of the muted |
//! | app `B` uid | nothing: the user is an administrator by his account row | register, delete | lists of administrators |
//! | app `D` uid | whom and which groups the user wants to be quiet (JSON) | do-not-disturb | the same; a policy cell of itself |
//! | app `s` | how far removed users are swept: a sequence of log `R` | sweeping | sweeping |
//! | app `w` rule | up to where a webhook has told what came | setting rules, the webhook's job | the same job |
//! | app `g` group | group row (JSON) | [`crate::Groups`] | calls, sends; a policy cell |
//! | app `h` group uid | a member: since when, from which entry on, mute, marks, name | [`crate::Groups`] | member lists, sends; a policy cell |
//! | app `q` group uid | who is on the group's block list: since when, name | [`crate::Groups`] | joining, lists |
//! | app `G` group kind uid | an application or invitation that waits, or an application that was declined (JSON) | [`crate::Groups`] | its answer, the next application |
//! | app `A` group uid | a member's attributes (JSON) | [`crate::Groups`] | calls |
//! | app `M` room key | an attribute of a chat room (JSON) | [`crate::Rooms`] | calls |
//! | app `X` uid | the user's name: he may make chat rooms where not everybody may | [`crate::Rooms`] | the same |
//! | app `j` group message uid | that a member has read the message | group receipts | repeated receipts |
//! | app `l` kind group | empty: the group is in the list of all groups, or of public ones | [`crate::Groups`] | lists |
//! | app `Lm` group message | the thread about a group's message | [`crate::Groups`] | new threads, history |
//! | app `Lt` group thread | empty: the thread is in the group | [`crate::Groups`] | lists, the group's end |
//! | app `Z` group | the news of a destroyed group's end, while its members are told | [`crate::Groups`] | the same job after a restart |
//! | app `K` list | a keyword list without its words (JSON) | keyword lists | the same, filters |
//! | app `V` list word | a word of it (JSON) | keyword lists | the same, filters |
//! | app `i` uid feed | how far the user's devices and the user have read | first message, acknowledgements | login, sync |
//! | app `c` uid peer | they are contacts: since when, the user's remark (JSON) | contacts | lists; a policy cell where only contacts may write |
//! | app `C` uid peer | the peer asked the user to be his contact, when | contacts | answers |
//! | app `b` uid | whom the user blocks | block lists | messages to him, if his account row says that there is one |
//! | app `P` uid | what the user publishes: words, states of devices (JSON) | presence | what is shown of him |
//! | app `N` uid | what the user set for pushes: bound devices, quiet times (JSON) | push settings | the job that wakes devices |
//! | app `Q` | the templates of the app's pushes (JSON) | the app's back end | pushes |
//! | app `t` uid | the user's attributes (JSON) | user attributes | everybody |
//! | app `T` part | bytes that the attributes of some of the users have together | user attributes | their limit |
//! | app `O` uid | lines of the user's favourites (JSON) | favourites | lists; a policy cell of itself |
//! | app `J` uid id | a favourite (JSON) | favourites | lists |
//! | app `S` uid target | the user follows the target's presence, until when | presence | lists |
//! | app `W` target uid | the same, seen from the target | presence | changes of the target |
//! | app `H` | how far old messages are removed: a sequence of log `v` | retention | retention |
//! | app `o` uid feed | what a user set for a conversation: pinned, marks, hidden, deleted (JSON) | conversations, deletions | lists, history |
//! | app `a` feed message id | the message's reactions: how many have each, and the first of them (JSON) | reactions | history, lists; recalls delete it |
//! | app `a` feed message id, reaction id `0` uid | place of the user among those who have the reaction | reactions | reactions, lists; recalls sweep it |
//! | app `a` feed message id, reaction id `1` place | the user | reactions | lists; recalls sweep it |
//! | app `E` feed message id | the sequences of the message's edits | edits | edits; a policy cell of recalls |
//! | app `p` feed | the conversation's pinned messages (JSON) | pins | lists of pins |
//! | app `ff` file | file row (JSON): what was said of it, and which blobs it consists of | upload, lifetimes, expiry | downloads |
//! | app `fk` time kind id | what goes at that time: a file, an upload in parts, a blob | uploads, lifetimes | expiry |
//! | app `fb` uid | bytes and files that a user has stored; uid 0 is the whole app | upload, expiry | uploads |
//! | app `fu` uid file | the user uploaded the file, whose content is there | upload, expiry | the burial of a removed user |
//! | app `fp` uid file | an upload in parts that is under way (JSON); uid 0 is the back end | begin, complete | parts |
//! | app `fq` file number | a part: its blob and length (JSON) | parts | complete |
//! | app `fs` group time file | a file that is shared in a group or room (JSON) | [`crate::Groups`] | calls |
//! | app `1` | the exports of moderation records (JSON); letters are used up, digits follow | exports | the same, their job |
//! | app `2s` slice | of a slice of ten minutes: how many reports are kept, how often they were sent again (JSON) | webhooks, redelivery | the same, the back end |
//! | app `2r` slice time key | a report that a webhook gave up (JSON) | webhooks | redelivery |
//! | period: app `x` uid feed client-id digest | sequence, id, time of the first answer | send | repeated sends |
//! | period: app `k` uid kind message id | sequence, id, time of the first receipt | receipts | repeated receipts |
//! | period: app `Y` message id feed | sequence, id, time of a message whose id was drawn before it was written | the end of a stream | the same, tried again; look-ups by id |
//! | period: app `r` uid message id | nothing: the user reported the message | reports | repeated reports |
//! | period: app `R` uid | how many reports are the user's | reports | the same |
//! | period: app `y` feed message id | sequence of the notice | recall | recalls of the same message |
//!
//! | log | entries | read by |
//! |---|---|---|
//! | `0 A` | app keys; the sequence is the app's number | nobody |
//! | app `U` | registered names; the sequence is the uid | user count |
//! | app `R` | removed uids | user count, sweeping |
//! | app `m` feed | a conversation's messages | sync, history |
//! | app `e` uid | a user's events | sync |
//! | app `r` | reports of messages (JSON) | the admin API |
//! | app `M` | what was decided about messages (JSON), the latest | exports of it |
//! | app `N` uid | what was decided for the user's devices (JSON), the latest | the admin API |
//! | app `j` group message | who has read a group's message, in the order of their receipts | calls |
//! | app `v` | notes: which feeds, sequences and ids came | look-ups of messages by id, history files, webhooks, push (cursors) |
//! | app `w` | notes: what webhooks tell that stands in no feed | webhooks (cursors); trimmed behind them |

mod files;

use bytes::Bytes;
use domain::group::RequestKind;
use kv::Template;
use model::{
    AppId, AppKey, ClientMessageId, ConversationId, EntryKind, Feed, GroupId, MessageId, Timestamp, Uid,
    Username,
};

use crate::Listing;
pub use files::{
    deadline, deadline_parts, deadlines, file, file_usage, own_file, own_file_id, own_files, part,
    part_number, part_upload, part_uploads, parts, shared_file, shared_file_parts, shared_files,
};

/// Length of one period of [`kv::Space::Period`]: dedupe rows live for one to two of them, so at least 7 days.
const PERIOD_MS: u64 = 7 * 24 * 60 * 60 * 1000;

const SYSTEM: AppId = AppId(0);

fn key(app: AppId, tag: u8, capacity: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + capacity);
    key.extend_from_slice(&app.0.to_be_bytes());
    key.push(tag);
    key
}

pub fn format() -> Bytes {
    key(SYSTEM, b'F', 0).into()
}

pub fn id_reservation(node: u8) -> Bytes {
    let mut key = key(SYSTEM, b'I', 1);
    key.push(node);
    key.into()
}

pub fn app_name(app: &AppKey) -> Bytes {
    let mut key = key(SYSTEM, b'A', app.as_str().len());
    key.extend_from_slice(app.as_str().as_bytes());
    key.into()
}

pub fn app_rows() -> Bytes {
    key(SYSTEM, b'a', 0).into()
}

pub fn app_log() -> Bytes {
    key(SYSTEM, b'A', 0).into()
}

pub fn name(app: AppId, name: &Username) -> Bytes {
    let mut key = key(app, b'n', name.as_str().len());
    key.extend_from_slice(name.as_str().as_bytes());
    key.into()
}

pub fn uuid(app: AppId, uuid: &str) -> Bytes {
    let mut key = key(app, b'k', uuid.len());
    key.extend_from_slice(uuid.as_bytes());
    key.into()
}

pub fn users(app: AppId) -> Bytes {
    key(app, b'u', 0).into()
}

pub fn user(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'u', uid)
}

/// The cell of the user whose number the commit gives out.
pub fn user_template(app: AppId) -> Template {
    Template::from(key(app, b'u', 8))
}

/// Prefix of the marks of muted users.
pub fn muted_users(app: AppId) -> Bytes {
    key(app, b'z', 0).into()
}

pub fn muted(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'z', uid)
}

/// Prefix of the marks of administrators.
pub fn admins(app: AppId) -> Bytes {
    key(app, b'B', 0).into()
}

pub fn admin(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'B', uid)
}

/// The mark of the user whose number the commit gives out.
pub fn admin_template(app: AppId) -> Template {
    Template::from(key(app, b'B', 8))
}

pub fn no_disturb(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'D', uid)
}

/// Prefix of the slices of reports that were given up.
pub fn undelivered_slices(app: AppId) -> Bytes {
    let mut key = key(app, b'2', 1);
    key.push(b's');
    key.into()
}

pub fn undelivered_slice(app: AppId, slice: u32) -> Bytes {
    let mut key = key(app, b'2', 5);
    key.push(b's');
    key.extend_from_slice(&slice.to_be_bytes());
    key.into()
}

/// The slice of a key of [`undelivered_slice`].
pub fn undelivered_slice_number(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(6..)?.try_into().ok()?))
}

/// Prefix of a slice's reports, in the order in which happened what they tell.
pub fn undelivered_reports(app: AppId, slice: u32) -> Bytes {
    let mut key = key(app, b'2', 5);
    key.push(b'r');
    key.extend_from_slice(&slice.to_be_bytes());
    key.into()
}

pub fn undelivered_report(app: AppId, slice: u32, at: Timestamp, report: &str) -> Bytes {
    let mut key = Vec::from(undelivered_reports(app, slice));
    key.extend_from_slice(&at.0.to_be_bytes());
    key.extend_from_slice(report.as_bytes());
    key.into()
}

pub fn user_log(app: AppId) -> Bytes {
    key(app, b'U', 0).into()
}

pub fn removed_log(app: AppId) -> Bytes {
    key(app, b'R', 0).into()
}

pub fn swept(app: AppId) -> Bytes {
    key(app, b's', 0).into()
}

pub fn devices(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'd', uid)
}

/// Prefix of all feeds that a user follows.
pub fn inboxes(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'i', uid)
}

pub fn inbox(app: AppId, uid: Uid, feed: Feed) -> Bytes {
    let mut key = key(app, b'i', 25);
    key.extend_from_slice(&uid.0.to_be_bytes());
    push_feed(&mut key, feed);
    key.into()
}

/// The feed of an inbox key, or of a key of [`own_view`].
pub fn inbox_feed(inbox: &[u8]) -> Option<Feed> {
    feed_of(inbox.get(13..)?)
}

/// The feed of a name that [`push_feed`] wrote.
pub fn feed_of(feed: &[u8]) -> Option<Feed> {
    let number = |from: usize| Some(u64::from_be_bytes(feed.get(from..from + 8)?.try_into().ok()?));
    match feed.first()? {
        b's' => Some(Feed::Conversation(ConversationId::single(Uid(number(1)?), Uid(number(9)?)))),
        b'g' => Some(Feed::Conversation(ConversationId::Group(GroupId(number(1)?)))),
        b'r' => Some(Feed::Conversation(ConversationId::Room(GroupId(number(1)?)))),
        b'e' => Some(Feed::Events(Uid(number(1)?))),
        _ => None,
    }
}

/// The log of a feed.
pub fn feed_log(app: AppId, feed: Feed) -> Bytes {
    match feed {
        Feed::Conversation(_) => {
            let mut key = key(app, b'm', 17);
            push_feed(&mut key, feed);
            key.into()
        }
        Feed::Events(uid) => with_uid(app, b'e', uid),
    }
}

/// Prefix of a user's contacts.
pub fn contacts(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'c', uid)
}

pub fn contact(app: AppId, uid: Uid, peer: Uid) -> Bytes {
    with_uids(app, b'c', uid, peer)
}

/// Prefix of the contact requests that wait for a user's answer.
pub fn contact_requests(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'C', uid)
}

/// `asker` wants to be a contact of `uid`.
pub fn contact_request(app: AppId, uid: Uid, asker: Uid) -> Bytes {
    with_uids(app, b'C', uid, asker)
}

/// The second user of a key that names two.
pub fn peer(key: &[u8]) -> Option<Uid> {
    Some(Uid(u64::from_be_bytes(key.get(13..21)?.try_into().ok()?)))
}

pub fn presence(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'P', uid)
}

pub fn push_profile(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'N', uid)
}

/// The templates of an app's pushes.
pub fn push_templates(app: AppId) -> Bytes {
    key(app, b'Q', 0).into()
}

pub fn push_records(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'N', uid)
}

pub fn user_attributes(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b't', uid)
}

/// The lines of a user's favourites.
pub fn favourites(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'O', uid)
}

/// One favourite.
pub fn favourite(app: AppId, uid: Uid, id: &str) -> Bytes {
    let mut key = key(app, b'J', 8 + id.len());
    key.extend_from_slice(&uid.0.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key.into()
}

/// Prefix of all parts of the size of attributes.
pub fn attribute_sums(app: AppId) -> Bytes {
    key(app, b'T', 0).into()
}

pub fn attribute_sum(app: AppId, part: u8) -> Bytes {
    let mut key = key(app, b'T', 1);
    key.push(part);
    key.into()
}

/// Prefix of those whose presence a user follows.
pub fn followed(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'S', uid)
}

pub fn follows(app: AppId, uid: Uid, target: Uid) -> Bytes {
    with_uids(app, b'S', uid, target)
}

/// Prefix of those who follow a user's presence.
pub fn followers(app: AppId, target: Uid) -> Bytes {
    with_uid(app, b'W', target)
}

pub fn follower(app: AppId, target: Uid, uid: Uid) -> Bytes {
    with_uids(app, b'W', target, uid)
}

/// Prefix of all users' block lists.
pub fn all_blocks(app: AppId) -> Bytes {
    key(app, b'b', 0).into()
}

pub fn blocks(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'b', uid)
}

/// How far old messages are removed.
pub fn trimmed(app: AppId) -> Bytes {
    key(app, b'H', 0).into()
}

/// Prefix of what a user set for his conversations.
pub fn own_views(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'o', uid)
}

pub fn own_view(app: AppId, uid: Uid, feed: Feed) -> Bytes {
    let mut key = key(app, b'o', 25);
    key.extend_from_slice(&uid.0.to_be_bytes());
    push_feed(&mut key, feed);
    key.into()
}

/// Prefixes of the reactions to all messages of a feed, and of their edits.
pub fn of_messages(app: AppId, feed: Feed) -> [Bytes; 2] {
    [b'a', b'E'].map(|tag| {
        let mut key = key(app, tag, 17);
        push_feed(&mut key, feed);
        key.into()
    })
}

pub fn reactions(app: AppId, feed: Feed, message: MessageId) -> Bytes {
    of_message(app, b'a', feed, message)
}

/// That a user has a reaction on a message.
pub fn reaction_of(app: AppId, feed: Feed, message: MessageId, reaction: MessageId, uid: Uid) -> Bytes {
    of_reaction(app, feed, message, reaction, 0, uid.0)
}

/// Who has a reaction on a message, by his place among them.
pub fn reaction_at(app: AppId, feed: Feed, message: MessageId, reaction: MessageId, place: u64) -> Bytes {
    of_reaction(app, feed, message, reaction, 1, place)
}

/// Prefix of [`reaction_at`].
pub fn reaction_users(app: AppId, feed: Feed, message: MessageId, reaction: MessageId) -> Bytes {
    let mut key = reaction_at(app, feed, message, reaction, 0);
    key.truncate(key.len() - 8);
    key
}

fn of_reaction(
    app: AppId,
    feed: Feed,
    message: MessageId,
    reaction: MessageId,
    list: u8,
    number: u64,
) -> Bytes {
    let message = reactions(app, feed, message);
    [&message[..], &reaction.0.to_be_bytes(), &[list], &number.to_be_bytes()].concat().into()
}

pub fn edits(app: AppId, feed: Feed, message: MessageId) -> Bytes {
    of_message(app, b'E', feed, message)
}

pub fn pins(app: AppId, feed: Feed) -> Bytes {
    let mut key = key(app, b'p', 17);
    push_feed(&mut key, feed);
    key.into()
}

pub fn reports(app: AppId) -> Bytes {
    key(app, b'r', 0).into()
}

/// Says that a user reported a message (cell of a period).
pub fn reported(app: AppId, reporter: Uid, message: MessageId) -> Bytes {
    let mut key = key(app, b'r', 16);
    key.extend_from_slice(&reporter.0.to_be_bytes());
    key.extend_from_slice(&message.0.to_be_bytes());
    key.into()
}

/// How many reports are a user's (cell of a period).
pub fn report_count(app: AppId, reporter: Uid) -> Bytes {
    with_uid(app, b'R', reporter)
}

pub fn moderation_log(app: AppId) -> Bytes {
    key(app, b'M', 0).into()
}

pub fn moderation_exports(app: AppId) -> Bytes {
    key(app, b'1', 0).into()
}

/// Prefix of the feeds of groups and threads that a user follows.
pub fn group_inboxes(app: AppId, uid: Uid) -> Bytes {
    let mut key = key(app, b'i', 9);
    key.extend_from_slice(&uid.0.to_be_bytes());
    key.push(b'g');
    key.into()
}

pub fn group(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'g', group).into()
}

/// Prefix of a group's members.
pub fn members(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'h', group).into()
}

pub fn member(app: AppId, group: GroupId, uid: Uid) -> Bytes {
    and_uid(with_group(app, b'h', group), uid)
}

/// Prefix of all groups' block lists.
pub fn all_group_blocks(app: AppId) -> Bytes {
    key(app, b'q', 0).into()
}

/// Prefix of a group's block list.
pub fn group_blocks(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'q', group).into()
}

pub fn group_block(app: AppId, group: GroupId, uid: Uid) -> Bytes {
    and_uid(with_group(app, b'q', group), uid)
}

/// Prefix of a chat room's attributes.
pub fn room_attributes(app: AppId, room: GroupId) -> Bytes {
    with_group(app, b'M', room).into()
}

pub fn room_attribute(app: AppId, room: GroupId, name: &str) -> Bytes {
    let mut key = with_group(app, b'M', room);
    key.extend_from_slice(name.as_bytes());
    key.into()
}

/// Prefix of those who may make chat rooms.
pub fn room_makers(app: AppId) -> Bytes {
    key(app, b'X', 0).into()
}

pub fn room_maker(app: AppId, uid: Uid) -> Bytes {
    with_uid(app, b'X', uid)
}

/// Prefix of all groups' requests.
pub fn all_group_requests(app: AppId) -> Bytes {
    key(app, b'G', 0).into()
}

/// Prefix of a group's requests.
pub fn group_requests(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'G', group).into()
}

pub fn group_request(app: AppId, group: GroupId, kind: RequestKind, uid: Uid) -> Bytes {
    let mut key = with_group(app, b'G', group);
    key.push(match kind {
        RequestKind::Application => b'a',
        RequestKind::Invitation => b'i',
    });
    and_uid(key, uid)
}

/// Prefix of the attributes of a group's members.
pub fn all_attributes(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'A', group).into()
}

pub fn attributes(app: AppId, group: GroupId, uid: Uid) -> Bytes {
    and_uid(with_group(app, b'A', group), uid)
}

/// The log of who has read a group's message.
pub fn readers(app: AppId, group: GroupId, message: MessageId) -> Bytes {
    with_reader(app, group, message).into()
}

/// Says that a member has read a group's message.
pub fn reader(app: AppId, group: GroupId, message: MessageId, uid: Uid) -> Bytes {
    and_uid(with_reader(app, group, message), uid)
}

/// Prefix of everything that says who has read which of a group's messages.
pub fn all_readers(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'j', group).into()
}

/// The thread about a message.
pub fn thread_about(app: AppId, group: GroupId, message: MessageId) -> Bytes {
    of_threads(app, b'm', group, Some(message.0))
}

/// Prefix of the threads of a group.
pub fn threads(app: AppId, group: GroupId) -> Bytes {
    of_threads(app, b't', group, None)
}

pub fn thread(app: AppId, group: GroupId, thread: GroupId) -> Bytes {
    of_threads(app, b't', group, Some(thread.0))
}

fn of_threads(app: AppId, kind: u8, group: GroupId, number: Option<u64>) -> Bytes {
    let mut key = key(app, b'L', 17);
    key.push(kind);
    key.extend_from_slice(&group.0.to_be_bytes());
    number.iter().for_each(|number| key.extend_from_slice(&number.to_be_bytes()));
    key.into()
}

/// Prefix of a list of groups.
pub fn groups(app: AppId, listing: Listing) -> Bytes {
    let mut key = key(app, b'l', 1);
    key.push(listing.tag());
    key.into()
}

pub fn listed_group(app: AppId, listing: Listing, group: GroupId) -> Bytes {
    let mut key = key(app, b'l', 9);
    key.push(listing.tag());
    key.extend_from_slice(&group.0.to_be_bytes());
    key.into()
}

/// Prefix of the groups that were destroyed and whose members are not all told.
pub fn destroyed_groups(app: AppId) -> Bytes {
    key(app, b'Z', 0).into()
}

pub fn destroyed_group(app: AppId, group: GroupId) -> Bytes {
    with_group(app, b'Z', group).into()
}

/// The group at the end of a key that ends with one.
pub fn last_group(key: &[u8]) -> Option<GroupId> {
    last_number(key).map(GroupId)
}

/// The user at the end of a key that ends with one.
pub fn last_uid(key: &[u8]) -> Option<Uid> {
    last_number(key).map(Uid)
}

fn last_number(key: &[u8]) -> Option<u64> {
    key.last_chunk().copied().map(u64::from_be_bytes)
}

fn with_group(app: AppId, tag: u8, group: GroupId) -> Vec<u8> {
    let mut key = key(app, tag, 17);
    key.extend_from_slice(&group.0.to_be_bytes());
    key
}

fn with_reader(app: AppId, group: GroupId, message: MessageId) -> Vec<u8> {
    let mut key = with_group(app, b'j', group);
    key.extend_from_slice(&message.0.to_be_bytes());
    key
}

fn and_uid(mut key: Vec<u8>, uid: Uid) -> Bytes {
    key.extend_from_slice(&uid.0.to_be_bytes());
    key.into()
}

pub fn arrivals(app: AppId) -> Bytes {
    key(app, b'v', 0).into()
}

/// What webhooks tell that stands in no feed.
pub fn notices(app: AppId) -> Bytes {
    key(app, b'w', 0).into()
}

/// How far a webhook is, by its rule's id.
pub fn hook_position(app: AppId, rule: &str) -> Bytes {
    let mut key = key(app, b'w', rule.len());
    key.extend_from_slice(rule.as_bytes());
    key.into()
}

/// Prefix of all keyword lists.
pub fn keyword_lists(app: AppId) -> Bytes {
    key(app, b'K', 0).into()
}

pub fn keyword_list(app: AppId, list: u64) -> Bytes {
    with_number(app, b'K', list)
}

/// Prefix of all words of a list.
pub fn keywords(app: AppId, list: u64) -> Bytes {
    with_number(app, b'V', list)
}

pub fn keyword(app: AppId, list: u64, word: u64) -> Bytes {
    let mut key = key(app, b'V', 16);
    key.extend_from_slice(&list.to_be_bytes());
    key.extend_from_slice(&word.to_be_bytes());
    key.into()
}

/// The dedupe row of a send (cell of a period).
pub fn dedupe(app: AppId, sender: Uid, feed: Feed, client: ClientMessageId, digest: u64) -> Bytes {
    let mut key = key(app, b'x', 49);
    key.extend_from_slice(&sender.0.to_be_bytes());
    push_feed(&mut key, feed);
    key.extend_from_slice(&client.0.to_be_bytes());
    key.extend_from_slice(&digest.to_be_bytes());
    key.into()
}

/// The dedupe row of a receipt for one message (cell of a period).
pub fn receipt(app: AppId, sender: Uid, kind: EntryKind, message: MessageId) -> Bytes {
    let mut key = key(app, b'k', 17);
    key.extend_from_slice(&sender.0.to_be_bytes());
    key.push(kind as u8);
    key.extend_from_slice(&message.0.to_be_bytes());
    key.into()
}

/// The dedupe row of a message whose id was drawn before it was written (cell of a period).
pub fn once(app: AppId, message: MessageId, feed: Feed) -> Bytes {
    let mut key = once_prefix(app, message).to_vec();
    push_feed(&mut key, feed);
    key.into()
}

/// What the dedupe row of [`once`] begins with, whatever feed the message stands in.
pub fn once_prefix(app: AppId, message: MessageId) -> Bytes {
    let mut key = key(app, b'Y', 25);
    key.extend_from_slice(&message.0.to_be_bytes());
    key.into()
}

/// The feed of a key of [`once`].
pub fn once_feed(once: &[u8]) -> Option<Feed> {
    feed_of(once.get(13..)?)
}

/// Says that a message was recalled (cell of a period).
pub fn recalled(app: AppId, feed: Feed, message: MessageId) -> Bytes {
    of_message(app, b'y', feed, message)
}

/// The period that a point in time falls into.
pub fn period_of(at: Timestamp) -> u32 {
    u32::try_from(at.0 / PERIOD_MS).unwrap_or(u32::MAX)
}

/// Appends a feed's name: one byte of kind, then its numbers.
pub fn push_feed(key: &mut Vec<u8>, feed: Feed) {
    match feed {
        Feed::Conversation(ConversationId::Single { low, high }) => {
            key.push(b's');
            key.extend_from_slice(&low.0.to_be_bytes());
            key.extend_from_slice(&high.0.to_be_bytes());
        }
        Feed::Conversation(ConversationId::Group(id)) => {
            key.push(b'g');
            key.extend_from_slice(&id.0.to_be_bytes());
        }
        Feed::Conversation(ConversationId::Room(id)) => {
            key.push(b'r');
            key.extend_from_slice(&id.0.to_be_bytes());
        }
        Feed::Events(uid) => {
            key.push(b'e');
            key.extend_from_slice(&uid.0.to_be_bytes());
        }
    }
}

fn with_uid(app: AppId, tag: u8, uid: Uid) -> Bytes {
    with_number(app, tag, uid.0)
}

fn with_number(app: AppId, tag: u8, number: u64) -> Bytes {
    let mut key = key(app, tag, 8);
    key.extend_from_slice(&number.to_be_bytes());
    key.into()
}

fn of_message(app: AppId, tag: u8, feed: Feed, message: MessageId) -> Bytes {
    let mut key = key(app, tag, 25);
    push_feed(&mut key, feed);
    key.extend_from_slice(&message.0.to_be_bytes());
    key.into()
}

fn with_uids(app: AppId, tag: u8, uid: Uid, peer: Uid) -> Bytes {
    let mut key = key(app, tag, 16);
    key.extend_from_slice(&uid.0.to_be_bytes());
    key.extend_from_slice(&peer.0.to_be_bytes());
    key.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_begins_with_its_app() {
        let app = AppId(0x0102_0304);
        let feed = Feed::Conversation(ConversationId::single(Uid(2), Uid(1)));
        for key in [
            users(app),
            user(app, Uid(1)),
            swept(app),
            devices(app, Uid(1)),
            contact(app, Uid(1), Uid(2)),
            contact_request(app, Uid(1), Uid(2)),
            blocks(app, Uid(1)),
            muted(app, Uid(1)),
            presence(app, Uid(1)),
            push_profile(app, Uid(1)),
            push_records(app, Uid(1)),
            user_attributes(app, Uid(1)),
            attribute_sum(app, 1),
            follows(app, Uid(1), Uid(2)),
            follower(app, Uid(1), Uid(2)),
            own_view(app, Uid(1), feed),
            reactions(app, feed, MessageId(1)),
            reaction_of(app, feed, MessageId(1), MessageId(2), Uid(3)),
            reaction_at(app, feed, MessageId(1), MessageId(2), 3),
            edits(app, feed, MessageId(1)),
            pins(app, feed),
            reports(app),
            trimmed(app),
            inbox(app, Uid(1), feed),
            feed_log(app, feed),
            arrivals(app),
            notices(app),
            keyword_list(app, 1),
            keyword(app, 1, 2),
            hook_position(app, "rule"),
            dedupe(app, Uid(1), feed, ClientMessageId(1), 0),
            receipt(app, Uid(1), EntryKind::ReadReceipt, MessageId(1)),
            recalled(app, feed, MessageId(1)),
            group(app, GroupId(1)),
            member(app, GroupId(1), Uid(1)),
            group_block(app, GroupId(1), Uid(1)),
            group_request(app, GroupId(1), RequestKind::Invitation, Uid(1)),
            attributes(app, GroupId(1), Uid(1)),
            reader(app, GroupId(1), MessageId(1), Uid(1)),
            listed_group(app, Listing::Public, GroupId(1)),
            thread_about(app, GroupId(1), MessageId(1)),
            thread(app, GroupId(1), GroupId(2)),
            destroyed_group(app, GroupId(1)),
            group_inboxes(app, Uid(1)),
        ] {
            assert_eq!(key[..4], [1, 2, 3, 4]);
        }
    }

    // Each of these is scanned, or may be. Two kinds under one tag would be read as each other.
    #[test]
    fn every_kind_of_cell_has_a_tag_of_its_own() {
        let (app, uid, group, message) = (AppId(1), Uid(1), GroupId(1), MessageId(1));
        let feed = Feed::Events(uid);
        let name = Username::parse("n").unwrap();
        let mut tags: Vec<u8> = [
            self::name(app, &name),
            uuid(app, "uuid"),
            users(app),
            devices(app, uid),
            muted_users(app),
            swept(app),
            hook_position(app, "rule"),
            inboxes(app, uid),
            contacts(app, uid),
            contact_requests(app, uid),
            blocks(app, uid),
            presence(app, uid),
            push_profile(app, uid),
            user_attributes(app, uid),
            attribute_sums(app),
            followed(app, uid),
            followers(app, uid),
            own_views(app, uid),
            reactions(app, feed, message),
            edits(app, feed, message),
            pins(app, feed),
            self::group(app, group),
            members(app, group),
            group_blocks(app, group),
            group_requests(app, group),
            all_attributes(app, group),
            all_readers(app, group),
            groups(app, Listing::Public),
            destroyed_groups(app),
            keyword_lists(app),
            push_templates(app),
            moderation_exports(app),
            keywords(app, 1),
        ]
        .iter()
        .map(|key| key[4])
        .collect();
        let kinds = tags.len();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), kinds);
    }

    // The table is where a free tag is looked for, by people who work at the same time.
    #[test]
    fn the_table_gives_no_tag_to_two_kinds() {
        let cells = include_str!("keys.rs").lines().take_while(|line| !line.starts_with("//! | log"));
        let rows = cells.filter_map(|line| line.strip_prefix("//! | app `")?.split(" | ").next());
        let mut kinds: Vec<(&str, &str)> = rows.filter_map(|row| row.split_once('`')).collect();
        assert!(kinds.len() > 40, "the table was found");
        kinds.sort_unstable();
        for kinds in kinds.chunk_by(|(tag, _), (next, _)| tag == next) {
            let (tag, first) = kinds[0];
            for (_, other) in &kinds[1..] {
                // What belongs to one thing may stand below its key.
                let is_below = other.len() > first.len() && other.starts_with(first);
                assert!(is_below, "`{tag}` is for{first} and for{other}");
            }
        }
    }

    #[test]
    fn an_inbox_key_names_its_feed() {
        for feed in [
            Feed::Events(Uid(9)),
            Feed::Conversation(ConversationId::single(Uid(7), Uid(3))),
            Feed::Conversation(ConversationId::Group(GroupId(5))),
            Feed::Conversation(ConversationId::Room(GroupId(5))),
        ] {
            assert_eq!(inbox_feed(&inbox(AppId(1), Uid(9), feed)), Some(feed));
        }
    }
}
