//! Locks, condition variables and atomics of everything that threads meet in: the standard library's,
//! or loom's in their place.
//!
//! Used by `pager`, `txn` and `log`. Built with `RUSTFLAGS="--cfg loom"` the `model_tests` beside
//! those modules run the real code, and loom tries every order of its steps and every value that a
//! load may see by the memory model (`spec/hardening_v0.md`, concurrency). In every other build
//! these names are the standard library's, at no cost.
//!
//! What models cannot see, and how it is kept out of them: statistics are counted in the standard
//! library's atomics, because nothing is decided by them; `Arc` and `OnceLock` stay the standard
//! library's, and a model makes what they hold before it starts a second thread.

#[cfg(not(loom))]
pub(crate) use in_earnest::*;
#[cfg(loom)]
pub(crate) use in_models::*;

pub(crate) use watch::Watch;

use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize as Counter, Ordering::Relaxed};
use std::time::Duration;

#[cfg(all(test, loom))]
pub(crate) mod model_tests;
mod watch;

#[cfg(not(loom))]
mod in_earnest {
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard, atomic};
    pub(crate) use std::thread::yield_now;
    pub(crate) use std::thread_local;
}

/// Waits on `condvar` while `holds`, at most `patience`; gives the lock back. In a model time does
/// not pass: no patience at all stands for a time-out at whatever moment, any other for none.
pub(crate) fn wait_while_at_most<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    patience: Duration,
    holds: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    #[cfg(not(loom))]
    {
        let waited = condvar.wait_timeout_while(guard, patience, holds);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
    #[cfg(loom)]
    {
        let (mut guard, mut holds) = (guard, holds);
        while !patience.is_zero() && holds(&mut guard) {
            guard = condvar.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        guard
    }
}

/// Gives each thread that asks a number of its own, so that they start at different places. In a
/// model it is always 0: it must not remember the run before, and places are few.
#[derive(Debug)]
pub(crate) struct Spread(Counter);

impl Spread {
    pub(crate) const fn new() -> Self {
        Self(Counter::new(0))
    }

    pub(crate) fn draw(&self) -> usize {
        let step = usize::from(!cfg!(loom));
        self.0.fetch_add(step, Relaxed)
    }
}

#[cfg(loom)]
mod in_models {
    pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now;

    /// loom's, which does not know constants.
    macro_rules! loom_thread_local {
        ($(#[$attribute:meta])* static $name:ident: $type:ty = const { $first:expr };) => {
            loom::thread_local! { $(#[$attribute])* static $name: $type = $first; }
        };
        ($($other:tt)*) => {
            loom::thread_local! { $($other)* }
        };
    }
    pub(crate) use loom_thread_local as thread_local;

    /// loom's atomics with the order that `SeqCst` promises: loom itself takes it for
    /// acquire-release and honours fences only, so each such operation has a fence before it. That
    /// orders it after all such operations that came before, of all threads, and says nothing about
    /// what follows, as in the memory model.
    pub(crate) mod atomic {
        use loom::sync::atomic;
        pub(crate) use std::sync::atomic::Ordering;

        fn order(order: Ordering) -> Ordering {
            if order == Ordering::SeqCst {
                atomic::fence(Ordering::SeqCst);
            }
            order
        }

        macro_rules! number {
            ($name:ident, $type:ty) => {
                #[derive(Debug, Default)]
                pub(crate) struct $name(atomic::$name);

                #[allow(dead_code, reason = "one set of operations for all widths")]
                impl $name {
                    pub(crate) fn new(value: $type) -> Self {
                        Self(atomic::$name::new(value))
                    }
                    pub(crate) fn load(&self, how: Ordering) -> $type {
                        self.0.load(order(how))
                    }
                    pub(crate) fn store(&self, value: $type, how: Ordering) {
                        self.0.store(value, order(how));
                    }
                    pub(crate) fn swap(&self, value: $type, how: Ordering) -> $type {
                        self.0.swap(value, order(how))
                    }
                    pub(crate) fn fetch_add(&self, by: $type, how: Ordering) -> $type {
                        self.0.fetch_add(by, order(how))
                    }
                    pub(crate) fn fetch_sub(&self, by: $type, how: Ordering) -> $type {
                        self.0.fetch_sub(by, order(how))
                    }
                    pub(crate) fn fetch_max(&self, other: $type, how: Ordering) -> $type {
                        self.0.fetch_max(other, order(how))
                    }
                    pub(crate) fn compare_exchange(
                        &self,
                        old: $type,
                        new: $type,
                        done: Ordering,
                        failed: Ordering,
                    ) -> Result<$type, $type> {
                        self.0.compare_exchange(old, new, order(done), failed)
                    }
                }
            };
        }
        number!(AtomicU32, u32);
        number!(AtomicU64, u64);
        number!(AtomicUsize, usize);

        #[derive(Debug, Default)]
        pub(crate) struct AtomicBool(atomic::AtomicBool);

        #[allow(dead_code, reason = "one set of operations for all widths")]
        impl AtomicBool {
            pub(crate) fn new(value: bool) -> Self {
                Self(atomic::AtomicBool::new(value))
            }
            pub(crate) fn load(&self, how: Ordering) -> bool {
                self.0.load(order(how))
            }
            pub(crate) fn store(&self, value: bool, how: Ordering) {
                self.0.store(value, order(how));
            }
            pub(crate) fn swap(&self, value: bool, how: Ordering) -> bool {
                self.0.swap(value, order(how))
            }
        }
    }
}
