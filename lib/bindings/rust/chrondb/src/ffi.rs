// SPDX-License-Identifier: MIT
//! Texts and bytes from C, and closures for C to call.
use std::any::Any;
use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::ptr;
use std::slice;

use chrondb_sys as sys;

use crate::care::{Progress, ProgressFn};

/// # Safety
/// NULL, or a string that ends.
pub(crate) unsafe fn optional_string(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    Some(CStr::from_ptr(text).to_string_lossy().into_owned())
}

/// # Safety
/// As above; NULL is empty.
pub(crate) unsafe fn string(text: *const c_char) -> String {
    optional_string(text).unwrap_or_default()
}

/// # Safety
/// NULL, or `size` bytes.
pub(crate) unsafe fn optional_bytes(data: *const c_char, size: usize) -> Option<Vec<u8>> {
    if data.is_null() {
        return None;
    }
    Some(slice::from_raw_parts(data.cast::<u8>(), size).to_vec())
}

/// # Safety
/// `count` of them, or any pointer with a count of 0.
pub(crate) unsafe fn items<'a, T>(first: *const T, count: usize) -> &'a [T] {
    match count {
        0 => &[],
        count => slice::from_raw_parts(first, count),
    }
}

/// # Safety
/// `count` strings.
pub(crate) unsafe fn strings(first: *const *const c_char, count: usize) -> Vec<String> {
    items(first, count).iter().map(|&text| string(text)).collect()
}

/// NULL where there is none.
pub(crate) fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(ptr::null(), |text| text.as_ptr())
}

pub(crate) fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).collect()
}

/// A document, or another text with a size, as C takes it.
pub(crate) fn data(bytes: &[u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

/// Bytes that the library writes.
#[derive(Default)]
pub(crate) struct Buffer(sys::chrondb_buffer);

impl Buffer {
    pub(crate) fn as_mut_ptr(&mut self) -> *mut sys::chrondb_buffer {
        &mut self.0
    }

    pub(crate) fn to_vec(&self) -> Vec<u8> {
        // SAFETY: the library keeps data and size together.
        unsafe { optional_bytes(self.0.data, self.0.size) }.unwrap_or_default()
    }

    pub(crate) fn into_string(self) -> String {
        String::from_utf8(self.to_vec()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it is ours.
        unsafe { sys::chrondb_buffer_free(&mut self.0) }
    }
}

// ---- closures ----

/// A closure that C calls, and what it panicked with: a panic must not go through C. It is taken up again when the
/// call into the library is over.
pub(crate) struct Callback<F> {
    function: F,
    panic: Option<Box<dyn Any + Send>>,
}

impl<F> Callback<F> {
    pub(crate) fn new(function: F) -> Callback<F> {
        Callback { function, panic: None }
    }

    /// After a call into the library: go on with the panic, if there was one.
    pub(crate) fn take_up(&mut self) {
        if let Some(reason) = self.panic.take() {
            panic::resume_unwind(reason);
        }
    }
}

/// Runs `call` with the context for a callback that calls [`called`] with the same `F`.
pub(crate) fn with_context<F, R>(function: F, call: impl FnOnce(*mut c_void) -> R) -> R {
    let mut callback = Callback::new(function);
    let result = call((&mut callback as *mut Callback<F>).cast());
    callback.take_up();
    result
}

/// Calls the closure of a context: 1, which ends what the library does, after a panic.
///
/// # Safety
/// The context is of `with_context` with the same `F`.
pub(crate) unsafe fn called<F>(context: *mut c_void, call: impl FnOnce(&mut F) -> c_int) -> c_int {
    let callback = &mut *context.cast::<Callback<F>>();
    if callback.panic.is_some() {
        return 1;
    }
    match panic::catch_unwind(AssertUnwindSafe(|| call(&mut callback.function))) {
        Ok(result) => result,
        Err(reason) => {
            callback.panic = Some(reason);
            1
        }
    }
}

type Tell<'a> = Option<&'a mut ProgressFn<'a>>;

/// A closure that is kept, to be told of more than one call.
pub(crate) type KeptTell = Box<ProgressFn<'static>>;

/// # Safety
/// The phase is a string that ends.
unsafe fn tell_one(tell: &mut ProgressFn<'_>, phase: *const c_char, done: u64, total: u64) -> c_int {
    let phase = CStr::from_ptr(phase).to_string_lossy();
    let progress = Progress { phase: &phase, done, total: Some(total).filter(|&total| total > 0) };
    c_int::from(tell(progress).is_break())
}

unsafe extern "C" fn tell(context: *mut c_void, phase: *const c_char, done: u64, total: u64) -> c_int {
    called::<Tell<'_>>(context, |tell| tell.as_mut().map_or(0, |tell| tell_one(tell, phase, done, total)))
}

/// The context is a `Callback<KeptTell>`.
pub(crate) unsafe extern "C" fn tell_kept(context: *mut c_void, phase: *const c_char, done: u64, total: u64) -> c_int {
    called::<KeptTell>(context, |tell| tell_one(tell.as_mut(), phase, done, total))
}

/// Runs `call` with what C needs to tell how far it is.
pub(crate) fn with_progress<R>(function: Tell<'_>, call: impl FnOnce(sys::chrondb_progress, *mut c_void) -> R) -> R {
    let wanted = function.is_some();
    with_context(function, |context| match wanted {
        true => call(Some(tell), context),
        false => call(None, ptr::null_mut()),
    })
}
