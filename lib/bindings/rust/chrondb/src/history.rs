// SPDX-License-Identifier: MIT
//! What was: versions of a document, commits of a branch, differences between two moments.
use std::ffi::CString;
use std::os::raw::c_char;
use std::ptr;

use chrondb_sys as sys;

use crate::error::{c_key, c_string, found, Error, Result};
use crate::ffi;
use crate::snapshot::{Snapshot, Walk};
use crate::time::{CommitId, Time, When};

/// Which versions or commits, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryOptions {
    limit: u64,
    since: Option<When>,
    until: Option<When>,
    is_reverse: bool,
    is_without_values: bool,
    with_patches: bool,
}

impl HistoryOptions {
    /// All of them, newest first.
    pub fn new() -> HistoryOptions {
        HistoryOptions::default()
    }

    /// At most so many, the newest; 0 means all.
    pub fn limit(mut self, limit: u64) -> HistoryOptions {
        self.limit = limit;
        self
    }

    /// Not older.
    pub fn since(mut self, when: impl Into<When>) -> HistoryOptions {
        self.since = Some(when.into());
        self
    }

    /// Not newer.
    pub fn until(mut self, when: impl Into<When>) -> HistoryOptions {
        self.until = Some(when.into());
        self
    }

    /// Oldest first.
    pub fn reverse(mut self) -> HistoryOptions {
        self.is_reverse = true;
        self
    }

    /// Read no documents.
    pub fn without_values(mut self) -> HistoryOptions {
        self.is_without_values = true;
        self
    }

    /// The versions of a document: also the change from the version before.
    pub fn with_patches(mut self) -> HistoryOptions {
        self.with_patches = true;
        self
    }

    fn with_raw<R>(&self, call: impl FnOnce(&sys::chrondb_history_options) -> R) -> Result<R> {
        let since = self.since.as_ref().map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        let until = self.until.as_ref().map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        Ok(call(&sys::chrondb_history_options {
            limit: self.limit,
            since: ffi::pointer(&since),
            until: ffi::pointer(&until),
            reverse: self.is_reverse.into(),
            no_value: self.is_without_values.into(),
            patch: self.with_patches.into(),
            ..Default::default()
        }))
    }
}

/// What happened to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// It came.
    Create,
    /// It changed.
    Update,
    /// It went.
    Delete,
}

impl Op {
    pub(crate) fn from_raw(raw: sys::chrondb_op) -> Op {
        match raw {
            sys::CHRONDB_OP_CREATE => Op::Create,
            sys::CHRONDB_OP_DELETE => Op::Delete,
            _ => Op::Update,
        }
    }
}

/// A version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// Its key.
    pub key: String,
    /// What happened.
    pub op: Op,
    /// The commit that did it.
    pub commit: CommitId,
    /// The commit's effective time.
    pub time: Time,
    /// `"NAME <MAIL>"`.
    pub author: String,
    /// The commit's message, without chrondb's trailers.
    pub message: String,
    /// The trailers: `"name=value"` each.
    pub meta: Vec<String>,
    /// The document; `None` after a delete, or if none were asked for.
    pub value: Option<Vec<u8>>,
    /// The RFC 7396 patch from the version before, if asked for, and if one can say it.
    pub patch: Option<Vec<u8>>,
}

/// A commit of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commit {
    /// Its id.
    pub commit: CommitId,
    /// Its effective time.
    pub time: Time,
    /// `"NAME <MAIL>"`.
    pub author: String,
    /// Its message, without chrondb's trailers.
    pub message: String,
    /// The trailers: `"name=value"` each.
    pub meta: Vec<String>,
    /// What it changed, in key order.
    pub changes: Vec<Change>,
}

/// What a commit did to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The document's key.
    pub key: String,
    /// What happened.
    pub op: Op,
    /// The document that it brought; `None` after a delete, or without values.
    pub value: Option<Vec<u8>>,
}

/// A field of a document, and what last changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlameField {
    /// A JSON pointer (RFC 6901); `""` means the document itself.
    pub path: String,
    /// The value, as it was put.
    pub value: Vec<u8>,
    /// The commit.
    pub commit: CommitId,
    /// The commit's effective time.
    pub time: Time,
    /// `"NAME <MAIL>"`.
    pub author: String,
}

/// A document that differs between two moments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// Its key.
    pub key: String,
    /// From the first moment to the second.
    pub op: Op,
    /// The document at the first.
    pub old: Option<Vec<u8>>,
    /// The document at the second.
    pub new: Option<Vec<u8>>,
    /// The RFC 7396 patch from old to new, if one can say it.
    pub patch: Option<Vec<u8>>,
}

impl Snapshot {
    /// The versions of a document, newest first; none if there never was one.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-history-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::{HistoryOptions, Op};
    ///
    /// db.put("user:1", r#"{"name":"Alice","age":30}"#)?;
    /// db.patch("user:1", r#"{"age":31}"#)?;
    /// let mut versions = db.history("user:1", &HistoryOptions::new().with_patches())?;
    /// let newest = versions.next().unwrap()?;
    /// assert_eq!((newest.op, newest.patch.as_deref()), (Op::Update, Some(&br#"{"age":31}"#[..])));
    /// println!("{} {} {}", newest.commit, newest.time, newest.author);
    /// assert_eq!(versions.next().unwrap()?.op, Op::Create);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn history(&self, key: &str, options: &HistoryOptions) -> Result<History> {
        let key = c_key(key)?;
        let result = options.with_raw(|options| {
            Walk::open(self, sys::chrondb_history_free, |out, raw| {
                // SAFETY: the snapshot is locked; the strings live until the call returns.
                unsafe { sys::chrondb_history_open(out, raw, key.as_ptr(), options) }
            })
        })?;
        match result {
            Err(error) if error.code() == sys::CHRONDB_NOTFOUND => {
                Ok(History(Walk::empty(self, sys::chrondb_history_free)))
            }
            result => result.map(History),
        }
    }

    /// The commits of the branch up to this one, newest first.
    pub fn log(&self, options: &HistoryOptions) -> Result<Log> {
        let walk = options.with_raw(|options| {
            // SAFETY: as above.
            Walk::open(self, sys::chrondb_log_free, |out, raw| unsafe { sys::chrondb_log_open(out, raw, options) })
        })??;
        Ok(Log { walk, with_values: !options.is_without_values })
    }

    /// Who has written what of a document: for every field of its value the commit that last changed it, in the order
    /// of the document. None if it is not there.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-blame-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// let first = db.put("user:1", r#"{"name":"Alice","age":30}"#)?;
    /// let second = db.patch("user:1", r#"{"age":31}"#)?;
    /// let fields = db.blame("user:1")?.collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!((fields[0].path.as_str(), Some(fields[0].commit)), ("/name", first.commit));
    /// assert_eq!((fields[1].path.as_str(), Some(fields[1].commit)), ("/age", second.commit));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn blame(&self, key: &str) -> Result<Blame> {
        let key = c_key(key)?;
        // SAFETY: the snapshot is locked; the key lives until the call returns.
        let result = Walk::open(self, sys::chrondb_blame_free, |out, raw| unsafe {
            sys::chrondb_blame_open(out, raw, key.as_ptr())
        });
        match result {
            Err(error) if error.code() == sys::CHRONDB_NOTFOUND => {
                Ok(Blame(Walk::empty(self, sys::chrondb_blame_free)))
            }
            result => result.map(Blame),
        }
    }

    /// What changed from this snapshot to another of the same database, in key order: of keys that start with one of
    /// the prefixes, or of all if there are none.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-diff-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// db.put("user:1", r#"{"name":"Alice"}"#)?;
    /// let before = db.snapshot()?;
    /// db.put("user:1", r#"{"name":"Alicia"}"#)?;
    /// for difference in before.diff(&db.snapshot()?, &["user:"])? {
    ///     let difference = difference?;
    ///     assert_eq!(difference.key, "user:1");
    ///     assert_eq!(difference.patch.unwrap(), br#"{"name":"Alicia"}"#);
    /// }
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn diff(&self, to: &Snapshot, prefixes: &[&str]) -> Result<Diff> {
        to.must_be_of(self.handle())?;
        let prefixes: Vec<CString> =
            prefixes.iter().map(|&prefix| c_string(prefix, "the prefix")).collect::<Result<_>>()?;
        let prefixes = ffi::pointers(&prefixes);
        Walk::open_two(self, to, sys::chrondb_diff_free, |out, from, to| {
            // SAFETY: both snapshots are locked, and of one database; the strings live until the call returns.
            unsafe { sys::chrondb_diff_open(out, from, to, prefixes.as_ptr(), prefixes.len()) }
        })
        .map(Diff)
    }
}

/// # Safety
/// A commit's id, or NULL, which would be the library's mistake.
pub(crate) unsafe fn commit_id(text: *const c_char) -> Result<CommitId> {
    CommitId::from_pointer(text)
        .ok_or_else(|| Error::new(sys::CHRONDB_ESYSTEM, "internal", "a commit without an id".into()))
}

/// The versions of a document: see [`Snapshot::history`].
pub struct History(Walk<sys::chrondb_history>);

impl Iterator for History {
    type Item = Result<Version>;

    fn next(&mut self) -> Option<Result<Version>> {
        // SAFETY: the walk holds the locks; what the version has is copied before the next call.
        self.0.next(|history| unsafe {
            let mut version = sys::chrondb_version_info::default();
            if !found(sys::chrondb_history_next(history, &mut version))? {
                return Ok(None);
            }
            Ok(Some(Version {
                key: ffi::string(version.key),
                op: Op::from_raw(version.op),
                commit: commit_id(version.commit)?,
                time: Time::from_raw(version.time),
                author: ffi::string(version.author),
                message: ffi::string(version.message),
                meta: ffi::strings(version.meta, version.meta_count),
                value: ffi::optional_bytes(version.value, version.value_size),
                patch: ffi::optional_bytes(version.patch, version.patch_size),
            }))
        })
    }
}

/// The commits of a branch: see [`Snapshot::log`].
pub struct Log {
    walk: Walk<sys::chrondb_log>,
    with_values: bool,
}

impl Iterator for Log {
    type Item = Result<Commit>;

    fn next(&mut self) -> Option<Result<Commit>> {
        let with_values = self.with_values;
        // SAFETY: as above.
        self.walk.next(|log| unsafe {
            let mut info = sys::chrondb_version_info::default();
            let (mut changes, mut count) = (ptr::null(), 0);
            if !found(sys::chrondb_log_next(log, &mut info, &mut changes, &mut count))? {
                return Ok(None);
            }
            let mut commit = Commit {
                commit: commit_id(info.commit)?,
                time: Time::from_raw(info.time),
                author: ffi::string(info.author),
                message: ffi::string(info.message),
                meta: ffi::strings(info.meta, info.meta_count),
                changes: ffi::items(changes, count).iter().map(|change| change_without_value(change)).collect(),
            };
            for (index, change) in commit.changes.iter_mut().enumerate().filter(|_| with_values) {
                change.value = value(log, index)?;
            }
            Ok(Some(commit))
        })
    }
}

/// # Safety
/// Its key is a string.
unsafe fn change_without_value(change: &sys::chrondb_change) -> Change {
    Change { key: ffi::string(change.key), op: Op::from_raw(change.op), value: None }
}

/// # Safety
/// The log's walk holds the locks.
unsafe fn value(log: *mut sys::chrondb_log, index: usize) -> Result<Option<Vec<u8>>> {
    let (mut value, mut size) = (ptr::null(), 0);
    match found(sys::chrondb_log_value(log, index, &mut value, &mut size))? {
        true => Ok(ffi::optional_bytes(value, size)),
        false => Ok(None),
    }
}

/// The documents that differ: see [`Snapshot::diff`].
pub struct Diff(Walk<sys::chrondb_diff>);

impl Iterator for Diff {
    type Item = Result<Difference>;

    fn next(&mut self) -> Option<Result<Difference>> {
        // SAFETY: as above.
        self.0.next(|diff| unsafe {
            let mut difference = sys::chrondb_difference::default();
            if !found(sys::chrondb_diff_next(diff, &mut difference))? {
                return Ok(None);
            }
            Ok(Some(Difference {
                key: ffi::string(difference.key),
                op: Op::from_raw(difference.op),
                old: ffi::optional_bytes(difference.old_value, difference.old_size),
                new: ffi::optional_bytes(difference.new_value, difference.new_size),
                patch: ffi::optional_bytes(difference.patch, difference.patch_size),
            }))
        })
    }
}

/// The fields of a document: see [`Snapshot::blame`].
pub struct Blame(Walk<sys::chrondb_blame>);

impl Iterator for Blame {
    type Item = Result<BlameField>;

    fn next(&mut self) -> Option<Result<BlameField>> {
        // SAFETY: as above.
        self.0.next(|blame| unsafe {
            let mut field = sys::chrondb_blame_field::default();
            if !found(sys::chrondb_blame_next(blame, &mut field))? {
                return Ok(None);
            }
            let path = ffi::optional_bytes(field.path, field.path_size).unwrap_or_default();
            Ok(Some(BlameField {
                path: String::from_utf8_lossy(&path).into_owned(),
                value: ffi::optional_bytes(field.value, field.value_size).unwrap_or_default(),
                commit: commit_id(field.commit)?,
                time: Time::from_raw(field.time),
                author: ffi::string(field.author),
            }))
        })
    }
}
