use super::*;

const NOW: Timestamp = Timestamp(1_000_000);
const NOON: u16 = 12 * 60;

fn bind(device: &str, notifier: &str, token: &str) -> Bind {
    Bind { device: device.to_owned(), notifier: notifier.to_owned(), token: token.to_owned() }
}

fn bound(profile: &PushProfile, device: &str, notifier: &str, token: &str) -> PushProfile {
    decide_bind(profile, &bind(device, notifier, token), &[]).unwrap()
}

fn tokens(profile: &PushProfile) -> Vec<&str> {
    profile.bindings.iter().map(|binding| binding.token.as_str()).collect()
}

#[test]
fn a_device_has_one_token_for_each_provider_and_loses_one_or_all() {
    let profile = bound(&PushProfile::default(), "phone", "fcm", "t1");
    let profile = bound(&profile, "phone", "fcm", "t2");
    let profile = bound(&profile, "phone", "apns", "t3");
    let profile = bound(&profile, "tablet", "fcm", "t4");
    assert_eq!(tokens(&profile), ["t2", "t3", "t4"]);
    assert_eq!(tokens(&bound(&profile, "new", "fcm", "t4")), ["t2", "t3", "t4"], "the token moved");
    assert_eq!(tokens(&bound(&profile, "phone", "fcm", "")), ["t3", "t4"]);
    assert_eq!(tokens(&bound(&profile, "phone", "", "")), ["t4"]);
    assert_eq!(tokens(&bound(&profile, "other", "", "")).len(), 3, "nothing to unbind is no fault");
    let never = decide_bind(&profile, &bind("tablet", "apns", ""), &[]);
    assert_eq!(never, Err(PushRefused::NotBound));
}

#[test]
fn the_oldest_of_too_many_devices_goes() {
    let mut profile = PushProfile::default();
    for number in 0..=BINDINGS_LIMIT {
        profile = bound(&profile, &format!("d{number}"), "fcm", &format!("t{number}"));
    }
    assert_eq!((profile.bindings.len(), tokens(&profile)[0]), (BINDINGS_LIMIT, "t1"));
}

#[test]
fn a_binding_that_can_not_be_is_refused_by_name() {
    let known = ["fcm".to_owned()];
    for (bind, name) in [
        (bind("", "fcm", "t"), "device_id"),
        (bind(&"d".repeat(129), "fcm", "t"), "device_id"),
        (bind("d\n", "fcm", "t"), "device_id"),
        (bind("d", "", "t"), "notifier_name"),
        (bind("d", &"n".repeat(129), "t"), "notifier_name"),
        (bind("d", "fcm", &"t".repeat(1_025)), "device_token"),
        (bind("d", "apns", "t"), "notifier_name"),
    ] {
        let refused = decide_bind(&PushProfile::default(), &bind, &known).unwrap_err();
        assert_eq!(refused.condition(), Condition::PushBindFailed);
        assert_eq!(refused.arguments(), [("name", name.to_owned())], "{bind:?}");
    }
}

#[test]
fn old_settings_change_one_by_one() {
    let change = PushChange {
        style: Some(1),
        no_disturbing: Some(true),
        start: Some("22".to_owned()),
        end: Some("7".to_owned()),
        ignored_groups: vec![("g1".to_owned(), true)],
    };
    let profile = decide_push_change(&PushProfile::default(), &change).unwrap();
    assert_eq!(profile.quiet_hours, Some(QuietHours { start: 22, end: 7 }));
    let change = PushChange { end: Some("8".to_owned()), ..PushChange::default() };
    let profile = decide_push_change(&profile, &change).unwrap();
    assert_eq!(
        (profile.style, profile.quiet_hours),
        (Some(Style::Content), Some(QuietHours { start: 22, end: 8 }))
    );
    for (change, name) in [
        (PushChange { style: Some(2), ..PushChange::default() }, "notification_display_style"),
        (
            PushChange { start: Some("24".to_owned()), ..PushChange::default() },
            "notification_no_disturbing_start",
        ),
        (PushChange { end: Some("x".to_owned()), ..PushChange::default() }, "notification_no_disturbing_end"),
    ] {
        assert_eq!(decide_push_change(&profile, &change), Err(PushRefused::Setting { name }));
    }
}

#[test]
fn intervals_span_midnight_and_equal_ends_are_the_whole_day() {
    for (text, minute, holds) in [
        ("8:30-10:15", 8 * 60 + 30, true),
        ("8:30-10:15", 10 * 60 + 15, false),
        ("22:00-07:00", 23 * 60, true),
        ("22:00-07:00", 6 * 60 + 59, true),
        ("22:00-07:00", NOON, false),
        ("05:00-05:00", NOON, true),
    ] {
        assert_eq!(Interval::parse(text).unwrap().holds(minute), holds, "{text} at {minute}");
    }
    assert_eq!(Interval::parse("8:30-10:15").unwrap().to_string(), "08:30-10:15");
    for text in ["", "8:30", "24:00-1:00", "8:60-9:00", "-", "a:b-c:d", "8:30-+9:00", "008:30-9:00"] {
        assert_eq!(Interval::parse(text), None, "{text}");
    }
}

fn silence(level: Option<&str>, duration_ms: Option<u64>, interval: Option<&str>) -> SilenceChange {
    SilenceChange { level: level.map(str::to_owned), duration_ms, interval: interval.map(str::to_owned) }
}

#[test]
fn silence_has_the_vendors_values_only() {
    let profile = PushProfile::default();
    let of = Some((SilenceOf::User(2), "bob"));
    let week = 7 * 24 * 60 * 60 * 1000;
    for (of, change, name) in [
        (None, silence(Some("SOME"), None, None), "type"),
        (None, silence(None, Some(week + 1), None), "ignoreDuration"),
        (None, silence(None, None, Some("8-10")), "ignoreInterval"),
        (of, silence(None, None, Some("8:00-10:00")), "ignoreInterval"),
    ] {
        assert_eq!(decide_silence(&profile, of, &change, NOW), Err(PushRefused::Setting { name }));
    }
    let quiet = decide_silence(&profile, of, &silence(Some("NONE"), Some(week), None), NOW).unwrap();
    assert_eq!(quiet.silence_of(SilenceOf::User(2)).until, Some(Timestamp(NOW.0 + week)));
    let cleared = decide_silence(&quiet, of, &silence(Some("DEFAULT"), None, None), NOW).unwrap();
    assert_eq!(cleared, profile);
}

/// Whether bob, who is away, is woken by alice or in a group, after he set something.
fn woken(
    changes: &[(Option<SilenceOf>, SilenceChange)],
    hints: &PushHints,
    of: SilenceOf,
) -> Result<(), Skip> {
    let mut profile = bound(&PushProfile::default(), "phone", "fcm", "t1");
    for (of, change) in changes {
        profile = decide_silence(&profile, of.map(|of| (of, "name")), change, NOW).unwrap();
    }
    let group = matches!(of, SilenceOf::Group(_)).then_some("g1");
    let view = PushView {
        profile: &profile,
        name: "bob",
        is_online: false,
        is_undisturbed: false,
        of,
        group,
        hints,
        minute: NOON,
        at: NOW,
    };
    decide_push(view, &profile.bindings[0])
}

#[test]
fn quiet_times_beat_levels_and_conversations_follow_the_whole_unless_they_say_otherwise() {
    let none = PushHints::default();
    let (alice, group) = (SilenceOf::User(1), SilenceOf::Group(9));
    let at = |level: &str| silence(Some(level), None, None);
    assert_eq!(woken(&[], &none, alice), Ok(()));
    assert_eq!(woken(&[(None, at("NONE"))], &none, alice), Err(Skip::Level));
    assert_eq!(woken(&[(None, at("NONE")), (Some(alice), at("ALL"))], &none, alice), Ok(()));
    assert_eq!(woken(&[(None, at("AT"))], &none, alice), Ok(()), "between two every message is meant");
    assert_eq!(woken(&[(None, at("AT"))], &none, group), Err(Skip::Level));
    let named = PushHints { mentions: vec!["bob".to_owned()], ..PushHints::default() };
    assert_eq!(woken(&[(None, at("AT"))], &named, group), Ok(()));
    let all = PushHints { mentions_all: true, ..PushHints::default() };
    assert_eq!(woken(&[(Some(group), at("AT"))], &all, group), Ok(()));
    let quiet = silence(None, Some(60_000), None);
    assert_eq!(woken(&[(None, quiet.clone()), (Some(alice), at("ALL"))], &none, alice), Err(Skip::Silent));
    assert_eq!(woken(&[(Some(group), quiet.clone())], &named, group), Err(Skip::Silent));
    let forced = PushHints { forced: true, ..PushHints::default() };
    assert_eq!(woken(&[(None, quiet)], &forced, alice), Ok(()));
    let midday = silence(None, None, Some("11:00-13:00"));
    assert_eq!(woken(&[(None, midday)], &none, alice), Err(Skip::Silent));
    let ignored = PushHints { ignored: true, forced: true, ..PushHints::default() };
    assert_eq!(woken(&[], &ignored, alice), Err(Skip::MessageIgnored));
    let others = PushHints { devices: vec!["tablet".to_owned()], ..PushHints::default() };
    assert_eq!(woken(&[], &others, alice), Err(Skip::DeviceFiltered));
    let but = PushHints { without_notifiers: vec!["fcm".to_owned()], ..PushHints::default() };
    assert_eq!(woken(&[], &but, alice), Err(Skip::DeviceFiltered));
}

#[test]
fn who_is_there_and_who_silenced_the_group_of_old_is_not_woken() {
    let profile = bound(&PushProfile::default(), "phone", "fcm", "t1");
    let hints = PushHints::default();
    let view = PushView {
        profile: &profile,
        name: "bob",
        is_online: false,
        is_undisturbed: false,
        of: SilenceOf::Group(9),
        group: Some("g1"),
        hints: &hints,
        minute: NOON,
        at: NOW,
    };
    let binding = &profile.bindings[0];
    assert_eq!(decide_push(view, binding), Ok(()));
    assert_eq!(decide_push(PushView { is_online: true, ..view }, binding), Err(Skip::Online));
    assert_eq!(decide_push(PushView { is_undisturbed: true, ..view }, binding), Err(Skip::Silent));
    let change = PushChange { ignored_groups: vec![("g1".to_owned(), true)], ..PushChange::default() };
    let ignoring = decide_push_change(&profile, &change).unwrap();
    assert_eq!(decide_push(PushView { profile: &ignoring, ..view }, binding), Err(Skip::Silent));
    let change = PushChange { no_disturbing: Some(true), ..PushChange::default() };
    let undisturbed = decide_push_change(&profile, &change).unwrap();
    assert_eq!(decide_push(PushView { profile: &undisturbed, ..view }, binding), Err(Skip::Silent));
}
