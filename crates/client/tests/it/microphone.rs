//! The microphone over the system's real sound library, ALSA, whose settings can name a file as the device. They are
//! read from the environment once in a process, so each case runs in a process of its own.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use client::voice::{
    AudioInput as _, Microphone, Recorder, RecorderLimits, RecorderState, SoundFormat, record,
};
use conditions::Condition;

/// What the device plays: a value that tells its place.
fn played(place: usize) -> i16 {
    i16::try_from(place % 10_007).unwrap()
}

/// Runs one of the ignored tests below where the device `default` is what `settings` say.
fn run(case: &str, folder: &Path, settings: &str) -> Output {
    let config = folder.join("alsa.conf");
    std::fs::write(&config, settings).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", case, "--ignored", "--nocapture"])
        .env("ALSA_CONFIG_PATH", &config)
        .output()
        .unwrap()
}

fn assert_passed(output: &Output) {
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn what_the_device_brings_is_recorded_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.raw");
    let samples = 5 * SoundFormat::SPEECH.rate as usize;
    std::fs::write(&sound, (0..samples).flat_map(|place| played(place).to_le_bytes()).collect::<Vec<u8>>())
        .unwrap();
    let settings = format!(
        r#"
        pcm.default {{ type file  slave.pcm {{ type null }}  file "/dev/null"  infile "{}"  format "raw" }}
        "#,
        sound.display()
    );
    assert_passed(&run("microphone::records_two_seconds_twice", folder.path(), &settings));
}

#[test]
fn a_device_that_is_not_there_is_told_as_such() {
    let folder = tempfile::tempdir().unwrap();
    assert_passed(&run("microphone::finds_no_device", folder.path(), "pcm.default { type hw card 99 }"));
}

#[test]
#[ignore = "started by the test above, with ALSA's settings"]
fn records_two_seconds_twice() {
    let mut microphone = Microphone::of_system().unwrap();
    let mut recorder = Recorder::new(RecorderLimits::default());
    for _ in 0..2 {
        let recording =
            record(&mut recorder, &mut microphone, |recorder| recorder.duration() >= Duration::from_secs(2))
                .unwrap();
        assert_eq!(recording.format, SoundFormat::SPEECH);
        assert!(recording.duration() >= Duration::from_secs(2));
        // Behind its end the device repeats the last sample for ever.
        let known = recording.samples.len().min(5 * SoundFormat::SPEECH.rate as usize);
        for (place, sample) in recording.samples[..known].iter().enumerate() {
            assert_eq!(*sample, played(place), "at {place}");
        }
    }
    microphone.start().unwrap();
    assert_eq!(microphone.start().unwrap_err().condition(), Condition::OperationInFlight);
    microphone.stop().unwrap();
    assert_eq!(microphone.next_samples().unwrap_err().condition(), Condition::RecorderNotStarted);
    assert!(microphone.stop().unwrap().is_empty());
}

#[test]
#[ignore = "started by the test above, with ALSA's settings"]
fn finds_no_device() {
    let mut microphone = Microphone::of_system().unwrap();
    let mut recorder = Recorder::new(RecorderLimits::default());
    let error = record(&mut recorder, &mut microphone, |_| false).unwrap_err();
    assert_eq!(error.condition(), Condition::MicrophoneUnavailable, "{error}");
    assert_eq!(error.in_table(client::ErrorTable::EasemobLegacyIos).symbol(), "EMErrorAudioRecordNotStarted");
    assert_eq!(recorder.state(), RecorderState::Idle);
}
