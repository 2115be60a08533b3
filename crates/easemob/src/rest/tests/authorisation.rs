//! Every route with every kind of caller (reliability.md row 35). The table below is written from the "who"
//! columns of easemob-rest.md 3.1 and msync.md 3.2, not from the code; a route without a row fails.

use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use crate::rest::routes;

/// Columns: no token, not a token, a token of another app, alice's own, bob's, the app's, an expired one.
/// `ok` is 200; else the condition.
const TABLE: &str = "
POST   /token                                | ok                  ok              ok            ok                ok                  ok               ok
GET    /sdk/users/{user}/token/expires       | credentials_missing token_malformed token_foreign ok                token_user_mismatch token_wrong_kind token_expired
POST   /users                                | ok                  token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users                                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
DELETE /users                                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users/{user}                         | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /users/{user}                         | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /users/{user}                         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
PUT    /users/{user}/password                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/password                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/deactivate              | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /users/{user}/activate                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users/{user}/status                  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /users/batch/status                   | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users/{user}/resources               | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/disconnect              | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users/{user}/disconnect/{resource}   | credentials_missing token_malformed token_foreign user_not_found    permission_denied   user_not_found   token_expired
DELETE /users/{user}/disconnect/{resource}   | credentials_missing token_malformed token_foreign user_not_found    permission_denied   user_not_found   token_expired
POST   /messages/users                       | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /users/{user}/collections             | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /collections                          | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /users/{user}/collections/{collection} | credentials_missing token_malformed token_foreign favourite_not_found permission_denied favourite_not_found token_expired
DELETE /users/{user}/collections             | credentials_missing token_malformed token_foreign favourite_not_found permission_denied favourite_not_found token_expired
GET    /users/{user}/collections             | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /messages/users/import                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/chatgroups/import           | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    group_not_found  token_expired
POST   /messages                             | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /users/{user}/contacts/apply          | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/contacts/accept/users/{peer} | credentials_missing token_malformed token_foreign contact_request_invalid permission_denied   contact_request_invalid token_expired
POST   /users/{user}/contacts/decline/users/{peer} | credentials_missing token_malformed token_foreign contact_request_invalid permission_denied   contact_request_invalid token_expired
POST   /users/{user}/contacts/users/{peer}   | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /users/{user}/contacts/import         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
DELETE /users/{user}/contacts/users/{peer}   | credentials_missing token_malformed token_foreign contact_not_found permission_denied   ok               token_expired
DELETE /contacts/users/{user}                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /users/{user}/contacts/users/{peer}   | credentials_missing token_malformed token_foreign contact_not_found permission_denied   contact_not_found token_expired
PUT    /user/{user}/contacts/users/{peer}    | credentials_missing token_malformed token_foreign contact_not_found permission_denied   contact_not_found token_expired
GET    /users/{user}/contacts/users          | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/rosters                 | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/contacts                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /user/{user}/contacts                 | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /contacts/check                       | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/blocks/users            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /sdk/user/{user}/blocks               | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/blocks/users            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /users/{user}/blocks/users/{peer}     | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /sdk/user/{user}/blocks               | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /blocks/check                         | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /mutes                                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /mutes                                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /mutes/{user}                         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/msg_recall                  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    message_not_found token_expired
POST   /messages/batch_recall                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    message_not_found token_expired
POST   /messages/recall                      | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    message_not_found token_expired
POST   /users/{user}/presence                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /users/{user}/presence                | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/presence/sublist        | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/presence/{expiry}       | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/presence/{resource}/{status} | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/offline_msg_count       | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /users/{user}/offline_msg_status/{message} | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /chatmessages                         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /chatmessages/{time}                  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    history_hour_invalid token_expired
GET    /chatmessages/{time}/file             | file_access_denied  file_access_denied file_access_denied file_access_denied file_access_denied file_access_denied file_access_denied
GET    /metadata/user/capacity               | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /metadata/user/get                    | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
GET    /metadata/user/{user}                 | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
PUT    /metadata/user/{user}                 | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /metadata/user/{user}                 | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /messages/broadcast                   | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/users/broadcast             | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /chatfiles                            | credentials_missing token_malformed     token_foreign unsupported_media_type unsupported_media_type unsupported_media_type token_expired
GET    /chatfiles/{file}                     | file_not_found      file_not_found      file_not_found file_not_found    file_not_found      file_not_found   file_not_found
POST   /sdk/chatfiles/part-upload            | credentials_missing token_malformed     token_foreign ok                ok                  ok               token_expired
PUT    /sdk/chatfiles/part-upload/{file}     | credentials_missing token_malformed     token_foreign file_not_found    file_not_found      file_not_found   token_expired
POST   /sdk/chatfiles/part-upload/{file}     | credentials_missing token_malformed     token_foreign file_not_found    file_not_found      file_not_found   token_expired
DELETE /sdk/chatfiles/part-upload/{file}     | credentials_missing token_malformed     token_foreign file_not_found    file_not_found      file_not_found   token_expired
PUT    /users/{user}/chatfiles/lifetime      | credentials_missing token_malformed     token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/chatfiles/lifetime      | credentials_missing token_malformed     token_foreign ok                permission_denied   ok               token_expired
POST   /users/{user}/messageroaming          | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /rest/message/roaming/chat/user/{user} | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /rest/message/roaming/group/user/{user} | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /rest/message/roaming/chat/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /rest/message/roaming/group/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /rest/message/roaming/user/{user}/delete/all | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /sdk/message/roaming/chat/user/{user} | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /sdk/message/roaming/group/user/{user} | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /rest/message/roaming/chat/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /rest/message/roaming/group/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /sdk/message/roaming/chat/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /sdk/message/roaming/group/user/{user}/time | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /sdk/message/roaming/user/{user}/delete/all | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /sdk/user/{user}/user_channels/list   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/user_channels           | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /user/{user}/user_channels            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/user_channels/page      | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /sdk/user/{user}/user_channels/mark/search | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /sdk/user/{user}/user_channels/mark   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /sdk/user/{user}/user_channels/mark   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /sdk/user/{user}/user_channel/top     | credentials_missing token_malformed token_foreign conversation_not_found permission_denied   conversation_not_found token_expired
DELETE /sdk/user/{user}/user_channel/top     | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
DELETE /user/{user}/user_channel             | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
DELETE /users/{user}/user_channel            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
POST   /reaction/user/{user}                 | credentials_missing token_malformed token_foreign reaction_not_permitted permission_denied   reaction_not_permitted token_expired
DELETE /reaction/user/{user}                 | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
GET    /reaction/user/{user}                 | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
GET    /reaction/user/{user}/detail          | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /sdk/user/{user}/user_channel/pin     | credentials_missing token_malformed token_foreign message_not_found permission_denied   message_not_found token_expired
DELETE /sdk/user/{user}/user_channel/pin     | credentials_missing token_malformed token_foreign pinned_message_not_found permission_denied   pinned_message_not_found token_expired
GET    /sdk/user/{user}/user_channel/pin     | credentials_missing token_malformed token_foreign argument_missing  permission_denied   argument_missing token_expired
POST   /user/{user}/moderation/report/message/{message} | credentials_missing token_malformed token_foreign message_not_found permission_denied   message_not_found token_expired
POST   /chatgroups/{group}/share_files       | credentials_missing token_malformed token_foreign unsupported_media_type unsupported_media_type unsupported_media_type token_expired
GET    /chatgroups/{group}/share_files       | credentials_missing token_malformed token_foreign ok ok ok token_expired
GET    /chatgroups/{group}/share_files/{file} | credentials_missing token_malformed token_foreign shared_file_not_found shared_file_not_found shared_file_not_found token_expired
DELETE /chatgroups/{group}/share_files/{file} | credentials_missing token_malformed token_foreign shared_file_not_found shared_file_not_found shared_file_not_found token_expired
POST   /chatrooms/{room}/share_files         | credentials_missing token_malformed token_foreign unsupported_media_type unsupported_media_type unsupported_media_type token_expired
GET    /chatrooms/{room}/share_files         | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/share_files/{file}  | credentials_missing token_malformed token_foreign shared_file_not_found shared_file_not_found shared_file_not_found token_expired
DELETE /chatrooms/{room}/share_files/{file}  | credentials_missing token_malformed token_foreign shared_file_not_found shared_file_not_found shared_file_not_found token_expired
GET    /presence/online/{group}/type/{kind}  | credentials_missing token_malformed token_foreign token_wrong_kind token_wrong_kind ok token_expired
POST   /thread                               | credentials_missing token_malformed token_foreign group_not_found group_not_found group_not_found token_expired
GET    /thread                               | credentials_missing token_malformed token_foreign token_wrong_kind token_wrong_kind ok token_expired
POST   /thread/message                       | credentials_missing token_malformed token_foreign ok ok ok token_expired
GET    /thread/{thread}                      | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
PUT    /thread/{thread}                      | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
DELETE /thread/{thread}                      | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
GET    /thread/{thread}/users                | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
POST   /thread/{thread}/users                | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
DELETE /thread/{thread}/users                | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
DELETE /threads/{thread}/users               | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
DELETE /thread/{thread}/users/{member}       | credentials_missing token_malformed token_foreign thread_not_found thread_not_found thread_not_found token_expired
POST   /thread/{thread}/user/{user}/join     | credentials_missing token_malformed token_foreign thread_not_found permission_denied thread_not_found token_expired
DELETE /thread/{thread}/user/{user}/quit     | credentials_missing token_malformed token_foreign thread_not_found permission_denied thread_not_found token_expired
GET    /threads/user/{user}                  | credentials_missing token_malformed token_foreign ok permission_denied ok token_expired
GET    /threads/chatgroups/{group}           | credentials_missing token_malformed token_foreign ok ok ok token_expired
GET    /threads/chatgroups/{group}/user/{user} | credentials_missing token_malformed token_foreign ok permission_denied ok token_expired
PUT    /messages/rewrite/{message}           | credentials_missing token_malformed token_foreign message_not_found message_not_found   message_not_found token_expired
POST   /messages/chatgroups                  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/chatgroups/users            | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /chatgroups                           | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /chatgroups                           | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /publicchatgroups                     | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
GET    /users/{user}/joined_chatgroups       | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /chatgroups/user/{user}               | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /chatgroups/user/{user}/joined_count  | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /chatgroups/{group}                   | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
PUT    /chatgroups/{group}                   | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}                   | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/quit              | credentials_missing token_malformed token_foreign group_owner_cannot_leave ok                  group_permission_denied token_expired
POST   /chatgroups/{group}/apply             | credentials_missing token_malformed token_foreign already_in_group  already_in_group    group_permission_denied token_expired
POST   /chatgroups/{group}/apply_verify      | credentials_missing token_malformed token_foreign group_application_handled group_permission_denied group_application_handled token_expired
POST   /chatgroups/{group}/invite            | credentials_missing token_malformed token_foreign already_in_group  group_permission_denied already_in_group token_expired
POST   /chatgroups/{group}/invite_verify     | credentials_missing token_malformed token_foreign group_permission_denied group_application_invalid group_permission_denied token_expired
POST   /chatgroups/{group}/disable           | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /chatgroups/{group}/enable            | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /chatgroups/{group}/announcement      | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /chatgroups/{group}/announcement      | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/ban               | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/ban               | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/shield            | credentials_missing token_malformed token_foreign ok                ok                  group_permission_denied token_expired
DELETE /chatgroups/{group}/shield            | credentials_missing token_malformed token_foreign ok                ok                  group_permission_denied token_expired
GET    /chatgroups/{group}/users             | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /chatgroups/{group}/users             | credentials_missing token_malformed token_foreign already_in_group  group_permission_denied already_in_group token_expired
POST   /chatgroups/{group}/users/{member}    | credentials_missing token_malformed token_foreign already_in_group  already_in_group already_in_group token_expired
DELETE /chatgroups/{group}/users/{member}    | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /chatgroups/{group}/user/{member}/is_joined | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /chatgroups/{group}/user/{member}/is_joined | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
GET    /chatgroups/{group}/admin             | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /chatgroups/{group}/admin             | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/admin/{member}    | credentials_missing token_malformed token_foreign not_group_admin   group_permission_denied not_group_admin  token_expired
GET    /chatgroups/{group}/mute              | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/mute              | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/mute/{member}     | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /sdk/chatgroups/{group}/mute/{member} | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
GET    /chatgroups/{group}/blocks/users      | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/blocks/users      | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/blocks/users/{member} | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/blocks/users/{member} | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /chatgroups/{group}/white/users       | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /chatgroups/{group}/white/users/{member} | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /chatgroups/{group}/white/users       | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
POST   /chatgroups/{group}/white/users/{member} | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
DELETE /chatgroups/{group}/white/users/{member} | credentials_missing token_malformed token_foreign ok                group_permission_denied ok               token_expired
GET    /chatgroups/{group}/acks/{message}    | credentials_missing token_malformed token_foreign message_not_found message_not_found   message_not_found token_expired
PUT    /metadata/chatgroup/{group}/user/{member} | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
PUT    /sdk/metadata/chatgroup/{group}/user/{member} | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
GET    /metadata/chatgroup/{group}/user/{member} | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
PUT    /metadata/chatgroup/{group}/users/batch | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /metadata/chatgroup/{group}/get       | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /sdk/metadata/chatgroup/{group}/get   | credentials_missing token_malformed token_foreign ok                ok                  ok               token_expired
POST   /moderation/record/message/export | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /moderation/export/files | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /moderationfiles/{uuid} | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found        token_expired
POST   /moderation/text/list | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /moderation/text/list/search | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
PUT    /moderation/text/list/{list} | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found               token_expired
DELETE /moderation/text/list/{list} | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found               token_expired
POST   /moderation/text/list/{list}/word/batch | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found               token_expired
POST   /moderation/text/list/{list}/word | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found               token_expired
PUT    /moderation/text/list/{list}/word | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    not_found               token_expired
DELETE /moderation/text/list/{list}/word | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    argument_missing               token_expired
POST   /chatrooms                            | credentials_missing token_malformed token_foreign ok chatroom_permission_denied ok token_expired
GET    /chatrooms                            | credentials_missing token_malformed token_foreign ok ok ok token_expired
GET    /users/{user}/joined_chatrooms        | credentials_missing token_malformed token_foreign ok permission_denied ok token_expired
GET    /chatrooms/{room}                     | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
PUT    /chatrooms/{room}                     | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}                     | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/users               | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/users               | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/users/{member}      | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/users/{member}      | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/announcement        | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/announcement        | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/ban                 | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/ban                 | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/admin               | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/admin               | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/admin/{member}      | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/mute                | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/mute                | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/mute/{member}       | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /sdk/chatrooms/{room}/mute/{member}   | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/blocks/users        | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/blocks/users        | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/blocks/users/{member} | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/blocks/users/{member} | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/white/users         | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
GET    /chatrooms/{room}/white/users/{member} | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/white/users         | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /chatrooms/{room}/white/users/{member} | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
DELETE /chatrooms/{room}/white/users/{member} | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
POST   /messages/chatrooms                   | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /stream_message/user                  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /stream_message/chatgroup             | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /stream_message/group                 | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/chatrooms/users             | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /messages/chatrooms/broadcast         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
PUT    /chatrooms/{room}/tag/mute            | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    chatroom_not_found token_expired
PUT    /chatrooms/{room}/users/{member}/tag  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    chatroom_not_found token_expired
GET    /chatrooms/{room}/users/{member}/tag  | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    chatroom_not_found token_expired
GET    /chatrooms/super_admin                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /chatrooms/super_admin                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
DELETE /chatrooms/super_admin/{member}       | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /metadata/chatroom/{room}             | credentials_missing token_malformed token_foreign chatroom_not_found chatroom_not_found chatroom_not_found token_expired
PUT    /metadata/chatroom/{room}/user/{user} | credentials_missing token_malformed token_foreign chatroom_not_found permission_denied chatroom_not_found token_expired
PUT    /metadata/chatroom/{room}/user/{user}/forced | credentials_missing token_malformed token_foreign chatroom_not_found permission_denied chatroom_not_found token_expired
DELETE /metadata/chatroom/{room}/user/{user} | credentials_missing token_malformed token_foreign chatroom_not_found permission_denied chatroom_not_found token_expired
DELETE /metadata/chatroom/{room}/user/{user}/forced | credentials_missing token_malformed token_foreign chatroom_not_found permission_denied chatroom_not_found token_expired
PUT    /users/{user}/push/binding            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/push/binding            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /push/nickname                        | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
GET    /callbacks/storage/info               | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
POST   /callbacks/storage/retry              | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    argument_missing token_expired
POST   /notification/template                | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    ok               token_expired
PUT    /notification/template/{name}         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    argument_invalid        token_expired
GET    /notification/template/{name}         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    push_template_not_found token_expired
DELETE /notification/template/{name}         | credentials_missing token_malformed token_foreign token_wrong_kind  token_wrong_kind    push_template_not_found token_expired
PUT    /users/{user}/notification/template   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/notification/template   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /users/{user}/notification/language   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/notification/language   | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/notification/mute/type  | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/notification            | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
PUT    /users/{user}/notification/{chat}/{key} | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
GET    /users/{user}/notification/{chat}/{key} | credentials_missing token_malformed token_foreign ok                permission_denied   ok               token_expired
";

struct Row {
    method: &'static str,
    path: &'static str,
    cells: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let (route, cells) = line.split_once('|').unwrap();
        let (method, path) = route.trim().split_once(' ').unwrap();
        Row { method, path: path.trim(), cells: cells.split_whitespace().collect() }
    };
    TABLE.trim().lines().map(row).collect()
}

/// A path of the route.
fn example(path: &str) -> String {
    let places = [
        ("{user}", "alice"),
        ("{resource}", "webim"),
        ("{list}", "7"),
        ("{uuid}", "7"),
        ("{peer}", "bob"),
        ("{room}", "7"),
        ("{expiry}", "60"),
        ("{collection}", "7"),
        ("{status}", "1"),
        ("{kind}", "1"),
        ("{chat}", "user"),
        ("{key}", "bob"),
        ("{message}", "7"),
        ("{group}", "team"),
        ("{member}", "bob"),
        ("acks/{message}", "acks/7"),
    ];
    places.iter().fold(path.to_owned(), |path, (place, value)| path.replace(place, value))
}

/// A body that the route accepts.
fn body(method: &str, path: &str, world: &World) -> Option<Value> {
    Some(match (method, path) {
        ("POST", "/token") => world.client_credentials(),
        ("POST", "/callbacks/storage/retry") => json!({}),
        ("POST", "/users") => json!({ "username": "carol", "password": "pw" }),
        ("PUT", "/users/{user}") => json!({ "nickname": "Al" }),
        (_, "/users/{user}/password") => json!({ "oldpassword": "pw", "newpassword": "new" }),
        ("POST", "/users/batch/status") => json!({ "usernames": ["alice"] }),
        ("POST", "/users/{user}/collections") => json!({ "data": "d", "type": 1 }),
        ("POST", "/collections") => {
            json!({ "username": "alice", "collections": [{ "data": "d", "type": 1 }] })
        }
        ("PUT", "/users/{user}/collections/{collection}") => json!({ "ext": "x" }),
        ("DELETE", "/users/{user}/collections") => json!({ "collection_ids": ["7"] }),
        ("POST", "/messages/users/import" | "/messages/chatgroups/import") => {
            json!({ "from": "alice", "target": "bob", "type": "txt", "body": { "msg": "hi" } })
        }
        ("POST", "/messages/users") => json!({ "to": ["bob"], "type": "txt", "body": { "msg": "hi" } }),
        ("POST", "/messages") => {
            json!({ "target_type": "users", "target": ["bob"], "msg": { "type": "txt", "msg": "hi" } })
        }
        ("POST", "/users/{user}/contacts/apply" | "/users/{user}/contacts/import")
        | (_, "/users/{user}/blocks/users" | "/sdk/user/{user}/blocks") => json!({ "usernames": ["bob"] }),
        ("PUT", "/users/{user}/contacts/users/{peer}" | "/user/{user}/contacts/users/{peer}") => {
            json!({ "remark": "B" })
        }
        ("POST", "/users/{user}/presence" | "/users/{user}/presence/{expiry}") => {
            json!({ "usernames": ["bob"] })
        }
        // It goes as a form of one name.
        ("PUT", "/metadata/user/{user}") => json!("nickname"),
        ("POST", "/metadata/user/get") => json!({ "targets": ["alice"], "properties": [] }),
        ("DELETE", "/users/{user}/presence") => json!(["bob"]),
        ("POST", "/users/{user}/presence/{resource}/{status}") => json!({ "ext": "busy" }),
        ("POST", "/contacts/check" | "/blocks/check") => {
            json!({ "username": "alice", "check_list": ["bob"] })
        }
        ("POST", "/users/{user}/messageroaming") => json!({ "queue": "bob@easemob.com", "start": -1 }),
        (_, "/sdk/user/{user}/user_channels/mark") => {
            json!({ "mark": "mark_1", "targets": [{ "to": "bob", "type": "chat" }] })
        }
        ("POST", "/sdk/user/{user}/user_channel/top") => json!({ "to": "bob", "type": "chat" }),
        ("DELETE", "/user/{user}/user_channel" | "/users/{user}/user_channel") => {
            json!({ "channel": "bob", "type": "chat", "delete_roam": true })
        }
        ("POST", "/reaction/user/{user}") => json!({ "msgId": "7", "message": "like" }),
        ("POST" | "DELETE", "/sdk/user/{user}/user_channel/pin") => {
            json!({ "to": "bob", "type": "chat", "pin_msg_id": "7" })
        }
        ("POST", "/user/{user}/moderation/report/message/{message}") => {
            json!({ "username": "alice", "reportType": "spam", "reportReason": "again" })
        }
        ("PUT", "/messages/rewrite/{message}") => json!({ "new_msg": { "type": "txt", "msg": "v2" } }),
        ("POST", "/chatgroups") => json!({ "groupname": "Friends", "owner": "alice", "public": true }),
        ("PUT", "/chatgroups/{group}") => json!({ "groupname": "New" }),
        ("POST", "/chatgroups/{group}/apply") => json!({ "message": "hi" }),
        ("POST", "/chatgroups/{group}/apply_verify") => json!({ "applicant": "bob", "verifyResult": true }),
        ("POST", "/chatgroups/{group}/invite_verify") => json!({ "invitee": "bob", "verifyResult": true }),
        ("POST", "/chatgroups/{group}/announcement") => json!({ "announcement": "hi" }),
        ("POST", "/chatgroups/{group}/admin") => json!({ "newadmin": "bob" }),
        ("POST", "/chatgroups/{group}/mute") => json!({ "usernames": ["bob"], "mute_duration": 1000 }),
        ("POST", "/thread") => {
            json!({ "group_id": "none", "name": "Plans", "msg_id": 7, "owner": "alice" })
        }
        ("POST", "/thread/message") => json!({ "threadIds": [] }),
        ("PUT", "/thread/{thread}") => json!({ "name": "Plans" }),
        ("POST", "/thread/{thread}/users")
        | ("DELETE", "/thread/{thread}/users" | "/threads/{thread}/users") => {
            json!({ "usernames": ["bob"] })
        }
        ("POST", path) if path.starts_with("/chatgroups/") => json!({ "usernames": ["bob"] }),
        ("PUT", "/metadata/chatgroup/{group}/users/batch") => {
            json!([{ "username": "bob", "metadata": { "k": "v" } }])
        }
        ("PUT", path) if path.contains("/metadata/chatgroup/") => json!({ "metaData": { "k": "v" } }),
        ("POST", path) if path.contains("/metadata/chatgroup/") => {
            json!({ "targets": ["bob"], "properties": [] })
        }
        ("POST", "/moderation/text/list/search") => json!({}),
        ("POST", "/moderation/record/message/export") => json!({ "dateFrom": 1, "dateTo": 2 }),
        ("POST" | "PUT", "/moderation/text/list" | "/moderation/text/list/{list}") => {
            json!({ "name": "a", "scope": "ALL", "disposition": "PASS" })
        }
        ("POST", "/moderation/text/list/{list}/word/batch") => json!({ "wordContents": ["a"] }),
        ("POST", "/moderation/text/list/{list}/word") => json!({ "word": "a" }),
        ("PUT", "/moderation/text/list/{list}/word") => json!({ "id": "1", "word": "a" }),
        ("POST", "/chatrooms") => json!({ "name": "Lobby", "description": "Talk", "owner": "alice" }),
        ("PUT", "/chatrooms/{room}") => json!({ "groupname": "Hall" }),
        ("POST", "/chatrooms/{room}/admin") => json!({ "newadmin": "bob" }),
        ("POST", "/chatrooms/{room}/announcement") => json!({ "announcement": "hi" }),
        ("POST", "/chatrooms/super_admin") => json!({ "superadmin": "bob" }),
        ("PUT", path) if path.starts_with("/metadata/chatroom/") => json!({ "metaData": { "k": "v" } }),
        ("DELETE", path) if path.starts_with("/metadata/chatroom/") => json!({ "keys": ["k"] }),
        ("POST", "/metadata/chatroom/{room}") => json!({}),
        ("POST", path) if path.starts_with("/chatrooms/") => json!({ "usernames": ["bob"] }),
        ("PUT", "/users/{user}/push/binding") => {
            json!({ "device_id": "d", "notifier_name": "n", "device_token": "t" })
        }
        ("PUT", "/push/nickname") => json!([{ "username": "alice", "push_nickname": "A" }]),
        ("PUT", "/users/{user}/notification/language") => json!({ "translationLanguage": "de" }),
        ("PUT", "/users/{user}/notification/{chat}/{key}") => json!({ "type": "NONE" }),
        ("POST", "/notification/template") | ("PUT", "/notification/template/{name}") => {
            json!({ "name": "t", "title_pattern": "a", "content_pattern": "b" })
        }
        ("PUT", "/users/{user}/notification/template") => json!({ "templateName": "" }),
        ("POST", "/mutes") => json!({ "username": "alice", "chat": 60 }),
        ("POST", "/stream_message/user" | "/stream_message/chatgroup" | "/stream_message/group") => {
            json!({ "to": "7", "body": { "msg": "hi", "seq": 0 } })
        }
        ("PUT", "/chatrooms/{room}/tag/mute") => json!({ "tag": "a", "mute_duration": 0 }),
        ("PUT", "/chatrooms/{room}/users/{member}/tag") => json!({ "tags": ["a"] }),
        ("POST", "/messages/msg_recall") => json!({ "msg_id": "7", "to": "bob", "chat_type": "chat" }),
        ("POST", "/messages/batch_recall" | "/messages/recall") => {
            json!({ "msgs": [{ "msg_id": "7", "to": "bob", "chat_type": "chat" }] })
        }
        ("POST", "/messages/broadcast" | "/messages/users/broadcast") => {
            json!({ "target_type": "users", "msg": { "type": "txt", "msg": "hi" } })
        }
        (_, "/users/{user}/chatfiles/lifetime") => json!({ "lifetime": "forever", "chatfile_ids": ["x"] }),
        ("POST", "/messages/chatrooms/broadcast") => json!({ "msg": { "type": "txt", "msg": "hi" } }),
        (
            "POST",
            "/messages/chatgroups"
            | "/messages/chatgroups/users"
            | "/messages/chatrooms"
            | "/messages/chatrooms/users",
        ) => {
            json!({ "to": ["7"], "users": ["bob"], "type": "txt", "body": { "msg": "hi" } })
        }
        _ => return None,
    })
}

/// The group that paths name: alice's, with bob in it.
async fn group(world: &World) {
    let group = json!({
        "groupid": "team", "groupname": "Team", "public": false, "owner": "alice", "members": ["bob"],
    });
    world.back_end("POST", "/chatgroups", Some(group)).await.ok();
}

async fn foreign_token(world: &World) -> String {
    let other = world.use_cases.find_app(&"demo#other".parse().unwrap()).unwrap();
    let grant = app::Grant::ClientCredentials {
        client_id: other.value.client_id.clone(),
        client_secret: other.value.secrets.client_secret.clone(),
        ttl: None,
    };
    world.use_cases.issue_token(&other, grant).await.unwrap().token
}

async fn short_token(world: &World) -> String {
    let mut credentials = world.client_credentials();
    credentials["ttl"] = json!(60);
    world.post("/token", credentials).await.token()
}

#[tokio::test]
async fn every_route_admits_exactly_whom_it_is_for() {
    let mut wrong = Vec::new();
    for row in rows() {
        for (column, expected) in row.cells.iter().enumerate() {
            // A world for each cell: some routes delete what the next one needs.
            let world = World::new().await;
            if row.path.contains("{group}") {
                group(&world).await;
            }
            let token = match column {
                0 => None,
                1 => Some("nonsense".to_owned()),
                2 => Some(foreign_token(&world).await),
                3 => Some(world.user_token("alice").await),
                4 => Some(world.user_token("bob").await),
                5 => Some(world.app_token().await),
                6 => Some(short_token(&world).await),
                _ => panic!("seven columns"),
            };
            if column == 6 {
                world.wait(Duration::from_secs(61));
            }
            let path = example(row.path);
            let body = body(row.method, row.path, &world);
            let reply = world.call(row.method, &path, token.as_deref(), body).await;
            let got = if reply.status == 200 { "ok" } else { reply.condition() };
            if got != *expected {
                wrong.push(format!("{} {} column {column}: {got}, not {expected}", row.method, row.path));
            }
        }
        assert_eq!(row.cells.len(), 7, "{} {}", row.method, row.path);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_route_has_a_row() {
    let mut tested: Vec<_> = rows().iter().map(|row| (row.method, row.path)).collect();
    let mut served: Vec<_> = routes::all().map(|route| (route.method.as_str(), route.path)).collect();
    tested.sort_unstable();
    served.sort_unstable();
    assert_eq!(tested, served);
}

#[tokio::test]
async fn the_app_comes_before_the_token_on_every_route() {
    let world = World::new().await;
    let token = world.app_token().await;
    world.set("app.enabled", "false").await;
    for row in rows() {
        let path = example(row.path);
        let reply = world.call(row.method, &path, Some("nonsense"), None).await;
        let expected = (403, "app_disabled", "forbidden_service_operation", "Service operation not allowed");
        assert_eq!(reply.error(), expected, "{} {path}", row.method);

        let request = http::Request::builder()
            .method(row.method)
            .uri(format!("/demo/nobody{path}"))
            .header("authorization", format!("Bearer {token}"));
        let reply = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        let description = format!("Could not find application for demo/nobody from URI: demo/nobody{path}");
        assert_eq!(
            reply.error(),
            (404, "app_not_found", "organization_application_not_found", description.as_str())
        );
    }
}

#[tokio::test]
async fn a_token_dies_with_the_password_the_activation_and_the_account() {
    let world = World::new().await;
    let path = "/users/alice/resources";
    let alice = world.user_token("alice").await;

    world.back_end("PUT", "/users/alice/password", Some(json!({ "newpassword": "pw" }))).await.ok();
    let reply = world.call("GET", path, Some(&alice), None).await;
    assert_eq!(reply.error(), (401, "token_revoked", "unauthorized", "Unable to authenticate (OAuth)"));

    let alice = world.user_token("alice").await;
    world.back_end("POST", "/users/alice/deactivate", None).await.ok();
    let reply = world.call("GET", path, Some(&alice), None).await;
    let banned = (403, "user_banned", "forbidden_service_operation", "Service operation not allowed");
    assert_eq!(reply.error(), banned);

    world.back_end("POST", "/users/alice/activate", None).await.ok();
    let reply = world.call("GET", path, Some(&alice), None).await;
    assert_eq!(reply.condition(), "token_revoked");

    let alice = world.user_token("alice").await;
    world.back_end("DELETE", "/users/alice", None).await.ok();
    world.post("/users", json!({ "username": "alice", "password": "pw" })).await.ok();
    let reply = world.call("GET", path, Some(&alice), None).await;
    assert_eq!(reply.condition(), "token_revoked", "a new account of the name inherits no token");
}

#[tokio::test]
async fn the_bearer_may_be_written_in_any_case_and_nothing_in_it_is_nothing() {
    let world = World::new().await;
    let token = world.app_token().await;
    for (value, condition) in [
        (format!("bearer {token}"), "success"),
        (format!("BEARER   {token} "), "success"),
        (format!("Basic {token}"), "token_malformed"),
        (token.clone(), "success"),
        ("Bearer".to_owned(), "credentials_missing"),
        ("Bearer undefined".to_owned(), "credentials_missing"),
        ("Bearer null".to_owned(), "credentials_missing"),
        (String::new(), "credentials_missing"),
        (format!("Bearer {}", "Y".repeat(8000)), "token_malformed"),
        (format!("Bearer {}", &token[..token.len() - 1]), "token_malformed"),
    ] {
        let request = http::Request::get("/demo/kith/users/alice").header("authorization", &value);
        let reply = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(reply.condition(), condition, "{value}");
    }
    let mut forged = token.into_bytes();
    let last = forged.len() - 4;
    forged[last] = if forged[last] == b'A' { b'B' } else { b'A' };
    let reply = world.call("GET", "/users/alice", Some(str::from_utf8(&forged).unwrap()), None).await;
    assert_eq!(reply.error(), (401, "token_invalid", "auth_bad_access_token", "Unable to authenticate"));
}
