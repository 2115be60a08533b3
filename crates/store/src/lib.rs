//! The keyspace: aggregates as complete units of work over the `kv` port.
//!
//! [`keys`] is the layout, read it first. Each aggregate has a file: [`Apps`], [`Users`],
//! [`DeviceDirectory`], [`Inboxes`] (who follows which feed, and how far), [`Feeds`] (messages, events),
//! [`Arrivals`] (what came, of all feeds), [`Contacts`], [`BlockLists`], [`PresenceBook`], [`AttributeBook`] (of users),
//! [`NoDisturbBook`], [`Groups`], [`Rooms`] (what they have beside groups), [`Conversations`] (what a user set for them),
//! [`Extras`] (edits, reactions, pins), [`Reports`],
//! [`Attachments`] (files, and the blobs that hold their bytes). Nothing here decides; a method writes what `domain`
//! decided, or says that the facts moved.

mod apps;
mod arrivals;
mod attachments;
mod attributes;
mod blocks;
mod cache;
mod contacts;
mod conversations;
mod devices;
mod error;
mod extras;
mod facts;
mod favourites;
mod feeds;
mod format;
mod groups;
mod heads;
mod hooks;
mod ids;
mod inboxes;
pub mod keys;
mod keywords;
mod left_behind;
mod moderation;
mod no_disturb;
mod presence;
mod pushes;
mod reports;
mod retention;
mod rooms;
mod rows;
#[cfg(test)]
mod testing;
mod trim;
mod undelivered;
mod users;
mod writer;

use std::sync::Arc;

use kv::Kv;
use writer::Writer;

pub use apps::{Apps, NewApp};
pub use arrivals::{Arrivals, Arrived, is_past};
pub use attachments::{
    Attachments, BlobId, Due, Goes, Part, PartUpload, Piece, StoredFile, StoredUsage, Thumbnail, Writing,
};
pub use attributes::{AttributeBook, StoredAttributes};
pub use blocks::BlockLists;
pub use contacts::{ContactProof, Contacts, StoredRelation};
pub use conversations::{Conversations, StoredView};
pub use devices::{DeviceDirectory, LoginWritten, StoredDevices};
pub use error::StoreError;
pub use extras::{EditWritten, Extras, StoredEdits, StoredPins, StoredReactions};
pub use facts::Facts;
pub use favourites::{Favourites, StoredFavourites};
pub use feeds::{Appended, Feeds, ID_SLACK_TICKS, Sent, Written};
pub use groups::{Buried, Groups, Listing, StoredGroup, StoredMember, Threads};
pub use hooks::{HookPosition, Hooks};
pub use ids::IdReservation;
pub use inboxes::{FollowedConversation, FollowedFeed, Inboxes};
pub use keywords::{KeywordChange, Keywords};
pub use kv::KvError as EngineError;
pub use left_behind::LeftBehind;
pub use moderation::{Moderation, StoredExports};
pub use no_disturb::{NoDisturbBook, StoredNoDisturb};
pub use presence::{PresenceBook, StoredPublication};
pub use pushes::{DeviceRecord, PushOutcome, PushRecord, Pushes, StoredPush};
pub use reports::{Reports, StoredReport, StoredReported};
pub use retention::{EVENTS_OF_ABSENT, Retention};
pub use rooms::{AttributesChange, Rooms};
pub use rows::Versioned;
pub use undelivered::{SlicePosition, UndeliveredReports};
pub use users::{Account, NewUser, PasswordHash, Registered, Users};

/// All aggregates over one engine.
#[derive(Clone, Debug)]
pub struct Store {
    pub apps: Arc<Apps>,
    pub users: Arc<Users>,
    pub devices: Arc<DeviceDirectory>,
    pub inboxes: Arc<Inboxes>,
    pub feeds: Arc<Feeds>,
    pub hooks: Arc<Hooks>,
    pub undelivered: Arc<UndeliveredReports>,
    pub keywords: Arc<Keywords>,
    pub arrivals: Arc<Arrivals>,
    pub contacts: Arc<Contacts>,
    pub blocks: Arc<BlockLists>,
    pub presence: Arc<PresenceBook>,
    pub attributes: Arc<AttributeBook>,
    pub favourites: Arc<Favourites>,
    pub no_disturb: Arc<NoDisturbBook>,
    pub conversations: Arc<Conversations>,
    pub extras: Arc<Extras>,
    pub pushes: Arc<Pushes>,
    pub reports: Arc<Reports>,
    pub moderation: Arc<Moderation>,
    pub retention: Arc<Retention>,
    pub groups: Arc<Groups>,
    pub rooms: Arc<Rooms>,
    pub attachments: Arc<Attachments>,
    pub left_behind: LeftBehind,
    pub ids: Arc<IdReservation>,
    kv: Arc<dyn Kv>,
}

impl Store {
    /// Opens the keyspace on an engine: checks or writes the format cell and reads the apps.
    ///
    /// # Errors
    /// [`StoreError::Format`] for data of a newer build; engine faults.
    pub async fn open(kv: Arc<dyn Kv>) -> Result<Self, StoreError> {
        format::check_or_write(&*kv).await?;
        let writer = Arc::new(Writer::new(Arc::clone(&kv)));
        let devices = Arc::new(DeviceDirectory::new(Arc::clone(&kv), Arc::clone(&writer)));
        let inboxes = Arc::new(Inboxes::new(Arc::clone(&kv), Arc::clone(&devices), Arc::clone(&writer)));
        let apps = Arc::new(Apps::open(Arc::clone(&kv), Arc::clone(&writer)).await?);
        let users = Arc::new(Users::new(Arc::clone(&kv), Arc::clone(&writer)));
        let feeds = Arc::new(Feeds::open(Arc::clone(&kv), Arc::clone(&writer)).await?);
        let arrivals = Arc::new(Arrivals::new(Arc::clone(&kv)));
        Ok(Self {
            keywords: Arc::new(Keywords::new(Arc::clone(&kv), Arc::clone(&writer), Arc::clone(&apps))),
            apps,
            hooks: Arc::new(Hooks::new(Arc::clone(&kv), Arc::clone(&writer))),
            undelivered: Arc::new(UndeliveredReports::new(Arc::clone(&kv))),
            retention: Arc::new(Retention::new(Arc::clone(&kv), Arc::clone(&arrivals), Arc::clone(&inboxes))),
            arrivals,
            attachments: Arc::new(Attachments::new(Arc::clone(&kv), Arc::clone(&writer))),
            left_behind: LeftBehind::new(Arc::clone(&kv)),
            contacts: Arc::new(Contacts::new(Arc::clone(&kv), Arc::clone(&feeds))),
            blocks: Arc::new(BlockLists::new(
                Arc::clone(&kv),
                Arc::clone(&writer),
                Arc::clone(&users),
                Arc::clone(&feeds),
            )),
            attributes: Arc::new(AttributeBook::new(Arc::clone(&kv))),
            favourites: Arc::new(Favourites::new(Arc::clone(&kv))),
            no_disturb: Arc::new(NoDisturbBook::new(Arc::clone(&kv))),
            presence: Arc::new(PresenceBook::new(Arc::clone(&kv), Arc::clone(&users), Arc::clone(&feeds))),
            conversations: Arc::new(Conversations::new(Arc::clone(&kv), Arc::clone(&feeds))),
            pushes: Arc::new(Pushes::new(Arc::clone(&kv), Arc::clone(&feeds))),
            reports: Arc::new(Reports::new(Arc::clone(&kv))),
            moderation: Arc::new(Moderation::new(Arc::clone(&kv))),
            extras: Arc::new(Extras::new(Arc::clone(&kv), Arc::clone(&feeds))),
            rooms: Arc::new(Rooms::new(Arc::clone(&kv), Arc::clone(&feeds))),
            groups: Arc::new(Groups::new(Arc::clone(&kv), writer, Arc::clone(&feeds), inboxes.cache())),
            users,
            feeds,
            ids: Arc::new(IdReservation::new(Arc::clone(&kv))),
            devices,
            inboxes,
            kv,
        })
    }

    /// Why the engine takes no commits at the moment, in words; `None` when it does.
    pub fn trouble(&self) -> Option<String> {
        match self.kv.health() {
            kv::Health::Serving => None,
            kv::Health::Full { detail } => Some(format!("the disk is full: {detail}")),
            kv::Health::Fenced { detail } | kv::Health::Dead { detail } => {
                Some(format!("storage is unavailable: {detail}"))
            }
        }
    }

    /// Why the engine takes no commit again in this process, in words; `None` while it may.
    pub fn death(&self) -> Option<String> {
        match self.kv.health() {
            kv::Health::Dead { detail } => Some(detail),
            kv::Health::Serving | kv::Health::Full { .. } | kv::Health::Fenced { .. } => None,
        }
    }

    /// Writes what is written behind and closes the engine.
    pub async fn close(&self) {
        if let Err(error) = self.inboxes.flush().await {
            tracing::warn!(%error, "cursors could not be written at close; clients will see some messages again");
        }
        self.kv.close().await;
    }
}
