//! Says a message of the app's back end piece by piece, and keeps it as a whole ([`domain::stream`]).
//!
//! What is open is held in memory. A stream whose back end goes silent is ended by a job, and all are when the server stops;
//! what there is of them is stored then. A server that is killed loses them, as no part is acknowledged as stored.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use domain::post::{Post, check_stream_size, decide_author};
use domain::stream::{END_TRIED, Ending, OPEN_STREAMS, Part, Piece, Stage, Stream, StreamRefused};
use model::{AppId, AppKey, EntryKind, MessageId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;
use tokio::time::timeout;

use crate::groups::GroupRef;
use crate::{Error, Tenant, UseCases};

/// How long the end of the server waits for a part that is being taken.
const LAST_PART: Duration = Duration::from_secs(2);
/// Streams of one app that are remembered, the ended ones among them.
const REMEMBERED: usize = 10 * OPEN_STREAMS;

/// The stored bytes of a piece, from one name to another.
pub type ComposePiece = dyn Fn(&str, &str, &Piece<'_>) -> Bytes + Send + Sync;

/// To whom a stream goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamTarget {
    User(String),
    /// A group or thread.
    Group(String),
}

impl StreamTarget {
    fn name(&self) -> &str {
        match self {
            Self::User(name) | Self::Group(name) => name,
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(other)) | (Self::Group(one), Self::Group(other)) => {
                one.eq_ignore_ascii_case(other)
            }
            (Self::User(_), Self::Group(_)) | (Self::Group(_), Self::User(_)) => false,
        }
    }
}

/// Who speaks to whom.
#[derive(Clone, Debug)]
pub struct StreamParties {
    pub author: String,
    pub target: StreamTarget,
}

/// A stream, with what it takes to say more of it.
struct Held {
    app: AppKey,
    parties: StreamParties,
    /// Parts are taken one after the other.
    turn: Turn<Told>,
}

/// How far a stream is told.
#[derive(Clone)]
struct Told {
    stream: Stream,
    /// `None` once it is over.
    style: Option<Arc<Style>>,
    /// Since when its whole could not be stored.
    failing: Option<Timestamp>,
}

/// What all pieces of a stream have in common.
struct Style {
    post: Post,
    compose: Arc<ComposePiece>,
}

impl Told {
    fn close(&mut self, ending: Ending) {
        self.stream.close(ending);
        self.style = None;
    }
}

/// The streams of all apps.
#[derive(Default)]
pub(crate) struct Streams {
    apps: Mutex<AHashMap<AppId, AppStreams>>,
}

#[derive(Default)]
struct AppStreams {
    held: AHashMap<MessageId, Arc<Held>>,
    open: usize,
}

impl Streams {
    /// Takes a place for a new one.
    fn reserve(&self, app: AppId) -> Result<(), StreamRefused> {
        let mut apps = self.apps.lock();
        let streams = apps.entry(app).or_default();
        if streams.open >= OPEN_STREAMS {
            return Err(StreamRefused::TooMany);
        }
        streams.open += 1;
        Ok(())
    }

    /// Gives back the place of one that is over.
    fn release(&self, app: AppId) {
        if let Some(streams) = self.apps.lock().get_mut(&app) {
            streams.open -= 1;
        }
    }

    fn remember(&self, app: AppId, id: MessageId, held: Arc<Held>) {
        let mut apps = self.apps.lock();
        let streams = apps.entry(app).or_default();
        if streams.held.len() >= REMEMBERED {
            // Whoever asks for one of these hears that there is none.
            let is_open =
                |held: &Arc<Held>| held.turn.try_lock().map_or(true, |told| !told.stream.is_closed());
            streams.held.retain(|_, held| is_open(held));
        }
        streams.held.insert(id, held);
    }

    fn find(&self, app: AppId, id: MessageId) -> Option<Arc<Held>> {
        self.apps.lock().get(&app)?.held.get(&id).cloned()
    }

    fn forget(&self, app: AppId, id: MessageId) {
        if let Some(streams) = self.apps.lock().get_mut(&app) {
            streams.held.remove(&id);
        }
    }

    fn all(&self) -> Vec<(AppId, MessageId, Arc<Held>)> {
        let apps = self.apps.lock();
        let of_app = |(app, streams): (&AppId, &AppStreams)| {
            let app = *app;
            streams.held.iter().map(move |(id, held)| (app, *id, Arc::clone(held))).collect::<Vec<_>>()
        };
        apps.iter().flat_map(of_app).collect()
    }
}

impl UseCases {
    /// Begins a stream with its first part, and shows it to those who are there. Who is no user is said it all the same, as
    /// with [`UseCases::post_message`].
    ///
    /// # Errors
    /// `argument_invalid` for the author's name; those of [`domain::post::decide_post`];
    /// `stream_too_long`; `message_send_quota_reached` where too many are open; faults.
    pub async fn begin_stream(
        &self,
        app: &Tenant,
        parties: StreamParties,
        post: Post,
        part: Part<'_>,
        compose: Arc<ComposePiece>,
    ) -> Result<MessageId, Error> {
        decide_author(&parties.author)?;
        // What all pieces carry beside their text is bounded before the first of them.
        let bare = Piece { number: 0, stage: Stage::Begun, text: "" };
        let payload = compose(&parties.author, parties.target.name(), &bare);
        check_stream_size(&app.value.settings, &payload, 0)?;
        let id = self.ids.next(self.now()).await?;
        let stream = Stream::begin(id, part, self.now())?;
        self.streams.reserve(app.value.id)?;
        let told = Told { stream, style: Some(Arc::new(Style { post, compose })), failing: None };
        let held = Held { app: app.value.key.clone(), parties, turn: Turn::new(told) };
        {
            let mut told = held.turn.lock().await;
            let said = self.say(app, &held, &mut told, part).await;
            if said.is_err() && !told.stream.is_closed() {
                self.streams.release(app.value.id);
            }
            said?;
        }
        self.streams.remember(app.value.id, id, Arc::new(held));
        Ok(id)
    }

    /// Says another part of a stream. Order: there is one; of this sender; to this target; then those of [`Stream::add`].
    ///
    /// # Errors
    /// [`StreamRefused`]'s; faults, after which the part can be sent again.
    pub async fn continue_stream(
        &self,
        app: &Tenant,
        id: MessageId,
        parties: &StreamParties,
        part: Part<'_>,
    ) -> Result<(), Error> {
        let held = self.streams.find(app.value.id, id).ok_or(StreamRefused::NotFound { id })?;
        if !held.parties.author.eq_ignore_ascii_case(&parties.author) {
            return Err(StreamRefused::OtherSender.into());
        }
        if !held.parties.target.is_same(&parties.target) {
            return Err(StreamRefused::OtherTarget.into());
        }
        let mut told = held.turn.lock().await;
        // A part that could not be said was not taken.
        let mut next = told.clone();
        match next.stream.add(part, self.now()) {
            Ok(()) => {
                let said = self.say(app, &held, &mut next, part).await;
                if said.is_ok() || next.stream.is_closed() {
                    *told = next;
                }
                said
            }
            Err(refused) => {
                if let Some(ending) = next.stream.over(self.now()) {
                    self.end(app, &held, &mut told, ending).await?;
                }
                Err(refused.into())
            }
        }
    }

    /// Ends the streams whose back ends let them wait for too long; with `all`, every one.
    pub(crate) async fn end_streams(&self, all: bool) {
        let now = self.now();
        for (app, id, held) in self.streams.all() {
            let mut told = match held.turn.try_lock() {
                Ok(told) => told,
                // Somebody is adding to it. At the end he is waited for, but not for ever.
                Err(_) if all => match timeout(LAST_PART, held.turn.lock()).await {
                    Ok(told) => told,
                    Err(_) => continue,
                },
                Err(_) => continue,
            };
            if told.stream.is_forgotten(now) {
                self.streams.forget(app, id);
                continue;
            }
            let over = told.stream.over(now).or(all.then_some(Ending::Silent));
            let Some(ending) = over.filter(|_| !told.stream.is_closed()) else { continue };
            let Some(tenant) = self.find_app(&held.app) else {
                self.streams.forget(app, id);
                continue;
            };
            if told.failing.is_some_and(|since| self.now() > since.plus(END_TRIED)) {
                // Stored any later, it would lie behind where its id lets it be looked for.
                tracing::error!(app = %held.app, %id, "a stream is lost: it could not be stored for too long");
                metrics::counter!("kith_streams_lost_total").increment(1);
                told.close(ending);
                self.streams.release(app);
                continue;
            }
            let Err(error) = self.end(&tenant, &held, &mut told, ending).await else { continue };
            if told.stream.is_closed() {
                tracing::warn!(app = %held.app, %id, %error, "a stream that was not finished may not be stored");
                continue;
            }
            if told.failing.is_none() {
                tracing::warn!(app = %held.app, %id, %error, "a stream that was not finished could not be stored; tried again");
                told.failing = Some(now);
            }
        }
    }

    /// Shows the part that a stream took last, and stores the whole if that was the last one.
    async fn say(&self, app: &Tenant, held: &Held, told: &mut Told, part: Part<'_>) -> Result<(), Error> {
        // Where words of back ends are looked at, they are looked at as a whole, and nobody is shown them before.
        if !app.value.settings.keywords_for_back_end
            && let Some(style) = &told.style
        {
            let post = Post { kind: EntryKind::StreamPart, online_only: true, ..style.post.clone() };
            let piece = told.stream.piece(part.text);
            self.post_piece(app, held, (&post, &style.compose), told.stream.id, &piece).await?;
        }
        match told.stream.over(self.now()) {
            Some(ending @ Ending::Finished(_)) => self.end(app, held, told, ending).await,
            _ => Ok(()),
        }
    }

    /// Stores what was said. What nobody may be told any more, since the group is off or the words are not wanted, is not
    /// stored, and over all the same.
    async fn end(&self, app: &Tenant, held: &Held, told: &mut Told, ending: Ending) -> Result<(), Error> {
        // It has none once it is over.
        let Some(style) = &told.style else { return Ok(()) };
        let whole = told.stream.whole(ending);
        let stored = self.post_piece(app, held, (&style.post, &style.compose), told.stream.id, &whole).await;
        if let Err(error @ Error::Fault(_)) = stored {
            return Err(error);
        }
        told.close(ending);
        self.streams.release(app.value.id);
        stored
    }

    async fn post_piece(
        &self,
        app: &Tenant,
        held: &Held,
        (post, compose): (&Post, &Arc<ComposePiece>),
        id: MessageId,
        piece: &Piece<'_>,
    ) -> Result<(), Error> {
        let author = self.author(app, &held.parties.author).await?;
        let post = Post { stream: Some(id), ..post.clone() };
        let (compose, text) = (Arc::clone(compose), piece.text.to_owned());
        let Piece { number, stage, .. } = *piece;
        let compose = move |from: &str, to: &str| compose(from, to, &Piece { number, stage, text: &text });
        match &held.parties.target {
            StreamTarget::User(name) => self.post_to(app, &author, name, &post, &compose).await?,
            StreamTarget::Group(group) => {
                let group = GroupRef::from(group.as_str());
                self.post_to_group(app, &author, group, None, &post, &compose).await?
            }
        };
        Ok(())
    }
}
