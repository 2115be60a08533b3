//! Resources: files that messages and profiles name by their `media_id` (jmessage.md 1.3).
//!
//! They are the app's files like any other; the `media_id` holds what opens them. A link to one is good for an hour, for
//! whoever has it.

use std::sync::Arc;
use std::time::Duration;

use app::{Error, FileFacts, Rendition, Tenant, UseCases};
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use conditions::Condition;
use domain::attachment::Attachment;
use domain::file_link::FileLink;
use form_body::{Form, PartHead};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jmessage_wire::media::{MediaId, MediaKind};
use jmessage_wire::rules::UPLOAD_BYTES;
use model::{FileId, Uid};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::query::Query;
use super::routes::routes;
use super::{Options, Site};

routes! {
    POST "/v1/resource" Stream FileUpload => upload;
    GET "/v1/resource" Nothing FileDownload => link;
}

/// The path of what links lead to, which asks for no credentials.
pub(super) const MEDIA: &str = "/v1/media/{key}/{file}";
/// Bytes of a picture in which its size is looked for: colour profiles and camera data may stand before it.
const PICTURE_HEAD: usize = 512 << 10;
/// Bytes of a format, which is the end of a file's name.
const FORMAT_BYTES: usize = 8;
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// `POST /v1/resource?type=`
async fn upload(call: Call) -> Result<Answer, Failure> {
    let body = call.stream.lock().take().expect("the table says that this route reads the body");
    let kind = call.query.get("type").ok_or_else(|| missing("type"));
    let kind = kind.and_then(|kind| MediaKind::parse(kind).ok_or_else(|| invalid("type")));
    let kind = match kind {
        Ok(kind) => kind,
        Err(error) => {
            form_body::drain(body).await;
            return Err(error.into());
        }
    };
    let mut form = form(&call.headers, body, call.site.options.stall_limit)?;
    match receive(call.use_cases(), &call.tenant, None, kind, &mut form).await {
        Ok(received) => Ok(Answer::Found(received)),
        Err(error) => {
            form.drain().await;
            Err(error.into())
        }
    }
}

/// The body as a form with one file.
///
/// # Errors
/// `body_malformed` when it is none.
pub(super) fn form(headers: &HeaderMap, body: Body, stall_limit: Duration) -> Result<Form<Body>, Error> {
    let no_form = || {
        let detail = "the body is no form".to_owned();
        Error::refused(Condition::BodyMalformed, vec![("detail", detail)])
    };
    Form::new(headers, body, stall_limit).ok_or_else(no_form)
}

/// The head of the file, whose content follows; fields before it are passed over. `None`: there is none.
async fn file(form: &mut Form<Body>) -> Result<Option<PartHead>, Error> {
    while let Some(head) = form.next_part().await? {
        if head.file_name.is_some() || head.name == "filename" {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// Takes the file of a form; what the vendor shows of it. `uploader`: the user who sends it, `None`: the back end.
pub(super) async fn receive(
    use_cases: &UseCases,
    app: &Tenant,
    uploader: Option<Uid>,
    kind: MediaKind,
    form: &mut Form<Body>,
) -> Result<Value, Error> {
    let head = file(form).await?.ok_or_else(|| missing("filename"))?;
    let mut upload = use_cases.begin_upload(app, uploader, 0).await?;
    let (mut sum, mut length, mut first) = (crc32fast::Hasher::new(), 0_u64, Vec::new());
    while let Some(bytes) = form.content().await? {
        length += bytes.len() as u64;
        if length > UPLOAD_BYTES {
            return Err(Error::refused(Condition::FileTooLarge, vec![("limit", UPLOAD_BYTES.to_string())]));
        }
        sum.update(&bytes);
        if kind == MediaKind::Image {
            let room = PICTURE_HEAD - first.len();
            first.extend_from_slice(&bytes[..room.min(bytes.len())]);
        }
        upload.write(bytes).await?;
    }
    if length == 0 {
        return Err(missing("filename"));
    }
    let size = match kind {
        MediaKind::Image => match use_cases.picture_size(&first) {
            Some(size) => Some(size),
            // Of formats that are not read here its readers find out by themselves, such as those of telephones.
            None if domain::attachment::picture_type(&first).is_none() => Some((0, 0)),
            None => return Err(invalid("filename")),
        },
        MediaKind::Voice | MediaKind::File => None,
    };
    let facts = FileFacts {
        name: head.file_name.unwrap_or_default(),
        media_type: head.media_type.unwrap_or_default(),
        restricted: true,
        ..FileFacts::default()
    };
    let attachment = upload.finish(facts).await?;
    Ok(shown(kind, &attachment, sum.finalize(), size, &first))
}

fn shown(kind: MediaKind, file: &Attachment, sum: u32, size: Option<(u32, u32)>, first: &[u8]) -> Value {
    let extension = if kind == MediaKind::File { ending(&file.name) } else { "" };
    let id =
        MediaId { kind, file: file.id, secret: Some(file.secret.clone()), extension: extension.to_owned() };
    let digest: String = file.digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut shown = json!({
        "media_id": id.to_string(),
        "media_crc32": sum,
        "fsize": file.length,
        "hash": digest,
    });
    match (kind, size) {
        (MediaKind::Image, Some((width, height))) => {
            let picture = domain::attachment::picture_type(first).unwrap_or_default();
            shown["width"] = width.into();
            shown["height"] = height.into();
            let known = picture.trim_start_matches("image/");
            shown["format"] = if known.is_empty() { ending(&file.name) } else { known }.into();
        }
        (MediaKind::Voice, _) => {
            shown["format"] = ending(&file.name).into();
        }
        (MediaKind::File | MediaKind::Image, _) => shown["fname"] = file.name.as_str().into(),
    }
    shown
}

/// What a file's name says of its format.
fn ending(name: &str) -> &str {
    let end = name.rsplit_once('.').map(|(_, end)| end).unwrap_or_default();
    if end.len() <= FORMAT_BYTES { end } else { "" }
}

/// `GET /v1/resource?mediaId=`
async fn link(call: Call) -> Result<Answer, Failure> {
    let id = call.query.get("mediaId").ok_or_else(|| missing("mediaId"))?;
    let MediaId { file, .. } = id.parse().map_err(|_| Error::plain(Condition::FileNotFound))?;
    let link = call.use_cases().link_file(&call.tenant, file).await?;
    let origin = origin(&call.site.options, &call.headers);
    let (key, FileLink { expires, signature }) = (call.app_key(), link);
    Ok(Answer::Found(json!({ "url": format!("{origin}/v1/media/{key}/{file}?e={expires}&s={signature}") })))
}

/// Where the caller reaches this server.
fn origin(options: &Options, headers: &HeaderMap) -> String {
    if let Some(origin) = &options.public_origin {
        return origin.clone();
    }
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A proxy in front may speak TLS where we do not.
    let is_safe = header(FORWARDED_PROTO).map_or(options.tls, |proto| proto.eq_ignore_ascii_case("https"));
    let host = header(HOST).unwrap_or("localhost");
    format!("{}://{host}", if is_safe { "https" } else { "http" })
}

/// `GET /v1/media/{key}/{file}`: what a link leads to. Files come from strangers: a browser neither guesses another type
/// nor runs anything.
pub(super) async fn media(
    State(site): State<Arc<Site>>,
    Path((key, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref().unwrap_or_default());
    match follow(&site, &key, &file, &query).await {
        Ok(response) => response,
        Err(error) => Failure::from(error).render(None),
    }
}

async fn follow(site: &Site, key: &str, file: &str, query: &Query) -> Result<Response, Error> {
    let not_found = || Error::plain(Condition::FileNotFound);
    let app = key.parse().ok().and_then(|key| site.use_cases.find_app_by_hex_key(&key));
    let app = app.filter(|app| app.value.settings.enabled).ok_or_else(not_found)?;
    let file: FileId = file.parse().map_err(|_| not_found())?;
    let expires = query.get("e").and_then(|expires| expires.parse().ok()).ok_or_else(not_found)?;
    let signature = query.get("s").ok_or_else(not_found)?.to_owned();
    let found = site.use_cases.follow_file_link(&app, file, &FileLink { expires, signature }).await?;
    let rendition = Rendition::of(&found)?;

    let bytes = site.use_cases.read_rendition(&app, &rendition, 0..rendition.length).await?;
    let mut response = Response::new(Body::from_stream(bytes));
    *response.status_mut() = StatusCode::OK;
    let kind = if rendition.inline { "inline" } else { "attachment" };
    for (name, value) in [
        (CONTENT_LENGTH, rendition.length.to_string().as_str()),
        (CONTENT_TYPE, rendition.media_type.as_str()),
        (CONTENT_DISPOSITION, kind),
        (CACHE_CONTROL, "private, max-age=3600"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ] {
        let value = HeaderValue::from_str(value).expect("types are cleaned, the rest is ours");
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
