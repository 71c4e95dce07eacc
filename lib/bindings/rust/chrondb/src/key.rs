// SPDX-License-Identifier: MIT
//! Keys: `"table:id"`, or an id alone.
use chrondb_sys as sys;

use crate::error::{c_key, check, Result};
use crate::ffi::Buffer;

/// Is it a key? Asks no database.
///
/// ```
/// assert!(chrondb::check_key("user:1").is_ok());
/// assert_eq!(chrondb::check_key("user:").unwrap_err().name(), "invalid_key");
/// ```
pub fn check_key(key: &str) -> Result<()> {
    let key = c_key(key)?;
    // SAFETY: the key is only read.
    check(unsafe { sys::chrondb_key_check(key.as_ptr()) })
}

/// The key as a path, `"TABLE/ID.json"`, encoded as in the repository (chrondb-format(5)) but without its fan-out. Two
/// keys never have one path.
pub fn key_path(key: &str) -> Result<String> {
    let key = c_key(key)?;
    let mut path = Buffer::default();
    // SAFETY: the buffer is ours.
    check(unsafe { sys::chrondb_key_path(key.as_ptr(), path.as_mut_ptr()) })?;
    Ok(path.into_string())
}
