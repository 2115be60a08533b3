//! The app's handle: log in, send, and everything else that goes over the socket. What goes over REST is in `api`.

use std::sync::Arc;

use conditions::Operation;
use model::content::Content;
use model::{MessageId, Resource, Username};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use super::Builder;
use super::actor::{Offer, Order, View, closed};
use super::calling::Bell;
use super::files::Files;
use super::keeper::{Keeper, Kept};
use super::login_file::{self, LoginFile};
use crate::api::{HistoryEnds, PushService};
use crate::checks::{Checks, Fetches};
use crate::core::{Call, Command, Credential, LoggedIn, Outgoing, Reply, Secret, State, Verb};
use crate::storage::{Storage, Write};
use crate::{
    Condition, Conversation, Error, ErrorTable, Message, MessageAt, NewMessage, Result, RoomEntry, RoomId,
    Sent, username,
};

/// A client. Cheap to clone; the last clone that goes ends the session's connection.
///
/// All calls fail with an [`Error`] that speaks the table chosen at [`Client::builder`].
#[derive(Clone, Debug)]
pub struct Client {
    orders: mpsc::Sender<Order>,
    view: watch::Receiver<View>,
    device: Resource,
    files: Files,
    keeper: Keeper,
    bell: Bell,
    login: Option<LoginFile>,
    fetches: Arc<Mutex<Fetches>>,
    history_ends: Arc<Mutex<HistoryEnds>>,
    push_services: Arc<[PushService]>,
    table: ErrorTable,
}

impl Client {
    /// Begins a client for an app.
    ///
    /// - `app_key`: `org#app`
    /// - `rest_url`: such as `https://chat.example.com`
    /// - `socket_url`: such as `wss://chat.example.com/ws`, or `tcp://chat.example.com:6717` (`tcps` when it is
    ///   encrypted) for the port of native SDKs
    pub fn builder(app_key: &str, rest_url: &str, socket_url: &str) -> Builder {
        Builder::new(app_key, rest_url, socket_url)
    }

    pub(super) fn new(
        orders: mpsc::Sender<Order>,
        view: watch::Receiver<View>,
        device: Resource,
        files: Files,
        keeper: Keeper,
        bell: Bell,
        table: ErrorTable,
    ) -> Self {
        let login = keeper.folder.as_deref().map(|folder| LoginFile::new(folder, &keeper.app_key));
        Self {
            orders,
            view,
            device,
            files,
            keeper,
            bell,
            login,
            fetches: Arc::default(),
            history_ends: Arc::default(),
            push_services: Arc::default(),
            table,
        }
    }

    pub(super) fn with_push_services(self, services: Vec<PushService>) -> Self {
        Self { push_services: services.into(), ..self }
    }

    /// Logs in with a password. What it returns is the next start's login without one: [`Client::log_in_again`].
    ///
    /// # Errors
    /// What the server has against it, [`State::permits`] or the network.
    pub async fn log_in(&self, user: &str, password: &str) -> Result<LoggedIn> {
        self.told(username(user).and_then(|_| Checks::of(self.table).password(password)))?;
        self.log_in_by(user, Credential::Password(password.to_owned())).await
    }

    /// Logs in with a token that the app's back end got for the user.
    ///
    /// # Errors
    /// As [`Client::log_in`].
    pub async fn log_in_with_token(&self, user: &str, token: &str) -> Result<LoggedIn> {
        self.log_in_by(user, Credential::Token(token.to_owned())).await
    }

    /// Logs in with what an earlier login returned.
    ///
    /// # Errors
    /// As [`Client::log_in`]; a token that has ended meanwhile is refused by the server.
    pub async fn log_in_again(&self, earlier: &LoggedIn) -> Result<LoggedIn> {
        self.log_in_by(earlier.user.as_str(), Credential::Token(earlier.token.clone())).await
    }

    /// Logs in as whoever was in last, with the token that [`Builder::data_folder`] keeps of each user's login. A logout ends
    /// that, the end of the process does not.
    ///
    /// # Errors
    /// As [`Client::log_in`]; [`crate::Condition::NotLoggedIn`] when nobody is in since the last logout, or nothing is kept;
    /// [`crate::Condition::TokenExpired`] and what else the server has against the token. Such a token is not kept any
    /// longer, and the user has to log in by password.
    pub async fn resume(&self) -> Result<LoggedIn> {
        let Some(last) = self.resumable().await else { return Err(self.nobody_is_kept()) };
        self.resume_as(last.as_str()).await
    }

    /// The same as a certain user of this device, whoever was in last.
    ///
    /// # Errors
    /// As [`Client::resume`].
    pub async fn resume_as(&self, user: &str) -> Result<LoggedIn> {
        let user = self.told(username(user))?;
        let Some(file) = &self.login else { return Err(self.nobody_is_kept()) };
        let Some(kept) = file.read(&user).await else { return Err(self.nobody_is_kept()) };
        let resumed = self.log_in_again(&kept).await;
        if let Err(error) = &resumed
            && login_file::is_over(error.condition())
        {
            file.forget(&kept.user).await;
        }
        resumed
    }

    /// Whom [`Client::resume`] would log in; `None` if it would be refused without asking the server.
    pub async fn resumable(&self) -> Option<Username> {
        let file = self.login.as_ref()?;
        let last = file.last().await?;
        file.read(&last).await.map(|kept| kept.user)
    }

    fn nobody_is_kept(&self) -> Error {
        let error = Error::new(Condition::NotLoggedIn).with_operation(Operation::Login);
        error.with_detail("no login is kept on this device").in_table(self.table)
    }

    async fn log_in_by(&self, user: &str, credential: Credential) -> Result<LoggedIn> {
        let user = self.told(username(user))?;
        let offer = match self.state() {
            State::LoggedOut => self.told(self.offer(&user).await)?,
            // Refused anyway, and the database may be that of who is in.
            _ => None,
        };
        let logged_in = match self.order_with(Command::LogIn { user, credential }, offer).await? {
            Reply::LoggedIn(logged_in) => logged_in,
            other => return Err(self.unexpected(&other)),
        };
        *self.fetches.lock() = Fetches::default();
        if let Some(file) = &self.login {
            file.keep(&logged_in).await;
        }
        Ok(logged_in)
    }

    /// The user's database, and what it holds to be sent: read before the login, so that nothing is sent in front of it.
    async fn offer(&self, user: &Username) -> Result<Option<Offer>> {
        let Some(kept) = self.keeper.open(user).await? else { return Ok(None) };
        let outbox = kept.outbox().await?;
        Ok(Some(Offer { kept, outbox }))
    }

    /// Ends the session. What waits to be sent is given up; with [`Builder::data_folder`], until the user's next login. The
    /// token that was kept for [`Client::resume`] goes.
    ///
    /// # Errors
    /// [`State::permits`].
    pub async fn log_out(&self) -> Result<()> {
        let user = self.user();
        self.order(Command::LogOut).await?;
        if let (Some(file), Some(user)) = (self.login.as_ref().filter(|_| self.user().is_none()), user) {
            file.forget(&user).await;
        }
        Ok(())
    }

    /// Ends the client; calls of all its clones fail afterwards as if it had never been made. What was sent before is in the
    /// outbox then, with [`Builder::data_folder`].
    pub async fn close(&self) {
        // One that is closed already is what was wanted.
        drop(self.order(Command::Close).await);
        self.orders.closed().await;
    }

    /// Goes on with a newer token, without a break.
    ///
    /// # Errors
    /// When the server does not accept it; the old one then stays.
    pub async fn renew_token(&self, token: &str) -> Result<()> {
        let user = self.user();
        self.order(Command::RenewToken(Secret::new(token))).await?;
        if let (Some(file), Some(user)) =
            (&self.login, user.filter(|user| self.user().as_ref() == Some(user)))
        {
            let (device, token) = (self.device.clone(), token.to_owned());
            file.keep(&LoggedIn { user, device, token, expires_at: None }).await;
        }
        Ok(())
    }

    /// Where the session stands.
    pub fn state(&self) -> State {
        self.view.borrow().state
    }

    /// Who is logged in, or about to be.
    pub fn user(&self) -> Option<Username> {
        self.view.borrow().user.clone()
    }

    /// This install's name.
    pub fn device(&self) -> &Resource {
        &self.device
    }

    /// The database of the user who is or was in; `None` before the first login, and without
    /// [`Builder::data_folder`].
    pub fn storage(&self) -> Option<Storage> {
        self.keeper.slot.lock().as_ref().map(|kept| kept.storage.clone())
    }

    /// Waits until the session stands so.
    ///
    /// # Errors
    /// [`crate::Condition::SdkNotInitialized`] when the client is closed first.
    pub async fn reached(&self, state: State) -> Result<()> {
        let mut view = self.view.clone();
        let reached = view.wait_for(|view| view.state == state).await;
        reached.map(drop).map_err(|_| self.closed())
    }
}

// Messages.
impl Client {
    /// Sends a message and waits until the server has stored it. While the connection is away it waits for it, and is
    /// sent again with the same number until it is answered; the server takes it once.
    ///
    /// The same message may be sent again after a failure, also by a later process that kept it: the server knows it by its
    /// [`NewMessage::client_id`]. A call that is given up (dropped) before it is done has sent the message, or has not
    /// begun; what becomes of it is told by [`crate::Event::SendState`]. Messages leave in the order in which they were
    /// sent; a room's, and those for who is online only, are not written into the outbox.
    ///
    /// # Errors
    /// The server's refusal, [`State::permits`], [`Checks::content`], or that it was given up:
    /// [`crate::Condition::MessageSendFailed`], [`crate::Condition::NotLoggedIn`] and
    /// [`crate::Condition::RequestAborted`] when the connection or the session ended first. With
    /// [`Builder::data_folder`] such a message stays in the outbox and goes out after the next login, which
    /// [`Error::stays_queued`] says. [`crate::Condition::MessageNotSendable`] for a message that is just being sent;
    /// [`crate::Condition::OperationInFlight`] when a thousand wait. [`Error::client_id`] is the message's.
    pub async fn send(&self, message: NewMessage) -> Result<Sent> {
        let client_id = message.client_id;
        let sent = async {
            if self.state().permits(Verb::Send).is_ok() {
                let checked = Checks::of(self.table).content(&message.content);
                checked.map_err(|error| error.with_operation(Operation::Send))?;
            }
            self.sent(Outgoing::Message(Box::new(message))).await
        };
        self.told(sent.await.map_err(|error| error.with_client_id(client_id)))
    }

    /// Tells a message's author that it was read: a `&Message`, or its id and its conversation. In the database the
    /// conversation is read up to there then. Of a group's message only an author who asked for it is told
    /// ([`Message::wants_receipts`]); what else is in a group is read with [`Client::read_all`].
    ///
    /// # Errors
    /// As [`Client::send`]; [`Condition::GroupReceiptNotPermitted`] for a group's message whose author did not ask.
    pub async fn read(&self, message: impl Into<MessageAt>) -> Result<()> {
        let rows = self.rows();
        let MessageAt { id, conversation } = message.into();
        self.sent(Outgoing::Read { id, conversation: conversation.clone(), note: String::new() }).await?;
        rows.note(vec![Write::MarkRead { conversation, up_to: id }]).await;
        Ok(())
    }

    /// Tells the other side of a 1:1 conversation that a message reached this device: a `&Message`, or its id and its
    /// conversation. See [`Builder::acknowledge_delivery`].
    ///
    /// # Errors
    /// As [`Client::send`]; [`Condition::ArgumentInvalid`] for a message of a group or room, whose authors are told of
    /// readers only.
    pub async fn delivered(&self, message: impl Into<MessageAt>) -> Result<()> {
        let MessageAt { id, conversation } = message.into();
        let Conversation::User(to) = conversation else {
            let error = Error::new(Condition::ArgumentInvalid).with_operation(Operation::Receipt);
            return self.told(Err(error.with_detail("only 1:1 messages are told of as delivered")));
        };
        self.sent(Outgoing::Delivered { id, to }).await.map(drop)
    }

    /// Tells the other side, and the user's other devices, that all of a conversation was read.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn read_all(&self, conversation: Conversation) -> Result<()> {
        let rows = self.rows();
        self.sent(Outgoing::ConversationRead(conversation.clone())).await?;
        rows.note(vec![Write::MarkAllRead { conversation }]).await;
        Ok(())
    }

    /// Takes a message back.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn recall(&self, id: MessageId, conversation: Conversation) -> Result<()> {
        let rows = self.rows();
        let what = Outgoing::Recall { id, conversation: conversation.clone(), note: String::new() };
        self.sent(what).await?;
        rows.note(vec![Write::Recalled { conversation, id }]).await;
        Ok(())
    }

    /// Changes a message that was sent.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn edit(&self, id: MessageId, conversation: Conversation, content: Content) -> Result<()> {
        let rows = self.rows();
        let kept = self.keeper.slot.lock().clone();
        let edited = kept.map(|kept| kept.edited(id, &conversation, &content));
        self.sent(Outgoing::Edit { id, conversation, content: Box::new(content) }).await?;
        rows.note(edited.into_iter().collect()).await;
        Ok(())
    }

    /// Enters a chat room. The server puts out whoever loses the connection; this client enters again with the next one, in
    /// front of what waits to be said there, until it leaves the room, is put out or the session ends. What was said meanwhile
    /// is missed. [`crate::Event::RoomLost`] says that it was not let in again.
    ///
    /// # Errors
    /// As [`Client::send`]; without a connection it is refused at once.
    pub async fn enter_room(&self, room: RoomId) -> Result<RoomEntry> {
        let what = Outgoing::EnterRoom(room);
        match self.order(Command::Send { what }).await? {
            Reply::Entered(entry) => Ok(entry),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Leaves a chat room.
    ///
    /// # Errors
    /// As [`Client::enter_room`].
    pub async fn leave_room(&self, room: RoomId) -> Result<()> {
        self.sent(Outgoing::LeaveRoom(room)).await.map(drop)
    }

    async fn sent(&self, what: Outgoing) -> Result<Sent> {
        match self.order(Command::Send { what }).await? {
            Reply::Sent(sent) => Ok(sent),
            other => Err(self.unexpected(&other)),
        }
    }
}

impl Client {
    pub(crate) async fn call(&self, call: Call) -> Result<Value> {
        match self.order(Command::Call(call)).await? {
            Reply::Json(value) => Ok(value),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Where what a call does is written down. To be had before the call: afterwards somebody else may be in.
    pub(crate) fn rows(&self) -> Rows {
        Rows(self.storage())
    }

    /// Where a page of history is written down. To be had before the call, as [`Client::rows`].
    pub(crate) fn archive(&self) -> Archive {
        Archive(self.keeper.slot.lock().clone())
    }

    /// How far each cursor of a history has come.
    pub(crate) fn history_ends(&self) -> &Arc<Mutex<HistoryEnds>> {
        &self.history_ends
    }

    /// Which lists are being fetched.
    pub(crate) fn fetches(&self) -> &Arc<Mutex<Fetches>> {
        &self.fetches
    }

    /// Where the actor finds the phone.
    pub(super) fn bell(&self) -> &Bell {
        &self.bell
    }

    pub(super) fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    pub(super) fn weak_orders(&self) -> mpsc::WeakSender<Order> {
        self.orders.downgrade()
    }

    /// What this build can be woken by.
    pub(crate) fn push_services(&self) -> &[PushService] {
        &self.push_services
    }

    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// The table that errors speak.
    pub fn table(&self) -> ErrorTable {
        self.table
    }

    /// The token for what goes past the core.
    ///
    /// # Errors
    /// [`crate::Condition::NotLoggedIn`].
    pub(super) fn token(&self, operation: Operation) -> Result<String> {
        let view = self.view.borrow();
        let token = view
            .token
            .as_ref()
            .ok_or_else(|| Error::new(crate::Condition::NotLoggedIn).with_operation(operation))?;
        Ok(token.0.clone())
    }

    /// The same result, its error in the app's table.
    pub(crate) fn told<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.in_table(self.table))
    }

    async fn order(&self, command: Command) -> Result<Reply> {
        self.order_with(command, None).await
    }

    async fn order_with(&self, command: Command, offer: Option<Offer>) -> Result<Reply> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(Order { command, reply, offer }).await.map_err(|_| self.closed())?;
        self.told(answer.await.map_err(|_| self.closed())?)
    }

    fn closed(&self) -> Error {
        closed().in_table(self.table)
    }

    /// The core answers each command with its own kind of reply; anything else is a mistake of this crate, told rather
    /// than died of.
    fn unexpected(&self, reply: &Reply) -> Error {
        debug_assert!(false, "{reply:?}");
        Error::new(crate::Condition::InternalError).in_table(self.table)
    }
}

/// The database of who asked for a page of history, if there is one.
#[derive(Debug)]
pub(crate) struct Archive(Option<Kept>);

impl Archive {
    /// Writes a page down: of the conversation nothing is missing from the one id to the other.
    pub(crate) async fn keep(
        &self,
        conversation: &Conversation,
        span: (MessageId, MessageId),
        messages: &[Message],
    ) {
        if let Some(kept) = &self.0 {
            kept.keep_history(conversation, span, messages).await;
        }
    }
}

/// The database of who made a call, if there is one.
#[derive(Debug)]
pub(crate) struct Rows(Option<Storage>);

impl Rows {
    /// Writes down what the server was told by this device, and does not tell it in an event. If the disk takes nothing,
    /// the next list or event of the server mends it.
    pub(crate) async fn note(&self, writes: Vec<Write>) {
        if let Some(storage) = &self.0
            && !writes.is_empty()
        {
            drop(storage.apply(writes).await);
        }
    }
}
