//! What goes over the socket and the REST API once a session stands.

use bytes::Bytes;
use conditions::{Condition, MsyncScope, Operation};
use easemob_wire::client::{Downlink, Payload as _};
use easemob_wire::pb;
use model::{ClientMessageId, MessageId, Timestamp, Username};
use serde_json::Value;

use super::outgoing::Sender;
use super::queues::{First, Queue};
use super::receive::{self, Read};
use super::sends::Pending;
use super::{
    Arrival, Call, Core, Entry, Failure, HttpAnswer, HttpRequest, Outgoing, Output, Purpose, Reply, Ticket,
    Verb, derive, failure,
};
use crate::{Conversation, Error, Event, Membership, MembershipChange, Result, RoomEntry, SendState, Sent};

/// The ticket of what nobody waits for.
const NOBODY: Ticket = Ticket::MAX;
/// Bytes of one frame from the server.
const FRAME_BYTES_LIMIT: usize = 4 << 20;
/// REST calls under way at most.
const REQUESTS_LIMIT: usize = 64;

// Sending.
impl Core {
    pub(super) fn send(&mut self, ticket: Ticket, what: &Outgoing) -> Result<Option<Reply>> {
        let operation = what.operation();
        self.permit(if what.is_of_now() { Verb::Ask } else { Verb::Send }, operation)?;
        self.sends.check_room().map_err(|error| error.with_operation(operation))?;
        let client_id = match what {
            Outgoing::Message(message) => {
                let number = u64::try_from(message.client_id.0).ok();
                number.filter(|number| *number != 0 && !self.sends.has(*number))
            }
            _ => Some(self.fresh_id()),
        };
        let client_id = client_id.ok_or_else(|| failure(Condition::ArgumentInvalid, operation))?;
        let Some(session) = &self.session else { return Err(failure(Condition::NotLoggedIn, operation)) };
        let sender =
            Sender { app_key: &self.config.app_key, user: &session.user, files_url: &self.config.files_url };
        let frame = what.frame(client_id, &sender)?;
        let shown = match what {
            Outgoing::Message(message) => Some(message.to.clone()),
            _ => None,
        };
        if shown.is_some() {
            self.tell_send(client_id, SendState::Queued);
        }
        let entering = match what {
            Outgoing::EnterRoom(room) => Some(room.clone()),
            _ => None,
        };
        let leaving = match what {
            Outgoing::LeaveRoom(room) => Some(room.clone()),
            _ => None,
        };
        if let Some(room) = &leaving {
            self.rooms.remove(room);
        }
        self.sends.push(Pending {
            client_id,
            ticket,
            operation,
            frame,
            shown,
            entering,
            leaving,
            attempts: 0,
            overdue: None,
        });
        self.pump_sends();
        Ok(None)
    }

    /// A number that no other send of this or another device has.
    fn fresh_id(&mut self) -> u64 {
        loop {
            let id = self.random.next() >> 1;
            if id != 0 && !self.sends.has(id) {
                return id;
            }
        }
    }

    pub(super) fn pump_sends(&mut self) {
        let Some(socket) = self.link.up() else { return };
        while let Some(pending) = self.sends.next(self.now.elapsed) {
            let (frame, client_id, is_shown) =
                (pending.frame.clone(), pending.client_id, pending.shown.is_some());
            self.outputs.push_back(Output::Frame { socket, frame });
            if is_shown {
                self.tell_send(client_id, SendState::OnTheWire);
            }
        }
    }

    pub(super) fn pump_queues(&mut self) {
        while let Some(frame) = self.queues.next_request(self.now.elapsed, &self.config.app_key) {
            self.write(frame);
        }
    }

    pub(super) fn write(&mut self, frame: Bytes) {
        if let Some(socket) = self.link.up() {
            self.outputs.push_back(Output::Frame { socket, frame });
        }
    }

    fn answered(&mut self, client_id: u64, sync: &pb::CommSyncDl) {
        // An answer to nothing: to a send that was given up, or a server's nonsense.
        let Some(pending) = self.sends.answered(client_id) else { return };
        if let Some(room) = &pending.leaving {
            // Of an entry that was under way before it the answer came after the leave was asked for.
            self.rooms.remove(room);
        }
        let status = sync.status.clone().unwrap_or_default();
        let result = if status.error_code.unwrap_or(0) == 0 {
            let id = MessageId(sync.server_id.unwrap_or(0));
            let at = Timestamp(sync.timestamp.unwrap_or(self.now.wall.0));
            if pending.shown.is_some() {
                self.tell_send(client_id, SendState::Acknowledged { id, at });
            }
            let user = self.session.as_ref().map(|session| session.user.as_str().to_owned());
            Ok(match pending.entering {
                Some(room) => {
                    self.rooms.insert(room);
                    Reply::Entered(room_entry(&sync.metas, user.as_deref().unwrap_or_default()))
                }
                None => Reply::Sent(Sent { client_id: ClientMessageId(client_id.into()), id, at }),
            })
        } else {
            let error = derive::of_status(MsyncScope::Send, &status, pending.operation);
            if pending.shown.is_some() {
                self.tell_send(client_id, SendState::Failed(error.clone()));
            }
            if let Some(room) = pending.entering.filter(|room| self.rooms.remove(room)) {
                self.tell(Event::RoomLost { room, error: error.clone() });
            }
            Err(error)
        };
        self.reply(pending.ticket, result);
        self.pump_sends();
    }

    /// Enters the rooms of the last connection again, in front of what waits to be said in them.
    pub(super) fn reenter_rooms(&mut self) {
        for room in self.rooms.clone().into_iter().rev() {
            let Some(session) = &self.session else { return };
            let (app_key, files_url) = (&self.config.app_key, &self.config.files_url);
            let sender = Sender { app_key, user: &session.user, files_url };
            let what = Outgoing::EnterRoom(room.clone());
            let operation = what.operation();
            let client_id = self.random.next() >> 1 | 1;
            let Ok(frame) = what.frame(client_id, &sender) else { continue };
            self.sends.push_front(Pending {
                client_id,
                ticket: NOBODY,
                operation,
                frame,
                shown: None,
                entering: Some(room),
                leaving: None,
                attempts: 0,
                overdue: None,
            });
        }
    }

    /// A room that this user was put out of, or that is gone, is not entered again.
    fn note_room(&mut self, event: &Event, me: &Username) {
        use MembershipChange::{Destroyed, Left, Removed};
        let Event::Room(event) = event else { return };
        let Membership { change, members, .. } = &event.details;
        let is_about_me = members.is_empty() || members.contains(me);
        let is_over = *change == Destroyed || (matches!(change, Left | Removed) && is_about_me);
        if is_over {
            self.rooms.remove(&event.room);
        }
    }
}

// Receiving.
impl Core {
    pub(super) fn take_frame(&mut self, socket: u64, frame: &Bytes) {
        let is_provisioning =
            matches!(self.link, super::Link::Provisioning { socket: known, .. } if known == socket);
        if !is_provisioning && self.link.up() != Some(socket) {
            return;
        }
        let Ok(downlink) = Downlink::decode(frame, FRAME_BYTES_LIMIT) else {
            return self.lose(Condition::ResponseMalformed);
        };
        self.alive();
        if !is_provisioning {
            self.heard_at = Some(self.now.wall);
        }
        match downlink {
            Downlink::Provision(provision) => self.provisioned(&provision),
            // Before the login is answered nothing else means anything.
            _ if is_provisioning => {}
            Downlink::Sync(sync) => match sync.meta_id.filter(|id| *id != 0) {
                Some(client_id) => self.answered(client_id, &sync),
                None => self.take_page(socket, &sync, frame.len()),
            },
            Downlink::Unread(unread) => self.take_unread(&unread),
            Downlink::Notice { queue } => {
                let queue = pb::Jid {
                    name: Some(queue.name.to_string()),
                    domain: Some(queue.domain.to_string()),
                    ..pb::Jid::default()
                };
                if let Some(queue) = Queue::of(&queue) {
                    self.queues.noticed(queue);
                }
                self.pump_queues();
            }
            Downlink::Unknown { .. } => {}
        }
    }

    fn take_unread(&mut self, unread: &pb::CommUnreadDl) {
        if let Some(at) = unread.timestamp {
            self.server_clock = Some((Timestamp(at), self.now.elapsed));
            self.server_time(Timestamp(at));
        }
        if unread.status.as_ref().is_some_and(|status| status.error_code.unwrap_or(0) != 0) {
            return;
        }
        let queues = unread.unread.iter().filter_map(|entry| Queue::of(entry.queue.as_ref()?));
        for first in self.queues.listed(queues) {
            self.tell(match first {
                First::Started(conversations) => Event::SyncStarted { conversations },
                First::Finished => Event::SyncFinished,
            });
        }
        self.pump_queues();
    }

    fn take_page(&mut self, socket: u64, page: &pb::CommSyncDl, bytes: usize) {
        let Some(me) = self.session.as_ref().map(|session| session.user.clone()) else { return };
        if self.queues.is_full() {
            // Whoever drives does not wait, or this is another connection: start over when the app has caught up.
            return self.lose(Condition::SlowReader);
        }
        // What happened before stays in front of it, and is not held up by the acknowledgement.
        self.flush_events(0, None);
        let mut receipts = Vec::new();
        for meta in &page.metas {
            if !self.queues.is_new(meta) && !receive::is_part(meta) {
                continue;
            }
            match receive::read(meta, &me) {
                Read::Nothing => {}
                Read::Kick { operation, reason } => return self.kicked(operation, &reason),
                Read::Event(event) => {
                    receipts.extend(self.receipt_for(&event));
                    self.note_room(&event, &me);
                    let id = meta.id.filter(|id| *id != 0 && !matches!(*event, Event::Stream { .. }));
                    let entry = id.map(|id| Entry { space: meta.ns.unwrap_or(0), id });
                    self.arrivals.push(Arrival { event: *event, entry });
                }
            }
        }
        let queue = page.queue.as_ref().and_then(Queue::of);
        let more = !page.is_last() && !page.metas.is_empty();
        let key = page.next_key.filter(|_| more);
        let acknowledgement = match (&queue, key) {
            (Some(queue), Some(key)) if self.queues.is_new_key(queue, key) => {
                Some((socket, queue.clone(), key))
            }
            _ => None,
        };
        let is_done = acknowledgement.is_none();
        self.flush_events(bytes, acknowledgement);
        self.is_held_up = self.queues.is_full();
        if let Some(queue) = &queue
            && self.queues.heard(self.now.elapsed, queue, !is_done)
        {
            self.tell(Event::SyncFinished);
        }
        for receipt in receipts {
            // Best effort: an author learns a little less if too much waits already.
            drop(self.send(NOBODY, &receipt));
        }
        self.pump_queues();
    }

    fn receipt_for(&self, event: &Event) -> Option<Outgoing> {
        let Event::Message(message) = event else { return None };
        let is_wanted = self.config.acknowledges_delivery
            && !message.is_own
            && matches!(message.conversation, Conversation::User(_))
            && message.from.as_str() != model::Username::BACK_END;
        is_wanted.then(|| Outgoing::Delivered { id: message.id, to: message.from.clone() })
    }
}

// REST.
impl Core {
    pub(super) fn call(&mut self, ticket: Ticket, call: Call) -> Result<Option<Reply>> {
        let operation = call.operation;
        self.permit(if call.is_open { Verb::Register } else { Verb::Call }, operation)?;
        if self.requests.len() >= REQUESTS_LIMIT {
            return Err(failure(Condition::OperationInFlight, operation));
        }
        let (user, token) = match &self.session {
            Some(session) => (session.user.as_str(), Some(session.token.expose().to_owned())),
            None => ("", None),
        };
        let path = call.path.replace("{me}", user).replace("{device}", &percent(self.config.device.as_str()));
        let http = HttpRequest {
            method: call.method,
            path,
            token: token.filter(|_| !call.is_open),
            body: call.body.map(|body| Bytes::from(body.to_string())).unwrap_or_default(),
        };
        self.request(http, Purpose::Call { ticket, operation });
        Ok(None)
    }

    /// Gives the number by which the answer is known.
    pub(super) fn request(&mut self, http: HttpRequest, purpose: Purpose) -> u64 {
        let request = self.number();
        self.requests.insert(request, purpose);
        self.outputs.push_back(Output::Request { request, http });
        request
    }

    pub(super) fn take_answer(&mut self, request: u64, result: std::result::Result<HttpAnswer, Failure>) {
        match self.requests.remove(&request) {
            None => {}
            Some(Purpose::Token { user }) => self.token_answered(&user, result),
            Some(Purpose::Renewal { ticket, token }) => self.renewal_answered(request, ticket, token, result),
            Some(Purpose::Call { ticket, operation }) => {
                let result = match result {
                    Ok(answer) => derive::json_of(&answer, operation).map(Reply::Json),
                    Err(broken) => Err(failure(broken.condition(), operation)),
                };
                self.reply(ticket, result);
            }
        }
    }
}

/// A name as a part of a path or query.
pub(crate) fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a string grows");
        }
    }
    out
}

/// `chatroomInfo` of the answer is JSON, by the user's name (msync.md 2.15).
fn room_entry(metas: &[pb::Meta], user: &str) -> RoomEntry {
    let body = metas.first().and_then(|meta| pb::MucBody::decode_bounded(meta.payload.clone()?).ok());
    let status = body.and_then(|body| body.status);
    let info: Value =
        status.and_then(|status| serde_json::from_str(status.chatroom_info()).ok()).unwrap_or_default();
    let info = &info[user];
    RoomEntry {
        members: info["member_count"].as_u64().unwrap_or(0),
        is_all_muted: info["is_all_mute"].as_bool().unwrap_or(false),
        is_on_allow_list: info["is_in_white_list"].as_bool().unwrap_or(false),
        muted_ms: info["mute_duration"].as_u64().filter(|duration| *duration > 0),
    }
}

impl Error {
    /// The same failure as the last of several: what is told is that all of them failed.
    pub(super) fn because_of(self, condition: Condition) -> Self {
        let detail = format!("last: {}", self.condition());
        failure(condition, Operation::Connect).with_detail(detail)
    }
}
