//! Rule files from disk: found in order, read within limits, parsed together.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use veribus_core::escape::Escaped;
use veribus_detection::{RuleError, RuleSet};

use crate::cli::CommandError;
use crate::output::counted;

/// Largest file that is read, in bytes; the parser's own limit is below it.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most files of one run.
const FILES_MAX: usize = 10_000;
const RULES: &[&str] = &["yml", "yaml"];
const RULES_AND_TESTS: &[&str] = &["yml", "yaml", "jsonl"];
/// Deepest folder below a named one.
const FOLDER_DEPTH_MAX: usize = 16;

/// Names and texts of rule files, and of the files of test cases beside them.
#[derive(Debug, Default)]
pub(crate) struct RuleFiles {
    /// `.yml` and `.yaml`: rules.
    pub(crate) rules: Vec<(String, String)>,
    /// `.jsonl`: test cases.
    pub(crate) tests: Vec<(String, String)>,
}

impl RuleFiles {
    /// The rules that `paths` name: files as they are, and of folders, below them too, what is named `*.yml`
    /// or `*.yaml`, sorted by path.
    ///
    /// # Errors
    /// Exit code 2: a path that cannot be read, or no rule at all.
    pub(crate) fn rules(paths: &[PathBuf]) -> Result<Self, CommandError> {
        Self::read(paths, RULES)
    }

    /// The rules, and the test cases beside them: what is named `*.jsonl` too.
    ///
    /// # Errors
    /// As [`RuleFiles::rules`].
    pub(crate) fn rules_and_tests(paths: &[PathBuf]) -> Result<Self, CommandError> {
        Self::read(paths, RULES_AND_TESTS)
    }

    fn read(paths: &[PathBuf], endings: &[&str]) -> Result<Self, CommandError> {
        let mut found = Vec::new();
        for path in paths {
            find(path, endings, 0, &mut found)?;
        }
        let mut files = RuleFiles::default();
        for path in found {
            let text = read_text(&path).map_err(|error| cannot_read(&path, error))?;
            let named = (path.to_string_lossy().into_owned(), text);
            if has_ending(&path, &["jsonl"]) { files.tests.push(named) } else { files.rules.push(named) }
        }
        if files.rules.is_empty() {
            return Err(CommandError::usage("no rule file (`*.yml`, `*.yaml`) was found")
                .help("name a folder of Sigma rules, or a rule file"));
        }
        Ok(files)
    }

    /// The rules, ready to run.
    ///
    /// # Errors
    /// Exit code 2, with every fault on a line of its own.
    pub(crate) fn parse(&self) -> Result<RuleSet, CommandError> {
        RuleSet::parse(&borrowed(&self.rules)).map_err(|faults| invalid(&faults))
    }
}

/// As the parser takes them.
pub(crate) fn borrowed(files: &[(String, String)]) -> Vec<(&str, &str)> {
    files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn invalid(faults: &[RuleError]) -> CommandError {
    let lines: String = faults.iter().map(|fault| format!("\n  {}", Escaped(&fault.to_string()))).collect();
    let what = format!("the rules cannot be used, {}:{lines}", counted(faults.len() as u64, "fault"));
    CommandError::usage(what).help("`veribus rules lint PATH` shows warnings too")
}

fn find(path: &Path, endings: &[&str], depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let kind = fs::metadata(path).map_err(|error| cannot_read(path, error))?;
    if !kind.is_dir() {
        found.push(path.to_owned());
    } else if depth <= FOLDER_DEPTH_MAX {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let mut entries = entries.map_err(|error| cannot_read(path, error))?;
        entries.sort_by_key(fs::DirEntry::path);
        for entry in entries {
            let path = entry.path();
            // Links in a folder are not followed: rules come from where they were said to be.
            match entry.file_type().map_err(|error| cannot_read(&path, error))? {
                kind if kind.is_dir() => find(&path, endings, depth + 1, found)?,
                kind if kind.is_file() && has_ending(&path, endings) => found.push(path),
                _ => {}
            }
        }
    }
    if found.len() > FILES_MAX {
        return Err(
            CommandError::usage(format!("more than {FILES_MAX} rule files")).help("name fewer of them")
        );
    }
    Ok(())
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn cannot_read(path: &Path, error: io::Error) -> CommandError {
    CommandError::usage(format!("cannot read `{}`", Escaped(&path.to_string_lossy()))).because(error)
}
