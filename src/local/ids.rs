//! Identifiers and moments.

use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, Hasher};
use time::OffsetDateTime;

/// Now, as the service writes it.
pub fn now() -> String {
    written(OffsetDateTime::now_utc())
}

fn written(now: OffsetDateTime) -> String {
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let (hour, minute, second) = (now.hour(), now.minute(), now.second());
    let thousandths = now.millisecond();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
}

/// How long ago a moment was that [`now`] wrote.
pub fn since(moment: &str) -> Option<std::time::Duration> {
    let then =
        OffsetDateTime::parse(moment, &time::format_description::well_known::Rfc3339).ok()?;
    (OffsetDateTime::now_utc() - then).try_into().ok()
}

/// The moment that is so far ahead.
pub fn after(span: std::time::Duration) -> String {
    written(OffsetDateTime::now_utc() + span)
}

/// Whether the text is a day as YYYY-MM-DD.
pub fn is_day(text: &str) -> bool {
    let format = &time::format_description::well_known::Iso8601::DATE;
    time::Date::parse(text, format).is_ok_and(|day| day.to_string() == text)
}

/// A moment that [`now`] wrote, in seconds since 1970.
pub fn seconds(moment: &str) -> f64 {
    let format = &time::format_description::well_known::Rfc3339;
    OffsetDateTime::parse(moment, format).map_or(0.0, |at| at.unix_timestamp() as f64)
}

/// A moment that [`now`] wrote, as a header of HTTP has it.
pub fn http_date(moment: &str) -> String {
    let format = &time::format_description::well_known::Rfc3339;
    let Ok(at) = OffsetDateTime::parse(moment, format) else {
        return String::new();
    };
    let (weekday, month) = (at.weekday().to_string(), at.month().to_string());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    format!(
        "{}, {:02} {} {} {hour:02}:{minute:02}:{second:02} GMT",
        &weekday[..3],
        at.day(),
        &month[..3],
        at.year(),
    )
}

/// Bytes that are always the same for the same text.
pub fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Hexadecimal digits, 64 of them, that are always the same for the same text.
pub fn stable(text: &str) -> String {
    hex::encode(digest(text))
}

/// A UUID that is always the same for the same text.
pub fn stable_uuid(text: &str) -> String {
    hyphenated(&digest(text))
}

/// A fresh UUID.
pub fn uuid() -> String {
    let mut hash = Sha256::new();
    // Each RandomState is keyed anew; the standard library's own source of randomness.
    hash.update(
        std::hash::RandomState::new()
            .build_hasher()
            .finish()
            .to_le_bytes(),
    );
    hash.update(
        std::hash::RandomState::new()
            .build_hasher()
            .finish()
            .to_le_bytes(),
    );
    hash.update(
        OffsetDateTime::now_utc()
            .unix_timestamp_nanos()
            .to_le_bytes(),
    );
    hyphenated(&hash.finalize().into())
}

fn hyphenated(bytes: &[u8; 32]) -> String {
    let mut digits = hex::encode(&bytes[..16]);
    for at in [20, 16, 12, 8] {
        digits.insert(at, '-');
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_as_http_has_it() {
        assert_eq!(
            http_date("1994-11-06T08:49:37.123Z"),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
    }
}
