//! Says a message of the app's back end piece by piece, and keeps it as a whole ([`domain::stream`]).
//!
//! What is open is held in memory. A stream whose back end goes silent is ended by a job, and all are when the server stops;
//! what there is of them is stored then. A server that is killed loses them, as no part is acknowledged as stored.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use domain::post::{Post, check_stream_size, decide_author};
use domain::stream::{Ending, OPEN_STREAMS, Part, Piece, Stage, Stream, StreamRefused};
use model::{AppId, AppKey, EntryKind, MessageId};
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
    /// What all its pieces have in common.
    post: Post,
    compose: Arc<ComposePiece>,
    /// Parts are taken one after the other.
    stream: Turn<Stream>,
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
                |held: &Arc<Held>| held.stream.try_lock().map_or(true, |stream| !stream.is_closed());
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
        let held = Held { app: app.value.key.clone(), parties, post, compose, stream: Turn::new(stream) };
        {
            let mut stream = held.stream.lock().await;
            let said = self.say(app, &held, &mut stream, part).await;
            if said.is_err() && !stream.is_closed() {
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
        let mut stream = held.stream.lock().await;
        let mut next = stream.clone();
        match next.add(part, self.now()) {
            Ok(()) => {
                let said = self.say(app, &held, &mut next, part).await;
                if said.is_ok() || next.is_closed() {
                    *stream = next;
                }
                said
            }
            Err(refused) => {
                if let Some(ending) = next.over(self.now()) {
                    self.end(app, &held, &mut stream, ending).await?;
                }
                Err(refused.into())
            }
        }
    }

    /// Ends the streams whose back ends let them wait for too long; with `all`, every one.
    pub(crate) async fn end_streams(&self, all: bool) {
        let now = self.now();
        for (app, id, held) in self.streams.all() {
            let mut stream = match held.stream.try_lock() {
                Ok(stream) => stream,
                // Somebody is adding to it. At the end he is waited for, but not for ever.
                Err(_) if all => match timeout(LAST_PART, held.stream.lock()).await {
                    Ok(stream) => stream,
                    Err(_) => continue,
                },
                Err(_) => continue,
            };
            if stream.is_forgotten(now) {
                self.streams.forget(app, id);
                continue;
            }
            let over = stream.over(now).or(all.then_some(Ending::Silent));
            let Some(ending) = over.filter(|_| !stream.is_closed()) else { continue };
            let Some(tenant) = self.find_app(&held.app) else {
                self.streams.forget(app, id);
                continue;
            };
            if let Err(error) = self.end(&tenant, &held, &mut stream, ending).await {
                tracing::warn!(app = %held.app, %id, %error, "a stream that was not finished could not be stored; tried again");
            }
        }
    }

    /// Shows the part that a stream took last, and stores the whole if that was the last one.
    async fn say(&self, app: &Tenant, held: &Held, stream: &mut Stream, part: Part<'_>) -> Result<(), Error> {
        // Where words of back ends are looked at, they are looked at as a whole, and nobody is shown them before.
        if !app.value.settings.keywords_for_back_end {
            let post = Post { kind: EntryKind::StreamPart, online_only: true, ..held.post.clone() };
            self.post_piece(app, held, &post, stream.id, &stream.piece(part.text)).await?;
        }
        match stream.over(self.now()) {
            Some(ending @ Ending::Finished(_)) => self.end(app, held, stream, ending).await,
            _ => Ok(()),
        }
    }

    /// Stores what was said. What nobody may be told any more, since the group is off or the words are not wanted, is not
    /// stored, and over all the same.
    async fn end(&self, app: &Tenant, held: &Held, stream: &mut Stream, ending: Ending) -> Result<(), Error> {
        if stream.is_closed() {
            return Ok(());
        }
        let stored = self.post_piece(app, held, &held.post, stream.id, &stream.whole(ending)).await;
        if let Err(error @ Error::Fault(_)) = stored {
            return Err(error);
        }
        stream.close(ending);
        self.streams.release(app.value.id);
        stored
    }

    async fn post_piece(
        &self,
        app: &Tenant,
        held: &Held,
        post: &Post,
        id: MessageId,
        piece: &Piece<'_>,
    ) -> Result<(), Error> {
        let author = self.author(app, &held.parties.author).await?;
        let post = Post { stream: Some(id), ..post.clone() };
        let (compose, text) = (Arc::clone(&held.compose), piece.text.to_owned());
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
