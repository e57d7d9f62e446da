//! Source files as tidy sees them: paths and text, tests apart.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub(crate) struct Source {
    /// Path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    /// The text up to its unit tests; all of it when they are in a file of their own.
    pub(crate) fn code(&self) -> &str {
        let end = self.text.find("#[cfg(test)]\nmod tests {");
        self.text.get(..end.unwrap_or(self.text.len())).unwrap_or_default()
    }

    /// Whether it holds nothing but tests.
    pub(crate) fn is_tests(&self) -> bool {
        self.path.ends_with("tests.rs")
            || self.path.contains("/tests/")
            || self.path.starts_with("tests/")
    }
}

/// All Rust files under a folder of the repository, sorted by path; none when there is no such
/// folder.
pub(crate) fn rust_files(folder: &str) -> Vec<Source> {
    let root = super::repository();
    let mut open = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.map(|entry| entry.expect("a readable directory")) {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found.into_iter().map(|path| read(&root, path)).collect()
}

fn read(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).expect("a readable source file");
    let path = path.strip_prefix(root).expect("a path inside the repository");
    Source { path: path.to_string_lossy().replace('\\', "/"), text }
}
