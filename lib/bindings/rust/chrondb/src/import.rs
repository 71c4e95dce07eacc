// SPDX-License-Identifier: MIT
//! Very many documents.
use std::ops::ControlFlow;
use std::os::raw::c_int;
use std::ptr;

use chrondb_sys as sys;

use crate::care::Progress;
use crate::database::Database;
use crate::error::{check, Error, Result};
use crate::ffi::{self, Callback, KeptTell};
use crate::time::CommitId;
use crate::write::RawWriteOptions;

/// Which lines are one commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportMode {
    /// Lines that follow each other with the same `"commit"` are one; all others together are one.
    Groups,
    /// Everything is one.
    One,
    /// So many lines each.
    Every(u64),
    /// Each line, or each group of equal `"commit"`.
    Each,
}

/// How to import. Message, author, meta and the like are those of the handle: see [`Database::recording`].
#[derive(Clone, Debug)]
pub struct ImportOptions {
    mode: ImportMode,
    is_restarted: bool,
    is_without_index: bool,
}

impl Default for ImportOptions {
    fn default() -> ImportOptions {
        ImportOptions { mode: ImportMode::Groups, is_restarted: false, is_without_index: false }
    }
}

impl ImportOptions {
    /// Lines with `"commit"`: one for each; all others together: one.
    pub fn new() -> ImportOptions {
        ImportOptions::default()
    }

    /// Which lines are one commit.
    pub fn mode(mut self, mode: ImportMode) -> ImportOptions {
        self.mode = mode;
        self
    }

    /// Do not go on where an interrupted import ended: begin with the first line.
    pub fn restart(mut self) -> ImportOptions {
        self.is_restarted = true;
        self
    }

    /// Leave the index of words to maintenance; else a large import brings it up to date itself.
    pub fn without_index(mut self) -> ImportOptions {
        self.is_without_index = true;
        self
    }
}

/// How far an import is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Lines taken; of these
    pub lines: u64,
    /// so many were passed over, because an interrupted import had them.
    pub resumed: u64,
    /// Lines taken or passed over that are in durable commits, or without effect.
    pub durable_lines: u64,
    /// Durable commits that this import made.
    pub commits: u64,
    /// Documents in them that came or changed,
    pub puts: u64,
    /// and that went.
    pub deletes: u64,
    /// The branch's head.
    pub head: Option<CommitId>,
}

/// Lines of JSON that become commits, at the speed of the disk: `{"key":K,"value":V}` or `{"key":K,"op":"delete"}`,
/// with `"time"`, `"author"`, `"message"`, `"meta"`, `"commit"` if wanted; see chrondb-import(1). No lock is held while
/// lines come in. What is not durable is dropped with it.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-import-{}", std::process::id()));
/// # let db = chrondb::Database::open(&dir)?;
/// use chrondb::{ImportMode, ImportOptions};
///
/// let mut import = db.import(&ImportOptions::new().mode(ImportMode::Each))?;
/// import.line(r#"{"key":"lamp","value":{"price":9.50},"time":"2026-03-01"}"#)?;
/// import.line(r#"{"key":"lamp","value":{"price":12},"time":"2026-09-15"}"#)?;
/// assert_eq!(import.finish()?.commits, 2);
/// assert_eq!(db.at("2026-06-01")?.get("lamp")?.unwrap(), br#"{"price":9.50}"#);
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
pub struct Import {
    raw: *mut sys::chrondb_import,
    _database: Database,               // stays open
    _options: RawWriteOptions,         // whose strings the library goes on using
    progress: *mut Callback<KeptTell>, // ours, and the library has it too; or NULL
    ended: Option<Error>,
}

// SAFETY: any thread may use it, one at a time: it is used through `&mut`.
unsafe impl Send for Import {}

impl Database {
    /// Begin an import.
    pub fn import(&self, options: &ImportOptions) -> Result<Import> {
        self.open_import(options, None)
    }

    /// The same, told how far bringing the index of words up to date is, which a large import ends with. `Break` leaves
    /// the rest of that to maintenance, and is no error.
    pub fn import_with(
        &self,
        options: &ImportOptions,
        progress: impl FnMut(Progress<'_>) -> ControlFlow<()> + Send + 'static,
    ) -> Result<Import> {
        self.open_import(options, Some(Box::new(progress)))
    }

    fn open_import(&self, options: &ImportOptions, progress: Option<KeptTell>) -> Result<Import> {
        let write = self.raw_options()?;
        let mut raw_options = sys::chrondb_import_options {
            branch: write.raw.branch,
            message: write.raw.message,
            author: write.raw.author,
            meta: write.raw.meta,
            meta_count: write.raw.meta_count,
            force_time: write.raw.force_time,
            lock_timeout_ms: write.raw.lock_timeout_ms,
            restart: options.is_restarted.into(),
            no_index: options.is_without_index.into(),
            ..Default::default()
        };
        raw_options.mode = match options.mode {
            ImportMode::Groups => sys::CHRONDB_IMPORT_GROUPS,
            ImportMode::One => sys::CHRONDB_IMPORT_ONE,
            ImportMode::Each => sys::CHRONDB_IMPORT_EACH,
            ImportMode::Every(lines) => {
                raw_options.every = lines;
                sys::CHRONDB_IMPORT_EVERY
            }
        };
        let progress = progress.map_or(ptr::null_mut(), |progress| Box::into_raw(Box::new(Callback::new(progress))));
        if !progress.is_null() {
            raw_options.progress = Some(ffi::tell_kept);
            raw_options.progress_context = progress.cast();
        }
        let mut import =
            Import { raw: ptr::null_mut(), _database: self.clone(), _options: write, progress, ended: None };
        // SAFETY: the database is open, and stays so; the import keeps the strings and the closure.
        check(unsafe { sys::chrondb_import_open(&mut import.raw, self.raw(), &raw_options) })?;
        Ok(import)
    }
}

impl Import {
    /// One line, without or with its newline. After an error of kind [`Invalid`](crate::ErrorKind::Invalid) or
    /// [`Usage`](crate::ErrorKind::Usage) nothing of it was taken, and the next one may be given all the same; any
    /// other error ends the import.
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> Result<()> {
        let line = line.as_ref();
        self.go_on()?;
        // SAFETY: the line is copied.
        let code = unsafe { sys::chrondb_import_line(self.raw, ffi::data(line), line.len()) };
        let result = check(code);
        self.take_up();
        match (&result, code) {
            (Err(_), sys::CHRONDB_EINVALID | sys::CHRONDB_EUSAGE) => {}
            (Err(error), _) => self.ended = Some(error.clone()),
            _ => {}
        }
        result
    }

    /// The end of the lines: commit the rest. All of it is durable when this returns.
    pub fn finish(&mut self) -> Result<ImportReport> {
        // SAFETY: the import is open.
        self.end(|raw| unsafe { sys::chrondb_import_finish(raw) })
    }

    /// Stop early: make durable what is in commits that are whole; in one commit, nothing.
    pub fn stop(&mut self) -> Result<ImportReport> {
        // SAFETY: as above.
        self.end(|raw| unsafe { sys::chrondb_import_stop(raw) })
    }

    fn end(&mut self, call: impl FnOnce(*mut sys::chrondb_import) -> c_int) -> Result<ImportReport> {
        self.go_on()?;
        let result = check(call(self.raw));
        let ended = result.as_ref().err().cloned();
        self.ended = ended.or_else(|| Some(Error::usage("the import has ended already")));
        self.take_up();
        result.map(|()| self.report())
    }

    /// A panic of the closure goes on here.
    fn take_up(&mut self) {
        // SAFETY: the closure is ours, and nobody is in it.
        if let Some(progress) = unsafe { self.progress.as_mut() } {
            progress.take_up();
        }
    }

    fn go_on(&self) -> Result<()> {
        self.ended.clone().map_or(Ok(()), Err)
    }

    /// How far it is, also after an error.
    pub fn report(&self) -> ImportReport {
        let mut raw = sys::chrondb_import_report::default();
        // SAFETY: the import is open; the report says its size.
        unsafe { sys::chrondb_import_get_report(self.raw, &mut raw) };
        ImportReport {
            lines: raw.lines,
            resumed: raw.resumed,
            durable_lines: raw.durable_lines,
            commits: raw.commits,
            puts: raw.puts,
            deletes: raw.deletes,
            head: CommitId::from_array(&raw.head),
        }
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        // SAFETY: both are ours, or NULL; the library has the closure no longer.
        unsafe {
            sys::chrondb_import_free(self.raw);
            if !self.progress.is_null() {
                drop(Box::from_raw(self.progress));
            }
        }
    }
}
