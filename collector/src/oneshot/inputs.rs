//! What is to be read: files, folders and standard input become one sorted list; what cannot be read is said.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::remark::Remark;

/// Deepest folder below a named one.
const FOLDER_DEPTH_MAX: usize = 64;
/// Most files of one run.
const FILES_MAX: usize = 100_000;

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// Standard input.
    Stdin,
    /// A file, and whether it was named itself (not found in a folder).
    File { path: PathBuf, named: bool },
}

/// The list of inputs, and what was left out of it.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// In the order of the arguments; a folder's files sorted by path.
    pub(super) list: Vec<Input>,
    /// Sizes of all files as found; `None` if an input's size is not known.
    pub(super) bytes: Option<u64>,
    /// What could not be read or was left out.
    pub(super) remarks: Vec<Remark>,
    seen: HashSet<(u64, u64)>,
}

impl Inputs {
    /// Finds everything that `paths` name; `-` is standard input. Symbolic links are followed where they are
    /// named, not inside a folder; a file that is named or linked twice is read once.
    pub(super) fn find(paths: &[PathBuf]) -> Self {
        let mut inputs = Inputs { bytes: Some(0), ..Inputs::default() };
        for path in paths {
            if path.as_os_str() == "-" {
                inputs.add_stdin();
            } else {
                inputs.add_named(path);
            }
        }
        inputs
    }

    fn add_stdin(&mut self) {
        if self.list.contains(&Input::Stdin) {
            self.remarks.push(Remark::note("-", "was named twice; it is read once"));
            return;
        }
        self.bytes = None;
        self.list.push(Input::Stdin);
    }

    fn add_named(&mut self, path: &Path) {
        match fs::metadata(path) {
            Err(error) => self.unreadable(path, "cannot open", &error),
            Ok(found) if found.is_dir() => self.add_folder(path, 0),
            Ok(found) => self.add_file(path, &found, true),
        }
    }

    fn add_file(&mut self, path: &Path, found: &Metadata, named: bool) {
        if self.list.len() >= FILES_MAX {
            let message = format!("more than {FILES_MAX} files; this one is not read");
            self.remarks.push(Remark::error(path, message).help("name fewer files or smaller folders"));
            return;
        }
        if found.is_file() && !self.seen.insert((found.dev(), found.ino())) {
            self.remarks.push(Remark::note(path, "is a file that is read already; read once"));
            return;
        }
        let known = found.is_file().then_some(found.len());
        self.bytes = self.bytes.zip(known).map(|(sum, bytes)| sum + bytes);
        self.list.push(Input::File { path: path.to_owned(), named });
    }

    fn add_folder(&mut self, folder: &Path, depth: usize) {
        if depth > FOLDER_DEPTH_MAX {
            let message = format!("is more than {FOLDER_DEPTH_MAX} folders deep; not read");
            self.remarks.push(Remark::error(folder, message));
            return;
        }
        let entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(folder, "cannot list the folder", &error),
        };
        let mut paths: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
        paths.sort();
        for path in paths {
            match fs::symlink_metadata(&path) {
                Err(error) => self.unreadable(&path, "cannot open", &error),
                Ok(found) if found.is_dir() => self.add_folder(&path, depth + 1),
                Ok(found) if found.is_file() => self.add_file(&path, &found, false),
                Ok(found) if found.is_symlink() => {
                    self.remarks.push(Remark::note(&path, "is a symbolic link in a folder; not followed"));
                }
                Ok(_) => self.remarks.push(Remark::note(&path, "is not a regular file; not read")),
            }
        }
    }

    fn unreadable(&mut self, path: &Path, what: &str, error: &io::Error) {
        self.remarks.push(Remark::unreadable(path, what, error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_is_read_in_order_and_links_out_of_it_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "x").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("b")).unwrap();
        for name in ["c", "b/z", "b/a", "a"] {
            fs::write(at(name), name).unwrap();
        }
        symlink(outside.path(), at("link")).unwrap();
        fs::hard_link(at("a"), at("twin")).unwrap();

        let inputs = Inputs::find(&[folder.path().to_owned()]);
        let names: Vec<_> = inputs
            .list
            .iter()
            .map(|input| match input {
                Input::File { path, named: false } => path.strip_prefix(folder.path()).unwrap().to_owned(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(names, ["a", "b/a", "b/z", "c"].map(PathBuf::from));
        assert_eq!(inputs.bytes, Some(8));
        assert_eq!(inputs.remarks.len(), 2, "{:?}", inputs.remarks);
        assert!(inputs.remarks.iter().all(|remark| !remark.is_error()));
    }

    #[test]
    fn a_missing_path_is_said_and_the_others_stay() {
        let inputs = Inputs::find(&["/nowhere/at/all".into(), "-".into()]);
        assert_eq!(inputs.list, [Input::Stdin]);
        assert!(inputs.remarks[0].is_error());
    }
}
