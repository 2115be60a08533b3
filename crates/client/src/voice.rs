//! Recording voice messages: the recorder's states and its limits, over any source of sound.
//!
//! [`Recorder`] is fed samples and says when it is full; [`record`] drives it over an [`AudioInput`]: a `Microphone`
//! (feature `microphone`), a WAV file for tests and bots ([`FileInput`]), or what an app brings.
//!
//! To read on: `recorder` for what may be done when, `input` for where sound comes from, `wav` for the file.

mod input;
#[cfg(feature = "microphone")]
mod microphone;
mod recorder;
mod wav;

pub use input::{AudioInput, FileInput, record};
#[cfg(feature = "microphone")]
pub use microphone::Microphone;
pub use recorder::{Recorder, RecorderLimits, RecorderState};
pub use wav::{Recording, SoundFormat};
