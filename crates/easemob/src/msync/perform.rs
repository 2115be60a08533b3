//! Runs what MSYNC sessions ask for against the use cases, and says what became of it in their words.

use std::sync::Arc;

use app::{SentMessage, SessionFacts, UseCases};
use conditions::Condition;
use domain::message::{SendMessage, Target};
use easemob_wire::{EVENT_QUEUE, Jid};
use model::limits::PAGE_ENTRIES;
use model::{AppKey, ConversationId, Feed, MessageId, Seq, Timestamp, Uid, Username};
use session::{Outcome, Peer, Perform};
use store::FollowedFeed;

use super::event::{Asked, Command, Event, LoggedIn, Member, OpenedQueue, Refusal};
use super::session::MsyncSession;
use crate::foreign::Foreign;
use crate::thread_mark;

/// The dialect's name in logs and metrics.
const DIALECT: &str = "easemob-msync";

/// One instance serves all MSYNC connections.
#[derive(Debug)]
pub struct MsyncPerform {
    use_cases: Arc<UseCases>,
    /// Where clients reach this server.
    origin: String,
}

impl MsyncPerform {
    pub(crate) fn new(use_cases: Arc<UseCases>, origin: String) -> Self {
        Self { use_cases, origin }
    }
}

impl Perform<MsyncSession> for MsyncPerform {
    fn perform_now(&self, _: &Peer, event: Event) -> Outcome<MsyncSession> {
        match event {
            Event::Acknowledge { member, feed, seq } => {
                self.use_cases.acknowledge(member.app, member.uid, member.device, feed, seq);
                Outcome::Done(None)
            }
            Event::Refuse { asked, error } => Outcome::Done(Some(refused(asked, &error))),
            Event::CheckToken(member) => {
                Outcome::Done(Some(Command::TokenLasts(self.use_cases.renewed_until(member.app, member.uid))))
            }
            // A message to a large group asks this of everybody who is connected.
            Event::FindPosition { member, delivery } => {
                let Member { app, uid, device, .. } = *member;
                match self.use_cases.position_at_news_in_memory(app, uid, device, &delivery) {
                    Some(position) => Outcome::Done(Some(Command::Position { delivery, position })),
                    None => Outcome::Later(Event::FindPosition { member, delivery }),
                }
            }
            event => Outcome::Later(event),
        }
    }

    async fn perform(&self, peer: Peer, event: Event) -> Option<Command> {
        match event {
            Event::Send { member, client_id, message } => Some(self.send(member, client_id, message).await),
            // In a box of its own, so that it does not make the room that each message takes larger.
            event => Box::pin(self.perform_other(peer, event)).await,
        }
    }
}

impl MsyncPerform {
    async fn send(&self, member: Arc<Member>, client_id: u64, mut message: Box<SendMessage>) -> Command {
        let sent = async {
            let tenant = self.tenant(&member)?;
            if let Target::Group(name) = &message.target
                && let Some(mark) = thread_mark::of(&self.use_cases, &tenant, name).await?
            {
                message.payload = thread_mark::put(&message.payload, &mark);
            }
            self.use_cases.send_message(&tenant, &message).await
        };
        match sent.await {
            Ok(SentMessage { id, at, rewritten, .. }) => {
                Command::Accepted { client_id, server_id: id, at, rewritten }
            }
            Err(error) => refused(Asked::Send { client_id }, &error),
        }
    }

    async fn perform_other(&self, peer: Peer, event: Event) -> Option<Command> {
        let (asked, outcome) = match event {
            Event::LogIn { log_in, shows_streams } => {
                (Asked::Login, self.log_in(&peer, *log_in, shows_streams).await)
            }
            Event::LogOut { member, positions } => {
                self.log_out(&peer, &member, &positions).await;
                return None;
            }
            Event::DisplacementTold(member) => {
                let told = self.use_cases.displacement_told(member.app, member.uid, member.device).await;
                told.err()?.report(DIALECT);
                return None;
            }
            Event::ListPending(member) => (Asked::Unread, self.list_pending(&peer, &member).await),
            Event::OpenQueue { member, queue } => match self.open_queue(&member, &queue).await {
                Ok(found) => return Some(Command::QueueOpened { queue, found }),
                Err(error) => (Asked::Queue(queue), Err(error)),
            },
            Event::FindPosition { member, delivery } => {
                let feed = delivery.feed;
                let Member { app, uid, device, .. } = *member;
                let position = self.use_cases.position_at_news(app, uid, device, &delivery).await;
                (Asked::Position(feed), position.map(|position| Command::Position { delivery, position }))
            }
            Event::ReadPage { member, feed, after } => {
                (Asked::Page(feed), self.read_page(&member, feed, after).await)
            }
            Event::Pause(feed) => {
                tokio::task::yield_now().await;
                return Some(Command::Paused(feed));
            }
            Event::Send { member, client_id, message } => {
                return Some(self.send(member, client_id, message).await);
            }
            Event::SendReceipt { member, client_id, receipt } => {
                let sent =
                    self.in_app(&member, async |app| self.use_cases.send_receipt(&app, *receipt).await);
                answer(client_id, sent.await)
            }
            Event::Recall { member, client_id, recall } => {
                let sent =
                    self.in_app(&member, async |app| self.use_cases.recall_message(&app, *recall).await);
                answer(client_id, sent.await)
            }
            Event::Edit { member, client_id, edit } => {
                let name = edit.conversation.as_ref().map_or_else(String::new, |named| named.name.clone());
                let edited = self.in_app(&member, async |app| self.use_cases.edit_message(&app, &edit).await);
                let edited = edited.await.map(Box::new);
                (Asked::Send { client_id }, edited.map(|edited| Command::Edited { client_id, name, edited }))
            }
            Event::EnterRoom { member, client_id, enter } => {
                let entered = self.in_app(&member, async |app| self.use_cases.enter_room(&app, &enter).await);
                let entered = entered.await.map(Box::new);
                (Asked::Send { client_id }, entered.map(|entered| Command::InRoom { client_id, entered }))
            }
            Event::LeaveRoom { member, client_id, leave } => {
                let (sender, room) = &*leave;
                let left =
                    self.in_app(&member, async |app| self.use_cases.leave_room(&app, sender, room).await);
                answer(client_id, left.await)
            }
            event @ (Event::Acknowledge { .. } | Event::Refuse { .. } | Event::CheckToken(_)) => {
                return match self.perform_now(&peer, event) {
                    Outcome::Done(command) => command,
                    Outcome::Later(_) => None,
                };
            }
        };
        Some(outcome.unwrap_or_else(|error| refused(asked, &error)))
    }

    async fn log_in(
        &self,
        peer: &Peer,
        log_in: app::LogIn,
        shows_streams: bool,
    ) -> Result<Command, app::Error> {
        let resource = log_in.device.resource.clone();
        let spelling = log_in.username.clone();
        let logged_in = self.use_cases.log_in(log_in, |app, uid| {
            peer.registrar.bind(peer.connection, app, uid).map_err(|limit| {
                app::Error::refused(Condition::ConnectionLimitReached, vec![("limit", limit.to_string())])
            })
        });
        let mut logged_in = match logged_in.await {
            Ok(logged_in) => logged_in,
            Err(error) => {
                // It may have been bound before it was refused.
                peer.registrar.unbind(peer.connection);
                return Err(error);
            }
        };
        let app = &logged_in.tenant.value;
        let user = &logged_in.account.user;
        let member = Member {
            app: app.id,
            app_key: app.key.clone(),
            uid: user.uid,
            epoch: user.epoch,
            name: user.name.clone(),
            spelling: (spelling != user.name.as_str()).then(|| spelling.into_boxed_str()),
            device: logged_in.device,
            resource,
            connection: peer.connection,
            since: self.use_cases.now(),
            shows_streams,
            foreign: self.foreign(&app.key),
        };
        logged_in.arriving.stay();
        Ok(Command::LoggedIn(Box::new(LoggedIn { member, expires: logged_in.expires })))
    }

    fn foreign(&self, app_key: &AppKey) -> Foreign {
        let app_url = format!("{}/{}/{}", self.origin, app_key.org(), app_key.app());
        Foreign::new(Arc::clone(self.use_cases.contents()), &app_url)
    }

    async fn log_out(&self, peer: &Peer, member: &Member, positions: &[(Feed, Seq)]) {
        peer.registrar.unbind(peer.connection);
        for (feed, seq) in positions {
            self.use_cases.acknowledge(member.app, member.uid, member.device, *feed, *seq);
        }
        if let Err(error) = self.use_cases.log_out(member.app, member.uid, peer.connection).await {
            error.report(DIALECT);
        }
    }

    async fn list_pending(&self, peer: &Peer, member: &Member) -> Result<Command, app::Error> {
        let session = SessionFacts {
            app: member.app,
            uid: member.uid,
            epoch: member.epoch,
            device: member.device,
            connection: peer.connection,
        };
        if let Some(cause) = self.use_cases.check_session(&self.tenant(member)?, session).await? {
            return Ok(Command::Ended(cause));
        }
        let (followed, rooms) = self.follow(peer, member).await?;
        let mut pending = self.use_cases.pending_feeds(member.app, followed).await?;
        pending.extend(self.use_cases.feeds_with_heads(member.app, rooms).await?);
        Ok(Command::Pending(pending))
    }

    /// Brings what the connection follows up to date; gives its rooms for themselves. Before the heads are read: what is
    /// said from here on is heard.
    async fn follow(
        &self,
        peer: &Peer,
        member: &Member,
    ) -> Result<(Vec<FollowedFeed>, Vec<FollowedFeed>), app::Error> {
        loop {
            let changes = peer.registrar.follow_changes(peer.connection);
            let followed = self.use_cases.followed_feeds(member.app, member.uid, member.device).await?;
            let rooms = self.use_cases.room_places(member.app, member.uid).await?;
            let conversations = followed.iter().chain(&rooms).filter_map(|followed| match followed.feed {
                Feed::Conversation(place @ (ConversationId::Group(_) | ConversationId::Room(_))) => {
                    Some(place)
                }
                _ => None,
            });
            if peer.registrar.follow(peer.connection, conversations.collect(), changes) {
                return Ok((followed, rooms));
            }
        }
    }

    async fn open_queue(&self, member: &Member, queue: &Jid) -> Result<Option<OpenedQueue>, app::Error> {
        let (feed, peer) = if &*queue.name == EVENT_QUEUE {
            (Feed::Events(member.uid), None)
        } else if queue.is_group() {
            let Some(found) = self.use_cases.find_any_group(&self.tenant(member)?, &queue.name).await? else {
                return Ok(None);
            };
            let feed = found.group.feed();
            if self.use_cases.sees_from(member.app, member.uid, feed).await?.is_none() {
                return Ok(None);
            }
            (feed, Some(found.group.public_id.clone()))
        } else {
            let found = self.use_cases.find_user(&self.tenant(member)?, &queue.name).await?;
            if &*queue.name == Username::BACK_END {
                let feed = Feed::Conversation(ConversationId::single(member.uid, Uid::BACK_END));
                let opened = self.opened(member, feed, Some(Username::back_end())).await?;
                // What it said before a user got its name stands in this queue too, and comes first.
                if found.is_none() || opened.position < opened.head {
                    return Ok(Some(opened));
                }
            }
            let Some(account) = found else { return Ok(None) };
            let feed = Feed::Conversation(ConversationId::single(member.uid, account.user.uid));
            (feed, Some(account.user.name.clone()))
        };
        Ok(Some(self.opened(member, feed, peer).await?))
    }

    async fn opened(
        &self,
        member: &Member,
        feed: Feed,
        peer: Option<Username>,
    ) -> Result<OpenedQueue, app::Error> {
        let position = self.use_cases.position(member.app, member.uid, member.device, feed).await?;
        let head = self.use_cases.head(member.app, feed).await?;
        Ok(OpenedQueue { feed, peer, position, head })
    }

    /// A page for a user who is in the group, of what was said since he came. A session whose user left, and which was not
    /// told of it, gets nothing.
    async fn read_page(&self, member: &Member, feed: Feed, after: Seq) -> Result<Command, app::Error> {
        let Some(from) = self.use_cases.sees_from(member.app, member.uid, feed).await? else {
            return Ok(Command::Page { feed, after, entries: Vec::new(), head: after });
        };
        let begin = after.max(from);
        let (entries, head) = self.use_cases.page(member.app, feed, begin, PAGE_ENTRIES).await?;
        Ok(Command::Page { feed, after, entries, head })
    }

    /// Runs a use case in the member's app.
    async fn in_app<T>(
        &self,
        member: &Member,
        run: impl AsyncFnOnce(app::Tenant) -> Result<T, app::Error>,
    ) -> Result<T, app::Error> {
        run(self.tenant(member)?).await
    }

    /// The app as it is now: its settings may have changed since the login.
    fn tenant(&self, member: &Member) -> Result<app::Tenant, app::Error> {
        let not_found = || {
            let (org, name) = (member.app_key.org().to_owned(), member.app_key.app().to_owned());
            app::Error::refused(Condition::AppNotFound, vec![("org", org), ("app", name)])
        };
        self.use_cases.find_app(&member.app_key).ok_or_else(not_found)
    }
}

/// What a client hears about what it sent.
fn answer(
    client_id: u64,
    sent: Result<(MessageId, Timestamp), app::Error>,
) -> (Asked, Result<Command, app::Error>) {
    (
        Asked::Send { client_id },
        sent.map(|(server_id, at)| Command::Accepted { client_id, server_id, at, rewritten: None }),
    )
}

fn refused(asked: Asked, error: &app::Error) -> Command {
    let trace = error.report(DIALECT);
    let refusal = Refusal {
        condition: error.condition(),
        arguments: error
            .arguments()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        trace: trace.to_string(),
        retry_after_ms: error.retry_after().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
    };
    Command::Refused { asked, refusal: Box::new(refusal) }
}
