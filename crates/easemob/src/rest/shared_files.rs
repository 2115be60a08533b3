//! Files that the members of a group, or those in a chat room, share (easemob-rest.md 3.12, msync.md 3.2).

use app::{Error, FileFacts, GroupRef, Rendition};
use axum::body::Body;
use conditions::Condition;
use domain::group::{GroupRefused, SharedFile};
use easemob_wire::rest::Envelope;
use form_body::Form;
use model::{FileId, Username};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::failure::Failure;
use super::files::{download, upload};
use super::groups::data;
use super::routes::routes;

routes! {
    POST "/chatgroups/{group}/share_files" Member Stream SharedFile => share;
    GET "/chatgroups/{group}/share_files" Member Nothing SharedFile => list;
    GET "/chatgroups/{group}/share_files/{file}" Member Nothing SharedFile => read;
    DELETE "/chatgroups/{group}/share_files/{file}" Member Nothing SharedFile => unshare;
    POST "/chatrooms/{room}/share_files" Member Stream SharedFile => share;
    GET "/chatrooms/{room}/share_files" Member Nothing SharedFile => list;
    GET "/chatrooms/{room}/share_files/{file}" Member Nothing SharedFile => read;
    DELETE "/chatrooms/{room}/share_files/{file}" Member Nothing SharedFile => unshare;
}

/// Files in a page when the caller does not say, and at most (easemob-rest.md 3.12).
const PAGE_MOST: usize = 1_000;

/// `POST …/share_files`. As with uploads, nothing that an SDK sends is answered with 400.
pub(crate) async fn share(call: Call) -> Result<Answer, Failure> {
    let mut form = call.form()?;
    match receive(&call, &mut form).await {
        Ok(file) => {
            let mut shown = shown(&file);
            let base = call.full().uri.unwrap_or_default();
            shown["file_url"] = format!("{base}/{}", file.id).into();
            shown["group_id"] = group(&call).id.into();
            Ok(data(&call, shown))
        }
        Err(error) => {
            form.drain().await;
            Err(error.into())
        }
    }
}

async fn receive(call: &Call, form: &mut Form<Body>) -> Result<SharedFile, Error> {
    let by = call.by().await?;
    let use_cases = call.use_cases();
    let (mut facts, mut file) = (FileFacts::default(), None);
    while let Some(head) = form.next_part().await? {
        if head.name != "file" || file.is_some() {
            // Read over by the next turn.
            continue;
        }
        let announced = form.announced();
        let mut upload = use_cases.begin_shared_file(&call.tenant, &by, group(call), announced).await?;
        while let Some(bytes) = form.content().await? {
            upload.write(bytes).await?;
        }
        upload::describe(&mut facts, head);
        file = Some(upload);
    }
    let upload = file.ok_or_else(|| Error::plain(Condition::FileMissing))?;
    use_cases.share_file(&call.tenant, &by, group(call), upload, facts).await
}

/// `GET …/share_files?pagenum=&pagesize=`: pages from 1, the youngest first.
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let size = call.query.number("pagesize", 1..=PAGE_MOST)?.unwrap_or(PAGE_MOST);
    let number = call.query.number("pagenum", 0..=usize::MAX)?.unwrap_or(1).max(1);
    let by = call.by().await?;
    let skipped = size.saturating_mul(number - 1);
    let files = call.use_cases().shared_files(&call.tenant, &by, group(&call), skipped, size).await?;
    let shown: Vec<Value> = files.iter().map(shown).collect();
    Ok(Answer::new(&Envelope {
        other_entities: Some(Vec::new()),
        count: Some(shown.len()),
        data: Some(shown.into()),
        params: call.query.params(),
        ..call.full()
    }))
}

/// `GET …/share_files/{file}`: the bytes.
pub(crate) async fn read(call: Call) -> Result<Answer, Failure> {
    let (file, by) = (file_id(&call)?, call.by().await?);
    let found = call.use_cases().find_shared_file(&call.tenant, &by, group(&call), file).await?;
    download::respond(&call, &Rendition::of(&found)?).await
}

/// `DELETE …/share_files/{file}`
pub(crate) async fn unshare(call: Call) -> Result<Answer, Failure> {
    let (file, by) = (file_id(&call)?, call.by().await?);
    call.use_cases().unshare_file(&call.tenant, &by, group(&call), file).await?;
    let id = group(&call).id;
    Ok(data(&call, json!({ "group_id": id, "file_id": file.to_string(), "result": true })))
}

fn shown(file: &SharedFile) -> Value {
    let owner = file.owner.as_ref().map_or(Username::BACK_END, |owner| owner.name.as_str());
    json!({
        "file_id": file.id.to_string(),
        "file_name": file.name,
        "file_owner": owner,
        "file_size": file.bytes,
        "created": file.created.0,
    })
}

/// The group or room that the path names.
fn group(call: &Call) -> GroupRef<'_> {
    match call.names.get("room") {
        "" => GroupRef::from(call.group()),
        room => GroupRef::room(room),
    }
}

/// What is no id is no file's.
fn file_id(call: &Call) -> Result<FileId, Error> {
    call.names.get("file").parse().map_err(|_| GroupRefused::FileNotFound.into())
}
