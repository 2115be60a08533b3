//! Times as the vendor writes them: of China (UTC+8), which has no summer time (jmessage.md 1.1).

use model::Timestamp;

/// Milliseconds between UTC and China's time.
const OFFSET_MS: u64 = 8 * 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A moment as `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn format(at: Timestamp) -> String {
    let local = at.0.saturating_add(OFFSET_MS);
    let (year, month, day) = date_of(local / DAY_MS);
    let seconds = local % DAY_MS / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The day of a moment, as `yyyy-MM-dd`.
pub(crate) fn day_text(at: Timestamp) -> String {
    format(at)[..10].to_owned()
}

/// The hour of a moment, as `yyyy-MM-dd HH`.
pub(crate) fn hour_text(at: Timestamp) -> String {
    format(at)[..13].to_owned()
}

/// The month of a moment, as `yyyy-MM`.
pub(crate) fn month_text(at: Timestamp) -> String {
    format(at)[..7].to_owned()
}

/// Reads `yyyy-MM-dd HH:mm:ss`; `None` for anything else.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = text.split_once(' ')?;
    let begin = parse_day(date)?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    is_time.then(|| Timestamp(begin.0 + (hour * 3_600 + minute * 60 + second) * 1_000))
}

/// When a day `yyyy-MM-dd` begins; `None` for anything else.
pub(crate) fn parse_day(text: &str) -> Option<Timestamp> {
    let [year, month, day] = numbers(text, '-', [4, 2, 2])?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if year < 1971 || !(1..=days).contains(&day) {
        return None;
    }
    Some(Timestamp(days_since_1970(year, month, day) * DAY_MS - OFFSET_MS))
}

/// Whether a text is a date `yyyy-MM-dd` of any year from 1 on.
pub(crate) fn is_date(text: &str) -> bool {
    let Some([year, month, day]) = numbers(text, '-', [4, 2, 2]) else { return false };
    // The calendar repeats itself every 400 years.
    parse_day(&format!("{:04}-{month:02}-{day:02}", 2000 + year % 400)).is_some()
}

fn numbers<const N: usize>(text: &str, separator: char, digits: [usize; N]) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut pieces = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let piece = pieces.next()?;
        if piece.len() != digits || !piece.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = piece.parse().ok()?;
    }
    pieces.next().is_none().then_some(numbers)
}

/// Days of the proleptic Gregorian calendar; years begin in March, so that the leap day is a year's last.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    days - 719_468
}

/// The inverse of [`days_since_1970`].
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_china() {
        assert_eq!(format(Timestamp(0)), "1970-01-01 08:00:00");
        assert_eq!(format(Timestamp(1_795_220_913_741)), "2026-11-21 08:28:33");
        assert_eq!(parse("2026-11-21 08:28:33"), Some(Timestamp(1_795_220_913_000)));
        for day in (0..80_000).step_by(13) {
            let at = Timestamp(400 * DAY_MS + day * DAY_MS + 86_399_000);
            assert_eq!(parse(&format(at)), Some(at));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-02-30 00:00:00",
            "2026-11-21 24:00:00",
            "2026-11-21T09:48:33",
            "2026-1-1 1:1:1",
            "+026-11-21 09:48:33",
            "2026-11-21 08:28:33 ",
            "2026-11-21 08:28:33:1",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert!(is_date("1958-02-28") && is_date("2024-02-29"));
        assert!(!is_date("1957-02-29") && !is_date("2024-13-01") && !is_date("24-1-1"));
    }
}
