//! Favourites, which the vendor calls collections (easemob-rest.md 3.7). Their answers are bare: no envelope.

use app::{Error, ListFavourites, NewFavourite};
use conditions::{Condition, Operation};
use domain::favourite::Favourite;
use easemob_wire::rest::{FavouriteBatch, FavouriteBody, FavouriteIds};
use model::{Timestamp, limits};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/users/{user}/collections" BackEndOrOwner Json Favourite => keep;
    POST "/collections" Member Json Favourite => keep_many;
    PUT "/users/{user}/collections/{collection}" BackEndOrOwner Json Favourite => change;
    DELETE "/users/{user}/collections" BackEndOrOwner Json Favourite => drop_some;
    GET "/users/{user}/collections" BackEndOrOwner Nothing Favourite => list;
}

/// Favourites of a page when the caller does not say.
const PAGE_DEFAULT: usize = 100;

/// `POST /users/{user}/collections`
pub(crate) async fn keep(call: Call) -> Result<Answer, Failure> {
    let new = [new(call.parse(FavouriteBody::parse)?)?];
    let kept = call.use_cases().keep_favourites(&call.tenant, call.user(), &new).await?;
    Ok(Answer::new(&json!({ "collection": kept.first().map(shown) })))
}

/// `POST /collections`: several for the user whom the body names.
pub(crate) async fn keep_many(call: Call) -> Result<Answer, Failure> {
    let batch = call.parse(FavouriteBatch::parse)?;
    let username = batch.username.ok_or_else(|| missing("username"))?;
    if !call.is_about_caller(&username) {
        return Err(Error::plain(Condition::PermissionDenied).into());
    }
    let new = batch.collections.into_iter().map(new).collect::<Result<Vec<_>, _>>()?;
    let kept = call.use_cases().keep_favourites(&call.tenant, &username, &new).await?;
    Ok(all(&kept))
}

/// `PUT /users/{user}/collections/{collection}`: another `ext`.
pub(crate) async fn change(call: Call) -> Result<Answer, Failure> {
    let ext = call.parse(FavouriteBody::parse)?.ext.ok_or_else(|| missing("ext"))?;
    let id = call.names.get("collection");
    let changed = call.use_cases().change_favourite(&call.tenant, call.user(), id, &ext).await?;
    Ok(Answer::new(&json!({ "collection": shown(&changed) })))
}

/// `DELETE /users/{user}/collections`
pub(crate) async fn drop_some(call: Call) -> Result<Answer, Failure> {
    let ids = call.parse(FavouriteIds::parse)?.collection_ids;
    call.use_cases().drop_favourites(&call.tenant, call.user(), &ids).await?;
    Ok(Answer::new(&json!({ "result": true })))
}

/// `GET /users/{user}/collections?begin_time=&end_time=&direction=&type=&limit=&collection_id=`
pub(crate) async fn list(call: Call) -> Result<Answer, Failure> {
    let is_ascending = match call.query.get("direction") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(Failure::of(invalid("direction"), Operation::FavouriteList)),
    };
    let limit = match call.query.get("limit").map(str::parse::<usize>) {
        None => PAGE_DEFAULT,
        Some(Ok(limit @ 1..=limits::FAVOURITES_PAGE)) => limit,
        Some(_) => {
            let limit = vec![("limit", limits::FAVOURITES_PAGE.to_string())];
            return Err(Error::refused(Condition::PageSizeInvalid, limit).into());
        }
    };
    let number = |name| match call.query.get(name).map(str::parse::<i64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(invalid(name)),
    };
    let time = |name| match number(name)?.map(u64::try_from) {
        None => Ok(None),
        Some(Ok(time)) => Ok(Some(Timestamp(time))),
        Some(Err(_)) => Err(invalid(name)),
    };
    let asked = ListFavourites {
        id: call.query.get("collection_id").map(str::to_owned),
        since: time("begin_time")?,
        until: time("end_time")?,
        kind: number("type")?,
        is_ascending,
        limit,
    };
    Ok(all(&call.use_cases().list_favourites(&call.tenant, call.user(), &asked).await?))
}

fn new(body: FavouriteBody) -> Result<NewFavourite, Error> {
    Ok(NewFavourite {
        id: body.id,
        kind: body.kind.ok_or_else(|| missing("type"))?,
        data: body.data.ok_or_else(|| missing("data"))?,
        ext: body.ext.unwrap_or_default(),
        created: body.created_at.map(Timestamp),
    })
}

fn all(favourites: &[Favourite]) -> Answer {
    Answer::new(&json!({ "collections": favourites.iter().map(shown).collect::<Vec<_>>() }))
}

fn shown(favourite: &Favourite) -> Value {
    let Favourite { id, kind, data, ext, created, updated } = favourite;
    json!({
        "id": id, "type": kind, "data": data, "ext": ext, "createdAt": created.0, "updatedAt": updated.0,
    })
}
