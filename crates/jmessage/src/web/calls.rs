//! The requests of a user (jmessage.md 2.4): the table of them, what they share, and where each is done.

mod arguments;
mod contacts;
mod groups;
mod messages;
mod no_disturb;
mod rooms;
pub(crate) mod users;

use conditions::Operation;
use serde_json::Value;

use super::event::{Caller, Object, Rid};
use super::failure::Failure;
use super::perform::WebPerform;

pub(crate) use arguments::number;

/// A request.
#[derive(Debug)]
pub struct Call {
    /// The event that it comes in.
    pub(crate) name: &'static str,
    /// What it does, for the number of a refusal.
    pub(crate) operation: Operation,
}

impl Call {
    /// Whether anybody waits for more than the acknowledgement.
    pub(crate) fn is_answered(&self) -> bool {
        !matches!(self.name, "unread_single_count" | "unread_group_count")
    }
}

macro_rules! table {
    ($($name:literal $operation:ident => $run:path;)*) => {
        static CALLS: &[Call] = &[$(Call { name: $name, operation: Operation::$operation }),*];

        /// Does what a request asks for.
        pub(crate) async fn run(
            perform: &WebPerform,
            caller: Caller<'_>,
            rid: Rid,
            call: &Call,
            data: &Object,
        ) -> Result<Reply, Failure> {
            let asked = Asked { perform, caller, rid, data };
            match call.name {
                $($name => Box::pin($run(asked)).await.map(Reply::from),)*
                _ => Err(Failure::plain(conditions::Condition::RouteNotFound)),
            }
        }
    };
}

table! {
    "get_across_user_info" Login => users::info;
    "update_user_inf" UserAttributes => users::update;
    "update_user_pwd" Login => users::change_password;
    "get_conversations" Conversation => users::conversations;
    "get_resource" FileDownload => users::resource;
    "get_upload_token" FileUpload => users::upload_token;

    "s_across_single_text" Send => messages::to_user;
    "send_group_msg" Send => messages::to_group;
    "send_room_msg" ChatroomSend => messages::to_room;
    "msg_retract" Recall => messages::retract;
    "msg_unread_list" Receipt => messages::unread_list;
    "receipt_report" Receipt => messages::report_receipts;
    "unread_single_count" Receipt => messages::read_single;
    "unread_group_count" Receipt => messages::read_group;
    "trans_msg_single" Command => messages::transparent_to_user;
    "trans_msg_group" Send => messages::transparent_to_group;
    "trans_msg_platform" Command => messages::transparent_to_own;

    "create_group" GroupCreate => groups::create;
    "exit_group" GroupExit => groups::exit;
    "get_groups_list" GroupGet => groups::list;
    "get_group_info" Send => groups::info;
    "update_group_info" GroupUpdate => groups::update;
    "get_group_members" Send => groups::members;
    "add_across_group_member" MemberAdd => groups::add_members;
    "del_across_group_member" MemberRemove => groups::remove_members;
    "apply_join_group" GroupJoin => groups::join;
    "admin_add_group_member" GroupApplication => groups::answer_application;
    "group_mem_silence" Silence => groups::silence;
    "add_group_keeper" Silence => groups::add_keepers;
    "del_group_keeper" Silence => groups::remove_keepers;
    "change_group_admin" Silence => groups::hand_over;
    "dissolve_group" Silence => groups::dissolve;
    "public_group_list" GroupGet => groups::list_public;
    "add_msg_shield_group" GroupShield => groups::shield;
    "del_msg_shield_group" GroupShield => groups::unshield;
    "list_shield_group" GroupShield => groups::list_shielded;

    "no_disturb" DoNotDisturb => no_disturb::get;
    "add_msg_no_disturb_single" DoNotDisturb => no_disturb::add_user;
    "delete_msg_no_disturb_single" DoNotDisturb => no_disturb::remove_user;
    "add_msg_no_disturb_group" DoNotDisturbGroup => no_disturb::add_group;
    "delete_msg_no_disturb_group" DoNotDisturbGroup => no_disturb::remove_group;
    "add_msg_no_disturb_global" DoNotDisturbGlobal => no_disturb::turn_on;
    "delete_msg_no_disturb_global" DoNotDisturbGlobal => no_disturb::turn_off;

    "add_friend" ContactAdd => contacts::ask_or_answer;
    "del_friend" ContactRemove => contacts::remove;
    "update_friend_memo" ContactNote => contacts::note;
    "get_friend_list" ContactAdd => contacts::list;
    "add_black_list" BlockAdd => contacts::block;
    "del_black_list" BlockRemove => contacts::unblock;
    "get_black_list" BlockAdd => contacts::list_blocked;

    "room_list" ChatroomGet => rooms::list;
    "room_list_self" ChatroomGet => rooms::list_own;
    "room_info" ChatroomSend => rooms::info;
    "join_room" ChatroomJoin => rooms::enter;
    "exit_room" ChatroomSend => rooms::exit;
}

/// The request of a name.
pub(crate) fn find(name: &str) -> Option<&'static Call> {
    CALLS.iter().find(|call| call.name == name)
}

/// The event that the answer to a request travels in; the vendor has one that is not the request's own.
pub(crate) fn answer_name(request: &str) -> &str {
    if request == "s_across_single_text" { "s_single_text" } else { request }
}

/// The answer to a request that was done.
pub(crate) fn success(rid: Rid, mut body: Object) -> Object {
    body.insert("rid".to_owned(), rid.into());
    body.insert("code".to_owned(), 0.into());
    body.insert("message".to_owned(), "success".into());
    body
}

/// A request with who asks.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) perform: &'a WebPerform,
    pub(crate) caller: Caller<'a>,
    pub(crate) rid: Rid,
    pub(crate) data: &'a Object,
}

type Done = Result<Object, Failure>;

/// What a request that was done is answered with.
pub(crate) struct Reply {
    pub(crate) body: Object,
    /// An event that goes after the answer.
    pub(crate) told: Option<(&'static str, Value)>,
}

impl From<Object> for Reply {
    fn from(body: Object) -> Self {
        Self { body, told: None }
    }
}

/// An answer of these keys.
fn object<const N: usize>(pairs: [(&str, Value); N]) -> Object {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
