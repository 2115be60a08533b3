//! Keyword lists (easemob-rest.md 3.18; shapes from the vendor's pages on them).

use app::Error;
use conditions::{Condition, Operation};
use domain::keyword::{Keyword, KeywordList, KeywordRefused, ListSpec, WordAction};
use easemob_wire::rest::keyword::{ListRequest, NumberedPage, SearchRequest, WordRequest, WordsRequest};
use model::ConversationKind;
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/moderation/text/list" BackEnd Json KeywordList => create;
    POST "/moderation/text/list/search" BackEnd Json KeywordList => search;
    PUT "/moderation/text/list/{list}" BackEnd Json KeywordList => change;
    DELETE "/moderation/text/list/{list}" BackEnd Nothing KeywordList => remove;
    POST "/moderation/text/list/{list}/word/batch" BackEnd Json Keyword => add_words;
    POST "/moderation/text/list/{list}/word" BackEnd Json Keyword => search_words;
    PUT "/moderation/text/list/{list}/word" BackEnd Json Keyword => change_word;
    DELETE "/moderation/text/list/{list}/word" BackEnd Nothing Keyword => remove_word;
}

const PAGE_DEFAULT: u64 = 10;
const PAGE_MOST: u64 = 200;

/// `POST /moderation/text/list`
pub(crate) async fn create(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(ListRequest::parse)?;
    let spec = spec(&request, true)?;
    let by = request.user_id.unwrap_or_default();
    let key = &call.tenant.value.key;
    let created = call.use_cases().create_keyword_list(key, &spec, &request.words, &by).await;
    let ((number, list), words) = created.map_err(of_words)?;
    let mut entity = list_view(&call, number, &list);
    entity["textList"] =
        words.iter().map(|(word, keyword)| word_view(&call, number, *word, keyword)).collect();
    Ok(done(entity))
}

/// `PUT /moderation/text/list/{list}`
pub(crate) async fn change(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(ListRequest::parse)?;
    let number = list_number(&call)?;
    let old = call.use_cases().keyword_lists(&call.tenant).await?;
    let enabled = old.iter().find(|(other, _)| *other == number).is_none_or(|(_, list)| list.enabled);
    let spec = spec(&request, enabled)?;
    let list = call.use_cases().change_keyword_list(&call.tenant.value.key, number, &spec).await?;
    Ok(done(list_view(&call, number, &list)))
}

/// `DELETE /moderation/text/list/{list}`
pub(crate) async fn remove(call: Call) -> Result<Answer, Failure> {
    call.use_cases().remove_keyword_list(&call.tenant.value.key, list_number(&call)?).await?;
    Ok(done(true))
}

/// `POST /moderation/text/list/search`: the latest first.
pub(crate) async fn search(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(SearchRequest::parse)?;
    let (page, size) = paging(&request)?;
    let lists = call.use_cases().keyword_lists(&call.tenant).await?;
    // No list is for tags only.
    let is_named = |list: &KeywordList| {
        request.tag.is_none() && request.name.as_ref().is_none_or(|name| *name == list.name)
    };
    let found = lists.iter().rev().filter(|(_, list)| is_named(list));
    let found = found.map(|(number, list)| list_view(&call, *number, list)).collect();
    Ok(Answer::new(&NumberedPage::of(found, page, size)))
}

/// `POST /moderation/text/list/{list}/word/batch`
pub(crate) async fn add_words(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(WordsRequest::parse)?;
    let number = list_number(&call)?;
    let by = request.user_id.unwrap_or_default();
    let key = &call.tenant.value.key;
    let (list, words) = call.use_cases().add_keywords(key, number, &request.words, &by).await?;
    let mut entity = list_view(&call, number, &list);
    entity["textList"] =
        words.iter().map(|(word, keyword)| word_view(&call, number, *word, keyword)).collect();
    Ok(done(entity))
}

/// `POST /moderation/text/list/{list}/word`: the words that contain a text, the latest first.
pub(crate) async fn search_words(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(SearchRequest::parse)?;
    let (page, size) = paging(&request)?;
    let number = list_number(&call)?;
    let (_, words) = call.use_cases().keywords(&call.tenant, number).await?;
    let part = request.word.unwrap_or_default().to_lowercase();
    let found = words.iter().rev().filter(|(_, keyword)| keyword.word.to_lowercase().contains(&part));
    let found = found.map(|(word, keyword)| word_view(&call, number, *word, keyword)).collect();
    Ok(Answer::new(&NumberedPage::of(found, page, size)))
}

/// `PUT /moderation/text/list/{list}/word`
pub(crate) async fn change_word(call: Call) -> Result<Answer, Failure> {
    let request = call.parse(WordRequest::parse)?;
    let list = list_number(&call)?;
    let id = request.id.ok_or_else(|| missing("id"))?;
    let word = id.parse().map_err(|_| Error::from(KeywordRefused::WordNotFound))?;
    let new = request.word.ok_or_else(|| missing("word"))?;
    let by = request.user_id.unwrap_or_default();
    let key = &call.tenant.value.key;
    let keyword = call.use_cases().change_keyword(key, list, word, &new, &by).await?;
    Ok(done(word_view(&call, list, word, &keyword)))
}

/// `DELETE /moderation/text/list/{list}/word?wordId=`
pub(crate) async fn remove_word(call: Call) -> Result<Answer, Failure> {
    let list = list_number(&call)?;
    let id = call.query.get("wordId").ok_or_else(|| missing("wordId"))?;
    let word = id.parse().map_err(|_| Error::from(KeywordRefused::WordNotFound))?;
    call.use_cases().remove_keyword(&call.tenant.value.key, list, word).await?;
    Ok(done(true))
}

fn spec(request: &ListRequest, enabled: bool) -> Result<ListSpec, Error> {
    let scope = request.scope.as_deref().ok_or_else(|| missing("scope"))?;
    let disposition = request.disposition.as_deref().ok_or_else(|| missing("disposition"))?;
    Ok(ListSpec {
        name: request.name.clone().ok_or_else(|| missing("name"))?,
        kind: match scope {
            "ALL" => None,
            "CHAT" => Some(ConversationKind::Single),
            "GROUP" => Some(ConversationKind::Group),
            "ROOM" => Some(ConversationKind::Room),
            // Tags of users and groups are a feature of the vendor's console.
            _ => return Err(invalid("scope")),
        },
        action: match disposition {
            "PASS" => WordAction::Pass,
            "REJECT" => WordAction::Refuse,
            "EXCHANGE" => WordAction::Replace,
            _ => return Err(invalid("disposition")),
        },
        whole_text: request.full_match,
        enabled,
    })
}

/// A list's id is its number.
fn list_number(call: &Call) -> Result<u64, Error> {
    call.names.get("list").parse().map_err(|_| KeywordRefused::ListNotFound.into())
}

fn paging(request: &SearchRequest) -> Result<(usize, usize), Error> {
    let size = request.size.unwrap_or(PAGE_DEFAULT);
    if size == 0 || size > PAGE_MOST {
        return Err(invalid("size"));
    }
    let number = |value: u64, name| usize::try_from(value).map_err(|_| invalid(name));
    Ok((number(request.page.unwrap_or_default(), "page")?, number(size, "size")?))
}

/// A new list may be refused for its words, in whose words that is said then.
fn of_words(error: Error) -> Failure {
    match error.condition() {
        Condition::KeywordLimitReached | Condition::KeywordRepeated => Failure::of(error, Operation::Keyword),
        _ => error.into(),
    }
}

fn done(entity: impl Into<Value>) -> Answer {
    let entity: Value = entity.into();
    Answer::new(&json!({ "status": "OK", "entity": entity }))
}

fn list_view(call: &Call, number: u64, list: &KeywordList) -> Value {
    let disposition = match list.action {
        WordAction::Pass => "PASS",
        WordAction::Refuse => "REJECT",
        WordAction::Replace => "EXCHANGE",
    };
    json!({
        "id": number.to_string(),
        "name": list.name,
        "moderationId": call.tenant.value.uuid,
        "appkey": call.tenant.value.key.as_str(),
        "category": "DEFAULT",
        "scope": match list.kind {
            None => "ALL",
            Some(ConversationKind::Single) => "CHAT",
            Some(ConversationKind::Group) => "GROUP",
            Some(ConversationKind::Room) => "ROOM",
        },
        "tagId": null,
        "fullMatch": list.whole_text,
        "suggestion": disposition,
        "disposition": disposition,
        "quantity": list.words,
        "status": if list.enabled { "ACTIVE" } else { "CLOSE" },
        "createDataTime": list.created.0,
        "updateDataTime": list.modified.0,
    })
}

fn word_view(call: &Call, list: u64, number: u64, keyword: &Keyword) -> Value {
    json!({
        "id": number.to_string(),
        "appId": call.tenant.value.uuid,
        "word": keyword.word,
        "userId": keyword.by,
        "listId": list.to_string(),
        "status": true,
        "createDateTime": keyword.created.0,
        "updateDateTime": keyword.modified.0,
    })
}
