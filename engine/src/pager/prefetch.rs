//! Asks the processor to fetch memory before it is needed. Called by `frame`. A hint, nothing else.

#![allow(unsafe_code)]

/// Bytes of a cache line, nearly everywhere.
const LINE_BYTES: usize = 64;

/// Brings the first bytes of a slice near.
#[inline]
pub(crate) fn bytes(bytes: &[u8]) {
    near(bytes.as_ptr());
}

/// Brings `COUNT` cache lines near, from the start of a slice on.
#[inline]
pub(crate) fn lines<const COUNT: usize>(bytes: &[u8]) {
    for line in 0..COUNT {
        near(bytes.as_ptr().wrapping_add(line * LINE_BYTES));
    }
}

/// Brings all cache lines of a slice near; meant for a few.
#[inline]
pub(crate) fn all(bytes: &[u8]) {
    for line in bytes.chunks(LINE_BYTES) {
        near(line.as_ptr());
    }
    if let Some(last) = bytes.last() {
        near(last);
    }
}

/// Brings the cache line at `address` near. Any address is allowed.
#[inline]
pub(super) fn near(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing the program can see and faults on no address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
