//! The few system calls that `std` does not offer, each behind a safe function.
//!
//! Called by [`super::file`] and [`super::lock`] only. The one place of `disk` with unsafe code:
//! every call passes an open descriptor that its borrow keeps alive, and memory the callee only
//! reads or fills within the stated length.
#![allow(unsafe_code)]

#[cfg(unix)]
pub(super) use unix::*;

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io,
        os::fd::AsRawFd,
        path::Path,
        sync::{
            Once,
            atomic::{AtomicU32, Ordering},
        },
    };

    /// How many forks lie between the process that opened its first database and this one.
    ///
    /// A counter that `fork` itself advances in the child: asking costs a load, where asking for the
    /// process id is a system call.
    pub(in crate::disk) fn fork_count() -> u32 {
        static FORKS: AtomicU32 = AtomicU32::new(0);
        static REGISTERED: Once = Once::new();
        extern "C" fn forked() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        REGISTERED.call_once(|| {
            #[cfg(not(miri))]
            {
                // SAFETY: the handler lives as long as the program and only adds to an atomic.
                let refused = unsafe { libc::pthread_atfork(None, None, Some(forked)) };
                assert_eq!(refused, 0, "memory for a handler of forks");
            }
        });
        FORKS.load(Ordering::Relaxed)
    }

    /// Slices that one `pwritev` takes (POSIX allows 1024 on every system we know).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const SLICES_MAX: usize = 1024;

    /// Writes slices one behind the other at `offset`; how many bytes went out, maybe fewer.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn write_vectored_at(
        file: &File,
        slices: &[io::IoSlice<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        let count = slices.len().min(SLICES_MAX);
        let offset = libc::off_t::try_from(offset)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: `IoSlice` has the layout of `iovec` (documented by std); `count` of them are
        // borrowed for the call, which only reads the memory they name.
        let written = unsafe {
            libc::pwritev(file.as_raw_fd(), slices.as_ptr().cast(), count as libc::c_int, offset)
        };
        usize::try_from(written).map_err(|_| io::Error::last_os_error())
    }

    /// Writes the first non-empty slice at `offset`; how many bytes went out, maybe fewer.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub(in crate::disk) fn write_vectored_at(
        file: &File,
        slices: &[io::IoSlice<'_>],
        offset: u64,
    ) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        let first = slices.iter().find(|slice| !slice.is_empty());
        first.map_or(Ok(0), |slice| file.write_at(slice, offset))
    }

    /// Takes space for the bytes `from..to` behind the end; `false` where the file system cannot.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn allocate(file: &File, from: u64, to: u64) -> io::Result<bool> {
        let too_large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
        let start = libc::off_t::try_from(from).map_err(too_large)?;
        let bytes = libc::off_t::try_from(to.saturating_sub(from)).map_err(too_large)?;
        loop {
            // SAFETY: a call on an open descriptor that takes numbers only.
            if unsafe { libc::fallocate(file.as_raw_fd(), 0, start, bytes) } == 0 {
                return Ok(true);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL) => return Ok(false),
                _ => return Err(error),
            }
        }
    }

    /// The first stored byte at or behind `from`; `None` when a hole reaches to the end, or `from` lies
    /// behind it. It is `from` where the file system cannot tell.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn next_data(file: &File, from: u64) -> io::Result<Option<u64>> {
        let start = libc::off_t::try_from(from)
            .map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        // SAFETY: a call on an open descriptor that takes numbers only. It moves the descriptor's cursor,
        // which nothing here uses.
        let found = unsafe { libc::lseek(file.as_raw_fd(), start, libc::SEEK_DATA) };
        if let Ok(found) = u64::try_from(found) {
            return Ok(Some(found));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ENXIO) => Ok(None),
            Some(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS) => Ok(Some(from)),
            _ => Err(error),
        }
    }

    /// Whether the mount that `file` was opened on is read-only.
    pub(in crate::disk) fn is_on_read_only_mount(file: &File) -> io::Result<bool> {
        // SAFETY: `statvfs` is a C struct of integers: all zeros is a value of it.
        let mut found: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: the descriptor is open; the call fills the struct, exclusively borrowed for it.
        let result = unsafe { libc::fstatvfs(file.as_raw_fd(), &raw mut found) };
        if result == 0 {
            Ok(found.f_flag & libc::ST_RDONLY != 0)
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Renames without replacing. `Unsupported` where the system or the file system cannot.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (c_path(from)?, c_path(to)?);
        // SAFETY: both paths are NUL-terminated and live through the call, which only reads them.
        let result = unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                libc::AT_FDCWD,
                from.as_ptr(),
                libc::AT_FDCWD,
                to.as_ptr(),
                libc::RENAME_NOREPLACE,
            )
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINVAL | libc::ENOSYS) => Err(io::ErrorKind::Unsupported.into()),
            _ => Err(error),
        }
    }

    /// Renames without replacing. `Unsupported` where the system or the file system cannot.
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    pub(in crate::disk) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (c_path(from)?, c_path(to)?);
        // SAFETY: both paths are NUL-terminated and live through the call, which only reads them.
        let result = unsafe { libc::renamex_np(from.as_ptr(), to.as_ptr(), libc::RENAME_EXCL) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINVAL | libc::ENOTSUP) => Err(io::ErrorKind::Unsupported.into()),
            _ => Err(error),
        }
    }

    /// Renames without replacing. `Unsupported` where the system or the file system cannot.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios"
    )))]
    pub(in crate::disk) fn rename_no_replace(_from: &Path, _to: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
    fn c_path(path: &Path) -> io::Result<std::ffi::CString> {
        use std::os::unix::ffi::OsStrExt;
        std::ffi::CString::new(path.as_os_str().as_bytes())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    }

    /// What an open-file-description lock call did.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::disk) enum Ofd {
        /// Locked, or unlocked.
        Done,
        /// Another open file holds a conflicting lock.
        Conflict,
        /// This kernel or file system has no such locks.
        Unsupported,
    }

    /// What to do with a range of bytes.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in crate::disk) enum LockType {
        /// Shared.
        Shared,
        /// Exclusive.
        Exclusive,
        /// None.
        Unlock,
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn flock(lock_type: LockType, start: i64, bytes: i64) -> libc::flock {
        let l_type = match lock_type {
            LockType::Shared => libc::F_RDLCK,
            LockType::Exclusive => libc::F_WRLCK,
            LockType::Unlock => libc::F_UNLCK,
        };
        // SAFETY: `flock` is a C struct of integers: all zeros is a value of it.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = l_type as libc::c_short;
        lock.l_whence = libc::SEEK_SET as libc::c_short;
        lock.l_start = start as libc::off_t;
        lock.l_len = bytes as libc::off_t;
        lock
    }

    /// Sets or gives back an open-file-description lock. Does not wait.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn ofd_lock(
        file: &File,
        lock_type: LockType,
        start: i64,
        bytes: i64,
    ) -> io::Result<Ofd> {
        let lock = flock(lock_type, start, bytes);
        loop {
            // SAFETY: F_OFD_SETLK reads one `flock`, which lives through the call.
            let result =
                unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
            if result == 0 {
                return Ok(Ofd::Done);
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EAGAIN | libc::EACCES) => return Ok(Ofd::Conflict),
                Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP) => {
                    return Ok(Ofd::Unsupported);
                }
                _ => return Err(error),
            }
        }
    }

    /// The first lock of another open file in `[start, start + bytes)` that one of `lock_type` would meet, as
    /// (start, bytes).
    ///
    /// `bytes` 0 means: to the end of the number range, in the argument and in the answer.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(in crate::disk) fn ofd_conflict(
        file: &File,
        lock_type: LockType,
        start: i64,
        bytes: i64,
    ) -> io::Result<Option<(i64, i64)>> {
        let mut lock = flock(lock_type, start, bytes);
        loop {
            // SAFETY: F_OFD_GETLK reads and fills one `flock`, exclusively borrowed for the call.
            let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut lock) };
            if result == 0 {
                break;
            }
            let error = io::Error::last_os_error();
            if error.raw_os_error() != Some(libc::EINTR) {
                return Err(error);
            }
        }
        if lock.l_type == libc::F_UNLCK as libc::c_short {
            return Ok(None);
        }
        Ok(Some((lock.l_start, lock.l_len)))
    }
}

#[cfg(all(test, unix, not(miri)))]
mod tests {
    #[test]
    fn a_forked_child_counts_one_fork_more() {
        let before = super::fork_count();
        // SAFETY: the child calls nothing but a load and `_exit`, both safe after a fork.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let told = super::fork_count() == before + 1;
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(if told { 0 } else { 1 }) };
        }
        let mut status = -1;
        // SAFETY: waits for the child just made; fills one integer.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0), "the child sees another number");
        assert_eq!(super::fork_count(), before, "the parent sees the old one");
    }
}
