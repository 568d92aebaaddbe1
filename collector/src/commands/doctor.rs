//! `veribus doctor`: is everything there, closed to others, sound and reachable? One line for each check.

mod checks;

use std::path::PathBuf;

use serde::Serialize;

use crate::cli::{CommandError, Exit};
use crate::client::CollectorArgs;
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::Output;

/// Arguments of `veribus doctor`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 1 if a check fails. One test event is sent if a collector runs.")]
pub struct Args {
    #[command(flatten)]
    collector: CollectorArgs,
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Not wrong, but worth knowing.
    Note,
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Serialize)]
struct Document<'a> {
    healthy: bool,
    checks: &'a [Check],
}

/// Looks at everything and says what it found.
///
/// # Errors
/// [`CommandError`] only where the output cannot be written.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    let checks = checks::all(&args.data, &args.collector);
    let healthy = checks.iter().all(|check| check.verdict != Verdict::Bad);
    if out.is_json() {
        out.json(&Document { healthy, checks: &checks })?;
    } else {
        let style = out.style();
        for check in &checks {
            let mark = match check.verdict {
                Verdict::Ok => style.green("✓"),
                Verdict::Note => style.yellow("•"),
                Verdict::Bad => style.red("✗"),
            };
            out.line(format_args!("{mark} {:<12} {}", check.name, check.detail))?;
        }
    }
    Ok(if healthy { Exit::Fine } else { Exit::Found })
}
