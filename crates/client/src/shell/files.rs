//! Files on their way: each transfer is a task of its own, which tells how far it is and can be cancelled.
//!
//! What may be sent, what arrives and what failures are called is `media`'s to say. A file of the app's is asked for with
//! the user's token; an address somewhere else, which a stranger may have written, gets nothing of this user.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use conditions::{Condition, Operation};
use futures_util::StreamExt as _;
use model::content::{Attached, Content, Place};
use model::{FileId, Username};
use tokio::io::AsyncWriteExt as _;
use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, oneshot};

use super::Client;
use super::http::Http;
use super::jmessage::{self, JMessage};
use crate::core::of_answer;
use crate::media::{
    Direction, Download, Expected, LocalFile, Transfer, TransferEvent, TransferFault, Verified, Via,
    place_of, remove,
};
use crate::{Conversation, Error, ErrorTable, NewMessage, Result, Sent};

/// A transfer in which nothing moves for so long is given up.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// Bytes of a download whose length nobody said, or that is said to have more.
const DOWNLOAD_BYTES_LIMIT: u64 = 1 << 30;
/// Pieces that are read ahead of the network.
const READ_AHEAD: usize = 4;
/// News that may wait for the app; what does not fit is told with what comes next.
const NEWS: usize = 128;

/// Carries files for a client.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) http: Http,
    pub(super) runtime: Handle,
    /// For apps of JMessage's, which upload with tokens.
    pub(super) jmessage: Option<Arc<JMessage>>,
    /// Where these upload to, if not to the server.
    pub(super) upload_url: Option<String>,
}

/// A transfer that is under way. Dropping it cancels it.
#[derive(Debug)]
pub struct Transferring<T> {
    news: mpsc::Receiver<(u64, Option<u64>)>,
    cancel: Arc<Notify>,
    result: oneshot::Receiver<Result<T>>,
    table: ErrorTable,
}

impl<T> Transferring<T> {
    /// Bytes that have passed, and how many there are if that is known; `None` at the end.
    pub async fn progress(&mut self) -> Option<(u64, Option<u64>)> {
        self.news.recv().await
    }

    /// Ends it; [`Transferring::finish`] then says [`Condition::RequestAborted`], unless it was faster.
    pub fn cancel(&self) {
        self.cancel.notify_one();
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What [`TransferFault`] and [`Download`] say; [`Condition::RequestAborted`] if it was cancelled.
    pub async fn finish(mut self) -> Result<T> {
        let aborted = || Err(Error::new(Condition::RequestAborted));
        let result = (&mut self.result).await.unwrap_or_else(|_| aborted());
        result.map_err(|error| error.in_table(self.table))
    }
}

impl<T> Drop for Transferring<T> {
    fn drop(&mut self) {
        self.cancel.notify_one();
    }
}

impl Client {
    /// Uploads a file. What it comes to belongs into a message, see [`NewMessage::file`]. A file that is gone or changed
    /// since it was looked at fails with the words of [`LocalFile::pieces`], at the end.
    ///
    /// # Errors
    /// [`Condition::NotLoggedIn`].
    pub fn upload(&self, file: &LocalFile) -> Result<Transferring<Attached>> {
        let started = self.token(Operation::FileUpload).map(|token| {
            let (files, file, user) = (self.files().clone(), file.clone(), self.user());
            let via = if files.jmessage.is_some() { Via::ObjectStore } else { Via::Server };
            self.transfer((Direction::Upload, via), Some(file.bytes), async move |run| {
                let user = user.as_ref().map(Username::as_str).unwrap_or_default();
                run.upload(&files, (user, &token), &file).await
            })
        });
        self.told(started)
    }

    /// Downloads a message's file. Until all of it is there, was found right and is on the disk, it lies beside `to` under
    /// that name with something random and `.part` at the end; what fails or is cancelled leaves nothing behind, the end
    /// of the process may.
    ///
    /// # Errors
    /// [`Condition::NotLoggedIn`], [`Condition::NotAMediaMessage`], [`Condition::MediaResourceMissing`],
    /// [`Condition::UrlInvalid`], [`Condition::MediaCrcInvalid`].
    pub fn download(&self, content: &Content, to: &Path) -> Result<Transferring<Verified>> {
        let started = self.token(Operation::FileDownload).and_then(|token| {
            let file = place_of(&content.said)?;
            if let Place::Url(url) = &file.at {
                crate::checks::url(url)?;
            }
            let download = Download::new(Expected::of(file, &content.ext, DOWNLOAD_BYTES_LIMIT))?;
            let total = (file.bytes > 0).then_some(file.bytes);
            let (http, at, to) = (self.files().http.clone(), file.at.clone(), to.to_owned());
            Ok(self.transfer((Direction::Download, Via::Server), total, async move |run| {
                run.download(&http, &token, &at, download, &to).await
            }))
        });
        self.told(started)
    }

    /// Uploads a file and sends it, with its SHA-256 for whoever downloads it. `seconds`: how long a voice or film lasts.
    ///
    /// # Errors
    /// As [`Client::upload`], [`Transferring::finish`] and [`Client::send`].
    pub async fn send_file(&self, to: Conversation, file: &LocalFile, seconds: u32) -> Result<Sent> {
        let uploaded = self.upload(file)?.finish().await?;
        self.send(NewMessage::file(to, file, uploaded, seconds)).await
    }

    fn transfer<T: Send + 'static, F: Future<Output = Step<T>> + Send + 'static>(
        &self,
        (direction, via): (Direction, Via),
        total: Option<u64>,
        work: impl FnOnce(Run) -> F + Send + 'static,
    ) -> Transferring<T> {
        let (news, receiver) = mpsc::channel(NEWS);
        let (answer, result) = oneshot::channel();
        let cancel = Arc::new(Notify::new());
        let run = Run { moved: Arc::default(), cancel: Arc::clone(&cancel) };
        let moved = Arc::clone(&run.moved);
        let work = work(run);
        self.files().runtime.spawn(async move {
            let mut transfer = Transfer::new(direction, via, total);
            let mut work = std::pin::pin!(work);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut work => break outcome,
                    () = moved.news.notified() => moved.tell(&mut transfer, &news),
                }
            };
            moved.tell(&mut transfer, &news);
            let value = match outcome {
                Ok(value) => {
                    transfer.finish();
                    Some(value)
                }
                Err(Stopped::Fault(fault)) => {
                    transfer.fail(&fault);
                    None
                }
                Err(Stopped::Error(error)) => {
                    transfer.fail_with(error);
                    None
                }
                Err(Stopped::Cancelled) => {
                    transfer.cancel();
                    None
                }
            };
            let ended = std::iter::from_fn(|| transfer.poll_event()).last();
            let result = match (ended, value) {
                (Some(TransferEvent::Finished), Some(value)) => Ok(value),
                (Some(TransferEvent::Failed(error)), _) => Err(error),
                _ => Err(Error::new(Condition::RequestAborted)),
            };
            // Whoever began it may want to know no more.
            drop(answer.send(result));
        });
        Transferring { news: receiver, cancel, result, table: self.table() }
    }
}

type Step<T> = std::result::Result<T, Stopped>;

/// Why a transfer ended before its time.
#[derive(Debug)]
enum Stopped {
    Fault(TransferFault),
    Error(Error),
    Cancelled,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// Bytes that have passed, as the task that moves them counts.
#[derive(Debug, Default)]
struct Moved {
    bytes: AtomicU64,
    told: AtomicU64,
    total: AtomicU64,
    news: Notify,
}

impl Moved {
    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        self.news.notify_one();
    }

    fn count(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    fn tell(&self, transfer: &mut Transfer, news: &mpsc::Sender<(u64, Option<u64>)>) {
        let total = self.total.load(Ordering::Acquire);
        if total > 0 {
            transfer.set_total(total);
        }
        let bytes = self.count();
        let told = self.told.swap(bytes, Ordering::AcqRel);
        if bytes > told {
            transfer.advance(bytes - told);
        }
        while let Some(event) = transfer.poll_event() {
            if let TransferEvent::Progress { done, total } = event {
                // An app that does not look misses some numbers, and gets later ones.
                news.try_send((done, total)).ok();
            }
        }
    }
}

/// One transfer's task.
#[derive(Debug)]
struct Run {
    moved: Arc<Moved>,
    cancel: Arc<Notify>,
}

impl Run {
    async fn upload(self, files: &Files, (user, token): (&str, &str), file: &LocalFile) -> Step<Attached> {
        let opened = file.clone();
        let opened = tokio::task::spawn_blocking(move || opened.pieces()).await;
        let mut pieces = opened.map_err(|_| Stopped::Cancelled)??;
        let http = &files.http;
        let to = match &files.jmessage {
            None => http.post("/chatfiles").bearer_auth(token).header("restrict-access", "true"),
            Some(jmessage) => {
                let opens =
                    self.watched(jmessage.token(http, token, file.bytes)).await?.map_err(Stopped::Fault)?;
                jmessage.request(http, (user, &opens), files.upload_url.as_deref(), file)
            }
        };
        let (sender, receiver) = mpsc::channel::<Result<Bytes>>(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            loop {
                match pieces.next_piece() {
                    Ok(Some(piece)) => {
                        if sender.blocking_send(Ok(piece)).is_err() {
                            return None;
                        }
                    }
                    Ok(None) => return None,
                    Err(error) => {
                        // The body must not end as if it were whole.
                        drop(sender.blocking_send(Err(error.clone())));
                        return Some(error);
                    }
                }
            }
        });
        let boundary = uuid::Uuid::new_v4().simple().to_string();
        let head = form_head(&boundary, file);
        let tail = format!("\r\n--{boundary}--\r\n");
        let length = head.len() as u64 + file.bytes + tail.len() as u64;
        let moved = Arc::clone(&self.moved);
        let content = futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        })
        .inspect(move |piece| {
            if let Ok(piece) = piece {
                moved.add(piece.len());
            }
        });
        let ends = |text: String| futures_util::stream::iter([Ok(Bytes::from(text))]);
        let body = reqwest::Body::wrap_stream(ends(head).chain(content).chain(ends(tail)));
        let request = to
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .header("content-length", length)
            .body(body);
        let sent = self.watched(request.send()).await?;
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                if let Ok(Some(changed)) = reading.await {
                    return Err(changed.into());
                }
                return Err(self.broken(&error));
            }
        };
        let answer = self.watched(super::http::answer(response)).await?;
        let answer = answer.map_err(|_| Stopped::Fault(TransferFault::BrokeOff))?;
        if !(200..300).contains(&answer.status) {
            let said = of_answer(&answer, Operation::FileUpload);
            let (status, condition) = (answer.status, Some(said.condition()));
            let fault = TransferFault::Refused { status, condition, trace: answer.trace };
            return Err(Stopped::Fault(fault));
        }
        let made = match &files.jmessage {
            None => uploaded(&answer.body, file),
            Some(_) => jmessage::uploaded(&answer.body, file),
        };
        made.ok_or_else(|| {
            Stopped::Error(Error::new(Condition::ResponseMalformed).with_operation(Operation::FileUpload))
        })
    }

    async fn download(
        self,
        http: &Http,
        token: &str,
        at: &Place,
        mut download: Download,
        to: &Path,
    ) -> Step<Verified> {
        let request = match at {
            Place::Url(url) => http.get_elsewhere(url),
            Place::Kept { file, secret } => {
                let request = http.get(&format!("/chatfiles/{file}")).bearer_auth(token);
                match secret {
                    Some(secret) => request.header("share-secret", secret),
                    None => request,
                }
            }
        };
        let response = self.watched(request.send()).await?;
        let mut response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if !status.is_success() {
            let said = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
            let condition = said(conditions::http::CONDITION_HEADER).and_then(Condition::parse);
            let trace = said(conditions::http::TRACE_HEADER).map(str::to_owned);
            let fault = TransferFault::Refused { status: status.as_u16(), condition, trace };
            return Err(Stopped::Fault(fault));
        }
        if let Some(total) = response.content_length() {
            self.moved.total.store(total, Ordering::Release);
        }
        let mut part = Part::create(to).await?;
        loop {
            let chunk = self.watched(response.chunk()).await?;
            let Some(chunk) = chunk.map_err(|error| self.broken(&error))? else { break };
            download.add(&chunk)?;
            part.write(&chunk).await?;
            self.moved.add(chunk.len());
        }
        let verified = download.finish()?;
        part.keep(to).await?;
        Ok(verified)
    }

    /// Waits for something that may be cancelled, and in which something has to move.
    async fn watched<T>(&self, work: impl Future<Output = T>) -> Step<T> {
        let mut work = std::pin::pin!(work);
        let mut seen = self.moved.count();
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = self.cancel.notified() => return Err(Stopped::Cancelled),
                () = tokio::time::sleep(STALL_LIMIT) => {
                    let now = self.moved.count();
                    if now == seen {
                        return Err(Stopped::Fault(self.interrupted()));
                    }
                    seen = now;
                }
            }
        }
    }

    fn interrupted(&self) -> TransferFault {
        if self.moved.count() > 0 { TransferFault::BrokeOff } else { TransferFault::Unreachable }
    }

    fn broken(&self, error: &reqwest::Error) -> Stopped {
        Stopped::Fault(if error.is_connect() { TransferFault::Unreachable } else { self.interrupted() })
    }
}

/// A file that is not whole yet. Goes with its guard, unless it is kept.
#[derive(Debug)]
struct Part {
    file: tokio::fs::File,
    path: PathBuf,
    is_kept: bool,
}

impl Part {
    async fn create(to: &Path) -> Result<Self> {
        let mut name = to.as_os_str().to_owned();
        // Two downloads to one place must not write into each other's.
        let random = uuid::Uuid::new_v4().as_u64_pair().0 >> 32;
        name.push(format!(".{random:08x}.part"));
        let path = PathBuf::from(name);
        let file = tokio::fs::File::create_new(&path).await.map_err(|cause| unwritable(&cause))?;
        Ok(Self { file, path, is_kept: false })
    }

    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.file.write_all(piece).await.map_err(|cause| unwritable(&cause))
    }

    async fn keep(mut self, to: &Path) -> Result<()> {
        self.file.flush().await.map_err(|cause| unwritable(&cause))?;
        // Else a power cut after the rename could leave the name without the bytes.
        self.file.sync_all().await.map_err(|cause| unwritable(&cause))?;
        tokio::fs::rename(&self.path, to).await.map_err(|cause| unwritable(&cause))?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be deleted now stays: nobody takes it for the file.
            drop(remove(&self.path));
        }
    }
}

fn unwritable(cause: &std::io::Error) -> Error {
    let detail = format!("the file cannot be written on this device: {}", cause.kind());
    Error::new(Condition::MediaDownloadFailed).with_operation(Operation::FileDownload).with_detail(detail)
}

/// The part of a form in front of the file's bytes.
fn form_head(boundary: &str, file: &LocalFile) -> String {
    let name = file.name.replace('\\', "_").replace('"', "%22");
    format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: {}\r\n\r\n",
        file.format.media_type()
    )
}

/// What the server made of an upload (easemob-rest.md 3.11).
fn uploaded(body: &[u8], file: &LocalFile) -> Option<Attached> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    let entity = value.get("entities")?.get(0)?;
    let id: FileId = entity.get("uuid")?.as_str()?.parse().ok()?;
    let secret = entity.get("share-secret").and_then(|secret| secret.as_str());
    let format = file.name.rsplit_once('.').map_or_else(String::new, |(_, end)| end.to_owned());
    Some(Attached {
        at: Place::Kept { file: id, secret: secret.map(str::to_owned) },
        name: file.name.clone(),
        bytes: file.bytes,
        crc32: Some(file.crc32),
        format,
    })
}
