// SPDX-License-Identifier: MIT
//! Moments: what a time is, what names a state of the database.
use std::fmt;
use std::os::raw::c_char;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrondb_sys as sys;

use crate::error::{Error, Result};

const NANOSECONDS: u32 = 1_000_000_000;

/// A point in time, to the nanosecond. It displays as RFC 3339 in UTC.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use chrondb::Time;
///
/// let time = Time::from(SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
/// assert_eq!(time.to_string(), "1970-01-01T00:00:01.500000000Z");
/// assert_eq!((time.seconds(), time.nanoseconds()), (1, 500_000_000));
/// # Ok::<(), chrondb::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanoseconds: u32,
}

impl Time {
    /// Seconds since 1970-01-01T00:00:00Z, which may be negative, and the nanoseconds after them; `None` if these are
    /// a second or more.
    pub fn new(seconds: i64, nanoseconds: u32) -> Option<Time> {
        Some(Time { seconds, nanoseconds }).filter(|_| nanoseconds < NANOSECONDS)
    }

    /// Seconds since 1970-01-01T00:00:00Z, negative before.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after the second: 0 to 999,999,999.
    pub fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOSECONDS) + i128::from(self.nanoseconds)
    }

    pub(crate) fn from_raw(raw: sys::chrondb_time) -> Time {
        Time { seconds: raw.seconds, nanoseconds: raw.nanoseconds.clamp(0, 999_999_999) as u32 }
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Time {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => {
                Time { seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX), nanoseconds: after.subsec_nanos() }
            }
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).map_or(i64::MIN, |seconds| -seconds);
                match before.subsec_nanos() {
                    0 => Time { seconds, nanoseconds: 0 },
                    nanoseconds => Time { seconds: seconds.saturating_sub(1), nanoseconds: NANOSECONDS - nanoseconds },
                }
            }
        }
    }
}

/// Fails where the system cannot say such a time.
impl TryFrom<Time> for SystemTime {
    type Error = Error;

    fn try_from(time: Time) -> Result<SystemTime> {
        let whole = Duration::from_secs(time.seconds.unsigned_abs());
        let second = match time.seconds < 0 {
            true => UNIX_EPOCH.checked_sub(whole),
            false => UNIX_EPOCH.checked_add(whole),
        };
        let moment = second.and_then(|second| second.checked_add(Duration::from_nanos(time.nanoseconds.into())));
        moment.ok_or_else(|| {
            Error::new(sys::CHRONDB_EUSAGE, "invalid_time", format!("{time} is beyond the system's times"))
        })
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let raw = sys::chrondb_time { seconds: self.seconds, nanoseconds: self.nanoseconds as i32 };
        let mut text: [c_char; sys::CHRONDB_TIME_SIZE] = [0; sys::CHRONDB_TIME_SIZE];
        // SAFETY: the array has the size that the function asks for, and it ends what it writes.
        let text = unsafe {
            sys::chrondb_time_format(raw, text.as_mut_ptr());
            crate::ffi::string(text.as_ptr())
        };
        f.pad(&text)
    }
}

/// What names a moment, or a state of the database, as text: a time (`"2026-11-21"`, `"yesterday"`,
/// `"2 hours ago"`), a commit, a branch or tag, `"user:1@{1}"`: see "Time" in chrondb(1). Strings, [`Time`],
/// [`SystemTime`] and [`CommitId`] become one by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct When(String);

impl When {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&str> for When {
    fn from(text: &str) -> When {
        When(text.into())
    }
}

impl From<String> for When {
    fn from(text: String) -> When {
        When(text)
    }
}

impl From<&String> for When {
    fn from(text: &String) -> When {
        When(text.clone())
    }
}

impl From<Time> for When {
    fn from(time: Time) -> When {
        When(time.to_string())
    }
}

impl From<SystemTime> for When {
    fn from(time: SystemTime) -> When {
        Time::from(time).into()
    }
}

impl From<CommitId> for When {
    fn from(commit: CommitId) -> When {
        When(commit.as_str().into())
    }
}

/// The id of a commit: 40 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId([u8; sys::CHRONDB_HEX_SIZE]);

impl CommitId {
    /// Its digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // digits are UTF-8
    }

    fn from_bytes(bytes: &[u8]) -> Option<CommitId> {
        let digits = <[u8; sys::CHRONDB_HEX_SIZE]>::try_from(bytes).ok()?;
        Some(CommitId(digits.map(|digit| digit.to_ascii_lowercase())))
            .filter(|_| bytes.iter().all(u8::is_ascii_hexdigit))
    }

    /// # Safety
    /// NULL, or a string that ends.
    pub(crate) unsafe fn from_pointer(text: *const c_char) -> Option<CommitId> {
        let text = crate::ffi::optional_string(text)?;
        CommitId::from_bytes(text.as_bytes())
    }

    /// An array of a result: empty where there is none.
    pub(crate) fn from_array(text: &[c_char; sys::CHRONDB_HEX_SIZE + 1]) -> Option<CommitId> {
        let bytes = text.map(|digit| digit as u8);
        CommitId::from_bytes(&bytes[..sys::CHRONDB_HEX_SIZE])
    }
}

impl FromStr for CommitId {
    type Err = Error;

    fn from_str(text: &str) -> Result<CommitId> {
        CommitId::from_bytes(text.as_bytes()).ok_or_else(|| Error::usage("a commit's id has 40 hexadecimal digits"))
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommitId({})", self.as_str())
    }
}
