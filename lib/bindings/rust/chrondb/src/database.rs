// SPDX-License-Identifier: MIT
//! The handle: opening, what it reads in the present, and where it writes.
use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::os::raw::{c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::Arc;

use chrondb_sys as sys;

use crate::error::{c_key, c_string, check, found, Error, Result};
use crate::ffi::{self, Buffer};
use crate::history::{Blame, Diff, History, HistoryOptions, Log};
use crate::search::{Query, Search, SearchOptions};
use crate::snapshot::{Keys, List, Range, Snapshot, Table};
use crate::time::When;
use crate::write::{Batch, Condition, RawWriteOptions, WriteOptions, Written};

/// One reference to the library's instance of a database.
pub(crate) struct Handle(*mut sys::chrondb);

// SAFETY: every function of the library may be called from any thread, by any number of them at once.
unsafe impl Send for Handle {}
unsafe impl Sync for Handle {}

impl Handle {
    pub(crate) fn as_ptr(&self) -> *mut sys::chrondb {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: whatever was opened of it holds this handle, so nothing of it is left.
        unsafe { sys::chrondb_close(self.0) }
    }
}

// ---- opening ----

/// How important a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// A recovery, a stale lock removed ...
    Note,
    /// A clock in the future, a ref that cannot be read ...
    Warning,
}

/// Is told what happened on the side, for a log. It may be called in any thread that uses the database, as long as
/// anybody in the process has it open; it must not use chrondb.
pub type Notice = fn(level: Level, text: &str);

unsafe extern "C" fn notify(context: *mut c_void, level: c_int, text: *const c_char) {
    // SAFETY: the context is the function that `open` gave.
    let notice: Notice = std::mem::transmute(context);
    let level = if level == sys::CHRONDB_WARNING { Level::Warning } else { Level::Note };
    let text = CStr::from_ptr(text).to_string_lossy();
    // A panic ends here: the library could do nothing with it.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| notice(level, &text)));
}

/// How to open a database.
///
/// ```
/// use chrondb::{ErrorKind, OpenOptions};
///
/// let error = OpenOptions::new().create(false).open("/nonexistent").unwrap_err();
/// assert_eq!((error.kind(), error.name()), (ErrorKind::NoDatabase, "no_database"));
/// ```
#[derive(Clone)]
pub struct OpenOptions {
    create: bool,
    adopt: bool,
    maintain: bool,
    index: Option<PathBuf>,
    notice: Option<Notice>,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions { create: true, adopt: false, maintain: false, index: None, notice: None }
    }
}

impl OpenOptions {
    /// What [`Database::open`] does: the database is created if there is nothing yet.
    pub fn new() -> OpenOptions {
        OpenOptions::default()
    }

    /// Create the database if there is nothing yet, or an empty directory. Else that is an error, `"no_database"`.
    pub fn create(mut self, create: bool) -> OpenOptions {
        self.create = create;
        self
    }

    /// Make a bare git repository that is no database yet one.
    pub fn adopt(mut self, adopt: bool) -> OpenOptions {
        self.adopt = adopt;
        self
    }

    /// For processes that live long: do the maintenance that is due after a write or a search in a thread of the
    /// library's. Else it is left to [`Database::maintain`], or to other processes.
    pub fn maintain(mut self, maintain: bool) -> OpenOptions {
        self.maintain = maintain;
        self
    }

    /// Where the derived index is, if not in the database.
    pub fn index(mut self, path: impl AsRef<Path>) -> OpenOptions {
        self.index = Some(path.as_ref().to_path_buf());
        self
    }

    /// Who is told what happens on the side. The first that opens a database in a process decides.
    pub fn notice(mut self, notice: Notice) -> OpenOptions {
        self.notice = Some(notice);
        self
    }

    /// Open the database; it is recovered if its last writer died.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Database> {
        // SAFETY: the strings live until the call returns.
        self.run(path.as_ref(), |out, path, options| unsafe { sys::chrondb_open(out, path, options) })
    }

    /// A new database from a bare git repository that somebody else makes, such as `git clone --bare`: at the path that
    /// `make` is given, where nothing is yet. It is moved to `path`, where nothing may be but an empty directory, when
    /// it is a database, complete and durable.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-create-from-{}", std::process::id()));
    /// # let db = chrondb::Database::open(dir.join("db"))?;
    /// # db.put("user:1", "1")?;
    /// use std::process::Command;
    ///
    /// let copy = chrondb::OpenOptions::new().create_from(dir.join("copy"), |path| {
    ///     let clone = Command::new("git").args(["clone", "-q", "--bare"]).arg(db.path()).arg(path).status()?;
    ///     if clone.success() { Ok(()) } else { Err("git clone failed".into()) }
    /// });
    /// let copy: Result<_, Box<dyn std::error::Error>> = copy;
    /// assert_eq!(copy?.get("user:1")?.unwrap(), b"1");
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_from<E: From<Error>>(
        &self,
        path: impl AsRef<Path>,
        mut make: impl FnMut(&Path) -> Result<(), E>,
    ) -> Result<Database, E> {
        let mut making: Making<'_, E> = Making { make: &mut make, failure: None };
        let made = ffi::with_context(&mut making, |context| {
            // SAFETY: the strings and the context, of the type that `make_repository` takes, live until the call returns.
            self.run(path.as_ref(), |out, path, options| unsafe {
                sys::chrondb_create_from(out, path, options, Some(make_repository::<E>), context)
            })
        });
        made.map_err(|error| making.failure.take().unwrap_or_else(|| error.into()))
    }

    fn run(
        &self,
        path: &Path,
        open: impl FnOnce(*mut *mut sys::chrondb, *const c_char, *const sys::chrondb_open_options) -> c_int,
    ) -> Result<Database> {
        let path = path_string(path)?;
        let index = self.index.as_deref().map(path_string).transpose()?;
        let mut options = sys::chrondb_open_options { index_path: ffi::pointer(&index), ..Default::default() };
        options.flags |= if self.create { sys::CHRONDB_OPEN_CREATE } else { 0 };
        options.flags |= if self.adopt { sys::CHRONDB_OPEN_ADOPT } else { 0 };
        options.flags |= if self.maintain { sys::CHRONDB_OPEN_MAINTAIN } else { 0 };
        if let Some(notice) = self.notice {
            options.notice = Some(notify);
            options.notice_context = notice as *mut c_void;
        }
        let mut raw = ptr::null_mut();
        check(open(&mut raw, path.as_ptr(), &options))?;
        Ok(Database { handle: Arc::new(Handle(raw)), branch: None, options: Arc::new(WriteOptions::new()) })
    }
}

/// Somebody's way to make a repository, and how it failed.
struct Making<'a, E> {
    make: &'a mut dyn FnMut(&Path) -> Result<(), E>,
    failure: Option<E>,
}

unsafe extern "C" fn make_repository<E>(context: *mut c_void, repository: *const c_char) -> c_int {
    ffi::called::<&mut Making<'_, E>>(context, |making| {
        let path = Path::new(OsStr::from_bytes(CStr::from_ptr(repository).to_bytes()));
        match (making.make)(path) {
            Ok(()) => sys::CHRONDB_OK,
            Err(error) => {
                making.failure = Some(error);
                sys::CHRONDB_EUSAGE
            }
        }
    })
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("OpenOptions");
        out.field("create", &self.create).field("adopt", &self.adopt).field("maintain", &self.maintain);
        out.field("index", &self.index);
        out.finish_non_exhaustive()
    }
}

pub(crate) fn path_string(path: &Path) -> Result<CString> {
    c_string(path.as_os_str().as_bytes(), "the path")
}

/// Which database a command means: `$CHRONDB_DIR` if set, else the nearest `.chrondb` from the working directory
/// upwards, else `.chrondb`.
pub fn discover() -> Result<PathBuf> {
    let mut path = Buffer::default();
    // SAFETY: the buffer is ours.
    found(unsafe { sys::chrondb_discover(path.as_mut_ptr()) })?;
    Ok(PathBuf::from(OsStr::from_bytes(&path.to_vec())))
}

// ---- the database ----

/// A database, for any number of threads.
///
/// It is a handle, cheap to clone: to one branch (the default one, unless [`branch`](Database::branch) made it), with
/// one way of recording its writes (see [`recording`](Database::recording)). The same database opened twice, by any
/// spelling of its path, is one instance. It is closed when the last handle is dropped, and the last snapshot, iterator
/// and batch that came of it: use after the end is not possible.
///
/// What other handles, threads and processes write is seen by the next call.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-database-{}", std::process::id()));
/// use chrondb::Database;
///
/// let db = Database::open(&dir)?;
/// let first = db.put("user:1", r#"{"name": "Alice", "balance": 10.50}"#)?;
/// db.patch("user:1", r#"{"balance": 12.25}"#)?;
///
/// // Bytes in are bytes out, in the present and in the past.
/// assert_eq!(db.get("user:1")?.unwrap(), br#"{"name": "Alice", "balance": 12.25}"#);
/// let then = db.at(first.commit.unwrap())?;
/// assert_eq!(then.get("user:1")?.unwrap(), br#"{"name": "Alice", "balance": 10.50}"#);
///
/// assert!(db.delete("user:1")?.is_some());
/// assert_eq!(db.get("user:1")?, None);
/// assert_eq!(db.history("user:1", &Default::default())?.count(), 3);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
#[derive(Clone)]
pub struct Database {
    handle: Arc<Handle>,
    branch: Option<CString>,
    options: Arc<WriteOptions>,
}

impl Database {
    /// Open the database at a path, and create it if there is nothing yet. [`OpenOptions`] has more to choose.
    pub fn open(path: impl AsRef<Path>) -> Result<Database> {
        OpenOptions::new().open(path)
    }

    /// The same database with another branch, which must be there when it is used (see
    /// [`create_branch`](Database::create_branch)): reads and writes are of that branch.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-branch-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// db.put("lamp", r#"{"price": 10}"#)?;
    /// db.create_branch("sale", None)?;
    /// let sale = db.branch("sale")?;
    /// sale.patch("lamp", r#"{"price": 8}"#)?;
    /// assert_eq!(sale.get("lamp")?.unwrap(), br#"{"price": 8}"#);
    /// assert_eq!(db.get("lamp")?.unwrap(), br#"{"price": 10}"#);
    ///
    /// db.merge("sale", &Default::default())?;
    /// assert_eq!(db.get("lamp")?.unwrap(), br#"{"price": 8}"#);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn branch(&self, name: &str) -> Result<Database> {
        Ok(Database { branch: Some(c_string(name, "the name of the branch")?), ..self.clone() })
    }

    /// The same database with another way of recording writes: who, why, when, and how long to wait for others.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-recording-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::WriteOptions;
    ///
    /// let imports = db.recording(WriteOptions::new().author("Ada <ada@example.org>").message("import"));
    /// imports.put("user:1", r#"{"name": "Alice"}"#)?;
    /// let commit = db.log(&Default::default())?.next().unwrap()?;
    /// assert_eq!((commit.author.as_str(), commit.message.as_str()), ("Ada <ada@example.org>", "import"));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn recording(&self, options: WriteOptions) -> Database {
        Database { options: Arc::new(options), ..self.clone() }
    }

    /// The database's directory, absolute.
    pub fn path(&self) -> &Path {
        // SAFETY: the string lives as long as the handle.
        let path = unsafe { CStr::from_ptr(sys::chrondb_path(self.raw())) };
        Path::new(OsStr::from_bytes(path.to_bytes()))
    }

    /// Did opening create it, or make a database of a repository?
    pub fn was_created(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { sys::chrondb_was_created(self.raw()) != 0 }
    }

    pub(crate) fn raw(&self) -> *mut sys::chrondb {
        self.handle.as_ptr()
    }

    pub(crate) fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }

    pub(crate) fn c_branch(&self) -> *const c_char {
        ffi::pointer(&self.branch)
    }

    /// How the library is to record a write on the branch.
    pub(crate) fn raw_options(&self) -> Result<RawWriteOptions> {
        self.options.to_raw(self.branch.as_deref())
    }

    pub(crate) fn lock_timeout_ms(&self) -> c_int {
        self.options.lock_timeout_ms()
    }

    // ---- moments ----

    /// The branch as it is now. What the snapshot shows never changes.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::open(self, None)
    }

    /// The branch as it was.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-at-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::{Time, WriteOptions};
    ///
    /// let january = db.recording(WriteOptions::new().time("2026-01-15"));
    /// january.put("lamp", r#"{"price": 10}"#)?;
    /// db.put("lamp", r#"{"price": 12}"#)?;
    ///
    /// assert_eq!(db.at("2026-02-01")?.get("lamp")?.unwrap(), br#"{"price": 10}"#);
    /// assert_eq!(db.at("lamp@{1}")?.get("lamp")?.unwrap(), br#"{"price": 10}"#);
    /// assert!(!db.at(Time::new(0, 0).unwrap())?.exists("lamp")?);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn at(&self, when: impl Into<When>) -> Result<Snapshot> {
        Snapshot::open(self, Some(&when.into()))
    }

    // ---- reading the present ----

    /// A document, byte for byte as it was put.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let key = c_key(key)?;
        let mut value = Buffer::default();
        // SAFETY: the database is open, the buffer is ours.
        let code =
            unsafe { sys::chrondb_get_at(self.raw(), self.c_branch(), ptr::null(), key.as_ptr(), value.as_mut_ptr()) };
        Ok(found(code)?.then(|| value.to_vec()))
    }

    /// Is there such a document?
    pub fn exists(&self, key: &str) -> Result<bool> {
        self.snapshot()?.exists(key)
    }

    /// Documents in the order of their keys' bytes.
    pub fn list(&self, range: &Range) -> Result<List> {
        self.snapshot()?.list(range)
    }

    /// Their keys alone; no document is read.
    pub fn keys(&self, range: &Range) -> Result<Keys> {
        self.snapshot()?.keys(range)
    }

    /// How many documents are in the range.
    pub fn count(&self, range: &Range) -> Result<u64> {
        self.snapshot()?.count(range)
    }

    /// The tables, in the order of their names' bytes.
    pub fn tables(&self) -> Result<Vec<Table>> {
        self.snapshot()?.tables()
    }

    /// The versions of a document, newest first; none if there never was one.
    pub fn history(&self, key: &str, options: &HistoryOptions) -> Result<History> {
        self.snapshot()?.history(key, options)
    }

    /// The commits of the branch, newest first.
    pub fn log(&self, options: &HistoryOptions) -> Result<Log> {
        self.snapshot()?.log(options)
    }

    /// Who has written what of a document.
    pub fn blame(&self, key: &str) -> Result<Blame> {
        self.snapshot()?.blame(key)
    }

    /// What changed between two moments, in key order.
    pub fn diff(&self, from: impl Into<When>, to: impl Into<When>) -> Result<Diff> {
        self.at(from)?.diff(&self.at(to)?, &[])
    }

    /// Find documents; see [`Snapshot::search`]. A query in JSON may name another branch.
    pub fn search(&self, query: impl Into<Query>, options: &SearchOptions) -> Result<Search> {
        let query = query.into();
        match query.branch()? {
            Some(name) => self.branch(&name)?.snapshot()?.search(query, options),
            None => self.snapshot()?.search(query, options),
        }
    }

    // ---- writing ----

    /// Many operations that become one commit, or none.
    pub fn batch(&self) -> Result<Batch> {
        Batch::new(self)
    }

    /// Store a document. It is durable when this returns.
    pub fn put(&self, key: &str, value: impl AsRef<[u8]>) -> Result<Written> {
        self.put_if(key, value, &Condition::Any)
    }

    /// Store a document if a condition holds; else it is an error of kind [`Conflict`](crate::ErrorKind::Conflict).
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-put-if-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::{Condition, ErrorKind};
    ///
    /// let written = db.put_if("counter", "1", &Condition::Absent)?;
    /// db.put("counter", "2")?; // somebody was quicker
    /// let error = db.put_if("counter", "2", &Condition::Match(written.commit.unwrap())).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Conflict);
    /// db.put_if("counter", "3", &Condition::Match(error.current().unwrap()))?;
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn put_if(&self, key: &str, value: impl AsRef<[u8]>, condition: &Condition) -> Result<Written> {
        let (key, value) = (c_key(key)?, value.as_ref());
        let (data, size) = (ffi::data(value), value.len());
        // SAFETY: the database is open; key and document live until the call returns.
        self.write(condition, |condition, options, result| unsafe {
            sys::chrondb_put(self.raw(), key.as_ptr(), data, size, condition, options, result)
        })
    }

    /// Change parts of a document: an RFC 7396 merge patch. What it does not touch keeps its text. A document that is
    /// not there is an error of kind [`NotFound`](crate::ErrorKind::NotFound).
    pub fn patch(&self, key: &str, patch: impl AsRef<[u8]>) -> Result<Written> {
        self.patch_if(key, patch, &Condition::Any)
    }

    /// The same if a condition holds.
    pub fn patch_if(&self, key: &str, patch: impl AsRef<[u8]>, condition: &Condition) -> Result<Written> {
        let (key, patch) = (c_key(key)?, patch.as_ref());
        let (data, size) = (ffi::data(patch), patch.len());
        // SAFETY: as above.
        self.write(condition, |condition, options, result| unsafe {
            sys::chrondb_patch(self.raw(), key.as_ptr(), data, size, condition, options, result)
        })
    }

    /// Delete a document; `None` if there is none. Its past stays.
    pub fn delete(&self, key: &str) -> Result<Option<Written>> {
        self.delete_if(key, &Condition::Any)
    }

    /// The same if a condition holds.
    pub fn delete_if(&self, key: &str, condition: &Condition) -> Result<Option<Written>> {
        let key = c_key(key)?;
        // SAFETY: as above.
        let deleted = self.write(condition, |condition, options, result| unsafe {
            sys::chrondb_delete(self.raw(), key.as_ptr(), condition, options, result)
        });
        match deleted {
            Err(error) if error.code() == sys::CHRONDB_NOTFOUND => Ok(None),
            result => result.map(Some),
        }
    }

    /// A document again as it was in a snapshot.
    pub fn restore(&self, key: &str, snapshot: &Snapshot) -> Result<Written> {
        let mut batch = self.batch()?;
        batch.restore(key, snapshot)?;
        let mut results = batch.commit()?.results;
        results.pop().ok_or_else(|| Error::new(sys::CHRONDB_ESYSTEM, "internal", "a write has no result".into()))
    }

    /// What `call` does, recorded as the handle says. Its key lives until this returns.
    fn write(
        &self,
        condition: &Condition,
        call: impl FnOnce(
            *const sys::chrondb_condition,
            *const sys::chrondb_write_options,
            *mut sys::chrondb_result,
        ) -> c_int,
    ) -> Result<Written> {
        let options = self.raw_options()?;
        let mut result = sys::chrondb_result::default();
        check(condition.with_raw(|condition| call(condition, &options.raw, &mut result))?)?;
        // SAFETY: it was filled; its key is the caller's.
        Ok(unsafe { Written::from_raw(&result) })
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path()).field("branch", &self.branch).finish()
    }
}
