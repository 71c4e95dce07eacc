// SPDX-License-Identifier: MIT
//! Changes as they happen.
use std::ffi::CString;
use std::io;
use std::os::raw::{c_int, c_short, c_ulong};
use std::os::unix::io::{AsRawFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

use chrondb_sys as sys;

use crate::database::Database;
use crate::error::{c_string, check, found, Error, Result};
use crate::ffi;
use crate::history::{commit_id, Op};
use crate::time::{CommitId, Time, When};

/// What to watch; all that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    prefix: Option<String>,
    table: Option<String>,
    since: Option<When>,
}

impl WatchOptions {
    /// All keys, from now on.
    pub fn new() -> WatchOptions {
        WatchOptions::default()
    }

    /// Keys that start with these bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> WatchOptions {
        self.prefix = Some(prefix.into());
        self
    }

    /// Keys of this table; `""` means the keys without one.
    pub fn table(mut self, table: impl Into<String>) -> WatchOptions {
        self.table = Some(table.into());
        self
    }

    /// What came behind the state of that moment is told first.
    pub fn since(mut self, when: impl Into<When>) -> WatchOptions {
        self.since = Some(when.into());
        self
    }
}

/// A document that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Its key.
    pub key: String,
    /// What happened.
    pub op: Op,
    /// The branch.
    pub branch: String,
    /// The commit that did it.
    pub commit: CommitId,
    /// The commit's effective time.
    pub time: Time,
    /// The document; `None` after a delete.
    pub value: Option<Vec<u8>>,
}

/// The changes of a branch as they happen, made by any process or by a git push; none is lost. As an iterator it waits
/// for the next one, and never ends unless the database is removed; [`try_next`](Watch::try_next) does not wait. After
/// an error it may be asked again.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-watch-{}", std::process::id()));
/// # let db = chrondb::Database::open(&dir)?;
/// use chrondb::WatchOptions;
///
/// let mut watch = db.watch(&WatchOptions::new().table("user"))?;
/// let writer = db.clone();
/// let thread = std::thread::spawn(move || writer.put("user:1", r#"{"name":"Alice"}"#));
/// let event = watch.next().unwrap()?;
/// assert_eq!((event.key.as_str(), event.value.unwrap()), ("user:1", br#"{"name":"Alice"}"#.to_vec()));
/// assert_eq!(watch.try_next()?, None);
/// # thread.join().unwrap()?;
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
pub struct Watch {
    raw: *mut sys::chrondb_watch,
    _database: Database, // stays open
}

// SAFETY: any thread may use it, one at a time: it is used through `&mut`.
unsafe impl Send for Watch {}

impl Database {
    /// Watch this branch.
    pub fn watch(&self, options: &WatchOptions) -> Result<Watch> {
        let text =
            |text: Option<&str>, what| -> Result<Option<CString>> { text.map(|text| c_string(text, what)).transpose() };
        let prefix = text(options.prefix.as_deref(), "the prefix")?;
        let table = text(options.table.as_deref(), "the table")?;
        let since = text(options.since.as_ref().map(When::as_str), "the moment")?;
        let raw_options = sys::chrondb_watch_options {
            branch: self.c_branch(),
            prefix: ffi::pointer(&prefix),
            table: ffi::pointer(&table),
            since: ffi::pointer(&since),
            ..Default::default()
        };
        let mut raw = ptr::null_mut();
        // SAFETY: the database is open, and stays so; the strings live until the call returns.
        check(unsafe { sys::chrondb_watch_open(&mut raw, self.raw(), &raw_options) })?;
        Ok(Watch { raw, _database: self.clone() })
    }
}

/// poll(2) is not in the standard library.
#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

const POLLIN: c_short = 1;

extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, milliseconds: c_int) -> c_int;
}

impl Watch {
    /// The next change, if there is one already.
    pub fn try_next(&mut self) -> Result<Option<Event>> {
        let mut event = sys::chrondb_event::default();
        // SAFETY: the watch is open; what the event has is copied before the next call.
        unsafe {
            if !found(sys::chrondb_watch_next(self.raw, &mut event))? {
                return Ok(None);
            }
            Ok(Some(Event {
                key: ffi::string(event.key),
                op: Op::from_raw(event.op),
                branch: ffi::string(event.branch),
                commit: commit_id(event.commit)?,
                time: Time::from_raw(event.time),
                value: ffi::optional_bytes(event.value, event.value_size),
            }))
        }
    }

    /// The next change, if it comes within this time.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let started = Instant::now();
        loop {
            if let Some(event) = self.try_next()? {
                return Ok(Some(event));
            }
            match timeout.checked_sub(started.elapsed()) {
                Some(left) if !left.is_zero() => self.wait(Some(left))?,
                _ => return Ok(None),
            }
        }
    }

    /// Waits until there may be something, a signal comes, or the time is over.
    fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        // Rounded up: a wait that is too short would be tried again at once.
        let round = |left: Duration| c_int::try_from(left.as_millis().saturating_add(1)).unwrap_or(c_int::MAX);
        let mut waited = PollFd { fd: self.as_raw_fd(), events: POLLIN, revents: 0 };
        // SAFETY: one descriptor, which the watch keeps open.
        let result = unsafe { poll(&mut waited, 1, timeout.map_or(-1, round)) };
        let error = io::Error::last_os_error();
        match result < 0 && error.kind() != io::ErrorKind::Interrupted {
            true => Err(Error::new(sys::CHRONDB_ESYSTEM, "io_error", format!("cannot wait for changes: {error}"))),
            false => Ok(()),
        }
    }
}

impl Iterator for Watch {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        loop {
            match self.try_next() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                Err(error) => return Some(Err(error)),
            }
            if let Err(error) = self.wait(None) {
                return Some(Err(error));
            }
        }
    }
}

/// To wait for together with others: readable when, after there was nothing, there may be something. Only to wait on.
impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        // SAFETY: the watch is open.
        unsafe { sys::chrondb_watch_fd(self.raw) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { sys::chrondb_watch_free(self.raw) }
    }
}
