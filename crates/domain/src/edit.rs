//! Edits: who may change which message after it was sent, how far and how often.

use conditions::Condition;
use model::{Entry, EntryKind, MessageId, Timestamp};
use thiserror::Error;

use crate::Refusal;
use crate::app::Settings;
use crate::message::{SendRefused, SendView, check_active};

/// What a message says, as far as editing cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentKind {
    Text,
    Custom,
    Command,
    Location,
    Combined,
    Image,
    Voice,
    Video,
    File,
}

/// What an edit asks to replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditScope {
    pub content: bool,
    /// The app's own keys beside the content.
    pub ext: bool,
}

/// What the decision needs to know.
#[derive(Clone, Copy, Debug)]
pub struct EditView<'a> {
    pub settings: &'a Settings,
    /// The editor, and what stands between him and the conversation of the message. `None`: the app's back end.
    pub editor: Option<SendView<'a>>,
    pub subject: MessageId,
    /// The message, if the editor can see one of this id.
    pub found: Option<&'a Entry>,
    /// What the message says, and what the edit would make of it; `None`: the dialect can't tell.
    pub kinds: Option<(ContentKind, ContentKind)>,
    pub scope: EditScope,
    /// How often it was changed.
    pub edits: usize,
}

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EditRefused {
    #[error(transparent)]
    Send(#[from] SendRefused),
    #[error("editing is off for this app (edit.enabled)")]
    Disabled,
    #[error("there is no message {subject}")]
    NotFound { subject: MessageId },
    #[error("only the sender, an owner or an admin may change a message")]
    NotPermitted,
    #[error("a message of this kind can't be changed, or not in this way")]
    UnsupportedType,
    #[error("the message was changed {limit} times (edit.limit)")]
    LimitReached { limit: u64 },
}

impl Refusal for EditRefused {
    fn condition(&self) -> Condition {
        match self {
            Self::Send(refused) => refused.condition(),
            Self::Disabled => Condition::EditDisabled,
            Self::NotFound { .. } => Condition::MessageNotFound,
            Self::NotPermitted => Condition::EditNotPermitted,
            Self::UnsupportedType => Condition::EditUnsupportedType,
            Self::LimitReached { .. } => Condition::EditLimitReached,
        }
    }

    fn arguments(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Send(refused) => refused.arguments(),
            Self::NotFound { subject } => vec![("message", subject.to_string())],
            Self::LimitReached { limit } => vec![("limit", limit.to_string())],
            Self::Disabled | Self::NotPermitted | Self::UnsupportedType => Vec::new(),
        }
    }
}

/// Decides an edit and answers what it may replace. Order: sender, switch, message (who is not in the group is told so), right
/// (the author; in a group also its owner and admins; the back end), whether he may speak there
/// ([`SendView::may_add`]), type, number.
///
/// Texts and custom messages are changed whole, files, places and combined messages only in their extension, commands not
/// at all (easemob-rest.md 3.9).
///
/// # Errors
/// The first [`EditRefused`].
pub fn decide_edit(view: &EditView<'_>, at: Timestamp) -> Result<EditScope, EditRefused> {
    if let Some(editor) = view.editor {
        check_active(editor.sender)?;
    }
    if !view.settings.edit_enabled {
        return Err(EditRefused::Disabled);
    }
    let message =
        view.found.filter(|message| matches!(message.kind, EntryKind::Message | EntryKind::Command));
    let Some(message) = message else {
        view.editor.as_ref().map_or(Ok(()), SendView::is_in)?;
        return Err(EditRefused::NotFound { subject: view.subject });
    };
    if let Some(editor) = view.editor {
        if message.sender != editor.sender.uid && !editor.is_leader() {
            return Err(EditRefused::NotPermitted);
        }
        editor.may_add(at)?;
    }
    let scope = match view.kinds {
        Some((before, after)) if before == after => match before {
            ContentKind::Text | ContentKind::Custom => view.scope,
            ContentKind::Command => return Err(EditRefused::UnsupportedType),
            _ => EditScope { content: false, ..view.scope },
        },
        _ => return Err(EditRefused::UnsupportedType),
    };
    if scope == (EditScope { content: false, ext: false }) {
        return Err(EditRefused::UnsupportedType);
    }
    if view.edits as u64 >= view.settings.edit_limit {
        return Err(EditRefused::LimitReached { limit: view.settings.edit_limit });
    }
    Ok(scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::User;
    use crate::account::testing::user;
    use crate::message::testing::group;
    use crate::message::{Reach, Recipient};
    use crate::mute::{MuteKind, Mutes, SetMute};
    use model::{DeviceNumber, Dialect, Uid, Username};

    fn entry(kind: EntryKind) -> Entry {
        Entry {
            dialect: Dialect::Easemob,
            sender: Uid(1),
            sender_device: DeviceNumber(1),
            sender_name: Username::parse("alice").unwrap(),
            target_name: Username::parse("bob").unwrap(),
            ..Entry::blank(MessageId(7), kind, Timestamp(1))
        }
    }

    const AT: Timestamp = Timestamp(5);

    fn by<'a>(sender: &'a User, settings: &'a Settings) -> Option<SendView<'a>> {
        let recipient = Recipient::User(None);
        Some(SendView { sender, recipient, directed: &[], reach: Reach::default(), settings })
    }

    const BOTH: EditScope = EditScope { content: true, ext: true };
    const TEXT: Option<(ContentKind, ContentKind)> = Some((ContentKind::Text, ContentKind::Text));

    fn view<'a>(settings: &'a Settings, found: &'a Entry) -> EditView<'a> {
        EditView {
            settings,
            editor: None,
            subject: MessageId(7),
            found: Some(found),
            kinds: TEXT,
            scope: BOTH,
            edits: 0,
        }
    }

    #[test]
    fn every_kind_is_changed_as_far_as_it_may_be() {
        use ContentKind as Kind;
        let (settings, message) = (Settings::default(), entry(EntryKind::Message));
        let ext_only = EditScope { content: false, ext: true };
        let body_only = EditScope { content: true, ext: false };
        for (kind, asked, expected) in [
            (Kind::Text, BOTH, Ok(BOTH)),
            (Kind::Text, body_only, Ok(body_only)),
            (Kind::Custom, BOTH, Ok(BOTH)),
            (Kind::Image, BOTH, Ok(ext_only)),
            (Kind::Image, body_only, Err(EditRefused::UnsupportedType)),
            (Kind::Voice, BOTH, Ok(ext_only)),
            (Kind::Video, BOTH, Ok(ext_only)),
            (Kind::File, BOTH, Ok(ext_only)),
            (Kind::Location, BOTH, Ok(ext_only)),
            (Kind::Combined, BOTH, Ok(ext_only)),
            (Kind::Command, BOTH, Err(EditRefused::UnsupportedType)),
        ] {
            let view = EditView { kinds: Some((kind, kind)), scope: asked, ..view(&settings, &message) };
            assert_eq!(decide_edit(&view, AT), expected, "{kind:?}");
        }
        for kinds in [None, Some((Kind::Text, Kind::Custom))] {
            let view = EditView { kinds, ..view(&settings, &message) };
            assert_eq!(decide_edit(&view, AT), Err(EditRefused::UnsupportedType));
        }
    }

    #[test]
    fn checks_come_in_their_order() {
        let off = Settings { edit_enabled: false, edit_limit: 2, ..Settings::default() };
        let on = Settings { edit_enabled: true, ..off.clone() };
        let (message, recalled) = (entry(EntryKind::Message), entry(EntryKind::Recalled));
        let mutes = Mutes::default().with(MuteKind::Single, SetMute::ForEver, AT);
        let alice = user(1, "alice");
        let inactive = User { active: false, mutes, ..alice.clone() };
        let muted = User { active: true, ..inactive.clone() };
        let other = User { uid: Uid(2), ..muted.clone() };
        let mut view = EditView {
            editor: by(&inactive, &off),
            found: None,
            kinds: None,
            edits: 2,
            ..view(&off, &message)
        };
        assert_eq!(decide_edit(&view, AT), Err(SendRefused::SenderDeactivated.into()));
        view.editor = by(&other, &off);
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::Disabled));
        (view.settings, view.editor) = (&on, by(&other, &on));
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::NotFound { subject: MessageId(7) }));
        let team = group();
        let (user, name) = ("alice".to_owned(), team.public_id.to_string());
        let recipient = Recipient::Group { group: Some(&team), member: None };
        view.editor = by(&other, &on).map(|editor| SendView { recipient, ..editor });
        assert_eq!(decide_edit(&view, AT), Err(SendRefused::NotInGroup { user, group: name }.into()));
        view.editor = by(&other, &on);
        view.found = Some(&recalled);
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::NotFound { subject: MessageId(7) }));
        view.found = Some(&message);
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::NotPermitted));
        view.editor = by(&muted, &on);
        assert_eq!(decide_edit(&view, AT), Err(SendRefused::SenderMuted.into()));
        view.editor = by(&alice, &on);
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::UnsupportedType));
        view.kinds = TEXT;
        assert_eq!(decide_edit(&view, AT), Err(EditRefused::LimitReached { limit: 2 }));
        view.edits = 1;
        assert_eq!(decide_edit(&view, AT), Ok(BOTH));
        view.editor = None;
        assert_eq!(decide_edit(&view, AT), Ok(BOTH), "a back end changes what it likes");
    }
}
