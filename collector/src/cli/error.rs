//! Why a command stopped: what, why, what to do, and the exit code that says so.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;

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
    help: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
    silent: bool,
}

impl CommandError {
    /// Ends with `exit`; `what` is lower case, without a full stop, event text in it already escaped.
    pub fn new(exit: Exit, what: impl Display) -> Self {
        CommandError { exit, what: what.to_string(), help: None, source: None, silent: false }
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
