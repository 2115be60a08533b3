//! Puts a message that was said elsewhere, before, into the history of those whom it was for (easemob-rest.md 3.9).

use std::sync::Arc;

use conditions::Condition;
use domain::message::SendAccepted;
use domain::post::{Import, PostTarget, decide_import};
use model::{ConversationId, ConversationKind, GroupKind, MessageId};
use store::Written;

use crate::post_message::PostAuthor;
use crate::{Compose, ConversationName, Error, TRIES, Tenant, UseCases};

impl UseCases {
    /// Stores the message, and tells nobody: it is found when history is read, and opens the conversation in the lists of
    /// both sides. Its place among others is by the time of the call, so a back end imports what is old before its users talk.
    ///
    /// # Errors
    /// `user_not_found` or `group_not_found` for whom it was for; `argument_invalid` for the author's name or the time,
    /// `message_too_large`; faults.
    pub async fn import_message(
        &self,
        app: &Tenant,
        author: &str,
        target: &ConversationName,
        import: &Import,
        compose: Arc<Compose>,
    ) -> Result<MessageId, Error> {
        let (author, app_id) = (self.author(app, author).await?, app.value.id);
        for _ in 0..TRIES {
            let author = author.current(self, app).await?;
            let (facts, now) = (author.facts(app), self.now());
            let id = self.ids.next(now).await?;
            let decide = |target: PostTarget<'_>| {
                let payload = compose(author.as_author().name(), target.name().as_str());
                decide_import(&app.value.settings, import, &author.as_author(), target, payload, now, id)
            };
            let (accepted, facts) = if target.kind == ConversationKind::Single {
                let user = self.get_user(app, &target.name).await?;
                (
                    decide(PostTarget::User { user: &user.user, are_contacts: false })?,
                    facts.account(app_id, &user),
                )
            } else {
                let group = self.find_any_group(app, &target.name).await?;
                let Some(group) = group.filter(|group| group.group.kind != GroupKind::Room) else {
                    let name = domain::account::printable(&target.name);
                    return Err(Error::refused(Condition::GroupNotFound, vec![("group", name)]));
                };
                let target = PostTarget::Group { group: &group.group, directed: None };
                (decide(target)?, facts.group(app_id, &group))
            };
            match self.store.feeds.append_post(app_id, &accepted, &facts, false).await? {
                Written::Done(_) => return Ok(id),
                Written::FactsMoved => self.forget_post(app, &author, &accepted),
            }
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Drops what is held in memory of those whose facts moved.
    fn forget_post(&self, app: &Tenant, author: &PostAuthor, accepted: &SendAccepted) {
        let (app, author) = (app.value.id, author.as_author().uid());
        self.store.users.forget(app, author);
        match accepted.conversation {
            ConversationId::Single { low, high } => {
                self.store.users.forget(app, low);
                self.store.users.forget(app, high);
            }
            ConversationId::Group(group) | ConversationId::Room(group) => {
                self.store.groups.forget(app, group, author);
            }
        }
    }
}
