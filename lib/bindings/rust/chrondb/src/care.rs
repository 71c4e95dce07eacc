// SPDX-License-Identifier: MIT
//! What there is to know about a database, and to do for it.
use std::ops::ControlFlow;
use std::os::raw::{c_int, c_void};

use chrondb_sys as sys;

use crate::database::Database;
use crate::error::{check, Result};
use crate::ffi;
use crate::time::{CommitId, Time};

/// How far work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// What is being done, a few words.
    pub phase: &'a str,
    /// So many steps are done,
    pub done: u64,
    /// of so many, if that is known.
    pub total: Option<u64>,
}

/// Is told how far work has come, up to a few hundred times a second. `Break` cancels: the work ends with an error of
/// kind [`Busy`](crate::ErrorKind::Busy), named `"cancelled"`, and everything stays sound.
pub type ProgressFn<'a> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send + 'a;

/// What there is to know about a database.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The branch that was asked about.
    pub branch: String,
    /// Its head; `None` without commits.
    pub head: Option<CommitId>,
    /// The head's effective time.
    pub time: Option<Time>,
    /// How many documents it has.
    pub documents: u64,
    /// How many tables.
    pub tables: u64,
    /// How many commits.
    pub commits: u64,
    /// Loose objects of git.
    pub loose_objects: u64,
    /// Packs of git.
    pub packs: u64,
    /// Bytes on the disk.
    pub disk_bytes: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// The version of the format.
    pub format: i32,
    /// Bytes of the derived index.
    pub index_bytes: u64,
    /// So many of the commits it covers.
    pub index_commits: u64,
    /// Its files of commits and keys, of all branches.
    pub index_segments: u64,
    /// So many of the commits the index of words covers.
    pub search_commits: u64,
    /// Documents of the state after these.
    pub search_documents: u64,
    /// With the superseded ones, that searches of the past find.
    pub search_versions: u64,
    /// Files with words.
    pub search_segments: u64,
    /// Bytes of all its files.
    pub search_bytes: u64,
    /// The language that the index of words was built for; empty if there is none.
    pub search_language: String,
}

/// What [`Database::gc`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GcReport {
    /// Objects in the pack.
    pub objects: u64,
    /// Packs, before and after.
    pub packs: (u64, u64),
    /// Loose objects, before and after.
    pub loose: (u64, u64),
    /// Bytes of packs, their indexes, and loose files, before and after.
    pub bytes: (u64, u64),
}

/// What [`Database::reindex`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReindexReport {
    /// Branches that were indexed.
    pub branches: u64,
    /// Their commits.
    pub commits: u64,
    /// Different keys.
    pub keys: u64,
    /// Bytes of the index.
    pub bytes: u64,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// `"missing_object"`, `"invalid_document"` ...; chrondb-verify(1) lists them.
    pub kind: String,
    /// `false`: a note, unusual but allowed; nothing is lost or wrong.
    pub is_error: bool,
    /// The ref that it is about, in full.
    pub reference: Option<String>,
    /// The newest commit that it was found in.
    pub commit: Option<CommitId>,
    /// In the tree of the commit; or a file, from the database's directory.
    pub path: Option<String>,
    /// The document.
    pub key: Option<String>,
    /// The object of git's.
    pub object: Option<CommitId>,
    /// For people: one line.
    pub message: String,
}

/// What [`Database::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyReport {
    /// All that is not as it should be, as it was met.
    pub findings: Vec<Finding>,
    /// How many of them are errors: 0 means that the database is sound.
    pub errors: u64,
    /// Refs that were looked at.
    pub refs: u64,
    /// Commits.
    pub commits: u64,
    /// Trees.
    pub trees: u64,
    /// Documents.
    pub documents: u64,
    /// Objects of git's that were read to the last byte.
    pub objects: u64,
}

unsafe extern "C" fn collect(context: *mut c_void, finding: *const sys::chrondb_finding) -> c_int {
    ffi::called::<&mut Vec<Finding>>(context, |findings| {
        let finding = &*finding;
        findings.push(Finding {
            kind: ffi::string(finding.kind),
            is_error: finding.is_error != 0,
            reference: ffi::optional_string(finding.r#ref),
            commit: CommitId::from_pointer(finding.commit),
            path: ffi::optional_string(finding.path),
            key: ffi::optional_string(finding.key),
            object: CommitId::from_pointer(finding.object),
            message: ffi::string(finding.message),
        });
        0
    })
}

impl Database {
    /// Is the database sound? All refs are looked at, or this branch alone if [`branch`](Database::branch) made the
    /// handle; `full`: all objects, all history, and all that the index says, not only the present. Nothing is written.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-verify-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// # db.put("user:1", "1")?;
    /// let report = db.verify(true)?;
    /// assert_eq!((report.errors, report.findings.len()), (0, 0));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn verify(&self, full: bool) -> Result<VerifyReport> {
        self.run_verify(full, None)
    }

    /// The same, told how far it is.
    pub fn verify_with<'a>(&self, full: bool, progress: &'a mut ProgressFn<'a>) -> Result<VerifyReport> {
        self.run_verify(full, Some(progress))
    }

    fn run_verify<'a>(&self, full: bool, progress: Option<&'a mut ProgressFn<'a>>) -> Result<VerifyReport> {
        let mut findings = Vec::new();
        let mut raw = sys::chrondb_verify_report::default();
        let code = ffi::with_context(&mut findings, |finding_context| {
            ffi::with_progress(progress, |progress, progress_context| {
                let options = sys::chrondb_verify_options {
                    branch: self.c_branch(),
                    full: full.into(),
                    finding: Some(collect),
                    finding_context,
                    progress,
                    progress_context,
                    ..Default::default()
                };
                // SAFETY: options and closures live until the call returns; the report says its size.
                unsafe { sys::chrondb_verify(self.raw(), &options, &mut raw) }
            })
        });
        check(code)?;
        Ok(VerifyReport {
            findings,
            errors: raw.errors,
            refs: raw.refs,
            commits: raw.commits,
            trees: raw.trees,
            documents: raw.documents,
            objects: raw.objects,
        })
    }

    /// What there is to know about the database and this branch.
    pub fn info(&self) -> Result<Info> {
        let mut raw = sys::chrondb_info::default();
        // SAFETY: the struct says its size; the strings in it end.
        unsafe {
            check(sys::chrondb_get_info(self.raw(), self.c_branch(), &mut raw))?;
            let head = CommitId::from_array(&raw.head);
            Ok(Info {
                branch: ffi::string(raw.branch.as_ptr()),
                head,
                time: head.map(|_| Time::from_raw(raw.time)),
                documents: raw.documents,
                tables: raw.tables,
                commits: raw.commits,
                loose_objects: raw.loose_objects,
                packs: raw.packs,
                disk_bytes: raw.disk_bytes,
                journal_bytes: raw.journal_bytes,
                format: raw.format,
                index_bytes: raw.index_bytes,
                index_commits: raw.index_commits,
                index_segments: raw.index_segments,
                search_commits: raw.search_commits,
                search_documents: raw.search_documents,
                search_versions: raw.search_versions,
                search_segments: raw.search_segments,
                search_bytes: raw.search_bytes,
                search_language: ffi::string(raw.search_language.as_ptr()),
            })
        }
    }

    /// Is maintenance due? Costs nothing.
    pub fn maintenance_due(&self) -> bool {
        // SAFETY: the database is open.
        unsafe { sys::chrondb_maintenance_due(self.raw()) != 0 }
    }

    /// Do the maintenance that is due, if any. It may take a second: for a thread of its own, or an idle moment.
    /// Writers and readers go on meanwhile.
    pub fn maintain(&self) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::chrondb_maintain(self.raw()) })
    }

    /// Before git commands that write are run on the repository: locks that dead gits left are removed, and live ones
    /// are waited for, as long as [`WriteOptions::lock_timeout`](crate::WriteOptions::lock_timeout) says.
    pub fn ready_for_git(&self) -> Result<()> {
        // SAFETY: as above.
        check(unsafe { sys::chrondb_ready_for_git(self.raw(), self.lock_timeout_ms()) })
    }

    /// All the maintenance now, and thoroughly: everything into one tight pack. Nothing is dropped.
    pub fn gc(&self) -> Result<GcReport> {
        self.run_gc(None)
    }

    /// The same, told how far it is.
    pub fn gc_with<'a>(&self, progress: &'a mut ProgressFn<'a>) -> Result<GcReport> {
        self.run_gc(Some(progress))
    }

    fn run_gc<'a>(&self, progress: Option<&'a mut ProgressFn<'a>>) -> Result<GcReport> {
        let mut raw = sys::chrondb_gc_report::default();
        // SAFETY: the closure lives until the call returns; the report says its size.
        check(ffi::with_progress(progress, |function, context| unsafe {
            sys::chrondb_gc(self.raw(), function, context, &mut raw)
        }))?;
        Ok(GcReport {
            objects: raw.objects,
            packs: (raw.packs_before, raw.packs_after),
            loose: (raw.loose_before, raw.loose_after),
            bytes: (raw.bytes_before, raw.bytes_after),
        })
    }

    /// Build the derived index of all branches anew, from git alone.
    pub fn reindex(&self) -> Result<ReindexReport> {
        self.run_reindex(None)
    }

    /// The same, told how far it is.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-reindex-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// # db.put("user:1", "1")?;
    /// use std::ops::ControlFlow;
    ///
    /// db.reindex_with(&mut |progress| {
    ///     println!("{}: {} of {:?}", progress.phase, progress.done, progress.total);
    ///     ControlFlow::Continue(())
    /// })?;
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn reindex_with<'a>(&self, progress: &'a mut ProgressFn<'a>) -> Result<ReindexReport> {
        self.run_reindex(Some(progress))
    }

    fn run_reindex<'a>(&self, progress: Option<&'a mut ProgressFn<'a>>) -> Result<ReindexReport> {
        let mut raw = sys::chrondb_reindex_report::default();
        // SAFETY: as above.
        check(ffi::with_progress(progress, |function, context| unsafe {
            sys::chrondb_reindex(self.raw(), function, context, &mut raw)
        }))?;
        Ok(ReindexReport { branches: raw.branches, commits: raw.commits, keys: raw.keys, bytes: raw.bytes })
    }
}
