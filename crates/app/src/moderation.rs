//! Writes down what keyword lists and the app's own server decided about messages, and makes files of it.
//!
//! An export is written by a job, piece by piece into a blob, which goes when the export expires ([`crate::Blobs`]).

use bytes::{BufMut as _, Bytes, BytesMut};
use domain::hook::{EventType, Notice};
use domain::moderation::{
    EXPORT_BYTES, EXPORT_TRIED, Export, ExportQuery, ExportRefused, ExportState, Judge, Moderated,
    ModerationRecord, Opinion, TEXT_CHARS, decide_export, decide_look, is_told,
};
use model::{AppId, ConversationKind, Entry};
use store::{BlobId, Writing};

use crate::blobs::{BlobKey, BlobStream};
use crate::{Error, TRIES, Tenant, UseCases, random};

/// A decision about a message.
pub(crate) struct Judged {
    pub(crate) judge: Judge,
    pub(crate) moderated: Moderated,
    pub(crate) opinion: Opinion,
    pub(crate) words: Vec<String>,
    pub(crate) reason: Option<String>,
}

impl UseCases {
    /// Writes a decision down and tells webhooks that want to hear of it. The message goes its way if that fails.
    pub(crate) async fn judged(&self, app: &Tenant, kind: ConversationKind, entry: &Entry, judged: Judged) {
        let settings = &app.value.settings;
        let is_recorded = settings.moderation_record_days > 0;
        let is_heard = app.value.hooks.iter().any(|rule| rule.hears(EventType::Moderation));
        if !is_told(settings, judged.moderated) || !(is_recorded || is_heard) {
            return;
        }
        let Judged { judge, moderated, opinion, words, reason } = judged;
        let record = ModerationRecord {
            message: entry.id.0,
            message_type: self.ports.forms.message_type(entry),
            conversation: kind,
            sender: entry.sender_name.to_string(),
            target: entry.target_name.to_string(),
            text: self.ports.forms.texts(entry).join("\n").chars().take(TEXT_CHARS).collect(),
            judge,
            moderated,
            opinion,
            words,
            reason,
            environment: self.environment_of(app, entry),
            at: entry.at,
        };
        if is_recorded && let Err(error) = self.store.moderation.append(app.value.id, &record).await {
            tracing::warn!(app = %app.value.key, %error, "a moderation record is lost");
        }
        self.note(app, &Notice::Moderation(record)).await;
    }

    /// Begins an export of what is recorded so far.
    ///
    /// # Errors
    /// Those of [`decide_export`]; faults.
    pub async fn export_moderation(&self, app: &Tenant, query: ExportQuery) -> Result<Export, Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let stored = self.store.moderation.exports(id).await?;
            let now = self.now();

            decide_export(&app.value.settings, &stored.exports, &query, now)?;

            let export = Export {
                id: self.ids.next(now).await?.0,
                uuid: random::uuid(),
                query: query.clone(),
                up_to: self.store.moderation.head(id).await?,
                state: ExportState::Waiting,
                created: now,
                updated: now,
            };
            let mut exports = stored.exports.clone();
            exports.retain(|export| export.is_there(now));
            exports.push(export.clone());
            if self.store.moderation.write_exports(id, &stored, &exports).await? {
                self.exports.request(id);
                return Ok(export);
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    /// The exports that are there, the latest first.
    ///
    /// # Errors
    /// `service_not_enabled`; faults.
    pub async fn moderation_exports(&self, app: &Tenant) -> Result<Vec<Export>, Error> {
        decide_look(&app.value.settings)?;
        let now = self.now();
        let mut exports = self.store.moderation.exports(app.value.id).await?.exports;
        exports.retain(|export| export.is_there(now));
        exports.reverse();
        Ok(exports)
    }

    /// The file of an export.
    ///
    /// # Errors
    /// `service_not_enabled`; `not_found`, also for one that is not finished; faults.
    pub async fn read_export(&self, app: &Tenant, uuid: &str) -> Result<(Export, BlobStream), Error> {
        let exports = self.moderation_exports(app).await?;
        let export = exports.into_iter().find(|export| export.uuid == uuid).ok_or(ExportRefused::NotFound)?;
        let ExportState::Done { blob, bytes, .. } = &export.state else {
            return Err(ExportRefused::NotFound.into());
        };
        let blob = u128::from_str_radix(blob, 16).map_err(|_| ExportRefused::NotFound)?;
        let key = BlobKey { app: app.value.id, blob: BlobId(blob) };
        let stream = self.ports.blobs.read(key, 0..*bytes).await?;
        Ok((export, stream))
    }

    /// Makes the files that are waited for. A fault leaves them waiting; one that waits for too long has failed.
    ///
    /// # Errors
    /// Faults.
    pub(crate) async fn write_exports(&self, id: AppId) -> Result<(), Error> {
        let Some(app) = self.store.apps.find_by_id(id) else { return Ok(()) };
        loop {
            let stored = self.store.moderation.exports(id).await?;
            let is_next = |export: &&Export| export.state == ExportState::Waiting;
            let Some(export) = stored.exports.iter().find(is_next) else { return Ok(()) };
            let blob = BlobId(u128::from_be_bytes(random::bytes()));
            let state = match self.write_export(&app, export, blob).await {
                Ok(done) => done,
                Err(error) if self.now() > export.created.plus(EXPORT_TRIED) => {
                    tracing::warn!(app = %app.value.key, %error, "an export of moderation records failed");
                    ExportState::Failed
                }
                Err(error) => return Err(error),
            };
            if let Err(error) = self.end_export(id, &export.uuid, &state).await {
                // The next try writes another.
                self.discard(&app, blob).await;
                return Err(error);
            }
        }
    }

    async fn end_export(&self, app: AppId, uuid: &str, state: &ExportState) -> Result<(), Error> {
        for _ in 0..TRIES {
            let stored = self.store.moderation.exports(app).await?;
            let mut exports = stored.exports.clone();
            // Where it is gone, its bytes go when their time comes.
            let Some(export) = exports.iter_mut().find(|export| export.uuid == uuid) else { return Ok(()) };
            (export.state, export.updated) = (state.clone(), self.now());
            if self.store.moderation.write_exports(app, &stored, &exports).await? {
                return Ok(());
            }
        }
        Err(Error::plain(conditions::Condition::WriteConflict))
    }

    async fn write_export(&self, app: &Tenant, export: &Export, blob: BlobId) -> Result<ExportState, Error> {
        let id = app.value.id;
        self.store.attachments.begin_blob(id, Writing { blob, due: export.expires() }).await?;
        let mut writer = self.ports.blobs.create(BlobKey { app: id, blob }).await?;
        let (mut position, mut bytes, mut records) = (0, 0, 0);
        while position < export.up_to && bytes < EXPORT_BYTES {
            let page = self.store.moderation.after(id, position).await?;
            let Some((last, _)) = page.last() else { break };
            position = *last;
            let mut piece = BytesMut::new();
            for (number, record) in &page {
                if *number <= export.up_to && export.query.holds(record) {
                    piece.put(self.ports.forms.moderation_line(&app.value, record));
                    piece.put_u8(b'\n');
                    records += 1;
                }
            }
            if !piece.is_empty() {
                bytes += piece.len() as u64;
                writer.write(Bytes::from(piece)).await?;
            }
        }
        writer.finish().await?;
        let is_cut = bytes >= EXPORT_BYTES;
        Ok(ExportState::Done { blob: format!("{:032x}", blob.0), bytes, records, is_cut })
    }
}
