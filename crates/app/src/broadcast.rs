//! Sends a message of the app's back end to all of its users, or to all who are there. It is done when the call is
//! answered: whoever is to get it has it then.

use std::sync::Arc;

use conditions::Condition;
use domain::post::Post;
use model::{AppId, MessageId, limits};

use crate::groups::GroupRef;
use crate::{Compose, Error, Tenant, UseCases};

/// Whom a broadcast is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receivers {
    Everybody,
    /// Who has a connection to this node.
    Connected,
    /// The chat rooms in which somebody is.
    Rooms,
}

/// The broadcast that an app has under way; the next one waits for its end.
struct UnderWay<'a> {
    use_cases: &'a UseCases,
    app: AppId,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.use_cases.broadcasts.lock().remove(&self.app);
    }
}

impl UseCases {
    /// Sends in pages of users, oldest first; who registers meanwhile gets it too. Answers with the broadcast's id,
    /// which is no message's.
    ///
    /// # Errors
    /// `service_not_enabled`; `rate_limited` while another broadcast of the app is under way, those of [`UseCases::post_message`]; after a fault
    /// some have got it.
    pub async fn broadcast(
        &self,
        app: &Tenant,
        author: &str,
        receivers: Receivers,
        post: &Post,
        compose: Arc<Compose>,
    ) -> Result<MessageId, Error> {
        if !app.value.settings.broadcast_enabled {
            let feature = "message broadcast".to_owned();
            return Err(Error::refused(Condition::ServiceNotEnabled, vec![("feature", feature)]));
        }
        if !self.broadcasts.lock().insert(app.value.id) {
            return Err(Error::plain(Condition::RateLimited));
        }
        let _under_way = UnderWay { use_cases: self, app: app.value.id };
        let id = self.ids.next(self.now()).await?;
        match receivers {
            Receivers::Everybody => {
                let mut after = None;
                loop {
                    let page = self.list_users(app, after, limits::USERS_PAGE).await?;
                    let names = page.accounts.iter().map(|account| account.user.name.to_string()).collect();
                    self.post_message(app, author, names, post, Arc::clone(&compose)).await?;
                    match page.next {
                        Some(next) => after = Some(next),
                        None => return Ok(id),
                    }
                }
            }
            Receivers::Connected => {
                for uids in self.online.users(app.value.id).chunks(limits::USERS_PAGE) {
                    let mut names = Vec::with_capacity(uids.len());
                    for uid in uids {
                        let account = self.store.users.get(app.value.id, *uid).await?;
                        names.extend(account.map(|account| account.user.name.to_string()));
                    }
                    self.post_message(app, author, names, post, Arc::clone(&compose)).await?;
                }
                Ok(id)
            }
            Receivers::Rooms => {
                for room in self.leases.rooms(app.value.id) {
                    let Some(stored) = self.store.groups.get(app.value.id, room).await? else { continue };
                    let room = [GroupRef::room(stored.group.public_id.as_str())];
                    match self.post_to_groups(app, author, &room, None, post, Arc::clone(&compose)).await {
                        // Of rooms that are switched off nobody hears.
                        Err(error) if error.condition() == Condition::GroupDisabled => {}
                        sent => drop(sent?),
                    }
                }
                Ok(id)
            }
        }
    }
}
