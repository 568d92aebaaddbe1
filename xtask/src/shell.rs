//! Every shell script of the repository parses.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Run;
use crate::step::{Answer, Outcome};

/// Folders that hold nothing of ours.
const NOT_OURS: [&str; 5] = [".git", "target", "node_modules", "veribus-data", ".venv"];

/// `bash -n` over each file that ends in `.sh` or begins with a shell's `#!` line.
pub(crate) fn scripts_parse() -> Answer {
    let mut scripts = Vec::new();
    collect(Path::new("."), &mut scripts)?;
    if scripts.is_empty() {
        return Err("found no shell script at all, not even `.ci/run`".to_owned());
    }
    for script in &scripts {
        Run::program("bash", &["-n", &script.to_string_lossy()]).capture()?;
    }
    Ok(Outcome::Noted(format!("{} scripts", scripts.len())))
}

fn collect(folder: &Path, scripts: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error| format!("cannot list `{}`: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let kind = entry.file_type().map_err(cannot)?;
        let path = entry.path();
        if kind.is_dir() && !NOT_OURS.iter().any(|name| entry.file_name() == *name) {
            collect(&path, scripts)?;
        } else if kind.is_file() && is_script(&path) {
            scripts.push(path);
        }
    }
    Ok(())
}

fn is_script(path: &Path) -> bool {
    if path.extension().is_some_and(|extension| extension == "sh") {
        return true;
    }
    if path.extension().is_some() {
        return false;
    }
    let first = fs::read(path).unwrap_or_default();
    let first = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.starts_with(b"#!") && first.ends_with(b"sh")
}
