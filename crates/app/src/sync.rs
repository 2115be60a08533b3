//! What a device lacks: which feeds have more for it, their pages, and how far it is.

use model::{AppId, ConversationId, Delivery, DeviceNumber, Entry, Feed, Seq, Uid, Username};

use store::FollowedFeed;

use crate::{Error, UseCases};

/// A feed that has more than the device acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFeed {
    pub feed: Feed,
    /// The peer of a one-to-one conversation, or the group's public id; `None` for the user's event log.
    pub peer: Option<Username>,
    pub position: Seq,
    pub head: Seq,
}

impl UseCases {
    /// Everything that a user follows, with the positions of one device; his event log comes first.
    ///
    /// # Errors
    /// Faults.
    pub async fn followed_feeds(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
    ) -> Result<Vec<FollowedFeed>, Error> {
        Ok(self.store.inboxes.list(app, uid, device).await?)
    }

    /// Those of the followed feeds that have more for the device, in their order.
    ///
    /// # Errors
    /// Faults.
    pub async fn pending_feeds(
        &self,
        app: AppId,
        followed: Vec<FollowedFeed>,
    ) -> Result<Vec<PendingFeed>, Error> {
        let mut feeds = self.feeds_with_heads(app, followed).await?;
        feeds.retain(|feed| feed.head > feed.position);
        Ok(feeds)
    }

    /// Feeds with the places of a device in them, whether or not there is more by now.
    ///
    /// # Errors
    /// Faults.
    pub async fn feeds_with_heads(
        &self,
        app: AppId,
        followed: Vec<FollowedFeed>,
    ) -> Result<Vec<PendingFeed>, Error> {
        let feeds: Vec<Feed> = followed.iter().map(|followed| followed.feed).collect();
        let heads = self.store.feeds.heads(app, &feeds).await?;
        let with_heads = followed.into_iter().zip(heads);
        let pending = with_heads.map(|(FollowedFeed { feed, position, peer }, head)| PendingFeed {
            feed,
            peer,
            position,
            head,
        });
        Ok(pending.collect())
    }

    /// Entries of a feed after a position, oldest first, at most `limit`, and the last sequence that the feed has.
    ///
    /// # Errors
    /// Faults.
    pub async fn page(
        &self,
        app: AppId,
        feed: Feed,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<(Seq, Entry)>, Seq), Error> {
        let entries = self.store.feeds.page(app, feed, after, limit).await?;
        let head = self.store.feeds.head(app, feed).await?;
        Ok((entries, head))
    }

    /// The last sequence of a feed.
    ///
    /// # Errors
    /// Faults.
    pub async fn head(&self, app: AppId, feed: Feed) -> Result<Seq, Error> {
        Ok(self.store.feeds.head(app, feed).await?)
    }

    /// How far a device is in a feed. In rooms nobody keeps a place: what was said is not said again.
    ///
    /// # Errors
    /// Faults.
    pub async fn position(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        feed: Feed,
    ) -> Result<Seq, Error> {
        if let Feed::Conversation(ConversationId::Room(_)) = feed {
            return self.head(app, feed).await;
        }
        Ok(self.store.inboxes.position(app, uid, device, feed).await?)
    }

    /// How far a connection is in a feed that it does not hold when it hears of something there.
    ///
    /// # Errors
    /// Faults.
    pub async fn position_at_news(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        news: &Delivery,
    ) -> Result<Seq, Error> {
        Ok(self.store.inboxes.position_at_news(app, uid, device, news.feed, news.seq).await?)
    }

    /// As [`UseCases::position_at_news`], if that needs no read.
    pub fn position_at_news_in_memory(
        &self,
        app: AppId,
        uid: Uid,
        device: DeviceNumber,
        news: &Delivery,
    ) -> Option<Seq> {
        self.store.inboxes.position_at_news_in_memory(app, uid, device, news.feed, news.seq)
    }

    /// A device has everything of a feed up to `seq`. Kept in memory and written behind: a crash may
    /// deliver again, never lose.
    pub fn acknowledge(&self, app: AppId, uid: Uid, device: DeviceNumber, feed: Feed, seq: Seq) {
        self.store.inboxes.acknowledge(app, uid, device, feed, seq);
    }
}
