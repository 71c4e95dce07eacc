// SPDX-License-Identifier: MIT
//! Backups: git bundles of branches, tags, settings, and all that these reach.
use std::ffi::CString;
use std::os::raw::c_int;
use std::os::unix::io::AsRawFd;
use std::path::{Path, PathBuf};

use chrondb_sys as sys;

use crate::care::ProgressFn;
use crate::database::{path_string, Database};
use crate::error::{c_string, check, Result};
use crate::ffi;
use crate::time::When;
use crate::write::Status;

/// What a backup is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupOptions {
    since: Option<When>,
    since_file: Option<PathBuf>,
}

impl BackupOptions {
    /// Everything.
    pub fn new() -> BackupOptions {
        BackupOptions::default()
    }

    /// Only what came later, on each branch.
    pub fn since(mut self, when: impl Into<When>) -> BackupOptions {
        self.since = Some(when.into());
        self
    }

    /// Only what an earlier backup does not have.
    pub fn since_file(mut self, file: impl AsRef<Path>) -> BackupOptions {
        self.since_file = Some(file.as_ref().to_path_buf());
        self
    }
}

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupReport {
    /// Its size.
    pub bytes: u64,
    /// Objects of git's.
    pub objects: u64,
    /// Commits among them.
    pub commits: u64,
    /// Branches.
    pub branches: u64,
    /// Tags.
    pub tags: u64,
    /// Does it stand on commits that it does not hold?
    pub incremental: bool,
}

/// What a backup held that was restored, and what became of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestoreReport {
    /// What the backup holds.
    pub backup: BackupReport,
    /// Created, updated, or unchanged: it was all there already.
    pub status: Status,
}

/// A file, or a descriptor.
struct Target(Option<CString>, c_int);

impl Target {
    fn file(path: &Path) -> Result<Target> {
        Ok(Target(Some(path_string(path)?), -1))
    }
}

impl Database {
    /// Write a backup to a file, which is there whole or not at all: it is read back and checked, object by object, and
    /// durable when this returns. Writers and readers go on; what it holds is the state at one moment.
    /// [`restore_backup`] takes it, and so do `git clone` and `git fetch`.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-backup-{}", std::process::id()));
    /// # let db = chrondb::Database::open(dir.join("db"))?;
    /// use chrondb::{restore_backup, BackupOptions, Database, Status};
    ///
    /// db.put("user:1", "1")?;
    /// db.backup(dir.join("full"), &BackupOptions::new())?;
    /// db.put("user:2", "2")?;
    /// let rest = db.backup(dir.join("rest"), &BackupOptions::new().since_file(dir.join("full")))?;
    /// assert!(rest.incremental);
    ///
    /// assert_eq!(restore_backup(dir.join("again"), dir.join("full"))?.status, Status::Created);
    /// assert_eq!(restore_backup(dir.join("again"), dir.join("rest"))?.status, Status::Updated);
    /// assert_eq!(Database::open(dir.join("again"))?.count(&Default::default())?, 2);
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn backup(&self, file: impl AsRef<Path>, options: &BackupOptions) -> Result<BackupReport> {
        self.run_backup(&Target::file(file.as_ref())?, options, None)
    }

    /// The same, told how far it is.
    pub fn backup_with<'a>(
        &self,
        file: impl AsRef<Path>,
        options: &BackupOptions,
        progress: &'a mut ProgressFn<'a>,
    ) -> Result<BackupReport> {
        self.run_backup(&Target::file(file.as_ref())?, options, Some(progress))
    }

    /// The same to what is open already, and may be a pipe: it is neither checked nor synced.
    pub fn backup_to(&self, out: &impl AsRawFd, options: &BackupOptions) -> Result<BackupReport> {
        self.run_backup(&Target(None, out.as_raw_fd()), options, None)
    }

    fn run_backup<'a>(
        &self,
        target: &Target,
        options: &BackupOptions,
        progress: Option<&'a mut ProgressFn<'a>>,
    ) -> Result<BackupReport> {
        let since = options.since.as_ref().map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        let since_file = options.since_file.as_deref().map(path_string).transpose()?;
        let mut raw = sys::chrondb_backup_report::default();
        check(ffi::with_progress(progress, |progress, progress_context| {
            let options = sys::chrondb_backup_options {
                since: ffi::pointer(&since),
                since_file: ffi::pointer(&since_file),
                branch: self.c_branch(),
                fd: target.1,
                lock_timeout_ms: self.lock_timeout_ms(),
                progress,
                progress_context,
                ..Default::default()
            };
            // SAFETY: strings and closure live until the call returns; the report says its size.
            unsafe { sys::chrondb_backup(self.raw(), ffi::pointer(&target.0), &options, &mut raw) }
        }))?;
        Ok(BackupReport {
            bytes: raw.bytes,
            objects: raw.objects,
            commits: raw.commits,
            branches: raw.branches,
            tags: raw.tags,
            incremental: raw.incremental != 0,
        })
    }
}

/// Restore a backup to the directory of a database. Everything is checked before any of it is visible; durable when
/// this returns. A full one makes a new database: there may be nothing at `path` but an empty directory. An incremental
/// one is applied to the database there, which must have what it stands on. Any bundle of git's that holds branches
/// will do.
pub fn restore_backup(path: impl AsRef<Path>, file: impl AsRef<Path>) -> Result<RestoreReport> {
    run_restore(path.as_ref(), &Target::file(file.as_ref())?, None)
}

/// The same, told how far it is.
pub fn restore_backup_with<'a>(
    path: impl AsRef<Path>,
    file: impl AsRef<Path>,
    progress: &'a mut ProgressFn<'a>,
) -> Result<RestoreReport> {
    run_restore(path.as_ref(), &Target::file(file.as_ref())?, Some(progress))
}

/// The same of what is open already, and may be a pipe.
pub fn restore_backup_from(path: impl AsRef<Path>, input: &impl AsRawFd) -> Result<RestoreReport> {
    run_restore(path.as_ref(), &Target(None, input.as_raw_fd()), None)
}

fn run_restore<'a>(path: &Path, target: &Target, progress: Option<&'a mut ProgressFn<'a>>) -> Result<RestoreReport> {
    let path = path_string(path)?;
    let mut raw = sys::chrondb_restore_report::default();
    check(ffi::with_progress(progress, |progress, progress_context| {
        let options = sys::chrondb_restore_options { fd: target.1, progress, progress_context, ..Default::default() };
        // SAFETY: strings and closure live until the call returns; the report says its size.
        unsafe { sys::chrondb_restore_backup(path.as_ptr(), ffi::pointer(&target.0), &options, &mut raw) }
    }))?;
    Ok(RestoreReport {
        backup: BackupReport {
            bytes: raw.bytes,
            objects: raw.objects,
            commits: raw.commits,
            branches: raw.branches,
            tags: raw.tags,
            incremental: raw.incremental != 0,
        },
        status: Status::from_raw(raw.status),
    })
}
