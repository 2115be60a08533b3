//! Rates: how often something may happen, and when it may happen again.

use std::time::Duration;

use model::Timestamp;

/// One in so much time in the long run, and so many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds until one more may happen.
    step: u64,
    burst: u64,
}

/// Calls that share a rate (easemob-rest.md 6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallClass {
    /// All that has no class of its own.
    Other,
    /// Asking for a token.
    Token,
    /// Deleting users by the page.
    UserDeletion,
    /// Looking up many at once: who is online, blocked, present, where somebody is a member.
    LookUp,
}

/// What back ends send, each kind under a rate of its own (easemob-rest.md 3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PostClass {
    /// Messages to users, one for each receiver.
    Users,
    /// Messages to groups, one for each group.
    Groups,
    /// Parts of streams.
    StreamParts,
    /// Broadcasts to all users in a day, and the time between two.
    Broadcasts,
    BroadcastPause,
    /// The same of broadcasts to those who are there.
    OnlineBroadcasts,
    OnlineBroadcastPause,
    /// Messages to chat rooms, one for each room.
    Rooms,
    /// Broadcasts to all rooms in a day, and in a minute.
    RoomBroadcasts,
    RoomBroadcastsOfMinute,
}

/// What goes on under one rate. A bucket that was never touched is full, and so is one that rested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it will be full again, in microseconds since 1970.
    full_at: u64,
}

impl Rate {
    /// `None`: no limit, which a rate of 0 stands for in settings. At least one may happen at once.
    pub fn new(per_second: u64, burst: u64) -> Option<Self> {
        Self::within(Duration::from_secs(1), per_second, burst)
    }

    /// So many in a time, all of which may come at once.
    pub fn per(time: Duration, count: u64) -> Option<Self> {
        Self::within(time, count, count)
    }

    fn within(time: Duration, count: u64, burst: u64) -> Option<Self> {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        (count > 0).then(|| Self { step: (time / count).max(1), burst: burst.max(1) })
    }

    /// As [`Rate::new`], where a second's worth may come at once.
    pub fn per_second(per_second: u64) -> Option<Self> {
        Self::new(per_second, per_second)
    }

    /// Microseconds in which an empty bucket fills.
    fn span(self) -> u64 {
        self.step.saturating_mul(self.burst)
    }
}

impl Bucket {
    /// Takes one, if there is one.
    ///
    /// # Errors
    /// The time until there is one.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<(), Duration> {
        self.take_many(rate, 1, now)
    }

    /// Takes several, all or none. More than a full bucket holds are as many as it holds, so that they pass some time.
    ///
    /// # Errors
    /// The time until there are so many.
    pub fn take_many(&mut self, rate: Rate, count: u64, now: Timestamp) -> Result<(), Duration> {
        let now = now.0.saturating_mul(1_000);
        // A clock that was set back, or a rate that was raised, must not make anybody wait for longer than a full span.
        let full_at = self.full_at.clamp(now, now.saturating_add(rate.span()));
        let after = full_at.saturating_add(rate.step.saturating_mul(count.min(rate.burst)));
        let latest = now.saturating_add(rate.span());
        if after > latest {
            return Err(Duration::from_micros(after - latest));
        }
        self.full_at = after;
        Ok(())
    }

    /// Whether it is as good as one that was never touched.
    pub fn is_full(&self, now: Timestamp) -> bool {
        self.full_at <= now.0.saturating_mul(1_000)
    }
}

/// Calls counted minute by minute, for vendors that tell callers how many are left (jmessage.md 1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Milliseconds since 1970.
    began: u64,
    taken: u64,
}

/// What is left of a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls of a minute; 0: there is no limit.
    pub limit: u64,
    pub left: u64,
    /// Until the next minute begins.
    pub reset: Duration,
    pub is_admitted: bool,
}

impl Minute {
    const MS: u64 = 60_000;

    /// Counts a call. One that is refused is not counted.
    pub fn take(&mut self, limit: u64, now: Timestamp) -> Allowance {
        let is_over = now.0 < self.began || now.0 - self.began >= Self::MS;
        if is_over {
            *self = Self { began: now.0, taken: 0 };
        }
        let is_admitted = limit == 0 || self.taken < limit;
        self.taken += u64::from(is_admitted);
        Allowance {
            limit,
            left: limit.saturating_sub(self.taken),
            reset: Duration::from_millis(Self::MS - (now.0 - self.began)),
            is_admitted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_795_220_913_376);

    /// How many may be taken at once.
    fn taken(bucket: &mut Bucket, rate: Rate, now: Timestamp) -> usize {
        (0..10_000).take_while(|_| bucket.take(rate, now).is_ok()).count()
    }

    #[test]
    fn a_burst_goes_through_and_then_the_rate_holds() {
        let rate = Rate::new(50, 1_000).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, rate, START), 1_000);
        assert_eq!(bucket.take(rate, START), Err(Duration::from_millis(20)));
        let later = START.plus(Duration::from_secs(1));
        assert_eq!(taken(&mut bucket, rate, later), 50);
        assert!(!bucket.is_full(later));
        assert!(bucket.is_full(later.plus(Duration::from_secs(20))));
        assert_eq!(taken(&mut bucket, rate, later.plus(Duration::from_secs(900))), 1_000);
    }

    #[test]
    fn the_time_to_wait_is_enough_and_not_more() {
        let rate = Rate::per_second(3).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, rate, START), 3);
        let wait = bucket.take(rate, START).unwrap_err();
        let early = START.plus(wait - Duration::from_millis(1));
        assert!(bucket.take(rate, early).is_err());
        assert_eq!(bucket.take(rate, START.plus(wait + Duration::from_millis(1))), Ok(()));
    }

    #[test]
    fn several_are_taken_together_or_not_at_all() {
        let minute = Rate::per(Duration::from_secs(60), 600).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take_many(minute, 500, START), Ok(()));
        assert_eq!(bucket.take_many(minute, 200, START), Err(Duration::from_secs(10)));
        assert_eq!(bucket.take_many(minute, 100, START), Ok(()));
        let later = START.plus(Duration::from_secs(60));
        assert_eq!(
            bucket.take_many(minute, 10_000, later),
            Ok(()),
            "what is more than a minute's is a minute's"
        );
        assert_eq!(bucket.take(minute, later), Err(Duration::from_millis(100)));
        let day = Rate::per(Duration::from_secs(86_400), 3).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, day, START), 3);
        assert_eq!(bucket.take(day, START), Err(Duration::from_secs(8 * 60 * 60)));
    }

    #[test]
    fn a_minute_holds_its_calls_and_the_next_one_as_many() {
        let mut minute = Minute::default();
        let first = minute.take(2, START);
        assert_eq!((first.left, first.reset, first.is_admitted), (1, Duration::from_secs(60), true));
        let later = START.plus(Duration::from_secs(20));
        assert!(minute.take(2, later).is_admitted);
        let refused = minute.take(2, later);
        assert_eq!((refused.left, refused.reset, refused.is_admitted), (0, Duration::from_secs(40), false));
        assert!(minute.take(2, START.plus(Duration::from_secs(60))).is_admitted);
        assert!(minute.take(0, later).is_admitted, "zero is no limit");
        assert!(
            minute.take(2, Timestamp(1)).is_admitted,
            "nor does a clock that was set back lock anybody out"
        );
    }

    // reliability.md row 49
    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer_than_an_empty_bucket_does() {
        let rate = Rate::per_second(10).unwrap();
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, rate, START), 10);
        let wait = bucket.take(rate, Timestamp(5_000)).unwrap_err();
        assert!(wait <= Duration::from_millis(100), "{wait:?}");
    }

    #[test]
    fn zero_is_no_limit_and_one_always_fits() {
        assert_eq!(Rate::per_second(0), None);
        let rate = Rate::new(1, 0).unwrap();
        assert_eq!(taken(&mut Bucket::default(), rate, START), 1);
        let huge = Rate::new(u64::MAX, u64::MAX).unwrap();
        assert_eq!(taken(&mut Bucket::default(), huge, START), 10_000);
    }
}
