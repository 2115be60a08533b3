// Generated from catalog/ by `cargo xtask codegen`. Do not edit.

/// What somebody was doing, where vendors answer one condition differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Operation {
    /// Putting members of a group or chat room on its allow list.
    AllowListAdd,
    /// Taking members of a group or chat room off its allow list.
    AllowListRemove,
    /// Putting users on a block list.
    BlockAdd,
    /// Taking users off a block list.
    BlockRemove,
    /// Sending a message to all users of an app.
    Broadcast,
    /// Starting or answering a call.
    Call,
    /// Reading or writing a chat room's attributes.
    ChatroomAttributes,
    /// Creating a chat room.
    ChatroomCreate,
    /// Leaving a chat room.
    ChatroomExit,
    /// Reading chat rooms.
    ChatroomGet,
    /// Entering a chat room.
    ChatroomJoin,
    /// Removing members from a chat room.
    ChatroomMemberRemove,
    /// Sending to a chat room.
    ChatroomSend,
    /// Changing a chat room.
    ChatroomUpdate,
    /// Sending a command that only passes through the server.
    Command,
    /// Opening the connection, before anybody has logged in.
    Connect,
    /// Adding a contact or sending an invitation.
    ContactAdd,
    /// Importing a user's contacts, as a back end does.
    ContactImport,
    /// Making two users contacts without asking them, as a back end does.
    ContactLink,
    /// Setting the note (remark) of a contact.
    ContactNote,
    /// Removing a contact.
    ContactRemove,
    /// Listing conversations, or pinning and marking them.
    Conversation,
    /// Deleting a conversation.
    ConversationDelete,
    /// Setting do-not-disturb for one user.
    DoNotDisturb,
    /// Setting do-not-disturb for everything.
    DoNotDisturbGlobal,
    /// Setting do-not-disturb for one group.
    DoNotDisturbGroup,
    /// Changing a message that was sent.
    Edit,
    /// Keeping, changing and dropping favourites.
    Favourite,
    /// Listing favourites.
    FavouriteList,
    /// Downloading a file.
    FileDownload,
    /// Saying how long files are kept.
    FileLifetime,
    /// Uploading a file.
    FileUpload,
    /// Making somebody an administrator of a group, or no longer one.
    GroupAdmin,
    /// Writing a group's announcement.
    GroupAnnounce,
    /// Answering an application or an invitation to a group.
    GroupApplication,
    /// Putting users on a group's block list.
    GroupBlockAdd,
    /// Taking users off a group's block list.
    GroupBlockRemove,
    /// Creating a group.
    GroupCreate,
    /// Destroying a group, or switching it off.
    GroupDestroy,
    /// Leaving a group.
    GroupExit,
    /// Reading a group or its lists.
    GroupGet,
    /// Inviting users to a group.
    GroupInvite,
    /// Joining a group, or applying to.
    GroupJoin,
    /// Asking how many members of a group are online.
    GroupOnline,
    /// Blocking a group's messages for oneself.
    GroupShield,
    /// Changing a group's name, description or settings.
    GroupUpdate,
    /// Importing a message that was said elsewhere.
    Import,
    /// Adding, changing and finding words of a keyword list.
    Keyword,
    /// Making, changing and listing keyword lists.
    KeywordList,
    /// Logging in: MSYNC's provision, JMessage's login request.
    Login,
    /// Logging out.
    Logout,
    /// Adding members to a group.
    MemberAdd,
    /// Reading or writing the attributes of group members.
    MemberAttributes,
    /// Writing the attributes of many group members at once.
    MemberAttributesBatch,
    /// Listing the members of a group.
    MemberList,
    /// Removing members from a group.
    MemberRemove,
    /// Exporting moderation records.
    ModerationExport,
    /// Muting a user in the whole app.
    MuteGlobal,
    /// The part of an upload in which bytes move.
    Network,
    /// Pinning a message.
    Pin,
    /// Publishing presence, or listing subscriptions.
    Presence,
    /// Asking for the presence of users.
    PresenceQuery,
    /// Subscribing to the presence of users.
    PresenceSubscribe,
    /// Ending subscriptions to the presence of users.
    PresenceUnsubscribe,
    /// Binding or unbinding a push token.
    PushBinding,
    /// Naming many users for pushes.
    PushNickname,
    /// Changing push settings.
    PushSetting,
    /// Making, changing and choosing templates of pushes.
    PushTemplate,
    /// Adding, removing or reading reactions.
    Reaction,
    /// Taking a message back.
    Recall,
    /// Acknowledging a message as delivered or read.
    Receipt,
    /// Asking whether users are contacts or blocked.
    RelationCheck,
    /// Reporting a message to those who run the app.
    Report,
    /// Any request of a client that is not named more exactly.
    Request,
    /// Reading or deleting history on the server.
    Roaming,
    /// Setting the tags of members of a chat room, and muting who has one.
    RoomTag,
    /// Sending a message.
    Send,
    /// Sending a message by the REST route of the first generation.
    SendOld,
    /// Sending a part of a stream.
    SendStream,
    /// Sharing files in a group or chat room.
    SharedFile,
    /// Muting members of a group or chat room.
    Silence,
    /// Unmuting members of a group or chat room.
    SilenceRemove,
    /// Working with threads.
    Thread,
    /// Asking for a token, whatever the grant.
    Token,
    /// Asking for a user token without password, with an app token.
    TokenInherit,
    /// Asking for a user token with name and password.
    TokenPassword,
    /// Translating a text.
    Translate,
    /// Switching a user off or on again.
    UserActivate,
    /// Reading or writing user attributes.
    UserAttributes,
    /// Deleting one user or many.
    UserDelete,
    /// Forcing a device or all devices of a user offline.
    UserDisconnect,
    /// Reading one user.
    UserGet,
    /// Listing users.
    UserList,
    /// Changing a user's password.
    UserPassword,
    /// Registering one user or many.
    UserRegister,
    /// One entry of a batch registration; the batch itself succeeds and reports it.
    UserRegisterBatch,
    /// Asking who is online.
    UserStatus,
    /// Changing a user's nickname or push settings.
    UserUpdate,
    /// Having the reports of webhooks that were given up sent again.
    WebhookStorage,
}

impl Operation {
    /// All of them, sorted by name.
    pub const ALL: [Self; 99] = [
        Self::AllowListAdd,
        Self::AllowListRemove,
        Self::BlockAdd,
        Self::BlockRemove,
        Self::Broadcast,
        Self::Call,
        Self::ChatroomAttributes,
        Self::ChatroomCreate,
        Self::ChatroomExit,
        Self::ChatroomGet,
        Self::ChatroomJoin,
        Self::ChatroomMemberRemove,
        Self::ChatroomSend,
        Self::ChatroomUpdate,
        Self::Command,
        Self::Connect,
        Self::ContactAdd,
        Self::ContactImport,
        Self::ContactLink,
        Self::ContactNote,
        Self::ContactRemove,
        Self::Conversation,
        Self::ConversationDelete,
        Self::DoNotDisturb,
        Self::DoNotDisturbGlobal,
        Self::DoNotDisturbGroup,
        Self::Edit,
        Self::Favourite,
        Self::FavouriteList,
        Self::FileDownload,
        Self::FileLifetime,
        Self::FileUpload,
        Self::GroupAdmin,
        Self::GroupAnnounce,
        Self::GroupApplication,
        Self::GroupBlockAdd,
        Self::GroupBlockRemove,
        Self::GroupCreate,
        Self::GroupDestroy,
        Self::GroupExit,
        Self::GroupGet,
        Self::GroupInvite,
        Self::GroupJoin,
        Self::GroupOnline,
        Self::GroupShield,
        Self::GroupUpdate,
        Self::Import,
        Self::Keyword,
        Self::KeywordList,
        Self::Login,
        Self::Logout,
        Self::MemberAdd,
        Self::MemberAttributes,
        Self::MemberAttributesBatch,
        Self::MemberList,
        Self::MemberRemove,
        Self::ModerationExport,
        Self::MuteGlobal,
        Self::Network,
        Self::Pin,
        Self::Presence,
        Self::PresenceQuery,
        Self::PresenceSubscribe,
        Self::PresenceUnsubscribe,
        Self::PushBinding,
        Self::PushNickname,
        Self::PushSetting,
        Self::PushTemplate,
        Self::Reaction,
        Self::Recall,
        Self::Receipt,
        Self::RelationCheck,
        Self::Report,
        Self::Request,
        Self::Roaming,
        Self::RoomTag,
        Self::Send,
        Self::SendOld,
        Self::SendStream,
        Self::SharedFile,
        Self::Silence,
        Self::SilenceRemove,
        Self::Thread,
        Self::Token,
        Self::TokenInherit,
        Self::TokenPassword,
        Self::Translate,
        Self::UserActivate,
        Self::UserAttributes,
        Self::UserDelete,
        Self::UserDisconnect,
        Self::UserGet,
        Self::UserList,
        Self::UserPassword,
        Self::UserRegister,
        Self::UserRegisterBatch,
        Self::UserStatus,
        Self::UserUpdate,
        Self::WebhookStorage,
    ];
}

/// Name and meaning, in the order of the enum.
pub(crate) static DETAILS: [(&str, &str); 99] = [
    ("allow_list_add", "Putting members of a group or chat room on its allow list."),
    ("allow_list_remove", "Taking members of a group or chat room off its allow list."),
    ("block_add", "Putting users on a block list."),
    ("block_remove", "Taking users off a block list."),
    ("broadcast", "Sending a message to all users of an app."),
    ("call", "Starting or answering a call."),
    ("chatroom_attributes", "Reading or writing a chat room's attributes."),
    ("chatroom_create", "Creating a chat room."),
    ("chatroom_exit", "Leaving a chat room."),
    ("chatroom_get", "Reading chat rooms."),
    ("chatroom_join", "Entering a chat room."),
    ("chatroom_member_remove", "Removing members from a chat room."),
    ("chatroom_send", "Sending to a chat room."),
    ("chatroom_update", "Changing a chat room."),
    ("command", "Sending a command that only passes through the server."),
    ("connect", "Opening the connection, before anybody has logged in."),
    ("contact_add", "Adding a contact or sending an invitation."),
    ("contact_import", "Importing a user's contacts, as a back end does."),
    ("contact_link", "Making two users contacts without asking them, as a back end does."),
    ("contact_note", "Setting the note (remark) of a contact."),
    ("contact_remove", "Removing a contact."),
    ("conversation", "Listing conversations, or pinning and marking them."),
    ("conversation_delete", "Deleting a conversation."),
    ("do_not_disturb", "Setting do-not-disturb for one user."),
    ("do_not_disturb_global", "Setting do-not-disturb for everything."),
    ("do_not_disturb_group", "Setting do-not-disturb for one group."),
    ("edit", "Changing a message that was sent."),
    ("favourite", "Keeping, changing and dropping favourites."),
    ("favourite_list", "Listing favourites."),
    ("file_download", "Downloading a file."),
    ("file_lifetime", "Saying how long files are kept."),
    ("file_upload", "Uploading a file."),
    ("group_admin", "Making somebody an administrator of a group, or no longer one."),
    ("group_announce", "Writing a group's announcement."),
    ("group_application", "Answering an application or an invitation to a group."),
    ("group_block_add", "Putting users on a group's block list."),
    ("group_block_remove", "Taking users off a group's block list."),
    ("group_create", "Creating a group."),
    ("group_destroy", "Destroying a group, or switching it off."),
    ("group_exit", "Leaving a group."),
    ("group_get", "Reading a group or its lists."),
    ("group_invite", "Inviting users to a group."),
    ("group_join", "Joining a group, or applying to."),
    ("group_online", "Asking how many members of a group are online."),
    ("group_shield", "Blocking a group's messages for oneself."),
    ("group_update", "Changing a group's name, description or settings."),
    ("import", "Importing a message that was said elsewhere."),
    ("keyword", "Adding, changing and finding words of a keyword list."),
    ("keyword_list", "Making, changing and listing keyword lists."),
    ("login", "Logging in: MSYNC's provision, JMessage's login request."),
    ("logout", "Logging out."),
    ("member_add", "Adding members to a group."),
    ("member_attributes", "Reading or writing the attributes of group members."),
    ("member_attributes_batch", "Writing the attributes of many group members at once."),
    ("member_list", "Listing the members of a group."),
    ("member_remove", "Removing members from a group."),
    ("moderation_export", "Exporting moderation records."),
    ("mute_global", "Muting a user in the whole app."),
    ("network", "The part of an upload in which bytes move."),
    ("pin", "Pinning a message."),
    ("presence", "Publishing presence, or listing subscriptions."),
    ("presence_query", "Asking for the presence of users."),
    ("presence_subscribe", "Subscribing to the presence of users."),
    ("presence_unsubscribe", "Ending subscriptions to the presence of users."),
    ("push_binding", "Binding or unbinding a push token."),
    ("push_nickname", "Naming many users for pushes."),
    ("push_setting", "Changing push settings."),
    ("push_template", "Making, changing and choosing templates of pushes."),
    ("reaction", "Adding, removing or reading reactions."),
    ("recall", "Taking a message back."),
    ("receipt", "Acknowledging a message as delivered or read."),
    ("relation_check", "Asking whether users are contacts or blocked."),
    ("report", "Reporting a message to those who run the app."),
    ("request", "Any request of a client that is not named more exactly."),
    ("roaming", "Reading or deleting history on the server."),
    ("room_tag", "Setting the tags of members of a chat room, and muting who has one."),
    ("send", "Sending a message."),
    ("send_old", "Sending a message by the REST route of the first generation."),
    ("send_stream", "Sending a part of a stream."),
    ("shared_file", "Sharing files in a group or chat room."),
    ("silence", "Muting members of a group or chat room."),
    ("silence_remove", "Unmuting members of a group or chat room."),
    ("thread", "Working with threads."),
    ("token", "Asking for a token, whatever the grant."),
    ("token_inherit", "Asking for a user token without password, with an app token."),
    ("token_password", "Asking for a user token with name and password."),
    ("translate", "Translating a text."),
    ("user_activate", "Switching a user off or on again."),
    ("user_attributes", "Reading or writing user attributes."),
    ("user_delete", "Deleting one user or many."),
    ("user_disconnect", "Forcing a device or all devices of a user offline."),
    ("user_get", "Reading one user."),
    ("user_list", "Listing users."),
    ("user_password", "Changing a user's password."),
    ("user_register", "Registering one user or many."),
    ("user_register_batch", "One entry of a batch registration; the batch itself succeeds and reports it."),
    ("user_status", "Asking who is online."),
    ("user_update", "Changing a user's nickname or push settings."),
    ("webhook_storage", "Having the reports of webhooks that were given up sent again."),
];
