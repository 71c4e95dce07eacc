// SPDX-License-Identifier: MIT
//! Settings of a database.
use std::os::raw::{c_int, c_void};

use chrondb_sys as sys;

use crate::database::Database;
use crate::error::{c_string, check, Result};
use crate::ffi::{self, Buffer};
use crate::write::Status;

/// What a database is told once and for all; chrondb-config(1) lists them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// The value in effect.
    pub value: String,
    /// The value where nothing is set.
    pub default_value: String,
    /// A few words.
    pub description: String,
    /// Does the configuration set it?
    pub is_set: bool,
    /// Is the value one that is allowed?
    pub is_valid: bool,
}

impl Database {
    /// All settings that there are, in the order of their names' bytes.
    pub fn settings(&self) -> Result<Vec<Setting>> {
        unsafe extern "C" fn each(context: *mut c_void, setting: *const sys::chrondb_setting) -> c_int {
            ffi::called::<&mut Vec<Setting>>(context, |settings| {
                let setting = &*setting;
                settings.push(Setting {
                    name: ffi::string(setting.name),
                    value: ffi::string(setting.value),
                    default_value: ffi::string(setting.default_value),
                    description: ffi::string(setting.description),
                    is_set: setting.is_set != 0,
                    is_valid: setting.is_valid != 0,
                });
                0
            })
        }
        let mut settings = Vec::new();
        // SAFETY: the context is of the type that `each` takes.
        let code = ffi::with_context(&mut settings, |context| unsafe {
            sys::chrondb_config_list(self.raw(), Some(each), context)
        });
        check(code).map(|()| settings)
    }

    /// The value of a setting that is in effect.
    ///
    /// ```
    /// # let dir = std::env::temp_dir().join(format!("chrondb-doc-setting-{}", std::process::id()));
    /// # let db = chrondb::Database::open(&dir)?;
    /// db.set_setting("search.language", "german")?;
    /// assert_eq!(db.setting("search.language")?, "german");
    /// # std::fs::remove_dir_all(&dir).unwrap();
    /// # Ok::<(), chrondb::Error>(())
    /// ```
    pub fn setting(&self, name: &str) -> Result<String> {
        let name = c_string(name, "the name")?;
        let mut value = Buffer::default();
        // SAFETY: the buffer is ours.
        check(unsafe { sys::chrondb_config_get(self.raw(), name.as_ptr(), value.as_mut_ptr()) })?;
        Ok(value.into_string())
    }

    /// Set it; durable when this returns.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<Status> {
        let (name, value) = (c_string(name, "the name")?, c_string(value, "the value")?);
        let mut status = sys::CHRONDB_UNCHANGED;
        let timeout = self.lock_timeout_ms();
        // SAFETY: the strings live until the call returns.
        check(unsafe { sys::chrondb_config_set(self.raw(), name.as_ptr(), value.as_ptr(), timeout, &mut status) })?;
        Ok(Status::from_raw(status))
    }

    /// Back to the default.
    pub fn unset_setting(&self, name: &str) -> Result<Status> {
        let name = c_string(name, "the name")?;
        let mut status = sys::CHRONDB_UNCHANGED;
        let timeout = self.lock_timeout_ms();
        // SAFETY: as above.
        check(unsafe { sys::chrondb_config_unset(self.raw(), name.as_ptr(), timeout, &mut status) })?;
        Ok(Status::from_raw(status))
    }
}
