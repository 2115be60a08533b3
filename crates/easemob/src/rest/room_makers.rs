//! Super admins of chat rooms: who may make rooms where not everybody may (easemob-rest.md 3.14).

use conditions::Operation;
use easemob_wire::rest::RoomMaker;
use serde_json::json;

use super::answer::Answer;
use super::call::{Call, missing};
use super::failure::Failure;
use super::groups::data;
use super::rooms::rooms_page;
use super::routes::routes;

routes! {
    GET "/chatrooms/super_admin" BackEnd Nothing ChatroomGet => list;
    POST "/chatrooms/super_admin" BackEnd Json GroupAdmin => add;
    DELETE "/chatrooms/super_admin/{member}" BackEnd Nothing GroupAdmin => remove;
}

/// Names in a page when the caller does not say, and at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 1_000;
/// Page numbers at most: each page before costs a read.
const PAGES_MOST: usize = 1_000;

/// `GET /chatrooms/super_admin?pagenum=&pagesize=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let size = call.query.number("pagesize", 1..=PAGE_MOST)?.unwrap_or(PAGE_DEFAULT);
    let number = call.query.number("pagenum", 0..=PAGES_MOST)?.unwrap_or(1).max(1);
    let names = call.use_cases().room_makers(&call.tenant, number - 1, size).await?;
    Ok(rooms_page(&call, names.into_iter().map(Into::into).collect(), None))
}

/// `POST /chatrooms/super_admin`
pub(crate) async fn add(call: Call) -> Result<Answer, Failure> {
    let name = call.parse(RoomMaker::parse)?.name.ok_or_else(|| missing("superadmin"))?;
    call.use_cases().set_room_maker(&call.tenant, &name, true).await.map_err(refused)?;
    Ok(data(&call, json!({ "result": "success", "resource": "" })))
}

/// `DELETE /chatrooms/super_admin/{member}`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    let name = call.names.get("member");
    call.use_cases().set_room_maker(&call.tenant, name, false).await.map_err(refused)?;
    Ok(data(&call, json!({ "newSuperAdmin": name, "resource": "" })))
}

fn refused(error: app::Error) -> Failure {
    Failure::of(error, Operation::GroupAdmin)
}
