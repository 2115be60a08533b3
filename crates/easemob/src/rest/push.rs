//! Push settings over REST: bindings, names, quiet times, language (easemob-rest.md 3.16, msync.md 3.3). What is set
//! with `PUT /users/{user}` comes in at `users`.

use app::{Error, SilenceTarget};
use conditions::Condition;
use domain::push::{Bind, ConversationSilence, Level, PushProfile, Silence, SilenceChange, SilenceOf, Style};
use easemob_wire::rest::{Envelope, PushBinding, PushLanguage, PushNicknames, SilenceUpdate};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::auth::Caller;
use super::call::{Call, invalid, missing};
use super::cursor::{self, List};
use super::failure::Failure;
use super::routes::routes;

routes! {
    PUT "/users/{user}/push/binding" BackEndOrOwner Json PushBinding => bind;
    GET "/users/{user}/push/binding" BackEndOrOwner Nothing PushBinding => bindings;
    PUT "/push/nickname" BackEnd Json PushNickname => set_nicknames;
    PUT "/users/{user}/notification/language" BackEndOrOwner Json PushSetting => set_language;
    GET "/users/{user}/notification/language" BackEndOrOwner Nothing PushSetting => language;
    GET "/users/{user}/notification/mute/type" BackEndOrOwner Nothing PushSetting => list_silences;
    GET "/users/{user}/notification" BackEndOrOwner Nothing PushSetting => silences;
    PUT "/users/{user}/notification/{chat}/{key}" BackEndOrOwner Json PushSetting => set_silence;
    GET "/users/{user}/notification/{chat}/{key}" BackEndOrOwner Nothing PushSetting => silence;
}

/// Conversations that one call asks about.
const ASKED_MOST: usize = 100;
/// Conversations in a page when the caller does not say, and at most.
const PAGE_DEFAULT: usize = 10;
const PAGE_MOST: usize = 100;

/// `PUT /users/{user}/push/binding`: without a token it unbinds, without a provider too from all.
pub(crate) async fn bind(call: Call) -> Result<Answer, Failure> {
    let bind = bind_of(call.parse(PushBinding::parse)?);
    let is_bound = !bind.token.is_empty();
    let (_, profile) = call.use_cases().bind_push(&call.tenant, call.user(), &bind).await?;
    let shown: Vec<Value> = if is_bound { shown_bindings(&profile) } else { Vec::new() };
    Ok(with_list(&call, shown))
}

pub(super) fn bind_of(binding: PushBinding) -> Bind {
    Bind {
        device: binding.device_id.unwrap_or_default(),
        notifier: binding.notifier_name.unwrap_or_default(),
        token: binding.device_token.unwrap_or_default(),
    }
}

/// `GET /users/{user}/push/binding`
pub(crate) async fn bindings(call: Call) -> Result<Answer, Failure> {
    let (_, profile) = call.use_cases().push_profile(&call.tenant, call.user()).await?;
    Ok(with_list(&call, shown_bindings(&profile)))
}

fn shown_bindings(profile: &PushProfile) -> Vec<Value> {
    let shown = |binding: &domain::push::Binding| {
        json!({
            "device_id": binding.device,
            "device_token": binding.token,
            "notifier_name": binding.notifier,
        })
    };
    profile.bindings.iter().map(shown).collect()
}

/// `entities` that are no accounts.
fn with_list(call: &Call, list: Vec<Value>) -> Answer {
    let mut answer = json!(Envelope { ..call.full() });
    answer["entities"] = list.into();
    Answer::new(&answer)
}

/// `PUT /push/nickname`: names of many.
pub(crate) async fn set_nicknames(call: Call) -> Result<Answer, Failure> {
    let PushNicknames(names) = call.parse(PushNicknames::parse)?;
    call.use_cases().set_push_nicknames(&call.tenant, &names).await?;
    let shown = names.iter().map(|(user, name)| json!({ "username": user, "push_nickname": name })).collect();
    let mut answer = json!(Envelope { path: Some("/push".to_owned()), ..call.full() });
    answer["entities"] = Value::Array(shown);
    Ok(Answer::new(&answer))
}

/// `PUT /users/{user}/notification/language`
pub(crate) async fn set_language(call: Call) -> Result<Answer, Failure> {
    let language = call.parse(PushLanguage::parse)?.translation_language;
    let language = language.ok_or_else(|| missing("translationLanguage"))?;
    call.use_cases().set_push_language(&call.tenant, call.user(), &language).await?;
    Ok(data(&call, json!({ "language": language })))
}

/// `GET /users/{user}/notification/language`
pub(crate) async fn language(call: Call) -> Result<Answer, Failure> {
    let (_, profile) = call.use_cases().push_profile(&call.tenant, call.user()).await?;
    Ok(data(&call, json!({ "language": profile.language.unwrap_or_default() })))
}

/// `PUT /users/{user}/notification/{chat}/{key}`: one's own name is everything.
pub(crate) async fn set_silence(call: Call) -> Result<Answer, Failure> {
    let SilenceUpdate { level, ignore_duration, ignore_interval } = call.parse(SilenceUpdate::parse)?;
    if level.is_none() && ignore_duration.is_none() && ignore_interval.is_none() {
        return Err(invalid("type").into());
    }
    let target = target(&call)?;
    let account = call.use_cases().get_user(&call.tenant, call.user()).await?;
    let resource = call.query.get("resource");
    let device = match &call.caller {
        Caller::User(_) => call.use_cases().acting_device(&call.tenant, &account.user, resource).await?,
        Caller::BackEnd | Caller::Nobody => None,
    };
    let change = SilenceChange { level, duration_ms: ignore_duration, interval: ignore_interval };
    let set =
        call.use_cases().set_silence(&call.tenant, call.user(), target, &change, device.as_ref()).await?;
    Ok(data(&call, shown(&call, set, target)))
}

/// `GET /users/{user}/notification/{chat}/{key}`
pub(crate) async fn silence(call: Call) -> Result<Answer, Failure> {
    let target = target(&call)?;
    let found = call.use_cases().silences(&call.tenant, call.user(), &[target]).await?;
    let silence = found.first().copied().unwrap_or_default();
    Ok(data(&call, shown(&call, silence, target)))
}

fn target(call: &Call) -> Result<SilenceTarget<'_>, Error> {
    let key = call.names.get("key");
    match call.names.get("chat") {
        "user" if key.eq_ignore_ascii_case(call.user()) => Ok(SilenceTarget::Everything),
        "user" => Ok(SilenceTarget::User(key)),
        "chatgroup" => Ok(SilenceTarget::Group(key)),
        _ => Err(Error::refused(Condition::RouteNotFound, vec![("path", call.line.path.clone())])),
    }
}

/// `GET /users/{user}/notification?user=a,b&group=c`: some conversations.
pub(crate) async fn silences(call: Call) -> Result<Answer, Failure> {
    let names = |key: &str| -> Vec<String> {
        let list = call.query.get(key).unwrap_or_default();
        list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let (users, groups) = (names("user"), names("group"));
    if users.len() + groups.len() > ASKED_MOST {
        let facts =
            vec![("size", (users.len() + groups.len()).to_string()), ("limit", ASKED_MOST.to_string())];
        return Err(Error::refused(Condition::BatchTooLarge, facts).into());
    }
    let targets: Vec<SilenceTarget<'_>> = users
        .iter()
        .map(|name| SilenceTarget::User(name))
        .chain(groups.iter().map(|name| SilenceTarget::Group(name)))
        .collect();
    let found = call.use_cases().silences(&call.tenant, call.user(), &targets).await?;
    let (mut of_users, mut of_groups) = (Map::new(), Map::new());
    for (target, silence) in targets.iter().zip(found) {
        let value = shown(&call, silence, *target);
        match target {
            SilenceTarget::User(name) => of_users.insert((*name).to_owned(), value),
            SilenceTarget::Group(name) => of_groups.insert((*name).to_owned(), value),
            SilenceTarget::Everything => None,
        };
    }
    Ok(data(&call, json!({ "user": of_users, "group": of_groups })))
}

/// `GET /users/{user}/notification/mute/type?limit=&cursor=`: conversations that have a level of their own.
pub(crate) async fn list_silences(call: Call) -> Result<Answer, Failure> {
    let (_, profile) = call.use_cases().push_profile(&call.tenant, call.user()).await?;
    let limit = call.query.limit(PAGE_DEFAULT, PAGE_MOST)?;
    let app = call.tenant.value.id;
    let before =
        call.query.get("cursor").map(|cursor| cursor::parse(List::Silences, app, cursor)).transpose()?;
    let before = usize::try_from(before.unwrap_or_default()).unwrap_or(usize::MAX);
    let with_level: Vec<&ConversationSilence> =
        profile.conversations.iter().filter(|held| held.silence.level != Level::Default).collect();
    let page = with_level.iter().skip(before).take(limit);
    let list: Vec<Value> = page
        .map(|held| {
            let key = if matches!(held.of, SilenceOf::User(_)) { "user" } else { "group" };
            json!({ key: held.name, "value": held.silence.level.name() })
        })
        .collect();
    let end = before.saturating_add(list.len());
    let next =
        if end < with_level.len() { cursor::write(List::Silences, app, end as u64) } else { String::new() };
    Ok(Answer::new(&Envelope { data: Some(list.into()), cursor: Some(next), ..call.full() }))
}

/// A quiet time that is over is not shown.
fn shown(call: &Call, silence: Silence, target: SilenceTarget<'_>) -> Value {
    let now = call.use_cases().now();
    let level = match (silence.level, target) {
        (Level::Default, SilenceTarget::Everything) => Level::All,
        (level, _) => level,
    };
    let mut value = json!({ "type": level.name() });
    if let Some(until) = silence.until.filter(|until| *until > now) {
        value["ignoreDuration"] = until.0.into();
    }
    if let Some(interval) = silence.interval {
        value["ignoreInterval"] = interval.to_string().into();
    }
    value
}

fn data(call: &Call, data: Value) -> Answer {
    Answer::new(&Envelope { data: Some(data), ..call.full() })
}

/// What a user set, as keys of his account (easemob-rest.md 3.1).
pub(super) fn of_account(profile: &PushProfile) -> Map<String, Value> {
    let mut keys = Map::new();
    if let Some(style) = profile.style {
        keys.insert("notification_display_style".to_owned(), u8::from(style == Style::Content).into());
    }
    if let Some(is_on) = profile.no_disturbing {
        keys.insert("notification_no_disturbing".to_owned(), is_on.into());
    }
    if let Some(hours) = profile.quiet_hours {
        keys.insert("notification_no_disturbing_start".to_owned(), hours.start.to_string().into());
        keys.insert("notification_no_disturbing_end".to_owned(), hours.end.to_string().into());
    }
    for group in &profile.ignored_groups {
        keys.insert(format!("notification_ignore_{group}"), true.into());
    }
    if let Some(last) = profile.bindings.last() {
        keys.insert("notifier_name".to_owned(), last.notifier.as_str().into());
        keys.insert("device_token".to_owned(), last.token.as_str().into());
        keys.insert("pushInfo".to_owned(), of_devices(profile));
    }
    keys
}

/// The bindings, as a key of an account. The device's key has a capital letter in the vendor's documents and in the Java
/// SDK, and none in the web SDKs' types.
pub(super) fn of_devices(profile: &PushProfile) -> Value {
    let with_both = |mut binding: Value| {
        binding["device_Id"] = binding["device_id"].clone();
        binding
    };
    shown_bindings(profile).into_iter().map(with_both).collect()
}
