// SPDX-License-Identifier: MIT
use std::error;
use std::ffi::CString;
use std::fmt;
use std::os::raw::c_int;

use chrondb_sys as sys;

use crate::ffi;
use crate::merge::Conflict;
use crate::time::CommitId;

/// What functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is; [`Error::name`] says more exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was asked to be changed is not there.
    NotFound,
    /// A malformed key, moment, name or argument.
    Usage,
    /// A precondition failed, or a merge is in conflict; nothing was written.
    Conflict,
    /// Not a document; nothing was written.
    Invalid,
    /// A lock was not free in time, or the work was cancelled: try again.
    Busy,
    /// No database is there, or nothing that chrondb may touch.
    NoDatabase,
    /// Data is damaged or unreadable; the message names the object.
    Damaged,
    /// Input or output, a full disk, permissions, memory.
    System,
}

#[derive(Clone, Debug, Default)]
struct Details {
    code: c_int,
    name: String,
    message: String,
    key: Option<String>,
    path: Option<String>,
    current: Option<CommitId>,
    line: usize,
    column: usize,
    conflicts: Vec<Conflict>,
}

/// Why a call failed.
///
/// It displays as one line for people: what, where, why.
///
/// ```
/// # let dir = std::env::temp_dir().join(format!("chrondb-doc-error-{}", std::process::id()));
/// use chrondb::{Database, ErrorKind};
///
/// let db = Database::open(&dir)?;
/// let error = db.put("user:1", r#"{"name": }"#).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// assert_eq!((error.name(), error.line(), error.column()), ("invalid_json", Some(1), Some(10)));
/// # std::fs::remove_dir_all(&dir).unwrap();
/// # Ok::<(), chrondb::Error>(())
/// ```
#[derive(Clone)]
pub struct Error(Box<Details>);

impl Error {
    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        match self.0.code {
            sys::CHRONDB_NOTFOUND => ErrorKind::NotFound,
            sys::CHRONDB_EUSAGE => ErrorKind::Usage,
            sys::CHRONDB_ECONFLICT => ErrorKind::Conflict,
            sys::CHRONDB_EINVALID => ErrorKind::Invalid,
            sys::CHRONDB_EBUSY => ErrorKind::Busy,
            sys::CHRONDB_ENODB => ErrorKind::NoDatabase,
            sys::CHRONDB_EDAMAGED => ErrorKind::Damaged,
            _ => ErrorKind::System,
        }
    }

    /// The code that the library returned, `CHRONDB_E*` of chrondb.h.
    pub fn code(&self) -> i32 {
        self.0.code
    }

    /// The stable name of the failure, for programs: `"invalid_json"`, `"no_branch"`, `"no_space"` ...;
    /// chrondb-output(5) lists them.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// One line for people, never empty.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The key that it is about.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// The file or directory that it is about.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// After a conflict: the key's last commit; `None` if the key is not there.
    pub fn current(&self) -> Option<CommitId> {
        self.0.current
    }

    /// The line of the document or query that it is about, from 1.
    pub fn line(&self) -> Option<usize> {
        Some(self.0.line).filter(|&line| line > 0)
    }

    /// The place in the line, from 1: bytes of a document, characters of a query.
    pub fn column(&self) -> Option<usize> {
        Some(self.0.column).filter(|&column| column > 0)
    }

    /// After a merge that is in conflict: where. Empty otherwise.
    pub fn conflicts(&self) -> &[Conflict] {
        &self.0.conflicts
    }

    /// The calling thread's last failure, of a call that returned `code`.
    pub(crate) fn last(code: c_int) -> Error {
        // SAFETY: never NULL, and its strings are valid until this thread's next call.
        let details = unsafe {
            let last = &*sys::chrondb_last_error();
            Details {
                code,
                name: ffi::string(last.name),
                message: ffi::string(last.message),
                key: ffi::optional_string(last.key),
                path: ffi::optional_string(last.path),
                current: CommitId::from_pointer(last.current),
                line: last.line,
                column: last.column,
                conflicts: Vec::new(),
            }
        };
        Error(Box::new(details))
    }

    pub(crate) fn new(code: c_int, name: &str, message: String) -> Error {
        Error(Box::new(Details { code, name: name.into(), message, ..Details::default() }))
    }

    pub(crate) fn usage(message: impl Into<String>) -> Error {
        Error::new(sys::CHRONDB_EUSAGE, "usage", message.into())
    }

    pub(crate) fn with_conflicts(mut self, conflicts: Vec<Conflict>) -> Error {
        self.0.conflicts = conflicts;
        self
    }

    #[cfg(feature = "serde_json")]
    pub(crate) fn json(subject: &str, error: &serde_json::Error) -> Error {
        let mut found = Error::new(sys::CHRONDB_EINVALID, "invalid_json", format!("{subject}: {error}"));
        found.0.line = error.line();
        found.0.column = error.column();
        found
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("name", &self.name()).field("message", &self.message());
        for (name, value) in [("key", self.key()), ("path", self.path())] {
            if let Some(value) = value {
                out.field(name, &value);
            }
        }
        out.finish_non_exhaustive()
    }
}

impl error::Error for Error {}

// ---- results of calls ----

/// 0, or a failure (not found is one too).
pub(crate) fn check(code: c_int) -> Result<()> {
    match code {
        sys::CHRONDB_OK => Ok(()),
        code => Err(Error::last(code)),
    }
}

/// Was it found, or is there more? For calls that answer with CHRONDB_NOTFOUND or CHRONDB_END.
pub(crate) fn found(code: c_int) -> Result<bool> {
    match code {
        sys::CHRONDB_NOTFOUND => Ok(false),
        code => check(code).map(|()| true),
    }
}

// ---- arguments ----

/// C's strings end at a NUL: one that holds a NUL cannot be said.
pub(crate) fn c_string(text: impl Into<Vec<u8>>, what: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::usage(format!("{what} holds a NUL character")))
}

pub(crate) fn c_key(key: &str) -> Result<CString> {
    CString::new(key).map_err(|_| {
        let mut error = Error::new(sys::CHRONDB_EUSAGE, "invalid_key", "a key holds a NUL character".into());
        error.0.key = Some(key.replace('\0', "\\0"));
        error
    })
}
