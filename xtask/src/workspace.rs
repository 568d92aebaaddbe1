//! Where the repository is and what `cargo metadata` says of it.

use std::path::Path;

use serde_json::Value;

use crate::command::Run;

/// Makes the repository's root the current directory, wherever the task was started.
pub(crate) fn enter_root() -> Result<(), String> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR")
        .map_err(|_| "start me as `cargo xtask`: CARGO_MANIFEST_DIR is not set".to_owned())?;
    let root = Path::new(&manifest).parent().ok_or_else(|| format!("`{manifest}` has no parent folder"))?;
    std::env::set_current_dir(root).map_err(|error| format!("cannot enter `{}`: {error}", root.display()))
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
