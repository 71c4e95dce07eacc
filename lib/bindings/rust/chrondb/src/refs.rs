// SPDX-License-Identifier: MIT
//! Branches and tags.
use std::os::raw::{c_int, c_void};

use chrondb_sys as sys;

use crate::database::Database;
use crate::error::{c_string, check, Result};
use crate::ffi;
use crate::time::{CommitId, Time, When};
use crate::write::Status;

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ref {
    /// Its name.
    pub name: String,
    /// The commit that it names; `None` if it names none, for git can tag anything.
    pub commit: Option<CommitId>,
    /// The commit's effective time, if it can be read.
    pub time: Option<Time>,
    /// After it was moved: the commit that it named before.
    pub previous: Option<CommitId>,
    /// A branch: is it the default one?
    pub is_default: bool,
}

impl Ref {
    /// # Safety
    /// Of a call that succeeded.
    unsafe fn from_raw(raw: &sys::chrondb_ref) -> Ref {
        Ref {
            name: ffi::string(raw.name),
            commit: CommitId::from_array(&raw.commit),
            time: Some(Time::from_raw(raw.time)).filter(|_| raw.has_time != 0),
            previous: CommitId::from_array(&raw.previous),
            is_default: raw.is_default != 0,
        }
    }
}

/// How two commits stand to each other: see [`Database::compare`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Comparison {
    /// The one; `None` before the first commit, which has no news for anybody.
    pub ours: Option<CommitId>,
    /// The other.
    pub theirs: Option<CommitId>,
    /// Do both have the same documents?
    pub same_documents: bool,
    /// Does ours bring a version that theirs does not have,
    pub our_news: bool,
    /// and theirs one that ours does not have?
    pub their_news: bool,
}

unsafe extern "C" fn each(context: *mut c_void, reference: *const sys::chrondb_ref) -> c_int {
    ffi::called::<&mut Vec<Ref>>(context, |refs| {
        refs.push(Ref::from_raw(&*reference));
        0
    })
}

type ListFn = unsafe extern "C" fn(
    *mut sys::chrondb,
    Option<unsafe extern "C" fn(*mut c_void, *const sys::chrondb_ref) -> c_int>,
    *mut c_void,
) -> c_int;

impl Database {
    fn refs(&self, list: ListFn) -> Result<Vec<Ref>> {
        let mut refs = Vec::new();
        // SAFETY: the context is of the type that `each` takes.
        let code = ffi::with_context(&mut refs, |context| unsafe { list(self.raw(), Some(each), context) });
        check(code).map(|()| refs)
    }

    /// The branches, in the order of their names' bytes.
    pub fn branches(&self) -> Result<Vec<Ref>> {
        self.refs(sys::chrondb_branch_list)
    }

    /// The tags, in the order of their names' bytes.
    pub fn tags(&self) -> Result<Vec<Ref>> {
        self.refs(sys::chrondb_tag_list)
    }

    /// What was fetched from other machines: `"origin/main"` ... They have no time.
    pub fn remote_branches(&self) -> Result<Vec<Ref>> {
        self.refs(sys::chrondb_remote_branch_list)
    }

    /// How two moments stand to each other; `"now"` is the branch as it is.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-compare-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// db.put("lamp", "10")?;
    /// db.create_branch("sale", None)?;
    /// db.branch("sale")?.put("lamp", "8")?;
    /// let found = db.compare("main", "sale")?;
    /// assert_eq!((found.our_news, found.their_news, found.same_documents), (false, true, false));
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn compare(&self, ours: impl Into<When>, theirs: impl Into<When>) -> Result<Comparison> {
        let ours = c_string(ours.into().as_str(), "the moment")?;
        let theirs = c_string(theirs.into().as_str(), "the moment")?;
        let mut raw = sys::chrondb_comparison::default();
        // SAFETY: the strings live until the call returns; the report says its size.
        check(unsafe { sys::chrondb_compare(self.raw(), self.c_branch(), ours.as_ptr(), theirs.as_ptr(), &mut raw) })?;
        Ok(Comparison {
            ours: CommitId::from_array(&raw.ours),
            theirs: CommitId::from_array(&raw.theirs),
            same_documents: raw.same_documents != 0,
            our_news: raw.our_news != 0,
            their_news: raw.their_news != 0,
        })
    }

    /// A new branch: at the head of this one, or where it was `at` a moment. One that is there, at that very commit, is
    /// [`Status::Unchanged`]; at another it is an error, `"exists"`. It costs the same however large the database is.
    pub fn create_branch(&self, name: &str, at: Option<When>) -> Result<(Status, Ref)> {
        let name = c_string(name, "the name")?;
        let at = at.map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        self.change(|status, out| unsafe {
            // SAFETY: the strings live until the call returns.
            let (branch, timeout) = (self.c_branch(), self.lock_timeout_ms());
            sys::chrondb_branch_create(self.raw(), name.as_ptr(), branch, ffi::pointer(&at), timeout, status, out)
        })
    }

    /// Delete a branch, but for the default one. No commit is lost: the result tells which it named.
    pub fn delete_branch(&self, name: &str) -> Result<Ref> {
        let name = c_string(name, "the name")?;
        let deleted = self.change(|_, out| unsafe {
            // SAFETY: as above.
            sys::chrondb_branch_delete(self.raw(), name.as_ptr(), self.lock_timeout_ms(), out)
        });
        deleted.map(|(_, deleted)| deleted)
    }

    /// Rename a branch. If it is the default one, that is its name from now on.
    pub fn rename_branch(&self, from: &str, to: &str) -> Result<(Status, Ref)> {
        let (from, to) = (c_string(from, "the name")?, c_string(to, "the name")?);
        self.change(|status, out| unsafe {
            // SAFETY: as above.
            let timeout = self.lock_timeout_ms();
            sys::chrondb_branch_rename(self.raw(), from.as_ptr(), to.as_ptr(), timeout, status, out)
        })
    }

    /// A tag: at the head of the branch, or where it was `at` a moment. One that is there stays where it is.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-tag-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// db.put("price", "10")?;
    /// db.create_tag("v1", None)?;
    /// db.put("price", "12")?;
    /// assert_eq!(db.at("v1")?.get("price")?.unwrap(), b"10");
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn create_tag(&self, name: &str, at: Option<When>) -> Result<(Status, Ref)> {
        self.tag(name, at, false)
    }

    /// The same, and one that is there is moved.
    pub fn move_tag(&self, name: &str, at: Option<When>) -> Result<(Status, Ref)> {
        self.tag(name, at, true)
    }

    fn tag(&self, name: &str, at: Option<When>, force: bool) -> Result<(Status, Ref)> {
        let name = c_string(name, "the name")?;
        let at = at.map(|when| c_string(when.as_str(), "the moment")).transpose()?;
        let (branch, force, timeout) = (self.c_branch(), force.into(), self.lock_timeout_ms());
        self.change(|status, out| unsafe {
            // SAFETY: as above.
            let at = ffi::pointer(&at);
            sys::chrondb_tag_create(self.raw(), name.as_ptr(), branch, at, force, timeout, status, out)
        })
    }

    /// Delete a tag.
    pub fn delete_tag(&self, name: &str) -> Result<Ref> {
        let name = c_string(name, "the name")?;
        let deleted = self.change(|_, out| unsafe {
            // SAFETY: as above.
            sys::chrondb_tag_delete(self.raw(), name.as_ptr(), self.lock_timeout_ms(), out)
        });
        deleted.map(|(_, deleted)| deleted)
    }

    fn change(
        &self,
        call: impl FnOnce(*mut sys::chrondb_status, *mut sys::chrondb_ref) -> c_int,
    ) -> Result<(Status, Ref)> {
        let mut status = sys::CHRONDB_UNCHANGED;
        let mut out = sys::chrondb_ref::default();
        check(call(&mut status, &mut out))?;
        // SAFETY: the name is that of the argument, which the callers keep until this returns.
        Ok((Status::from_raw(status), unsafe { Ref::from_raw(&out) }))
    }
}
