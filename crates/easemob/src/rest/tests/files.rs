//! Files: what uploads and downloads answer, over a store in memory that fails on demand.

mod burial;
mod downloads;
mod faults;
mod hostile;
mod lifetimes;
mod parts;
mod shared;
mod thumbnails;
mod uploads;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use app::{BlobError, BlobKey, BlobStream, BlobWriter, Blobs, MemoryBlobs};
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{Reply, World};

/// Which call of the store of files fails next, and all after it.
#[derive(Clone, Debug, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    Create(BlobError),
    /// Once this many bytes were taken.
    Write(usize),
    Finish,
    Read,
    /// The store gives one byte less than it was asked for.
    Short,
    Delete,
    DeleteOf(BlobKey),
}

/// Blobs in memory, with a hand on them.
#[derive(Clone, Debug, Default)]
pub(super) struct HandBlobs {
    blobs: MemoryBlobs,
    fault: Arc<Mutex<Fault>>,
    there: Arc<Mutex<HashSet<BlobKey>>>,
}

struct HandWriter {
    writer: Box<dyn BlobWriter>,
    hand: HandBlobs,
    key: BlobKey,
    taken: usize,
}

fn broken() -> BlobError {
    BlobError::Unavailable { detail: "a secret path".to_owned() }
}

impl HandBlobs {
    fn fail(&self, fault: Fault) {
        *self.fault.lock() = fault;
    }

    pub(super) fn any(&self) -> BlobKey {
        *self.there.lock().iter().next().expect("there is a blob")
    }

    pub(super) fn count(&self) -> usize {
        self.there.lock().len()
    }

    fn fails_with(&self, fault: &Fault) -> Result<(), BlobError> {
        if *self.fault.lock() == *fault { Err(broken()) } else { Ok(()) }
    }
}

#[async_trait]
impl Blobs for HandBlobs {
    async fn create(&self, key: BlobKey) -> Result<Box<dyn BlobWriter>, BlobError> {
        if let Fault::Create(error) = &*self.fault.lock() {
            return Err(error.clone());
        }
        let writer = self.blobs.create(key).await?;
        Ok(Box::new(HandWriter { writer, hand: self.clone(), key, taken: 0 }))
    }

    async fn read(&self, key: BlobKey, range: Range<u64>) -> Result<BlobStream, BlobError> {
        self.fails_with(&Fault::Read)?;
        let short = u64::from(*self.fault.lock() == Fault::Short);
        self.blobs.read(key, range.start..range.end - short).await
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        self.fails_with(&Fault::Delete)?;
        self.fails_with(&Fault::DeleteOf(key))?;
        self.there.lock().remove(&key);
        self.blobs.delete(key).await
    }
}

#[async_trait]
impl BlobWriter for HandWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.taken += bytes.len();
        if matches!(*self.hand.fault.lock(), Fault::Write(after) if self.taken > after) {
            return Err(broken());
        }
        self.writer.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<(), BlobError> {
        self.hand.fails_with(&Fault::Finish)?;
        self.writer.finish().await?;
        self.hand.there.lock().insert(self.key);
        Ok(())
    }
}

const FORM: &str = "multipart/form-data; boundary=XyZ";

/// A form with fields and one file.
fn form(name: &str, file_name: &str, media_type: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Vec<u8> {
    let mut form = Vec::new();
    form.extend_from_slice(
        format!(
            "--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             Content-Type: {media_type}\r\n\r\n"
        )
        .as_bytes(),
    );
    form.extend_from_slice(bytes);
    for (name, value) in fields {
        let part = format!("\r\n--XyZ\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}");
        form.extend_from_slice(part.as_bytes());
    }
    form.extend_from_slice(b"\r\n--XyZ--\r\n");
    form
}

/// An answer that is no JSON.
struct File {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Bytes,
}

impl File {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Uploaded {
    id: String,
    secret: String,
    reply: Reply,
}

impl World {
    async fn send_form(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        form: Vec<u8>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/demo/kith{path}"))
            .header("host", "chat.example.com:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", FORM)
            .header("content-length", form.len());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form)).unwrap()).await
    }

    /// A restricted file of alice's, as the web SDKs upload it.
    async fn upload(&self, file_name: &str, media_type: &str, bytes: &[u8]) -> Uploaded {
        self.upload_as("alice", true, form("file", file_name, media_type, bytes, &[])).await
    }

    async fn upload_as(&self, user: &str, restricted: bool, form: Vec<u8>) -> Uploaded {
        let token = self.user_token(user).await;
        let restricted = [("restrict-access", if restricted { "true" } else { "false" })];
        let path = "/chatfiles?chat-type=CHAT&chat-target=bob";
        let reply = self.send_form("POST", path, &token, &restricted, form).await.ok();
        let text = |name: &str| reply.body["entities"][0][name].as_str().unwrap().to_owned();
        Uploaded { id: text("uuid"), secret: text("share-secret"), reply }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> File {
        self.fetch("GET", path, headers).await.unwrap()
    }

    /// Fails when the answer breaks off.
    async fn fetch(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<File, axum::Error> {
        self.fetch_at(method, &format!("/chatfiles/{path}"), headers).await
    }

    async fn fetch_at(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<File, axum::Error> {
        let mut request = Request::builder().method(method).uri(format!("/demo/kith{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 64 << 20).await?;
        Ok(File { status: parts.status, headers: parts.headers, bytes })
    }

    /// What a download is refused with: status, condition, `error`, `error_description`.
    async fn refused(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String, String, String) {
        let file = self.get(path, headers).await;
        let body: Value = serde_json::from_slice(&file.bytes).unwrap();
        let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
        let condition = file.header("x-kith-condition").to_owned();
        (file.status.as_u16(), condition, text("error"), text("error_description"))
    }

    async fn sweep(&self) {
        while self.use_cases.sweep_files(self.app.value.id, self.use_cases.now()).await.unwrap() {}
    }
}
