// SPDX-License-Identifier: MIT
//! JSON as text: what the library does with documents, for documents of your own.
use chrondb_sys as sys;

use crate::error::{check, Result};
use crate::ffi::{self, Buffer};

/// Is this a document? The error tells line and column.
pub fn check_document(json: impl AsRef<[u8]>) -> Result<()> {
    let json = json.as_ref();
    // SAFETY: the text is only read.
    check(unsafe { sys::chrondb_json_check(ffi::data(json), json.len()) })
}

/// The same value without insignificant white space; numbers, strings and the order of members keep their text.
pub fn compact(json: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    format(json.as_ref(), 0)
}

/// The same value indented by two spaces.
///
/// ```
/// assert_eq!(chrondb::json::pretty(r#"{"price":10.50}"#)?, b"{\n  \"price\": 10.50\n}");
/// # Ok::<(), chrondb::Error>(())
/// ```
pub fn pretty(json: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    format(json.as_ref(), sys::CHRONDB_JSON_PRETTY)
}

fn format(json: &[u8], flags: std::os::raw::c_uint) -> Result<Vec<u8>> {
    let mut out = Buffer::default();
    // SAFETY: the buffer is ours.
    check(unsafe { sys::chrondb_json_format(out.as_mut_ptr(), ffi::data(json), json.len(), flags) })?;
    Ok(out.to_vec())
}

/// Apply an RFC 7396 merge patch; what it does not touch keeps its text.
pub fn merge_patch(target: impl AsRef<[u8]>, patch: impl AsRef<[u8]>) -> Result<Vec<u8>> {
    let (target, patch) = (target.as_ref(), patch.as_ref());
    let mut out = Buffer::default();
    // SAFETY: as above.
    check(unsafe {
        let (target_data, patch_data) = (ffi::data(target), ffi::data(patch));
        sys::chrondb_json_merge_patch(out.as_mut_ptr(), target_data, target.len(), patch_data, patch.len())
    })?;
    Ok(out.to_vec())
}
