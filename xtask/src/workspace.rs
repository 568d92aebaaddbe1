//! Where the repository is and what `cargo metadata` says of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Run;

/// Makes the repository's root the current directory, wherever the task was started.
pub(crate) fn enter_root() -> Result<(), String> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR")
        .map_err(|_| "start me as `cargo xtask`: CARGO_MANIFEST_DIR is not set".to_owned())?;
    let root = Path::new(&manifest).parent().ok_or_else(|| format!("`{manifest}` has no parent folder"))?;
    std::env::set_current_dir(root).map_err(|error| format!("cannot enter `{}`: {error}", root.display()))
}

/// The repository's root, as a full path.
pub(crate) fn root() -> Result<PathBuf, String> {
    std::env::current_dir().map_err(|error| format!("cannot tell the current directory: {error}"))
}

/// A folder of the tasks' own below the target directory, as a full path.
pub(crate) fn scratch() -> Result<PathBuf, String> {
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".to_owned());
    let folder = root()?.join(target).join("xtask");
    fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    Ok(folder)
}

/// A target directory beside the usual one, for what is built with other flags.
pub(crate) fn target_of(name: &str) -> Result<String, String> {
    let folder = scratch()?;
    let beside = folder.parent().ok_or_else(|| format!("`{}` has no parent folder", folder.display()))?;
    Ok(beside.join(name).to_string_lossy().into_owned())
}

/// This machine's target triple.
pub(crate) fn host() -> Result<String, String> {
    let version = Run::program("rustc", &["-vV"]).capture()?.stdout;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "`rustc -vV` does not name its host".to_owned())
}

/// The features that package `name` of this workspace declares, `default` left out.
pub(crate) fn features(name: &str) -> Result<Vec<String>, String> {
    let metadata = Run::cargo(&["metadata", "--no-deps", "--format-version", "1"]).capture()?;
    let metadata: Value = serde_json::from_str(&metadata.stdout)
        .map_err(|error| format!("`cargo metadata` is not JSON: {error}"))?;
    let package = metadata["packages"]
        .as_array()
        .and_then(|packages| packages.iter().find(|package| package["name"] == name))
        .ok_or_else(|| format!("no package `{name}` in this workspace"))?;
    let features = package["features"].as_object().into_iter().flat_map(|features| features.keys());
    Ok(features.filter(|feature| *feature != "default").cloned().collect())
}
