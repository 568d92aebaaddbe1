//! The files of the repository: everything in it that somebody wrote.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by us.
const NOT_WRITTEN: [&str; 8] = [
    ".git",
    "target",
    "node_modules",
    "dist",
    "veribus-data",
    ".venv",
    "__pycache__",
    "proptest-regressions",
];

/// The repository's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One file, with its path from the root.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The files whose name ends in one of `endings`, in the order of their paths.
pub(crate) fn files(endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    collect(root(), &mut paths);
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.to_string_lossy();
        if !endings.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let relative = path.strip_prefix(root()).expect("collected below the root");
        // A file may go between the listing and the reading while somebody works beside this test.
        if let Ok(text) = fs::read_to_string(&path) {
            files.push(File { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    }
    assert!(!files.is_empty(), "no file ends in {endings:?}: the walk is broken");
    files
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !NOT_WRITTEN.iter().any(|name| entry.file_name() == *name) {
            collect(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}

/// Fails with every finding at once.
#[track_caller]
pub(crate) fn none(rule: &str, findings: Vec<String>) {
    assert!(findings.is_empty(), "{rule}\n  {}", findings.join("\n  "));
}
