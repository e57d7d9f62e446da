//! Where progress in the lessons is kept: `$XDG_STATE_HOME/northstar/lessons`, else
//! `~/.local/state/northstar/lessons`.

use std::path::PathBuf;

/// The file; `None` where no home is known.
fn path() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_STATE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(base.join("northstar").join("lessons"))
}

/// What was kept; nothing when it cannot be read.
pub fn kept() -> String {
    path().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
}

/// Keeps it. A home that cannot be written costs the memory of a lesson, so nobody is stopped for it.
pub fn keep(text: &str) {
    let Some(path) = path() else { return };
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    drop(made.and_then(|()| std::fs::write(&path, text)));
}
