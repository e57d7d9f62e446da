//! A value on cache lines of its own, so that who writes it does not slow those who read its
//! neighbours. Called by `frame` and `epoch`.

use std::ops::Deref;

/// Two lines of 64 bytes: processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

impl<T> Deref for Apart<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}
