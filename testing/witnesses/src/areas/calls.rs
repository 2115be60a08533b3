//! Calls, as far as signalling, with an engine that has no media.

use anyhow::{Context, Result};
use client::calls::{CallId, Circumstances, LoopbackEngine, Medium, Phone, Ring, Standing};
use client::{Resource, Timestamp, Username, username};
use conditions::Table;

use crate::lab::Lab;
use crate::witness::{Cause, Outcome, Witness, witness};

const JMRTC: &[Table] = &[Table::JmrtcIos];
const BUSY: &[Table] = &[Table::JmrtcIos, Table::AgoraIos];
const NO_CALL: &[Table] = &[Table::AgoraIos, Table::EasemobIosLegacy];

/// Of rows that the documents put down to a server.
const BETWEEN_SDKS: &str =
    "SDKs tell each other of calls in messages; the server has no part in who is in which";

pub(super) const WITNESSES: &[Witness] = &[
    witness!(BUSY, CallAlreadyInSession, called_while_in_a_call).one_sided(BETWEEN_SDKS),
    witness!(NO_CALL, CallIdInvalid, answered_a_call_that_there_is_not).one_sided(BETWEEN_SDKS),
    witness!(JMRTC, CallStateForbids, accepted_while_nothing_rings),
    witness!(JMRTC, CallArgumentInvalid, called_oneself),
    witness!(JMRTC, NotLoggedIn, called_before_the_login),
    witness!(JMRTC, LoginStateAbnormal, called_after_being_kicked).one_sided(BETWEEN_SDKS),
    witness!(JMRTC, CallEngineNotInitialized, called_without_an_engine),
    witness!(JMRTC, CallEngineInitFailed, engine_without_a_microphone),
    witness!(&[Table::JmrtcIos, Table::AgoraIos], CallNetworkError, called_without_a_network),
    witness!(NO_CALL, CallPeerOffline, called_who_is_not_there)
        .one_sided("the server says who is there, and the SDK what that means for a call"),
];

const CALL: CallId = CallId(7);
const NOW: Timestamp = Timestamp(1_000_000);
const WORLD: Circumstances = Circumstances { standing: Standing::LoggedIn, online: true, now: NOW };

fn phone(user: &str) -> Result<Phone<LoopbackEngine>> {
    let mut phone = silent_phone(user, LoopbackEngine::default())?;
    phone.initialise_engine(Standing::LoggedIn)?;
    Ok(phone)
}

fn silent_phone(user: &str, engine: LoopbackEngine) -> Result<Phone<LoopbackEngine>> {
    Ok(Phone::new(username(user)?, Resource::parse("phone").context("a device's name")?, engine))
}

fn peer() -> Result<Vec<Username>> {
    Ok(vec![username("bobby")?])
}

/// Alice's phone starts to ring at bobby's.
fn ringing() -> Result<Phone<LoopbackEngine>> {
    let (mut alice, mut bobby) = (phone("alice")?, phone("bobby")?);
    alice.start(CALL, Medium::Audio, &peer()?, WORLD)?;
    let from = username("alice")?;
    while let Some((_, content)) = alice.poll_send() {
        bobby.receive(Ring { from: &from, content: &content, age: std::time::Duration::ZERO }, NOW);
    }
    Ok(bobby)
}

async fn called_while_in_a_call(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut alice = phone("alice")?;
    if cause.is_present() {
        alice.start(CallId(6), Medium::Audio, &[username("carol")?], WORLD)?;
    }
    Ok(Outcome::of(alice.start(CALL, Medium::Audio, &peer()?, WORLD)))
}

async fn answered_a_call_that_there_is_not(_: &Lab, cause: Cause) -> Result<Outcome> {
    let call = Some(cause.choose(CallId(99), CALL));
    Ok(Outcome::of(ringing()?.accept(call, WORLD)))
}

async fn accepted_while_nothing_rings(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut bobby = cause.choose(phone("bobby")?, ringing()?);
    Ok(Outcome::of(bobby.accept(None, WORLD)))
}

async fn called_oneself(_: &Lab, cause: Cause) -> Result<Outcome> {
    let whom = username(cause.choose("alice", "bobby"))?;
    Ok(Outcome::of(phone("alice")?.start(CALL, Medium::Audio, &[whom], WORLD)))
}

async fn called_who_is_not_there(lab: &Lab, cause: Cause) -> Result<Outcome> {
    let app = lab.app(&[]).await?;
    let [alice, bobby] = app.users(["alice", "bobby"]).await?;
    let sdk = app.sdk_of(&alice).await?;
    let _there = if cause.is_present() { None } else { Some(app.sdk_of(&bobby).await?) };
    let (calls, _told) = sdk.calls(LoopbackEngine::default())?;
    Ok(Outcome::of(calls.start_if_there(&sdk, Medium::Audio, &peer()?).await))
}

async fn start_as(standing: Standing, online: bool) -> Result<Outcome> {
    let world = Circumstances { standing, online, ..WORLD };
    Ok(Outcome::of(phone("alice")?.start(CALL, Medium::Audio, &peer()?, world)))
}

async fn called_before_the_login(_: &Lab, cause: Cause) -> Result<Outcome> {
    start_as(cause.choose(Standing::LoggedOut, Standing::LoggedIn), true).await
}

async fn called_after_being_kicked(_: &Lab, cause: Cause) -> Result<Outcome> {
    start_as(cause.choose(Standing::Abnormal, Standing::LoggedIn), true).await
}

async fn called_without_a_network(_: &Lab, cause: Cause) -> Result<Outcome> {
    start_as(Standing::LoggedIn, cause.choose(false, true)).await
}

async fn called_without_an_engine(_: &Lab, cause: Cause) -> Result<Outcome> {
    let mut alice = silent_phone("alice", LoopbackEngine::default())?;
    if !cause.is_present() {
        alice.initialise_engine(Standing::LoggedIn)?;
    }
    Ok(Outcome::of(alice.start(CALL, Medium::Audio, &peer()?, WORLD)))
}

async fn engine_without_a_microphone(_: &Lab, cause: Cause) -> Result<Outcome> {
    let engine = cause.choose(LoopbackEngine::without_device(), LoopbackEngine::default());
    Ok(Outcome::of(silent_phone("alice", engine)?.initialise_engine(Standing::LoggedIn)))
}
