//! The system's microphones, through cpal: ALSA, CoreAudio, WASAPI. Feature `microphone`.
//!
//! The system's thread brings the sound and must not wait; it puts what came into a [`Basket`], from which
//! [`AudioInput::next_samples`] fetches it. Knows nothing of recorders.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use conditions::Condition;
use cpal::traits::{DeviceTrait as _, HostTrait as _, StreamTrait as _};
use cpal::{ErrorKind, FromSample, Sample as _, SampleFormat, SizedSample, SupportedStreamConfigRange};
use parking_lot::{Condvar, Mutex};

use super::{AudioInput, SoundFormat};
use crate::{Error, Result};

/// A microphone brings sound many times a second. One that is silent for so long is gone, whatever the system says.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);

/// How much unfetched sound is kept. What comes then is dropped.
const KEPT: Duration = Duration::from_secs(60);

/// A microphone of this device. Its sound is mixed down to one channel.
pub struct Microphone {
    device: cpal::Device,
    listening: Option<Listening>,
}

struct Listening {
    /// The system stops when this is dropped.
    stream: cpal::Stream,
    basket: Arc<Basket>,
}

impl Microphone {
    /// The one that the system's settings name.
    ///
    /// # Errors
    /// [`Condition::MicrophoneUnavailable`]: there is none.
    pub fn of_system() -> Result<Self> {
        let device =
            cpal::default_host().default_input_device().ok_or_else(|| unavailable("there is none"))?;
        Ok(Self { device, listening: None })
    }

    /// All of them, to choose from.
    ///
    /// # Errors
    /// [`Condition::MicrophoneUnavailable`], [`Condition::MicrophoneNotPermitted`]: the system does not tell.
    pub fn all() -> Result<Vec<Self>> {
        let devices = cpal::default_host().input_devices().map_err(|error| explained(&error))?;
        Ok(devices.map(|device| Self { device, listening: None }).collect())
    }

    /// What the system calls it.
    pub fn name(&self) -> String {
        self.device.description().map_or_else(|_| "microphone".to_owned(), |about| about.name().to_owned())
    }
}

impl fmt::Debug for Microphone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_listening = self.listening.is_some();
        out.debug_struct("Microphone")
            .field("name", &self.name())
            .field("is_listening", &is_listening)
            .finish()
    }
}

impl AudioInput for Microphone {
    /// # Errors
    /// [`Condition::MicrophoneNotPermitted`]; [`Condition::MicrophoneUnavailable`]: another program has it, it is not
    /// there any more, or gives nothing that we can read; [`Condition::OperationInFlight`]: it listens already.
    fn start(&mut self) -> Result<SoundFormat> {
        if self.listening.is_some() {
            return Err(Error::new(Condition::OperationInFlight));
        }
        let offered = self.device.supported_input_configs().map_err(|error| explained(&error))?;
        let (config, sample) = choose(offered).ok_or_else(|| unavailable("it has no known form of sound"))?;
        let format = SoundFormat { rate: config.sample_rate, channels: 1 };
        let basket = Arc::new(Basket::new(format.samples(KEPT)));
        let stream = match sample {
            SampleFormat::I16 => self.listen::<i16>(config, &basket),
            SampleFormat::I32 => self.listen::<i32>(config, &basket),
            SampleFormat::F32 => self.listen::<f32>(config, &basket),
            SampleFormat::U16 => self.listen::<u16>(config, &basket),
            _ => self.listen::<u8>(config, &basket),
        }?;
        stream.play().map_err(|error| explained(&error))?;
        self.listening = Some(Listening { stream, basket });
        Ok(format)
    }

    /// # Errors
    /// [`Condition::MicrophoneUnavailable`]: it went away, or was silent for five seconds;
    /// [`Condition::RecorderNotStarted`] before [`AudioInput::start`].
    fn next_samples(&mut self) -> Result<Vec<i16>> {
        let listening = self.listening.as_ref().ok_or_else(|| Error::new(Condition::RecorderNotStarted))?;
        listening.basket.fetch()
    }

    fn stop(&mut self) -> Result<Vec<i16>> {
        let Some(Listening { stream, basket }) = self.listening.take() else {
            return Ok(Vec::new());
        };
        // Waits for the system's thread: afterwards nothing comes any more.
        drop(stream);
        Ok(basket.rest())
    }
}

impl Microphone {
    fn listen<S>(&self, config: cpal::StreamConfig, basket: &Arc<Basket>) -> Result<cpal::Stream>
    where
        S: SizedSample,
        i16: FromSample<S>,
    {
        let channels = usize::from(config.channels);
        let (sound, failure) = (Arc::clone(basket), Arc::clone(basket));
        let stream = self.device.build_input_stream(
            config,
            move |samples: &[S], _: &cpal::InputCallbackInfo| sound.put(mixed(samples, channels)),
            move |error| match error.kind() {
                // Goes on: on another device, with a gap, with a thread of common priority.
                ErrorKind::DeviceChanged | ErrorKind::Xrun | ErrorKind::RealtimeDenied => {}
                _ => failure.fail(explained(&error)),
            },
            Some(SILENCE_LIMIT),
        );
        stream.map_err(|error| explained(&error))
    }
}

/// The form of sound nearest to [`SoundFormat::SPEECH`]: the rate counts first, since it is what a file's size comes of,
/// then few channels, then a sample that needs no conversion.
fn choose(
    offered: impl Iterator<Item = SupportedStreamConfigRange>,
) -> Option<(cpal::StreamConfig, SampleFormat)> {
    const SAMPLES: [SampleFormat; 5] =
        [SampleFormat::I16, SampleFormat::I32, SampleFormat::F32, SampleFormat::U16, SampleFormat::U8];
    let speech = SoundFormat::SPEECH.rate;
    offered
        .filter(|range| range.channels() > 0 && range.max_sample_rate() > 0)
        .filter_map(|range| {
            let sample = SAMPLES.iter().position(|sample| *sample == range.sample_format())?;
            let rate = speech.max(range.min_sample_rate()).min(range.max_sample_rate());
            // Less than speech needs is worse than any rate above it.
            let cost = if rate < speech { u32::MAX - rate } else { rate - speech };
            Some(((cost, range.channels(), sample), range.with_sample_rate(rate)))
        })
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, config)| (config.config(), config.sample_format()))
}

/// Frames of several channels as samples of one: their mean.
fn mixed<S>(samples: &[S], channels: usize) -> impl Iterator<Item = i16>
where
    S: SizedSample,
    i16: FromSample<S>,
{
    samples.chunks_exact(channels).map(move |frame| {
        let sum: i64 = frame.iter().map(|sample| i64::from(i16::from_sample(*sample))).sum();
        i16::try_from(sum / channels as i64).expect("a mean lies between the least and the greatest")
    })
}

/// What was heard and not fetched yet.
struct Basket {
    capacity: usize,
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Default)]
struct Heard {
    samples: Vec<i16>,
    failure: Option<Error>,
}

impl Basket {
    fn new(capacity: usize) -> Self {
        Self { capacity, heard: Mutex::default(), changed: Condvar::new() }
    }

    fn put(&self, samples: impl Iterator<Item = i16>) {
        let mut heard = self.heard.lock();
        let room = self.capacity.saturating_sub(heard.samples.len());
        heard.samples.extend(samples.take(room));
        self.changed.notify_one();
    }

    fn fail(&self, error: Error) {
        self.heard.lock().failure.get_or_insert(error);
        self.changed.notify_one();
    }

    /// Waits for sound; what was heard before a failure comes first.
    fn fetch(&self) -> Result<Vec<i16>> {
        let mut heard = self.heard.lock();
        let is_empty = |heard: &mut Heard| heard.samples.is_empty() && heard.failure.is_none();
        self.changed.wait_while_for(&mut heard, is_empty, SILENCE_LIMIT);
        match heard.samples.is_empty() {
            true => Err(heard.failure.clone().unwrap_or_else(|| unavailable("it brings no sound"))),
            false => Ok(std::mem::take(&mut heard.samples)),
        }
    }

    fn rest(&self) -> Vec<i16> {
        std::mem::take(&mut self.heard.lock().samples)
    }
}

fn unavailable(detail: &str) -> Error {
    Error::new(Condition::MicrophoneUnavailable).with_detail(detail)
}

fn explained(error: &cpal::Error) -> Error {
    let condition = match error.kind() {
        ErrorKind::PermissionDenied => Condition::MicrophoneNotPermitted,
        _ => Condition::MicrophoneUnavailable,
    };
    Error::new(condition).with_detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(channels: u16, rates: (u32, u32), sample: SampleFormat) -> SupportedStreamConfigRange {
        let buffer = cpal::SupportedBufferSize::Unknown;
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, buffer, sample)
    }

    fn chosen(offered: &[SupportedStreamConfigRange]) -> Option<(u32, u16, SampleFormat)> {
        let (config, sample) = choose(offered.iter().copied())?;
        Some((config.sample_rate, config.channels, sample))
    }

    #[test]
    fn the_form_nearest_to_speech_is_chosen() {
        let studio = offer(2, (44_100, 192_000), SampleFormat::F32);
        let headset = offer(1, (8_000, 8_000), SampleFormat::I16);
        assert_eq!(chosen(&[studio, headset]), Some((44_100, 2, SampleFormat::F32)));
        assert_eq!(chosen(&[headset]), Some((8_000, 1, SampleFormat::I16)));
        let any = |channels, sample| offer(channels, (1, u32::MAX), sample);
        let offered = [
            any(2, SampleFormat::I16),
            any(1, SampleFormat::F32),
            any(1, SampleFormat::I16),
            studio,
            headset,
        ];
        assert_eq!(chosen(&offered), Some((16_000, 1, SampleFormat::I16)));
        assert_eq!(chosen(&[offer(1, (44_100, 44_100), SampleFormat::DsdU8)]), None, "no samples of sound");
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn channels_are_mixed_down_whatever_the_sample_is() {
        assert_eq!(mixed(&[100_i16, 300, -5, -7], 2).collect::<Vec<_>>(), [200, -6]);
        assert_eq!(
            mixed(&[i16::MIN, i16::MIN, i16::MAX, i16::MAX], 2).collect::<Vec<_>>(),
            [i16::MIN, i16::MAX]
        );
        assert_eq!(mixed(&[0_u8, 128, 255], 1).collect::<Vec<_>>(), [i16::MIN, 0, 127 << 8]);
        assert_eq!(mixed(&[0.5_f32, 9.0, f32::NAN], 1).collect::<Vec<_>>(), [1 << 14, i16::MAX, 0]);
    }

    #[test]
    fn sound_comes_before_the_failure_that_followed_it_and_what_nobody_fetches_is_bounded() {
        let basket = Basket::new(3);
        basket.put([1, 2].into_iter());
        basket.put([3, 4].into_iter());
        basket.fail(Error::new(Condition::MicrophoneNotPermitted));
        basket.fail(Error::new(Condition::MicrophoneUnavailable));
        assert_eq!(basket.fetch().unwrap(), [1, 2, 3]);
        assert_eq!(basket.fetch().unwrap_err().condition(), Condition::MicrophoneNotPermitted);
    }
}
