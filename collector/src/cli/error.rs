//! Why a command stopped: what, why, what to do, and the exit code that says so.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

use serde::Serialize;

use super::Exit;

/// A command's failure, ready to be shown to a person.
///
/// ```
/// use veribus_collector::cli::{CommandError, Exit};
/// let error = CommandError::usage("cannot open `rules/`").help("name a folder of Sigma rules");
/// assert_eq!(error.exit(), Exit::Usage);
/// ```
#[derive(Debug)]
pub struct CommandError {
    exit: Exit,
    what: String,
    code: Option<String>,
    help: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    silent: bool,
}

impl CommandError {
    /// Ends with `exit`; `what` is lower case, without a full stop, event text in it already escaped.
    pub fn new(exit: Exit, what: impl Display) -> Self {
        CommandError { exit, what: what.to_string(), code: None, help: None, source: None, silent: false }
    }

    /// Called the wrong way, or something it was pointed at cannot be used: exit code 2.
    pub fn usage(what: impl Display) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// Ran, and the answer is no: exit code 1.
    pub fn found(what: impl Display) -> Self {
        Self::new(Exit::Found, what)
    }

    /// Data was lost: exit code 4.
    pub fn lost(what: impl Display) -> Self {
        Self::new(Exit::Lost, what)
    }

    /// Should not happen: exit code 70.
    pub fn bug(what: impl Display) -> Self {
        Self::new(Exit::Bug, what)
    }

    /// Standard output could not be written. A reader that went away (`| head`) is no fault: it ends the
    /// command quietly.
    pub fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return CommandError { silent: true, ..Self::new(Exit::Fine, "standard output was closed") };
        }
        Self::new(Exit::Lost, "cannot write to standard output").because(error)
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds what the person can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Display) -> Self {
        self.help = Some(help.to_string());
        self
    }

    /// Adds the stable code that a script may look for; only JSON shows it by itself.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned()).filter(|code| !code.is_empty());
        self
    }

    /// The failure as `--json` prints it: `{"error": {"code", "message", "cause", "help"}}`. `code` is left out
    /// where there is none; `cause` and `help` are null.
    pub fn document(&self) -> impl Serialize + use<> {
        let causes = std::iter::successors(self.source(), |&cause| cause.source());
        let causes: Vec<String> = causes.map(ToString::to_string).collect();
        Document {
            error: Failure {
                code: self.code.clone(),
                message: self.what.clone(),
                cause: Some(causes.join(": ")).filter(|causes| !causes.is_empty()),
                help: self.help.clone(),
            },
        }
    }

    /// What clap says about arguments that it does not understand.
    pub(super) fn arguments(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        let (what, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let told = Self::usage(what.trim_start_matches("error: ").trim_end());
        if rest.trim().is_empty() { told } else { told.help(rest.trim()) }
    }

    /// The exit code it asks for.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Whether nothing is to be said: nobody reads the output any more.
    pub fn is_silent(&self) -> bool {
        self.silent
    }
}

#[derive(Serialize)]
struct Document {
    error: Failure,
}

#[derive(Serialize)]
struct Failure {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    message: String,
    cause: Option<String>,
    help: Option<String>,
}

impl Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Error for CommandError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as &(dyn Error + 'static))
    }
}
