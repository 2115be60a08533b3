//! Templates of pushes (easemob-rest.md 3.16): the app's back end makes them, users choose theirs.

use app::TemplateChange;
use domain::push::Template;
use easemob_wire::rest::{Envelope, PushTemplate, PushTemplateChoice};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/notification/template" BackEnd Json PushTemplate => make;
    PUT "/notification/template/{name}" BackEnd Json PushTemplate => change;
    GET "/notification/template/{name}" BackEnd Nothing PushTemplate => get;
    DELETE "/notification/template/{name}" BackEnd Nothing PushTemplate => drop;
    PUT "/users/{user}/notification/template" BackEndOrOwner Json PushTemplate => choose;
    GET "/users/{user}/notification/template" BackEndOrOwner Nothing PushTemplate => chosen;
}

/// `POST /notification/template`: one of the same name is replaced.
pub(crate) async fn make(call: Call) -> Result<Answer, Failure> {
    let PushTemplate { name, title_pattern, content_pattern } = call.parse(PushTemplate::parse)?;
    let name = name.ok_or_else(|| missing("name"))?;
    let title = title_pattern.ok_or_else(|| missing("title_pattern"))?;
    let content = content_pattern.ok_or_else(|| missing("content_pattern"))?;
    let change = TemplateChange::Make { title: &title, content: &content };
    let made = call.use_cases().change_push_template(&call.tenant, &name, change).await?;
    Ok(data(&call, shown(&made)))
}

/// `PUT /notification/template/{name}`
pub(crate) async fn change(call: Call) -> Result<Answer, Failure> {
    let PushTemplate { title_pattern, content_pattern, .. } = call.parse(PushTemplate::parse)?;
    let title = title_pattern.ok_or_else(|| missing("title_pattern"))?;
    let content = content_pattern.ok_or_else(|| missing("content_pattern"))?;
    let change = TemplateChange::Change { title: &title, content: &content };
    let name = call.names.get("name");
    let changed = call.use_cases().change_push_template(&call.tenant, name, change).await?;
    Ok(data(&call, shown(&changed)))
}

/// `GET /notification/template/{name}`
pub(crate) async fn get(call: Call) -> Result<Answer, Failure> {
    let found = call.use_cases().push_template(&call.tenant, call.names.get("name")).await?;
    Ok(data(&call, shown(&found)))
}

/// `DELETE /notification/template/{name}`
pub(crate) async fn drop(call: Call) -> Result<Answer, Failure> {
    let name = call.names.get("name");
    let gone = call.use_cases().change_push_template(&call.tenant, name, TemplateChange::Drop).await?;
    Ok(data(&call, shown(&gone)))
}

/// `PUT /users/{user}/notification/template`: an empty name is none.
pub(crate) async fn choose(call: Call) -> Result<Answer, Failure> {
    let name = call.parse(PushTemplateChoice::parse)?.template_name;
    let name = name.ok_or_else(|| missing("templateName"))?;
    call.use_cases().choose_push_template(&call.tenant, call.user(), &name).await?;
    Ok(data(&call, json!({ "templateName": name })))
}

/// `GET /users/{user}/notification/template`
pub(crate) async fn chosen(call: Call) -> Result<Answer, Failure> {
    let (_, profile) = call.use_cases().push_profile(&call.tenant, call.user()).await?;
    Ok(data(&call, json!({ "templateName": profile.template.unwrap_or_default() })))
}

fn shown(template: &Template) -> Value {
    json!({
        "name": template.name,
        "createAt": template.created.0,
        "updateAt": template.updated.0,
        "title_pattern": template.title,
        "content_pattern": template.content,
    })
}

fn data(call: &Call, data: Value) -> Answer {
    Answer::new(&Envelope { data: Some(data), ..call.full() })
}
