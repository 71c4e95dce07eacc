// SPDX-License-Identifier: MIT
//! Batches: operations that become one commit, or none.
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use chrondb_sys as sys;

use crate::database::{Database, Handle};
use crate::error::{c_key, c_string, check, Result};
use crate::ffi;
use crate::snapshot::Snapshot;
use crate::time::{CommitId, Time, When};

/// How writes are recorded.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    message: Option<String>,
    author: Option<String>,
    meta: Vec<String>,
    time: Option<When>,
    is_time_forced: bool,
    is_branch_created: bool,
    lock_timeout: Option<Duration>,
}

impl WriteOptions {
    /// The defaults.
    pub fn new() -> WriteOptions {
        WriteOptions::default()
    }

    /// The commit's message, instead of "put user:1", "put 3, delete 1" ...
    pub fn message(mut self, message: impl Into<String>) -> WriteOptions {
        self.message = Some(message.into());
        self
    }

    /// Who: `"NAME <MAIL>"`. Else git's rules say, or it is chrondb.
    pub fn author(mut self, author: impl Into<String>) -> WriteOptions {
        self.author = Some(author.into());
        self
    }

    /// A name and value for the commit's trailers. May be said more than once.
    pub fn meta(mut self, name: &str, value: &str) -> WriteOptions {
        self.meta.push(format!("{name}={value}"));
        self
    }

    /// When it is said to have happened: not before the second of the branch's last commit, not in the future.
    pub fn time(mut self, time: impl Into<When>) -> WriteOptions {
        self.time = Some(time.into());
        self
    }

    /// Allow such a time all the same; the past still does not change, order is kept.
    pub fn force_time(mut self) -> WriteOptions {
        self.is_time_forced = true;
        self
    }

    /// A branch that is not there begins with the write, empty before, without a past. Else that is `"no_branch"`.
    pub fn create_branch(mut self) -> WriteOptions {
        self.is_branch_created = true;
        self
    }

    /// How long to wait for other writers: 30 seconds unless this is said; zero does not wait.
    pub fn lock_timeout(mut self, timeout: Duration) -> WriteOptions {
        self.lock_timeout = Some(timeout);
        self
    }

    /// Milliseconds as the library takes them: 0 is its default, < 0 does not wait.
    pub(crate) fn lock_timeout_ms(&self) -> c_int {
        match self.lock_timeout {
            None => 0,
            Some(Duration::ZERO) => -1,
            Some(timeout) => c_int::try_from(timeout.as_millis()).unwrap_or(c_int::MAX).max(1),
        }
    }

    pub(crate) fn to_raw(&self, branch: Option<&CStr>) -> Result<RawWriteOptions> {
        let text = |text: Option<&str>, what| text.map(|text| c_string(text, what)).transpose();
        let branch = branch.map(CStr::to_owned);
        let message = text(self.message.as_deref(), "the message")?;
        let author = text(self.author.as_deref(), "the author")?;
        let time = text(self.time.as_ref().map(When::as_str), "the time")?;
        let meta: Vec<CString> = self.meta.iter().map(|text| c_string(text.as_str(), "meta")).collect::<Result<_>>()?;
        let pointers = ffi::pointers(&meta);
        let raw = sys::chrondb_write_options {
            branch: ffi::pointer(&branch),
            message: ffi::pointer(&message),
            author: ffi::pointer(&author),
            meta: pointers.as_ptr(),
            meta_count: pointers.len(),
            time: ffi::pointer(&time),
            force_time: self.is_time_forced.into(),
            lock_timeout_ms: self.lock_timeout_ms(),
            create_branch: self.is_branch_created.into(),
            ..Default::default()
        };
        let strings = [branch, message, author, time].into_iter().flatten().chain(meta).collect();
        Ok(RawWriteOptions { raw, _strings: strings, _meta: pointers })
    }
}

/// Options as the library takes them, with the strings that they point to.
pub(crate) struct RawWriteOptions {
    pub(crate) raw: sys::chrondb_write_options,
    _strings: Vec<CString>,
    _meta: Vec<*const c_char>,
}

/// What must hold for a key, checked under the lock before anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition {
    /// Nothing.
    Any,
    /// The key must not be there.
    Absent,
    /// The key must be there. With a delete: a missing key is no error.
    Exists,
    /// This commit must be the key's last one.
    Match(CommitId),
}

impl Condition {
    pub(crate) fn with_raw<R>(&self, call: impl FnOnce(*const sys::chrondb_condition) -> R) -> Result<R> {
        let mut raw = sys::chrondb_condition::default();
        let commit;
        match self {
            Condition::Any => return Ok(call(ptr::null())),
            Condition::Absent => raw.flags = sys::CHRONDB_IF_ABSENT,
            Condition::Exists => raw.flags = sys::CHRONDB_IF_EXISTS,
            Condition::Match(id) => {
                commit = c_string(id.as_str(), "the commit")?;
                raw.r#match = commit.as_ptr();
            }
        }
        Ok(call(&raw))
    }
}

/// What became of something that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is new.
    Created,
    /// It was there, and is another now.
    Updated,
    /// It is gone.
    Deleted,
    /// It is as it was; there is no commit.
    Unchanged,
    /// A check that held.
    Checked,
}

impl Status {
    pub(crate) fn from_raw(raw: sys::chrondb_status) -> Status {
        match raw {
            sys::CHRONDB_CREATED => Status::Created,
            sys::CHRONDB_UPDATED => Status::Updated,
            sys::CHRONDB_DELETED => Status::Deleted,
            sys::CHRONDB_CHECKED => Status::Checked,
            _ => Status::Unchanged,
        }
    }
}

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The key; `""` where everything was restored.
    pub key: String,
    /// What became of it.
    pub status: Status,
    /// The key's last commit; after a delete, the delete. `None` if there is none.
    pub commit: Option<CommitId>,
    /// The commit's effective time.
    pub time: Time,
}

impl Written {
    /// # Safety
    /// Of a write that succeeded, whose key is still there.
    pub(crate) unsafe fn from_raw(raw: &sys::chrondb_result) -> Written {
        Written {
            key: ffi::string(raw.key),
            status: Status::from_raw(raw.status),
            commit: CommitId::from_array(&raw.commit),
            time: Time::from_raw(raw.time),
        }
    }
}

/// A batch that was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committed {
    /// The commit; `None` if nothing changed.
    pub commit: Option<CommitId>,
    /// The commit's effective time.
    pub time: Time,
    /// One an operation, in the order that they were added.
    pub results: Vec<Written>,
}

/// Operations that become one commit, or none of them happens. No lock is held while they are collected; documents are
/// checked at once. Operations apply in order, a later one sees the earlier ones. A batch that is dropped does nothing.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-batch-{}", std::process::id()));
/// # let db = chrondb::Database::open(&dir)?;
/// use chrondb::{Condition, ErrorKind, Status};
///
/// db.put("account:1", r#"{"balance": 100}"#)?;
/// let mut batch = db.batch()?;
/// batch.patch("account:1", r#"{"balance": 60}"#)?;
/// batch.put_if("account:2", r#"{"balance": 40}"#, &Condition::Absent)?;
/// let done = batch.commit()?;
/// assert_eq!(done.results[1].status, Status::Created);
///
/// let mut batch = db.batch()?;
/// batch.put("account:1", r#"{"balance": 0}"#)?;
/// batch.check("account:3", &Condition::Exists)?;
/// assert_eq!(batch.commit().unwrap_err().kind(), ErrorKind::Conflict);
/// assert_eq!(db.get("account:1")?.unwrap(), br#"{"balance": 60}"#);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    raw: *mut sys::chrondb_batch,
    database: Database,
}

// SAFETY: any thread may use it, one at a time: it is used through `&mut`.
unsafe impl Send for Batch {}

impl Batch {
    pub(crate) fn new(database: &Database) -> Result<Batch> {
        let mut raw = ptr::null_mut();
        // SAFETY: the database is open, and stays so.
        check(unsafe { sys::chrondb_batch_new(&mut raw, database.raw()) })?;
        Ok(Batch { raw, database: database.clone() })
    }

    fn handle(&self) -> &Arc<Handle> {
        self.database.handle()
    }

    /// Store a document.
    pub fn put(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        self.put_if(key, value, &Condition::Any)
    }

    /// Store a document if a condition holds; else the commit fails.
    pub fn put_if(&mut self, key: &str, value: impl AsRef<[u8]>, condition: &Condition) -> Result<()> {
        let (key, value) = (c_key(key)?, value.as_ref());
        // SAFETY: key and document are copied.
        condition.with_raw(|condition| unsafe {
            check(sys::chrondb_batch_put(self.raw, key.as_ptr(), ffi::data(value), value.len(), condition))
        })?
    }

    /// An RFC 7396 merge patch, applied when the batch is committed.
    pub fn patch(&mut self, key: &str, patch: impl AsRef<[u8]>) -> Result<()> {
        self.patch_if(key, patch, &Condition::Any)
    }

    /// The same if a condition holds.
    pub fn patch_if(&mut self, key: &str, patch: impl AsRef<[u8]>, condition: &Condition) -> Result<()> {
        let (key, patch) = (c_key(key)?, patch.as_ref());
        // SAFETY: as above.
        condition.with_raw(|condition| unsafe {
            check(sys::chrondb_batch_patch(self.raw, key.as_ptr(), ffi::data(patch), patch.len(), condition))
        })?
    }

    /// Delete a document. If it is not there the commit fails: see [`Condition::Exists`].
    pub fn delete(&mut self, key: &str) -> Result<()> {
        self.delete_if(key, &Condition::Any)
    }

    /// The same if a condition holds.
    pub fn delete_if(&mut self, key: &str, condition: &Condition) -> Result<()> {
        let key = c_key(key)?;
        // SAFETY: as above.
        condition
            .with_raw(|condition| unsafe { check(sys::chrondb_batch_delete(self.raw, key.as_ptr(), condition)) })?
    }

    /// Only the condition.
    pub fn check(&mut self, key: &str, condition: &Condition) -> Result<()> {
        let key = c_key(key)?;
        // SAFETY: as above.
        condition.with_raw(|condition| unsafe { check(sys::chrondb_batch_check(self.raw, key.as_ptr(), condition)) })?
    }

    /// The document as it was in a snapshot of the same database; it is an error at once if it was not there.
    pub fn restore(&mut self, key: &str, snapshot: &Snapshot) -> Result<()> {
        snapshot.must_be_of(self.handle())?;
        let key = c_key(key)?;
        let raw = snapshot.frozen.lock();
        // SAFETY: the snapshot is locked, and of this database; it may go before the commit.
        check(unsafe { sys::chrondb_batch_restore(self.raw, key.as_ptr(), raw.0, ptr::null()) })
    }

    /// A table as it was in a snapshot (`""`: the keys without one); this must be the only operation.
    pub fn restore_table(&mut self, table: &str, snapshot: &Snapshot) -> Result<()> {
        snapshot.must_be_of(self.handle())?;
        let table = c_string(table, "the table")?;
        // SAFETY: as above.
        check(unsafe { sys::chrondb_batch_restore_table(self.raw, table.as_ptr(), snapshot.frozen.lock().0) })
    }

    /// Everything as it was in a snapshot; this must be the only operation.
    pub fn restore_all(&mut self, snapshot: &Snapshot) -> Result<()> {
        snapshot.must_be_of(self.handle())?;
        // SAFETY: as above.
        check(unsafe { sys::chrondb_batch_restore_all(self.raw, snapshot.frozen.lock().0) })
    }

    /// One operation as JSON, as `chrondb batch` reads them:
    /// `{"op":"put|patch|delete|check","key":K,"value":V,"if_absent":true,"if_exists":true,"if_match":COMMIT}`.
    pub fn add_json(&mut self, operation: impl AsRef<[u8]>) -> Result<()> {
        let text = operation.as_ref();
        // SAFETY: the text is copied.
        check(unsafe { sys::chrondb_batch_add_json(self.raw, ffi::data(text), text.len(), ptr::null()) })
    }

    fn run(&self) -> Result<()> {
        let options = self.database.raw_options()?;
        // SAFETY: the batch is ours; the strings live until the call returns.
        check(unsafe { sys::chrondb_batch_commit(self.raw, &options.raw) })
    }

    /// The same as [`commit`](Batch::commit), but it tells only what became of each operation, in order: the last commits
    /// of what was left unchanged are not looked up, which costs more the older they are.
    pub fn commit_statuses(self) -> Result<Vec<Status>> {
        self.run()?;
        // SAFETY: the batch is ours.
        let size = unsafe { sys::chrondb_batch_size(self.raw) };
        Ok((0..size).map(|index| Status::from_raw(unsafe { sys::chrondb_batch_status(self.raw, index) })).collect())
    }

    /// Commit all of it. It is durable when this returns; after an error nothing was written.
    pub fn commit(self) -> Result<Committed> {
        self.run()?;
        // SAFETY: the results live as long as the batch, and are copied.
        unsafe {
            let results = 0..sys::chrondb_batch_size(self.raw);
            Ok(Committed {
                commit: CommitId::from_pointer(sys::chrondb_batch_commit_id(self.raw)),
                time: Time::from_raw(sys::chrondb_batch_time(self.raw)),
                results: results.map(|index| Written::from_raw(&*sys::chrondb_batch_result(self.raw, index))).collect(),
            })
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { sys::chrondb_batch_free(self.raw) }
    }
}
