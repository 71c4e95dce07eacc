// SPDX-License-Identifier: MIT
#![doc = include_str!("../README.md")]
#![deny(missing_docs)]
#![warn(rust_2018_idioms)]

mod backup;
mod care;
mod config;
mod database;
mod error;
mod ffi;
mod history;
mod import;
pub mod json;
mod key;
mod merge;
mod refs;
mod search;
mod snapshot;
mod time;
#[cfg(feature = "serde_json")]
mod values;
mod watch;
mod write;

pub use backup::{
    restore_backup, restore_backup_from, restore_backup_with, BackupOptions, BackupReport, RestoreReport,
};
pub use care::{Finding, GcReport, Info, Progress, ProgressFn, ReindexReport, VerifyReport};
pub use config::Setting;
pub use database::{discover, Database, Level, Notice, OpenOptions};
pub use error::{Error, ErrorKind, Result};
pub use history::{Blame, BlameField, Change, Commit, Diff, Difference, History, HistoryOptions, Log, Op, Version};
pub use import::{Import, ImportMode, ImportOptions, ImportReport};
pub use key::{check_key, key_path};
pub use merge::{Conflict, MergeOptions, MergeReport, MergeStatus, Strategy};
pub use refs::{Comparison, Ref};
pub use search::{Facet, FacetValue, Hit, Query, Score, Search, SearchOptions, SearchStats, Step};
pub use snapshot::{Entry, Keys, List, Range, Snapshot, Table};
pub use time::{CommitId, Time, When};
pub use watch::{Event, Watch, WatchOptions};
pub use write::{Batch, Committed, Condition, Status, WriteOptions, Written};

/// The version of the library that runs, `"MAJOR.MINOR.PATCH"`.
pub fn version() -> String {
    // SAFETY: a string that never goes.
    unsafe { ffi::string(chrondb_sys::chrondb_version()) }
}
