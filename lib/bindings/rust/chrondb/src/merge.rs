// SPDX-License-Identifier: MIT
//! Bringing what another branch has into a branch.
use std::os::raw::c_int;
use std::ptr;

use chrondb_sys as sys;

use crate::care::ProgressFn;
use crate::database::Database;
use crate::error::{c_key, c_string, check, Error, Result};
use crate::ffi;
use crate::time::{CommitId, Time, When};

/// What to do where both sides changed the same, but not to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// The merge fails.
    Fail,
    /// It is as on the branch.
    Ours,
    /// It is as in the source.
    Theirs,
    /// It is as on the side whose last change of that key is later.
    Newest,
}

/// How to merge.
#[derive(Clone, Debug)]
pub struct MergeOptions {
    strategy: Strategy,
    is_dry_run: bool,
    is_always_a_commit: bool,
    source_name: Option<String>,
    decisions: Vec<Decision>,
}

#[derive(Clone, Debug)]
enum Decision {
    Value(String, Option<Vec<u8>>),
    Json(Vec<u8>),
}

impl Default for MergeOptions {
    fn default() -> MergeOptions {
        MergeOptions {
            strategy: Strategy::Fail,
            is_dry_run: false,
            is_always_a_commit: false,
            source_name: None,
            decisions: Vec::new(),
        }
    }
}

impl MergeOptions {
    /// A conflict fails the merge.
    pub fn new() -> MergeOptions {
        MergeOptions::default()
    }

    /// What to do with conflicts.
    pub fn strategy(mut self, strategy: Strategy) -> MergeOptions {
        self.strategy = strategy;
        self
    }

    /// Only find out: takes no lock, writes nothing.
    pub fn dry_run(mut self) -> MergeOptions {
        self.is_dry_run = true;
        self
    }

    /// Make a commit also where the branch could go forward.
    pub fn no_fast_forward(mut self) -> MergeOptions {
        self.is_always_a_commit = true;
        self
    }

    /// What messages, and the commit's, call the source, if not as it is given.
    pub fn source_name(mut self, name: impl Into<String>) -> MergeOptions {
        self.source_name = Some(name.into());
        self
    }

    /// What a key that is in conflict is to be; `None` means deleted.
    pub fn decide(mut self, key: impl Into<String>, value: Option<Vec<u8>>) -> MergeOptions {
        self.decisions.push(Decision::Value(key.into(), value));
        self
    }

    /// The same as JSON, as `chrondb merge --resolve` reads it: `{"key":K,"value":V}` or `{"key":K,"delete":true}`. The
    /// merge tells what is wrong with it.
    pub fn decide_json(mut self, decision: impl Into<Vec<u8>>) -> MergeOptions {
        self.decisions.push(Decision::Json(decision.into()));
        self
    }
}

/// What a merge is in conflict about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The document's key; `None` for a file that is no document, whose name is the path.
    pub key: Option<String>,
    /// A JSON pointer (RFC 6901) into the document; `""` means all of it.
    pub path: String,
    /// The value there where the sides parted.
    pub base: Option<Vec<u8>>,
    /// The value on the branch.
    pub ours: Option<Vec<u8>>,
    /// The value in the source.
    pub theirs: Option<Vec<u8>>,
}

/// What became of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MergeStatus {
    /// The branch has it all already.
    Unchanged,
    /// The branch is now what the source is.
    FastForward,
    /// There is a commit with two parents.
    Merged,
}

/// What a merge did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergeReport {
    /// What became of it.
    pub status: MergeStatus,
    /// The branch's new head; `None` if it is unchanged, or after a dry run.
    pub commit: Option<CommitId>,
    /// The effective time of the branch's head.
    pub time: Time,
    /// Documents of the branch that came or changed.
    pub puts: u64,
    /// Documents of the branch that went.
    pub deletes: u64,
    /// Conflicts that were decided, or settled by the strategy.
    pub conflicts: u64,
}

struct Merge(*mut sys::chrondb_merge);

impl Drop for Merge {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { sys::chrondb_merge_free(self.0) }
    }
}

impl Database {
    /// Bring into this branch what another one has (or a tag, or a commit): by key, and inside of documents by field.
    /// Conflicts are an error of kind [`Conflict`](crate::ErrorKind::Conflict), which tells them.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-merge-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// use chrondb::MergeOptions;
    ///
    /// db.put("lamp", r#"{"price":10,"stock":3}"#)?;
    /// db.create_branch("sale", None)?;
    /// db.branch("sale")?.patch("lamp", r#"{"price":8}"#)?;
    /// db.patch("lamp", r#"{"price":9,"stock":2}"#)?;
    ///
    /// let error = db.merge("sale", &MergeOptions::new()).unwrap_err();
    /// let conflict = &error.conflicts()[0];
    /// assert_eq!((conflict.path.as_str(), conflict.theirs.as_deref()), ("/price", Some(&b"8"[..])));
    /// let decided = MergeOptions::new().decide("lamp", Some(br#"{"price":8,"stock":2}"#.to_vec()));
    /// db.merge("sale", &decided)?;
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn merge(&self, source: impl Into<When>, options: &MergeOptions) -> Result<MergeReport> {
        self.run_merge(&source.into(), options, None)
    }

    /// The same, told how far it is.
    pub fn merge_with<'a>(
        &self,
        source: impl Into<When>,
        options: &MergeOptions,
        progress: &'a mut ProgressFn<'a>,
    ) -> Result<MergeReport> {
        self.run_merge(&source.into(), options, Some(progress))
    }

    fn run_merge<'a>(
        &self,
        source: &When,
        options: &MergeOptions,
        progress: Option<&'a mut ProgressFn<'a>>,
    ) -> Result<MergeReport> {
        let source = c_string(source.as_str(), "the source")?;
        let name = options.source_name.as_deref().map(|name| c_string(name, "the source's name")).transpose()?;
        let mut raw = ptr::null_mut();
        // SAFETY: the database is open; the strings and the closure live until the call returns.
        check(unsafe { sys::chrondb_merge_new(&mut raw, self.raw()) })?;
        let merge = Merge(raw);
        for decision in &options.decisions {
            decide(&merge, decision)?;
        }
        let write = self.raw_options()?;
        let code = ffi::with_progress(progress, |function, context| {
            let raw_options = sys::chrondb_merge_options {
                write: &write.raw,
                strategy: options.strategy.to_raw(),
                dry_run: options.is_dry_run.into(),
                no_ff: options.is_always_a_commit.into(),
                progress: function,
                progress_context: context,
                source_name: ffi::pointer(&name),
                ..Default::default()
            };
            // SAFETY: as above.
            unsafe { sys::chrondb_merge_run(merge.0, source.as_ptr(), &raw_options) }
        });
        finish(&merge, code)
    }
}

impl Strategy {
    fn to_raw(self) -> sys::chrondb_merge_strategy {
        match self {
            Strategy::Fail => sys::CHRONDB_MERGE_FAIL,
            Strategy::Ours => sys::CHRONDB_MERGE_OURS,
            Strategy::Theirs => sys::CHRONDB_MERGE_THEIRS,
            Strategy::Newest => sys::CHRONDB_MERGE_NEWEST,
        }
    }
}

fn decide(merge: &Merge, decision: &Decision) -> Result<()> {
    match decision {
        Decision::Value(key, value) => {
            let key = c_key(key)?;
            let (data, size) = value.as_ref().map_or((ptr::null(), 0), |value| (ffi::data(value), value.len()));
            // SAFETY: key and value are copied.
            check(unsafe { sys::chrondb_merge_decide(merge.0, key.as_ptr(), data, size) })
        }
        // SAFETY: the text is copied.
        Decision::Json(text) => check(unsafe { sys::chrondb_merge_decide_json(merge.0, ffi::data(text), text.len()) }),
    }
}

fn finish(merge: &Merge, code: c_int) -> Result<MergeReport> {
    if code != sys::CHRONDB_OK {
        let error = Error::last(code);
        return Err(match code {
            sys::CHRONDB_ECONFLICT => error.with_conflicts(conflicts(merge)),
            _ => error,
        });
    }
    // SAFETY: the report lives as long as the merge, and is copied.
    let report = unsafe { &*sys::chrondb_merge_get_report(merge.0) };
    Ok(MergeReport {
        status: match report.status {
            sys::CHRONDB_FAST_FORWARD => MergeStatus::FastForward,
            sys::CHRONDB_MERGED => MergeStatus::Merged,
            _ => MergeStatus::Unchanged,
        },
        // SAFETY: as above.
        commit: unsafe { CommitId::from_pointer(report.commit) },
        time: Time::from_raw(report.time),
        puts: report.puts,
        deletes: report.deletes,
        conflicts: report.conflicts,
    })
}

fn conflicts(merge: &Merge) -> Vec<Conflict> {
    let mut found = Vec::new();
    let mut raw = sys::chrondb_conflict::default();
    // SAFETY: conflicts live as long as the merge, and are copied.
    unsafe {
        while sys::chrondb_merge_conflict(merge.0, found.len(), &mut raw) == sys::CHRONDB_OK {
            found.push(Conflict {
                key: ffi::optional_string(raw.key),
                path: ffi::string(raw.path),
                base: ffi::optional_bytes(raw.base, raw.base_size),
                ours: ffi::optional_bytes(raw.ours, raw.ours_size),
                theirs: ffi::optional_bytes(raw.theirs, raw.theirs_size),
            });
        }
    }
    found
}
