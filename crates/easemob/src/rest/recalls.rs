//! Taking messages back for a back end (easemob-rest.md 3.9).

use app::Error;
use conditions::Condition;
use domain::post::TakeBack;
use easemob_wire::rest::message::{ChatType, encode_recall};
use easemob_wire::rest::{Envelope, RecallRequest};
use model::{Dialect, MessageId, Username, limits};
use serde_json::{Value, json};

use super::answer::Answer;
use super::call::{Call, invalid, missing};
use super::failure::Failure;
use super::routes::routes;

routes! {
    POST "/messages/msg_recall" BackEnd Json Recall => recall;
    POST "/messages/batch_recall" BackEnd Json Recall => recall_many;
    // The first generation, which the vendor's Java library still uses.
    POST "/messages/recall" BackEnd Json Recall => recall_many;
}

/// A recall whose fields are all there.
struct Recall {
    id: String,
    to: String,
    chat_type: ChatType,
    from: String,
    sync_device: bool,
    force: bool,
    note: String,
}

/// `POST /messages/msg_recall`
pub(crate) async fn recall(call: Call) -> Result<Answer, Failure> {
    let recall = Recall::of(call.parse(RecallRequest::parse)?)?;
    recall.run(&call).await?;
    Ok(Answer::new(&Envelope { data: Some(recall.answer("yes")), ..call.full() }))
}

/// `POST /messages/batch_recall`: each succeeds or fails alone, and if none succeeds the call fails as the first did.
pub(crate) async fn recall_many(call: Call) -> Result<Answer, Failure> {
    let requests = call.parse(RecallRequest::parse_many)?;
    if requests.is_empty() {
        return Err(missing("msgs").into());
    }
    if requests.len() > limits::RECALL_BATCH {
        let facts = vec![("size", requests.len().to_string()), ("limit", limits::RECALL_BATCH.to_string())];
        return Err(Error::refused(Condition::BatchTooLarge, facts).into());
    }
    let recalls = requests.into_iter().map(Recall::of).collect::<Result<Vec<_>, _>>()?;
    let (mut answers, mut first_error, mut succeeded) = (Vec::new(), None, false);
    for recall in recalls {
        match recall.run(&call).await {
            Ok(()) => {
                succeeded = true;
                answers.push(recall.answer("yes"));
            }
            Err(error) => {
                answers.push(recall.answer("no"));
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(error) if !succeeded => Err(error.into()),
        _ => Ok(Answer::new(&Envelope { data: Some(Value::Array(answers)), ..call.full() })),
    }
}

impl Recall {
    fn of(request: RecallRequest) -> Result<Self, Error> {
        let given = |value: Option<String>, name| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
        };
        let id = given(request.msg_id, "msg_id")?;
        let to = given(request.to, "to")?;
        let chat_type = given(request.chat_type, "chat_type")?;
        Ok(Self {
            id,
            to,
            chat_type: ChatType::parse(&chat_type).ok_or_else(|| invalid("chat_type"))?,
            from: request.from.unwrap_or_else(|| Username::BACK_END.to_owned()),
            sync_device: request.sync_device,
            force: request.force,
            note: request.note,
        })
    }

    async fn run(&self, call: &Call) -> Result<(), Error> {
        // What is no number is no message's id.
        let Ok(subject) = self.id.parse() else { return Err(Error::plain(Condition::MessageNotFound)) };
        let command = TakeBack {
            subject: MessageId(subject),
            target: self.to.clone(),
            force: self.force,
            syncs_author: self.sync_device,
            dialect: Dialect::Easemob,
        };
        let payload = encode_recall(self.chat_type, &self.from, &self.to, subject, &self.note);
        call.use_cases().take_back(&call.tenant, &self.from, &command, &payload).await
    }

    fn answer(&self, recalled: &str) -> Value {
        json!({
            "recalled": recalled,
            "chattype": self.chat_type.name(),
            "from": self.from,
            "to": self.to,
            "msg_id": self.id,
        })
    }
}
