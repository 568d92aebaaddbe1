//! The Python package as a user gets it: a virtual environment, a wheel, and its tests against the wheel.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Run;
use crate::console::say;
use crate::step::{Answer, Outcome};
use crate::{suite, workspace};

/// What the tests need, each with its exact version.
const REQUIREMENTS: &str = "bindings-python/tests/requirements.txt";

/// Builds the wheel, installs it into a virtual environment and runs pytest there. Skipped, visibly, only where
/// there is no Python.
pub(crate) fn package_works() -> Answer {
    if !is_here() {
        let reason = "skipped: `python3` (3.10 or later, with `venv`) is not on this machine";
        say(reason);
        return Ok(Outcome::Noted(reason.to_owned()));
    }
    let scratch = workspace::scratch()?;
    let python = environment(&scratch.join("python"))?;
    let wheel = wheel(&scratch.join("wheels"), &python)?;
    let (python, wheel) = (shown(&python), shown(&wheel));
    let install = ["-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", &wheel];
    Run::program(&python, &install).show()?;
    sources_install(&scratch, &python)?;
    let binary = collector()?;
    let tests = ["-m", "pytest", "-rs", "--timeout", "120", "-p", "no:cacheprovider"];
    let run = Run::program(&python, &tests).within(Path::new("bindings-python"));
    let run = run.env("PYTHONDONTWRITEBYTECODE", "1").env("VERIBUS_WHEEL", &wheel);
    suite::count(run.env("VERIBUS_BINARY", &shown(&binary)), "python")
}

/// Whether there is a Python that the package supports.
pub(crate) fn is_here() -> bool {
    let supported = "import sys, venv; sys.exit(sys.version_info < (3, 10))";
    Run::program("python3", &["-c", supported]).capture().is_ok()
}

/// The interpreter that has the wheel of the last run; `None` if there was none.
pub(crate) fn installed() -> Result<Option<String>, String> {
    let python = shown(&workspace::scratch()?.join("python/bin/python"));
    let imports = Run::program(&python, &["-c", "import veribus, fastapi, uvicorn, httpx"]).capture();
    Ok(imports.is_ok().then_some(python))
}

/// The source distribution is all that a machine with Rust needs: it is installed into a folder of its own and used.
fn sources_install(scratch: &Path, python: &str) -> Result<(), String> {
    let folder = scratch.join("sources");
    let _was_not_there = fs::remove_dir_all(&folder);
    let out = shown(&folder);
    let sdist = ["-m", "maturin", "sdist", "--manifest-path", "bindings-python/Cargo.toml", "--out", &out];
    Run::program(python, &sdist).show()?;
    let archive = shown(&the_one_file_of(&folder)?);
    let target = shown(&folder.join("installed"));
    let install =
        ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target", &target];
    let install = [&install[..], &[archive.as_str()]].concat();
    // The environment's maturin, and the profile of the other builds: what is compiled already is not compiled again.
    let tools = Path::new(python).parent().map(shown).unwrap_or_default();
    let path = format!("{tools}:{}", std::env::var("PATH").unwrap_or_default());
    let install = Run::program(python, &install).env("PATH", &path);
    install.env("MATURIN_PEP517_ARGS", "--profile dev").show()?;
    let program =
        "import veribus; assert veribus.VerificationEventBus().record('login'); print(veribus.__file__)";
    Run::program(python, &["-c", program]).env("PYTHONPATH", &target).show()
}

/// The program that the tests send events to; it is fresh where the workspace was built before.
pub(crate) fn collector() -> Result<PathBuf, String> {
    Run::cargo(&["build", "--locked", "--package", "veribus-collector", "--bin", "veribus"]).show()?;
    let scratch = workspace::scratch()?;
    let target = scratch.parent().ok_or_else(|| format!("`{}` has no parent folder", scratch.display()))?;
    Ok(target.join("debug").join("veribus"))
}

/// The environment's Python; the environment is made anew when the requirements have changed.
fn environment(folder: &Path) -> Result<PathBuf, String> {
    let wanted =
        fs::read_to_string(REQUIREMENTS).map_err(|error| format!("cannot read {REQUIREMENTS}: {error}"))?;
    let (python, stamp) = (folder.join("bin/python"), folder.join("requirements.txt"));
    if python.exists() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    Run::program("python3", &["-m", "venv", "--clear", &shown(folder)]).show()?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS];
    Run::program(&shown(&python), &install).show()?;
    fs::write(&stamp, wanted).map_err(|error| format!("cannot write `{}`: {error}", stamp.display()))?;
    Ok(python)
}

/// The wheel of this checkout, the only one in its folder.
fn wheel(folder: &Path, python: &Path) -> Result<PathBuf, String> {
    let _was_not_there = fs::remove_dir_all(folder);
    let manifest = ["--manifest-path", "bindings-python/Cargo.toml"];
    let build = ["-m", "maturin", "build", "--quiet", "--locked", "--compatibility", "linux", "--out"];
    let python = shown(python);
    let folder_shown = shown(folder);
    let arguments = [&build, &[folder_shown.as_str()][..], &["-i", &python], &manifest].concat();
    Run::program(&python, &arguments).show()?;
    the_one_file_of(folder)
}

/// What maturin left in a folder that was empty before.
fn the_one_file_of(folder: &Path) -> Result<PathBuf, String> {
    let files =
        fs::read_dir(folder).map_err(|error| format!("cannot list `{}`: {error}", folder.display()))?;
    let files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        found => Err(format!("maturin left {} files in `{}`, expected one", found.len(), folder.display())),
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
