//! Use cases, one file a verb: read, decide, write, tell.
//!
//! A use case reads facts from `store`, lets `domain` decide, writes what was decided in one commit, and
//! tells live sessions over `bus`. It knows no vendor: dialects translate into commands and back. When the
//! facts moved between reading and writing, the line runs again.

mod activate_user;
mod admit;
mod arrange_conversations;
mod attempts;
mod attributes;
mod authenticate;
mod blobs;
mod block_users;
mod broadcast;
mod bury_users;
mod change_contact;
mod change_password;
mod check_build;
mod check_session;
mod clock;
mod conversation;
mod create_app;
mod delete_history;
mod delete_user;
mod disconnect_user;
mod edit_message;
mod error;
mod event_log;
mod favourites;
mod fetch_file;
mod file_lifetimes;
mod file_links;
mod filter_message;
mod find_user;
mod groups;
mod history_hour;
mod ids;
mod import_message;
mod issue_token;
mod jobs;
mod keyword_lists;
mod list_contacts;
mod list_conversations;
mod log_in;
mod log_out;
mod master_secret;
mod moderation;
mod mute_user;
mod no_disturb;
mod note;
mod offline;
mod old_history;
mod online;
mod parties;
mod passwords;
mod pin_message;
mod places;
pub mod ports;
mod post_message;
mod presence;
mod presence_changes;
mod push_settings;
mod push_templates;
mod random;
mod rates;
mod react;
mod read_body;
mod read_file;
mod read_history;
mod recall_message;
mod recalled_files;
mod redeliver;
mod register_user;
mod report_message;
mod retract_message;
mod review_message;
mod rooms;
mod said;
mod seldom;
mod send_message;
mod send_pushes;
mod send_receipt;
mod set_app;
mod set_hooks;
mod statistics;
mod stream_message;
mod sync;
mod take_back;
mod tell_setting;
mod tell_webhooks;
mod threads;
mod thumbnails;
mod trim_old;
mod turns;
mod update_user;
mod upload_file;
mod upload_parts;
mod upload_tokens;

use std::sync::Arc;

use bus::Bus;
use domain::rate::{CallClass, PostClass};
use model::{AddressBlock, AppId, Uid};
use ports::Ports;
use store::{Store, StoreError, Versioned};

pub use attempts::Attempts;
pub use authenticate::Identity;
pub use blobs::{BlobError, BlobKey, BlobStream, BlobWriter, Blobs, MemoryBlobs};
pub use broadcast::Receivers;
pub use check_build::CheckBuild;
pub use check_session::SessionFacts;
pub use clock::{Clock, SystemClock};
pub use conversation::{ConversationName, SeenMessage, SeenReaction};
pub use create_app::CreateApp;
pub use delete_history::Deletion;
pub use edit_message::{Change, EditMark, EditMessage, Edited, Editor, sender_over_rest};
pub use error::{Error, TraceId};
pub use event_log::ActingDevice;
pub use favourites::{ListFavourites, NewFavourite};
pub use find_user::{Device, UserPage};
pub use groups::{By, GroupPage, GroupRef, MemberPage, Outcome, Ranked, ReaderPage};
pub use history_hour::HourReader;
pub use ids::MessageIds;
pub use issue_token::{Grant, IssuedToken};
pub use jobs::Jobs;
pub use keyword_lists::{NumberedList, NumberedWord};
pub use list_contacts::Page;
pub use list_conversations::{ConversationPage, ListConversations, Listed, ListedConversation};
pub use log_in::{Arriving, LogIn, LoggedIn};
pub use no_disturb::SetNoDisturb;
pub use old_history::{OldHistory, OldPage, OldPosition};
pub use passwords::{Password, PasswordSettings, Pepper};
pub use pin_message::SeenPin;
pub use places::Place;
pub use post_message::Compose;
pub use push_settings::SilenceTarget;
pub use push_templates::TemplateChange;
pub use react::{Reacted, ReactionUsers};
pub use read_body::{BodyLimits, ReadBody};
pub use read_file::{ReadFile, Rendition};
pub use read_history::{HISTORY_PAGE, HistoryPage, ReadHistory};
pub use rooms::{ChangeRoomAttributes, EnterRoom, Entered};
pub use said::{SaidPage, SaidPosition};
pub use send_message::SentMessage;
pub use statistics::{Kinds, SaidCounts};
pub use stream_message::{ComposePiece, StreamParties, StreamTarget};
pub use sync::PendingFeed;
pub use threads::{CreateThread, SeenThread, ThreadPage, ThreadQuery};
pub use upload_file::{FileFacts, Upload};
pub use upload_parts::{PartOnItsWay, PartsBegun};

/// An app with the version of its row.
pub type Tenant = Arc<Versioned<domain::app::App>>;

/// How often a use case runs again when the facts moved under it.
const TRIES: usize = 8;

/// All use cases and what they stand on.
pub struct UseCases {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: MessageIds,
    pub(crate) passwords: passwords::Passwords,
    pub(crate) attempts: Attempts,
    pub(crate) call_rates: rates::Rates<(AppId, CallClass)>,
    pub(crate) post_rates: rates::Rates<(AppId, PostClass)>,
    pub(crate) counted_days: statistics::CountedDays,
    pub(crate) back_end_minutes: parking_lot::Mutex<ahash::AHashMap<AppId, domain::rate::Minute>>,
    pub(crate) registration_rates: rates::Rates<(AppId, AddressBlock)>,
    pub(crate) message_rates: rates::Rates<(AppId, Uid)>,
    pub(crate) app_message_rates: rates::Rates<AppId>,
    pub(crate) receipt_rates: rates::Rates<(AppId, Uid)>,
    pub(crate) page_request_rates: rates::Rates<(AppId, Uid)>,
    pub(crate) group_turns: turns::Turns,
    /// For reactions to a message and pins of a conversation: what many do at once, and each of them must succeed. Taken by who met
    /// another in the commit, so that one who is refused waits for nobody.
    pub(crate) addition_turns: turns::Turns,
    /// Whose turn it is to go through all that was said in an app.
    pub(crate) walk_turns: turns::Turns,
    pub(crate) leases: rooms::Leases,
    pub(crate) room_loads: rooms::Loads,
    pub(crate) thread_counts: threads::ThreadCounts,
    pub(crate) thread_tallies: threads::Tallies,
    pub(crate) online: online::Online,
    /// Apps that have a broadcast under way.
    pub(crate) broadcasts: parking_lot::Mutex<ahash::AHashSet<model::AppId>>,
    pub(crate) streams: stream_message::Streams,
    pub(crate) sweeps: jobs::Asked,
    /// Apps whose back ends wait for exports.
    pub(crate) exports: jobs::Asked,
    pub(crate) redeliveries: redeliver::Redeliveries,
    pub(crate) ports: Ports,
    pub(crate) reviews: review_message::Reviews,
    pub(crate) presence_changes: presence_changes::PresenceChanges,
    pub(crate) body_memory: read_body::BodyMemory,
    pub(crate) call_places: places::Places,
    pub(crate) request_places: places::Places,
    pub(crate) upload_places: places::Places,
    pub(crate) used_tokens: upload_tokens::UsedTokens,
    pub(crate) thumbnails: thumbnails::Thumbnails,
    pub(crate) filters: filter_message::Filters,
    /// This run of the process, as session directory entries name it.
    boot: u64,
}

impl std::fmt::Debug for UseCases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UseCases").field("boot", &self.boot).finish_non_exhaustive()
    }
}

impl UseCases {
    /// Puts the use cases on their store and bus. `node` (below 32) tells this node's message ids apart.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn open(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        passwords: PasswordSettings,
        node: u8,
    ) -> Result<(Arc<Self>, Jobs), StoreError> {
        Self::open_with(store, bus, clock, passwords, node, Ports::default()).await
    }

    /// As [`UseCases::open`], with ways out of the house.
    ///
    /// # Errors
    /// Engine faults.
    pub async fn open_with(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        passwords: PasswordSettings,
        node: u8,
        ports: Ports,
    ) -> Result<(Arc<Self>, Jobs), StoreError> {
        let use_cases = Arc::new(Self {
            ids: MessageIds::open(Arc::clone(&store.ids), node).await?,
            passwords: passwords::Passwords::new(passwords),
            attempts: Attempts::default(),
            call_rates: rates::Rates::default(),
            post_rates: rates::Rates::default(),
            counted_days: statistics::CountedDays::default(),
            back_end_minutes: parking_lot::Mutex::default(),
            registration_rates: rates::Rates::default(),
            message_rates: rates::Rates::default(),
            page_request_rates: rates::Rates::default(),
            app_message_rates: rates::Rates::default(),
            receipt_rates: rates::Rates::default(),
            group_turns: turns::Turns::default(),
            addition_turns: turns::Turns::default(),
            walk_turns: turns::Turns::default(),
            leases: rooms::Leases::default(),
            room_loads: rooms::Loads::default(),
            thread_counts: threads::ThreadCounts::default(),
            thread_tallies: threads::Tallies::default(),
            online: online::Online::default(),
            broadcasts: parking_lot::Mutex::default(),
            streams: stream_message::Streams::default(),
            sweeps: jobs::Asked::default(),
            exports: jobs::Asked::default(),
            redeliveries: redeliver::Redeliveries::default(),
            ports,
            reviews: review_message::Reviews::default(),
            presence_changes: presence_changes::PresenceChanges::default(),
            body_memory: read_body::BodyMemory::default(),
            call_places: places::Places::for_calls(),
            request_places: places::Places::for_requests(),
            upload_places: places::Places::for_uploads(),
            used_tokens: upload_tokens::UsedTokens::default(),
            thumbnails: thumbnails::Thumbnails::default(),
            filters: filter_message::Filters::default(),
            boot: random::number(),
            store,
            bus,
            clock,
        });
        let jobs = Jobs::new(Arc::clone(&use_cases));
        Ok((use_cases, jobs))
    }

    /// The number of this run of the process; connections carry it.
    pub fn boot(&self) -> u64 {
        self.boot
    }

    /// The wall clock that all decisions use.
    pub fn now(&self) -> model::Timestamp {
        self.clock.now()
    }

    /// What messages say, whatever dialect they came in.
    pub fn contents(&self) -> &Arc<dyn ports::Contents> {
        &self.ports.contents
    }

    /// Whether storage takes commits, and if not, why not.
    pub fn storage_trouble(&self) -> Option<String> {
        self.store.trouble()
    }

    /// Why storage takes no writes again until the server is restarted, in words; `None` while it may.
    pub fn storage_death(&self) -> Option<String> {
        self.store.death()
    }

    /// Users of an app that have a live session on this node.
    pub fn online_users(&self, app: model::AppId) -> u64 {
        self.online.count(app)
    }
}
