//! What may be done with a recorder when (easemob-ios-legacy 1029 to 1031), and how long a recording may be.

use std::time::Duration;

use conditions::Condition;

use super::{Recording, SoundFormat};
use crate::{Error, Result};

/// How long recordings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecorderLimits {
    /// What is shorter was a slip of the finger.
    pub shortest: Duration,
    /// Then it stops by itself.
    pub longest: Duration,
}

impl Default for RecorderLimits {
    /// One second to one minute, as the vendors' sample apps have it.
    fn default() -> Self {
        Self { shortest: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// Where a recorder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecorderState {
    Idle,
    Recording,
    /// The source was told to stop, and what it still holds is awaited.
    Stopping,
}

/// A recorder without a source of sound.
#[derive(Debug)]
pub struct Recorder {
    limits: RecorderLimits,
    state: RecorderState,
    format: SoundFormat,
    samples: Vec<i16>,
}

impl Recorder {
    pub fn new(limits: RecorderLimits) -> Self {
        Self { limits, state: RecorderState::Idle, format: SoundFormat::SPEECH, samples: Vec::new() }
    }

    pub fn state(&self) -> RecorderState {
        self.state
    }

    /// How much was recorded.
    pub fn duration(&self) -> Duration {
        self.format.duration(self.samples.len())
    }

    /// Begins a recording.
    ///
    /// # Errors
    /// [`Condition::RecorderStopping`] while the last one is being finished, [`Condition::OperationInFlight`] while one
    /// runs.
    pub fn start(&mut self, format: SoundFormat) -> Result<()> {
        match self.state {
            RecorderState::Idle => {}
            RecorderState::Recording => return Err(Error::new(Condition::OperationInFlight)),
            RecorderState::Stopping => return Err(Error::new(Condition::RecorderStopping)),
        }
        self.state = RecorderState::Recording;
        self.format = format;
        self.samples.clear();
        Ok(())
    }

    /// Sound came. True: it is full and the source is to stop. What comes when nothing is recorded is dropped.
    pub fn feed(&mut self, samples: &[i16]) -> bool {
        if self.state == RecorderState::Idle {
            return false;
        }
        let room = self.format.samples(self.limits.longest).saturating_sub(self.samples.len());
        self.samples.extend_from_slice(&samples[..samples.len().min(room)]);
        samples.len() >= room
    }

    /// Ends the recording; what the source still holds may follow until [`Recorder::finish`].
    ///
    /// # Errors
    /// [`Condition::RecorderNotStarted`] when nothing is recorded, [`Condition::RecorderStopping`] when it is being ended.
    pub fn stop(&mut self) -> Result<()> {
        match self.state {
            RecorderState::Idle => Err(Error::new(Condition::RecorderNotStarted)),
            RecorderState::Stopping => Err(Error::new(Condition::RecorderStopping)),
            RecorderState::Recording => {
                self.state = RecorderState::Stopping;
                Ok(())
            }
        }
    }

    /// The source has stopped. The recorder is free again, whatever comes of it.
    ///
    /// # Errors
    /// [`Condition::RecordingTooShort`]; [`Condition::RecorderNotStarted`] before [`Recorder::stop`].
    pub fn finish(&mut self) -> Result<Recording> {
        if self.state != RecorderState::Stopping {
            return Err(Error::new(Condition::RecorderNotStarted));
        }
        self.state = RecorderState::Idle;
        let recording = Recording { format: self.format, samples: std::mem::take(&mut self.samples) };
        if recording.duration() < self.limits.shortest {
            let detail = format!("{} ms", recording.duration().as_millis());
            return Err(Error::new(Condition::RecordingTooShort).with_detail(detail));
        }
        Ok(recording)
    }

    /// Drops the recording.
    ///
    /// # Errors
    /// [`Condition::RecorderNotStarted`].
    pub fn cancel(&mut self) -> Result<()> {
        if self.state == RecorderState::Idle {
            return Err(Error::new(Condition::RecorderNotStarted));
        }
        self.state = RecorderState::Idle;
        self.samples.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorTable;

    fn second() -> Vec<i16> {
        vec![1; SoundFormat::SPEECH.samples(Duration::from_secs(1))]
    }

    #[test]
    fn each_wrong_moment_has_its_code() {
        let legacy = |error: Error| error.in_table(ErrorTable::EasemobLegacyIos).code();
        let mut recorder = Recorder::new(RecorderLimits::default());
        assert_eq!(legacy(recorder.stop().unwrap_err()), Some(1031));
        assert_eq!(legacy(recorder.finish().unwrap_err()), Some(1031));
        assert_eq!(legacy(recorder.cancel().unwrap_err()), Some(1031));
        recorder.start(SoundFormat::SPEECH).unwrap();
        assert_eq!(
            recorder.start(SoundFormat::SPEECH).unwrap_err().condition(),
            Condition::OperationInFlight
        );
        recorder.feed(&second()[1..]);
        recorder.stop().unwrap();
        assert_eq!(legacy(recorder.start(SoundFormat::SPEECH).unwrap_err()), Some(1029));
        assert_eq!(legacy(recorder.stop().unwrap_err()), Some(1029));
        assert_eq!(legacy(recorder.finish().unwrap_err()), Some(1030), "one sample less than a second");
        recorder.start(SoundFormat::SPEECH).unwrap();
        recorder.feed(&second());
        recorder.stop().unwrap();
        assert_eq!(recorder.finish().unwrap().seconds(), 1, "the short one left nothing behind");
    }

    #[test]
    fn what_the_source_still_held_belongs_to_the_recording() {
        let mut recorder = Recorder::new(RecorderLimits::default());
        recorder.start(SoundFormat::SPEECH).unwrap();
        recorder.feed(&second());
        recorder.stop().unwrap();
        recorder.feed(&second());
        assert_eq!(recorder.finish().unwrap().seconds(), 2);
    }

    #[test]
    fn a_recording_ends_by_itself() {
        let mut recorder = Recorder::new(RecorderLimits::default());
        recorder.start(SoundFormat::SPEECH).unwrap();
        let full: Vec<bool> = (0..70).map(|_| recorder.feed(&second())).collect();
        assert_eq!(full.iter().position(|full| *full), Some(59));
        recorder.stop().unwrap();
        assert_eq!(recorder.finish().unwrap().duration(), Duration::from_secs(60));
    }
}
