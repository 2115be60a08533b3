//! Who may make chat rooms where not everybody may: the app's super admins.

use domain::app::RoomMakers;
use domain::group::{GroupRefused, Person};
use domain::hook::PlaceChange;
use model::{GroupKind, Uid};

use crate::{By, Error, Tenant, UseCases};

impl UseCases {
    /// The names of super admins, the longest registered first; `skipped` pages of `size` are passed over.
    ///
    /// # Errors
    /// Faults.
    pub async fn room_makers(&self, app: &Tenant, skipped: usize, size: usize) -> Result<Vec<String>, Error> {
        let mut after = None;
        for _ in 0..skipped {
            let page = self.store.rooms.makers(app.value.id, after, size).await?;
            match page.last() {
                Some(last) if page.len() == size => after = Some(last.uid),
                _ => return Ok(Vec::new()),
            }
        }
        let page = self.store.rooms.makers(app.value.id, after, size).await?;
        Ok(page.into_iter().map(|person| person.name.to_string()).collect())
    }

    /// Makes a user a super admin, or takes that from him; asking again changes nothing.
    ///
    /// # Errors
    /// `member_not_registered`; faults.
    pub async fn set_room_maker(&self, app: &Tenant, name: &str, may: bool) -> Result<(), Error> {
        let Some(account) = self.find_user(app, name).await? else {
            return Err(GroupRefused::UserNotFound { user: domain::account::printable(name) }.into());
        };
        let (id, person) = (app.value.id, Person::from(&account.user));
        if self.store.rooms.is_maker(id, person.uid).await? == may {
            return Ok(());
        }
        let change = PlaceChange::SuperAdmin { user: person.name.to_string(), may };
        let everywhere = (GroupKind::Room, String::new());
        let notice = self.place_notice(app, &By::back_end(), everywhere, change).await?;
        Ok(self.store.rooms.set_maker(id, &person, may, notice.as_deref()).await?)
    }

    /// Whether a user may make rooms, looked up only where it matters.
    pub(super) async fn may_make_rooms(&self, app: &Tenant, uid: Uid) -> Result<bool, Error> {
        match app.value.settings.room_makers {
            RoomMakers::Everyone => Ok(true),
            RoomMakers::SuperAdmins => Ok(self.store.rooms.is_maker(app.value.id, uid).await?),
        }
    }
}
