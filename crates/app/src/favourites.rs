//! Keeps, changes, lists and drops users' favourites.

use conditions::Condition;
use domain::favourite::{
    Favourite, FavouriteLine, FavouriteRefused, check_ext, check_favourites, decide_drop, decide_keep,
};
use model::{Timestamp, limits};

use crate::{Error, TRIES, Tenant, UseCases, random};

/// Which favourites are asked for.
#[derive(Clone, Debug, Default)]
pub struct ListFavourites {
    /// One to begin with: those of its time and, in the direction of the list, later ones. Its time takes the place of
    /// `since` and `until`.
    pub id: Option<String>,
    /// Created at or after, and at or before.
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub kind: Option<i64>,
    /// The oldest first.
    pub is_ascending: bool,
    /// At most [`limits::FAVOURITES_PAGE`].
    pub limit: usize,
}

impl UseCases {
    /// Keeps things for a user. One without an id gets one; one whose id is known takes the other's place.
    ///
    /// # Errors
    /// `user_not_found`, those of [`decide_keep`]; faults.
    pub async fn keep_favourites(
        &self,
        app: &Tenant,
        user: &str,
        new: &[NewFavourite],
    ) -> Result<Vec<Favourite>, Error> {
        let (id, now) = (app.value.id, self.now());
        let new: Vec<Favourite> = new.iter().map(|new| new.as_favourite(now)).collect();
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let stored = self.store.favourites.lines(id, account.user.uid).await?;
            let lines = decide_keep(&app.value.settings, &stored.lines, &new)?;
            if self.store.favourites.write(id, &account, &stored, &lines, (&new, &[])).await? {
                return Ok(new);
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Gives one of a user's favourites another own field.
    ///
    /// # Errors
    /// `user_not_found`, those of [`check_ext`], `favourite_not_found`; faults.
    pub async fn change_favourite(
        &self,
        app: &Tenant,
        user: &str,
        favourite: &str,
        ext: &str,
    ) -> Result<Favourite, Error> {
        let (id, now) = (app.value.id, self.now());
        check_ext(&app.value.settings, ext)?;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let stored = self.store.favourites.lines(id, account.user.uid).await?;
            let found = self.store.favourites.get(id, account.user.uid, &[favourite]).await?.pop();
            let found = found.ok_or(FavouriteRefused::NotFound)?;
            let changed = [Favourite { ext: ext.to_owned(), updated: now, ..found }];
            if self.store.favourites.write(id, &account, &stored, &stored.lines, (&changed, &[])).await? {
                let [changed] = changed;
                return Ok(changed);
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// Drops some of a user's favourites; those that are not there are passed over.
    ///
    /// # Errors
    /// `user_not_found`, those of [`decide_drop`]; faults.
    pub async fn drop_favourites(&self, app: &Tenant, user: &str, ids: &[String]) -> Result<(), Error> {
        let id = app.value.id;
        for _ in 0..TRIES {
            let account = self.get_user(app, user).await?;
            let stored = self.store.favourites.lines(id, account.user.uid).await?;
            let stay = decide_drop(&app.value.settings, &stored.lines, ids)?;
            if self.store.favourites.write(id, &account, &stored, &stay, (&[], ids)).await? {
                return Ok(());
            }
            self.store.users.forget(id, account.user.uid);
        }
        Err(Error::plain(Condition::WriteConflict))
    }

    /// A user's favourites.
    ///
    /// # Errors
    /// `user_not_found`, `service_not_enabled`, `favourite_not_found` for an id that he has not; faults.
    pub async fn list_favourites(
        &self,
        app: &Tenant,
        user: &str,
        asked: &ListFavourites,
    ) -> Result<Vec<Favourite>, Error> {
        let (id, uid) = (app.value.id, self.get_user(app, user).await?.user.uid);
        check_favourites(&app.value.settings)?;
        let mut lines = self.store.favourites.lines(id, uid).await?.lines;
        let (since, until) = match &asked.id {
            None => (asked.since, asked.until),
            Some(first) => {
                let first = lines.iter().find(|line| line.id == *first).ok_or(FavouriteRefused::NotFound)?;
                let at = Some(first.created);
                if asked.is_ascending { (at, None) } else { (None, at) }
            }
        };
        let is_wanted = |line: &FavouriteLine| {
            since.is_none_or(|since| line.created >= since)
                && until.is_none_or(|until| line.created <= until)
                && asked.kind.is_none_or(|kind| line.kind == kind)
        };
        lines.retain(is_wanted);
        lines.sort_by_key(|line| line.created);
        if !asked.is_ascending {
            lines.reverse();
        }
        lines.truncate(asked.limit.clamp(1, limits::FAVOURITES_PAGE));
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        Ok(self.store.favourites.get(id, uid, &ids).await?)
    }
}

/// Something to keep, as a caller hands it in.
#[derive(Clone, Debug, Default)]
pub struct NewFavourite {
    pub id: Option<String>,
    pub kind: i64,
    pub data: String,
    pub ext: String,
    /// `None`: now.
    pub created: Option<Timestamp>,
}

impl NewFavourite {
    fn as_favourite(&self, now: Timestamp) -> Favourite {
        Favourite {
            id: self.id.clone().unwrap_or_else(random::uuid),
            kind: self.kind,
            data: self.data.clone(),
            ext: self.ext.clone(),
            created: self.created.unwrap_or(now),
            updated: now,
        }
    }
}
