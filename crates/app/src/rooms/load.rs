//! How much is said in each chat room right now, so that what matters little gives way ([`domain::group::is_heard`]).

use ahash::AHashMap;
use model::{AppId, GroupId, Timestamp};
use parking_lot::Mutex;

/// Rooms that are held before those in which nothing goes on are forgotten.
const ROOMS: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Loads {
    rooms: Mutex<AHashMap<(AppId, GroupId), Second>>,
}

/// What was said in the present second.
#[derive(Clone, Copy, Debug)]
struct Second {
    begun: u64,
    said: u64,
}

impl Loads {
    /// Counts one more message, if `is_heard` says so of how many were said in this second.
    pub(crate) fn say(
        &self,
        app: AppId,
        room: GroupId,
        now: Timestamp,
        is_heard: impl FnOnce(u64) -> bool,
    ) -> bool {
        let second = now.0 / 1_000;
        let mut rooms = self.rooms.lock();
        if rooms.len() >= ROOMS {
            rooms.retain(|_, load| load.begun == second);
        }
        let load = rooms.entry((app, room)).or_insert(Second { begun: second, said: 0 });
        if load.begun != second {
            *load = Second { begun: second, said: 0 };
        }
        let is_heard = is_heard(load.said);
        load.said += u64::from(is_heard);
        is_heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_room_and_each_second_is_counted_for_itself() {
        let loads = Loads::default();
        let say = |room, at| loads.say(AppId(1), GroupId(room), Timestamp(at), |said| said < 2);
        assert_eq!([say(1, 0), say(1, 1), say(1, 999), say(2, 999)], [true, true, false, true]);
        assert_eq!([say(1, 1_000), say(1, 1_000), say(1, 1_999)], [true, true, false]);
    }
}
