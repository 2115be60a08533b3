//! Recording voice messages: the recorder's states and its limits, over any source of sound.
//!
//! [`Recorder`] is fed samples and says when it is full; [`record`] drives it over an [`AudioInput`]. The only input in
//! this crate reads a WAV file, for tests, bots and systems whose microphone an app reads itself; a device's microphone
//! is one more implementation of the trait.
//!
//! To read on: `recorder` for what may be done when, `input` for where sound comes from, `wav` for the file.

mod input;
mod recorder;
mod wav;

pub use input::{AudioInput, FileInput, record};
pub use recorder::{Recorder, RecorderLimits, RecorderState};
pub use wav::{Recording, SoundFormat};
