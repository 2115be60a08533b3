//! Whole clients by seed: the shell with its core, its line and its outbox, against the server's own sessions, in memory and
//! on one clock. Frames are late, sockets break with what is on them, the server starts again, and processes die, also in the
//! middle of a write to their database, which the next one opens. A seed repeats a run:
//! `KITH_SEED=7 cargo nextest run -p client shell::storm`, and `KITH_SEED=1-300` runs so many of them.
//!
//! The simulator chooses what happens next wherever the shell waits for several things ([`super::actor::Actor::step`]).
//! `world` is where it happens, `apps` what the users do, `verdict` what must hold in the end.

mod apps;
mod verdict;
mod world;

use std::time::Duration;

use world::World;

/// Runs a seed and gives what happened.
fn storm(seed: u64) -> String {
    let mut world = World::new(seed);
    world.run_until(Duration::from_secs(40 + world.dice.below(20)));
    world.calm_down();
    // Once while bob has left the room, and once when both are in it to stay.
    for pause in [20, 40] {
        world.run_until(world.now + Duration::from_secs(pause));
        world.restart_server();
    }
    world.run_until(world.now + Duration::from_secs(90));
    world.end();
    verdict::check(&world);
    format!("{}{:?}", world.log, world.paper.lock())
}

#[test]
fn nothing_is_lost_doubled_or_overtaken_whatever_breaks_and_whoever_dies_when() {
    // The last ones: receipts that came before the answer to what they are about.
    let usual = (1..=8).chain([34, 44]);
    let Ok(seeds) = std::env::var("KITH_SEED") else { return usual.for_each(|seed| drop(storm(seed))) };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match seeds.split_once('-') {
        Some((first, last)) => (number(first)..=number(last)).for_each(|seed| drop(storm(seed))),
        None => println!("{}", storm(number(&seeds))),
    }
}

#[test]
fn a_seed_repeats_what_happened() {
    assert_eq!(storm(5), storm(5));
}
