// SPDX-License-Identifier: MIT
//! A frozen state, and walks through it.
use std::ffi::CString;
use std::fmt;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrondb_sys as sys;

use crate::database::{Database, Handle};
use crate::error::{c_key, c_string, check, found, Error, Result};
use crate::ffi::{self, Buffer};
use crate::time::{CommitId, Time, When};

pub(crate) struct RawSnapshot(pub(crate) *mut sys::chrondb_snapshot);

// SAFETY: any thread may use it, one at a time: it is seen through a mutex.
unsafe impl Send for RawSnapshot {}

/// A snapshot of the library, and its database. What walks through it holds it, and its lock during each call: the
/// library wants one thread at a time.
pub(crate) struct Frozen {
    raw: Mutex<RawSnapshot>,
    commit: Option<CommitId>,
    handle: Arc<Handle>,
}

impl Frozen {
    pub(crate) fn lock(&self) -> MutexGuard<'_, RawSnapshot> {
        self.raw.lock().unwrap_or_else(PoisonError::into_inner) // a panic elsewhere does not harm what is inside
    }

    pub(crate) fn is_of(&self, handle: &Handle) -> bool {
        self.handle.as_ptr() == handle.as_ptr()
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // SAFETY: nothing of the snapshot is left, and the handle is still open.
        unsafe { sys::chrondb_snapshot_free(self.lock().0) }
    }
}

// ---- walks ----

/// An iterator of the library over one snapshot, or two.
pub(crate) struct Walk<T> {
    raw: *mut T,
    free: unsafe extern "C" fn(*mut T),
    first: Arc<Frozen>,
    second: Option<Arc<Frozen>>, // behind the first in memory: all lock in one order
    is_done: bool,
}

// SAFETY: any thread may use it, one at a time: it is used through `&mut`, and under its snapshots' locks.
unsafe impl<T> Send for Walk<T> {}

impl<T> Walk<T> {
    pub(crate) fn open(
        snapshot: &Snapshot,
        free: unsafe extern "C" fn(*mut T),
        open: impl FnOnce(*mut *mut T, *mut sys::chrondb_snapshot) -> c_int,
    ) -> Result<Walk<T>> {
        let mut raw = ptr::null_mut();
        check(open(&mut raw, snapshot.frozen.lock().0))?;
        Ok(Walk { raw, free, first: snapshot.frozen.clone(), second: None, is_done: false })
    }

    /// A walk through two snapshots; `open` takes them in the order given.
    pub(crate) fn open_two(
        from: &Snapshot,
        to: &Snapshot,
        free: unsafe extern "C" fn(*mut T),
        open: impl FnOnce(*mut *mut T, *mut sys::chrondb_snapshot, *mut sys::chrondb_snapshot) -> c_int,
    ) -> Result<Walk<T>> {
        if Arc::ptr_eq(&from.frozen, &to.frozen) {
            return Walk::open(from, free, |out, raw| open(out, raw, raw));
        }
        let is_swapped = Arc::as_ptr(&from.frozen) > Arc::as_ptr(&to.frozen);
        let (first, second) = if is_swapped { (to, from) } else { (from, to) };
        let (one, other) = (first.frozen.lock(), second.frozen.lock());
        let (raw_from, raw_to) = if is_swapped { (other.0, one.0) } else { (one.0, other.0) };
        let mut raw = ptr::null_mut();
        check(open(&mut raw, raw_from, raw_to))?;
        Ok(Walk { raw, free, first: first.frozen.clone(), second: Some(second.frozen.clone()), is_done: false })
    }

    /// Nothing to walk through.
    pub(crate) fn empty(snapshot: &Snapshot, free: unsafe extern "C" fn(*mut T)) -> Walk<T> {
        Walk { raw: ptr::null_mut(), free, first: snapshot.frozen.clone(), second: None, is_done: true }
    }

    /// Uses the library's iterator.
    pub(crate) fn with<R>(&mut self, call: impl FnOnce(*mut T) -> R) -> R {
        let _first = self.first.lock();
        let _second = self.second.as_ref().map(|second| second.lock());
        call(self.raw)
    }

    /// The next item, that `step` finds and copies. There is nothing behind the end, or behind an error.
    pub(crate) fn next<R>(&mut self, step: impl FnOnce(*mut T) -> Result<Option<R>>) -> Option<Result<R>> {
        if self.is_done {
            return None;
        }
        let result = self.with(step);
        self.is_done = !matches!(result, Ok(Some(_)));
        result.transpose()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot { frozen: self.first.clone() }
    }
}

impl<T> Drop for Walk<T> {
    fn drop(&mut self) {
        let free = self.free;
        // SAFETY: it is ours, or NULL; its snapshots are still open.
        self.with(|raw| unsafe { free(raw) });
    }
}

// ---- the snapshot ----

/// The database at one moment: what it shows never changes. Any thread may use it, and what came of it; they take
/// turns.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-snapshot-{}", std::process::id()));
/// # let db = chrondb::Database::open(&dir)?;
/// db.put("user:1", r#"{"name":"Alice"}"#)?;
/// let before = db.snapshot()?;
/// db.put("user:1", r#"{"name":"Alicia"}"#)?;
/// db.put("user:2", r#"{"name":"Bob"}"#)?;
///
/// assert_eq!(before.get("user:1")?.unwrap(), br#"{"name":"Alice"}"#);
/// assert!(!before.exists("user:2")?);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) frozen: Arc<Frozen>,
}

impl Snapshot {
    pub(crate) fn open(database: &Database, when: Option<&When>) -> Result<Snapshot> {
        let when = when.map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        let mut raw = ptr::null_mut();
        // SAFETY: the strings live until the call returns; the commit's is copied.
        let commit = unsafe {
            check(sys::chrondb_snapshot_open(&mut raw, database.raw(), database.c_branch(), ffi::pointer(&when)))?;
            CommitId::from_pointer(sys::chrondb_snapshot_commit(raw))
        };
        let raw = Mutex::new(RawSnapshot(raw));
        Ok(Snapshot { frozen: Arc::new(Frozen { raw, commit, handle: database.handle().clone() }) })
    }

    /// The commit that it shows; `None` if there is none yet.
    pub fn commit(&self) -> Option<CommitId> {
        self.frozen.commit
    }

    /// The commit's effective time; `None` if there is no commit.
    pub fn time(&self) -> Result<Option<Time>> {
        let mut time = sys::chrondb_time::default();
        // SAFETY: the snapshot is locked.
        check(unsafe { sys::chrondb_snapshot_time(self.frozen.lock().0, &mut time) })?;
        Ok(self.commit().map(|_| Time::from_raw(time)))
    }

    /// A document, byte for byte as it was put.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let key = c_key(key)?;
        let mut value = Buffer::default();
        // SAFETY: the snapshot is locked, the buffer is ours.
        let is_there = found(unsafe { sys::chrondb_get(self.frozen.lock().0, key.as_ptr(), value.as_mut_ptr()) })?;
        Ok(is_there.then(|| value.to_vec()))
    }

    /// Is there such a document?
    pub fn exists(&self, key: &str) -> Result<bool> {
        let key = c_key(key)?;
        // SAFETY: the snapshot is locked.
        found(unsafe { sys::chrondb_exists(self.frozen.lock().0, key.as_ptr()) })
    }

    /// Documents in the order of their keys' bytes.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-list-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::Range;
    ///
    /// let mut batch = db.batch()?;
    /// for id in 1..=9 {
    ///     batch.put(&format!("user:{id}"), format!(r#"{{"id":{id}}}"#))?;
    /// }
    /// batch.commit()?;
    ///
    /// for entry in db.list(&Range::new().table("user").after("user:7"))? {
    ///     let entry = entry?;
    ///     println!("{} {}", entry.key, String::from_utf8_lossy(&entry.value));
    /// }
    /// let last: Vec<String> = db.keys(&Range::new().reverse().limit(2))?.collect::<Result<_, _>>()?;
    /// assert_eq!(last, ["user:9", "user:8"]);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn list(&self, range: &Range) -> Result<List> {
        self.walk(range, false).map(List)
    }

    /// Their keys alone; no document is read.
    pub fn keys(&self, range: &Range) -> Result<Keys> {
        self.walk(range, true).map(Keys)
    }

    fn walk(&self, range: &Range, keys_only: bool) -> Result<Walk<sys::chrondb_list>> {
        range.with_raw(|range| {
            let range = sys::chrondb_range { keys_only: keys_only.into(), ..*range };
            // SAFETY: the snapshot is locked; the range's strings live until the call returns.
            Walk::open(self, sys::chrondb_list_free, |out, raw| unsafe { sys::chrondb_list_open(out, raw, &range) })
        })?
    }

    /// How many documents are in the range.
    pub fn count(&self, range: &Range) -> Result<u64> {
        range.with_raw(|range| {
            let mut count = 0;
            // SAFETY: as above.
            check(unsafe { sys::chrondb_count(self.frozen.lock().0, range, &mut count) }).map(|()| count)
        })?
    }

    /// The tables, in the order of their names' bytes: `""` first, for the keys without a table.
    pub fn tables(&self) -> Result<Vec<Table>> {
        unsafe extern "C" fn each(context: *mut c_void, table: *const c_char, count: u64) -> c_int {
            ffi::called::<&mut Vec<Table>>(context, |tables| {
                tables.push(Table { name: ffi::string(table), count });
                0
            })
        }
        let mut tables = Vec::new();
        // SAFETY: the snapshot is locked, the context is of the type that `each` takes.
        let result = ffi::with_context(&mut tables, |context| unsafe {
            sys::chrondb_tables(self.frozen.lock().0, Some(each), context)
        });
        check(result).map(|()| tables)
    }

    pub(crate) fn must_be_of(&self, handle: &Handle) -> Result<()> {
        match self.frozen.is_of(handle) {
            true => Ok(()),
            false => Err(Error::usage("the snapshot is of another database")),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.frozen.handle
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("commit", &self.commit()).finish()
    }
}

// ---- lists ----

/// Which keys; all that is said must hold. As it is new, all keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    prefix: Option<String>,
    table: Option<String>,
    after: Option<String>,
    limit: u64,
    is_reverse: bool,
}

impl Range {
    /// All keys.
    pub fn new() -> Range {
        Range::default()
    }

    /// Keys that start with these bytes.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Range {
        self.prefix = Some(prefix.into());
        self
    }

    /// Keys of this table; `""` means the keys without one.
    pub fn table(mut self, table: impl Into<String>) -> Range {
        self.table = Some(table.into());
        self
    }

    /// Keys behind this one in the order of listing; it need not exist.
    pub fn after(mut self, key: impl Into<String>) -> Range {
        self.after = Some(key.into());
        self
    }

    /// At most so many; 0 means all.
    pub fn limit(mut self, limit: u64) -> Range {
        self.limit = limit;
        self
    }

    /// Descending.
    pub fn reverse(mut self) -> Range {
        self.is_reverse = true;
        self
    }

    fn with_raw<R>(&self, call: impl FnOnce(&sys::chrondb_range) -> R) -> Result<R> {
        let text = |text: &Option<String>, what| -> Result<Option<CString>> {
            text.as_deref().map(|text| c_string(text, what)).transpose()
        };
        let prefix = text(&self.prefix, "the prefix")?;
        let table = text(&self.table, "the table")?;
        let after = text(&self.after, "the key to go on after")?;
        Ok(call(&sys::chrondb_range {
            prefix: ffi::pointer(&prefix),
            table: ffi::pointer(&table),
            after: ffi::pointer(&after),
            limit: self.limit,
            reverse: self.is_reverse.into(),
            ..Default::default()
        }))
    }
}

/// A table, and how many documents it has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Table {
    /// Its name; `""` for the keys without a table.
    pub name: String,
    /// How many documents.
    pub count: u64,
}

/// A document and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The document, byte for byte.
    pub value: Vec<u8>,
}

/// Documents in key order: see [`Snapshot::list`].
pub struct List(Walk<sys::chrondb_list>);

impl Iterator for List {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        // SAFETY: the entry is copied before the next call.
        self.0.next(|list| unsafe {
            Ok(next_entry(list)?.map(|entry| Entry {
                key: ffi::string(entry.key),
                value: ffi::optional_bytes(entry.value, entry.value_size).unwrap_or_default(),
            }))
        })
    }
}

/// Keys in order: see [`Snapshot::keys`].
pub struct Keys(Walk<sys::chrondb_list>);

impl Iterator for Keys {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        // SAFETY: as above.
        self.0.next(|list| unsafe { Ok(next_entry(list)?.map(|entry| ffi::string(entry.key))) })
    }
}

/// # Safety
/// The list's walk holds the locks; the entry is good until the next call.
unsafe fn next_entry(list: *mut sys::chrondb_list) -> Result<Option<sys::chrondb_entry>> {
    let mut entry = sys::chrondb_entry::default();
    Ok(found(sys::chrondb_list_next(list, &mut entry))?.then_some(entry))
}
