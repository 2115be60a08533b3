//! WAV files: the one form of sound that needs no codec.

use std::time::Duration;

use conditions::Condition;

use crate::{Error, Result};

const HEADER_BYTES: usize = 44;
const SAMPLE_BYTES: u16 = 2;

/// How sound is sampled: 16 bits, interleaved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundFormat {
    /// Samples of one channel in a second.
    pub rate: u32,
    pub channels: u16,
}

impl SoundFormat {
    /// What speech needs: 16 000 samples a second, one channel.
    pub const SPEECH: Self = Self { rate: 16_000, channels: 1 };

    /// How long so many samples last.
    pub fn duration(self, samples: usize) -> Duration {
        let a_second = u64::from(self.rate.max(1)) * u64::from(self.channels.max(1));
        Duration::from_micros((samples as u64).saturating_mul(1_000_000) / a_second)
    }

    /// How many samples such a time has.
    pub fn samples(self, time: Duration) -> usize {
        let samples = time.as_micros() * u128::from(self.rate) * u128::from(self.channels) / 1_000_000;
        usize::try_from(samples).unwrap_or(usize::MAX)
    }
}

/// A finished recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    pub format: SoundFormat,
    pub samples: Vec<i16>,
}

impl Recording {
    /// How long it is.
    pub fn duration(&self) -> Duration {
        self.format.duration(self.samples.len())
    }

    /// Whole seconds, at least one: what a voice message says about itself.
    pub fn seconds(&self) -> u32 {
        u32::try_from(self.duration().as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1)
    }

    /// As a WAV file.
    pub fn to_wav(&self) -> Vec<u8> {
        let data = u32::try_from(self.samples.len() * usize::from(SAMPLE_BYTES)).unwrap_or(u32::MAX);
        let frame = self.format.channels * SAMPLE_BYTES;
        let mut out = Vec::with_capacity(HEADER_BYTES + self.samples.len() * usize::from(SAMPLE_BYTES));
        out.extend_from_slice(b"RIFF");
        out.extend_from_slice(&data.saturating_add(36).to_le_bytes());
        out.extend_from_slice(b"WAVEfmt ");
        out.extend_from_slice(&16_u32.to_le_bytes());
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&self.format.channels.to_le_bytes());
        out.extend_from_slice(&self.format.rate.to_le_bytes());
        out.extend_from_slice(&(self.format.rate.saturating_mul(u32::from(frame))).to_le_bytes());
        out.extend_from_slice(&frame.to_le_bytes());
        out.extend_from_slice(&(SAMPLE_BYTES * 8).to_le_bytes());
        out.extend_from_slice(b"data");
        out.extend_from_slice(&data.to_le_bytes());
        out.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        out
    }

    /// Reads a WAV file of 16-bit samples.
    ///
    /// # Errors
    /// [`Condition::FileInvalid`].
    pub fn from_wav(bytes: &[u8]) -> Result<Self> {
        parse(bytes).ok_or_else(|| {
            Error::new(Condition::FileInvalid).with_detail("it is no WAV file of 16-bit samples")
        })
    }
}

fn parse(bytes: &[u8]) -> Option<Recording> {
    if bytes.get(..4)? != b"RIFF" || bytes.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = &bytes[12..];
    let mut format = None;
    loop {
        let (name, after) = rest.split_at_checked(4)?;
        let (length, after) = after.split_at_checked(4)?;
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        // Recorders that were cut off name more bytes than there are.
        let length = length.min(after.len());
        let (chunk, after) = after.split_at(length);
        match name {
            b"fmt " => format = Some(sound_format(chunk)?),
            b"data" => {
                let pairs = chunk.chunks_exact(2);
                let samples = pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
                return Some(Recording { format: format?, samples });
            }
            _ => {}
        }
        // Chunks begin at even places.
        rest = after.get(length % 2..)?;
    }
}

fn sound_format(chunk: &[u8]) -> Option<SoundFormat> {
    let word = |at: usize| Some(u16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
    let rate = u32::from_le_bytes(chunk.get(4..8)?.try_into().ok()?);
    let (kind, channels, bits) = (word(0)?, word(2)?, word(14)?);
    let is_plain = kind == 1 && bits == 16 && (1..=8).contains(&channels) && (1..=384_000).contains(&rate);
    is_plain.then_some(SoundFormat { rate, channels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_as_it_was_written() {
        let recording = Recording { format: SoundFormat::SPEECH, samples: (0..16_001).collect() };
        let wav = recording.to_wav();
        assert_eq!(crate::media::Format::of(&wav), crate::media::Format::Wav);
        assert_eq!(Recording::from_wav(&wav).unwrap(), recording);
        assert_eq!(recording.seconds(), 2, "a second and a bit");
        for cut in 0..HEADER_BYTES {
            assert_eq!(Recording::from_wav(&wav[..cut]).unwrap_err().condition(), Condition::FileInvalid);
        }
        assert_eq!(Recording::from_wav(&wav[..100]).unwrap().samples.len(), 28, "cut off while recording");
    }
}
