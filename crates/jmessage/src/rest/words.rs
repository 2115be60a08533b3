//! Sensitive words, and whether clients may register users (jmessage.md 1.3).
//!
//! The words are a keyword list of the app's like any other, with a name of its own; a message with one of them is
//! refused.

use app::{Error, NumberedList, NumberedWord};
use conditions::Condition;
use domain::keyword::{ListSpec, WordAction};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::china_time;
use super::failure::Failure;
use super::fields::{Fields, names};
use super::routes::routes;

routes! {
    POST "/v1/sensitiveword" Json Keyword => add;
    PUT "/v1/sensitiveword" Json Keyword => change;
    DELETE "/v1/sensitiveword" Json Keyword => remove;
    GET "/v1/sensitiveword" Nothing Keyword => list;
    PUT "/v1/sensitiveword/status" Nothing KeywordList => switch;
    GET "/v1/sensitiveword/status" Nothing KeywordList => status;
    PUT "/v1/sdkregister/status" Nothing UserRegister => switch_registration;
    GET "/v1/sdkregister/status" Nothing UserRegister => registration;
}

/// The list's name, and who stands as the author of its words.
const LIST: &str = "JMessage";
/// Words of an app, and characters of one (jmessage.md 1.2).
const WORDS: usize = 100;
const WORD_CHARS: usize = 10;
/// Words in a page.
const PAGE: usize = 2_000;

fn spec(enabled: bool) -> ListSpec {
    ListSpec { name: LIST.to_owned(), kind: None, action: WordAction::Refuse, whole_text: false, enabled }
}

async fn find(call: &Call) -> Result<Option<NumberedList>, Error> {
    let lists = call.use_cases().keyword_lists(&call.tenant).await?;
    Ok(lists.into_iter().find(|(_, list)| list.name == LIST))
}

/// The list's words, with its number.
async fn words(call: &Call) -> Result<Option<(u64, Vec<NumberedWord>)>, Error> {
    let Some((number, _)) = find(call).await? else { return Ok(None) };
    let (_, words) = call.use_cases().keywords(&call.tenant, number).await?;
    Ok(Some((number, words)))
}

fn check(word: &str) -> Result<(), Error> {
    if (1..=WORD_CHARS).contains(&word.chars().count()) { Ok(()) } else { Err(invalid("word")) }
}

/// `POST /v1/sensitiveword`: words that are there already stay.
async fn add(call: Call) -> Result<Answer, Failure> {
    let mut added = names(&call.body, "words", WORDS)?;
    if added.is_empty() {
        return Err(missing("words").into());
    }
    added.iter().try_for_each(|word| check(word))?;
    added.sort();
    added.dedup();
    let key = &call.tenant.value.key;
    match words(&call).await? {
        None => {
            call.use_cases().create_keyword_list(key, &spec(true), &added, LIST).await?;
        }
        Some((list, known)) => {
            added.retain(|word| known.iter().all(|(_, keyword)| keyword.word != *word));
            if known.len() + added.len() > WORDS {
                let limit = vec![("limit", WORDS.to_string())];
                return Err(Error::refused(Condition::KeywordLimitReached, limit).into());
            }
            if !added.is_empty() {
                call.use_cases().add_keywords(key, list, &added, LIST).await?;
            }
        }
    }
    Ok(Answer::Done)
}

/// The number of a word, and of its list.
async fn find_word(call: &Call, word: &str) -> Result<(u64, u64), Error> {
    let found = words(call).await?.and_then(|(list, words)| {
        let found = words.iter().find(|(_, keyword)| keyword.word == word);
        found.map(|(number, _)| (list, *number))
    });
    found.ok_or_else(|| invalid("word"))
}

/// `PUT /v1/sensitiveword`
async fn change(call: Call) -> Result<Answer, Failure> {
    let fields = Fields::of(&call.body)?;
    let (old, new) = (fields.needed("old_word")?, fields.needed("new_word")?);
    check(new)?;
    let (list, number) = find_word(&call, old).await?;
    call.use_cases().change_keyword(&call.tenant.value.key, list, number, new, LIST).await?;
    Ok(Answer::Done)
}

/// `DELETE /v1/sensitiveword`
async fn remove(call: Call) -> Result<Answer, Failure> {
    let word = Fields::of(&call.body)?.needed("word")?;
    let (list, number) = find_word(&call, word).await?;
    call.use_cases().remove_keyword(&call.tenant.value.key, list, number).await?;
    Ok(Answer::Done)
}

/// `GET /v1/sensitiveword`
async fn list(call: Call) -> Result<Answer, Failure> {
    let (start, count) = call.query.page(PAGE)?;
    let all = words(&call).await?.map(|(_, words)| words).unwrap_or_default();
    let shown = |(_, keyword): &NumberedWord| json!({ "name": keyword.word, "itime": china_time::format(keyword.created) });
    let page: Vec<Value> = all.iter().skip(start).take(count).map(shown).collect();
    Ok(Answer::Found(json!({ "start": start, "count": page.len(), "total": all.len(), "words": page })))
}

/// `PUT /v1/sensitiveword/status?status=`
async fn switch(call: Call) -> Result<Answer, Failure> {
    let (enabled, key) = (call.query.flag("status")?, &call.tenant.value.key);
    match find(&call).await? {
        Some((number, _)) => drop(call.use_cases().change_keyword_list(key, number, &spec(enabled)).await?),
        None => drop(call.use_cases().create_keyword_list(key, &spec(enabled), &[], LIST).await?),
    }
    Ok(Answer::Done)
}

/// `GET /v1/sensitiveword/status`
async fn status(call: Call) -> Result<Answer, Failure> {
    let enabled = find(&call).await?.is_some_and(|(_, list)| list.enabled);
    Ok(Answer::Found(json!({ "status": u8::from(enabled) })))
}

/// `PUT /v1/sdkregister/status?status=`
async fn switch_registration(call: Call) -> Result<Answer, Failure> {
    let open = call.query.flag("status")?;
    let changes = [("registration.open".to_owned(), open.to_string())];
    call.use_cases().set_app(&call.tenant.value.key, &changes).await?;
    Ok(Answer::Done)
}

/// `GET /v1/sdkregister/status`
async fn registration(call: Call) -> Result<Answer, Failure> {
    Ok(Answer::Found(json!({ "status": u8::from(call.tenant.value.settings.open_registration) })))
}
