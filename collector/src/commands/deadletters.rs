//! `veribus deadletters`: parcels that could not be read, shown, and tried again.

use std::path::{Path, PathBuf};

use serde::Serialize;
use veribus_core::escape::{Escaped, truncated};

use super::search::{open, unreadable};
use crate::api::Redriven;
use crate::cli::{CommandError, Exit};
use crate::client::{Client, ClientError, CollectorArgs};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::output::{Output, counted, grouped};
use crate::store::{DeadLetter, LettersHeld};

/// Bytes of a body that are shown.
const SHOWN_BYTES: usize = 256;
/// Bytes of one line of those.
const LINE_BYTES: usize = 16;
/// Letters that are redriven at most by `--all`: as many as there can be.
const ALL: u32 = 10_000;

/// Arguments of `veribus deadletters`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List parcels that could not be read, with the reasons
    List(ListArgs),
    /// Show one of them and the beginning of its bytes
    Show(ShowArgs),
    /// Read them again: what can be stored is, and then they are gone
    Redrive(RedriveArgs),
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// The collector's data folder
    #[arg(long, env = "VERIBUS_DATA", default_value = DEFAULT_DATA_DIR, value_name = "FOLDER")]
    data: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus deadletters list")]
struct ListArgs {
    /// Most letters to show, the oldest first
    #[arg(long, default_value_t = 100, value_name = "LETTERS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus deadletters show 7 --raw > parcel.bin")]
struct ShowArgs {
    /// Number of the letter
    #[arg(value_name = "NUMBER")]
    id: i64,
    /// Write the bytes as they came, and nothing else, to standard output
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: veribus deadletters redrive 7 8")]
#[command(group(clap::ArgGroup::new("which").required(true).args(["ids", "all"])))]
struct RedriveArgs {
    /// Numbers of letters
    #[arg(value_name = "NUMBER")]
    ids: Vec<i64>,
    /// All there are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    collector: CollectorArgs,
    #[command(flatten)]
    folder: Folder,
}

#[derive(Serialize)]
struct Document {
    dead_letters: Vec<DeadLetter>,
    held: LettersHeld,
}

/// What became of one letter.
#[derive(Serialize)]
struct Tried {
    id: i64,
    #[serde(flatten)]
    redriven: Option<Redriven>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

#[derive(Serialize)]
struct Redrive {
    redriven: Vec<Tried>,
}

/// Lists, shows or redrives.
///
/// # Errors
/// [`CommandError`]: exit code 2 for a store or letter that is not there, or a collector that does not answer.
pub fn run(args: Args, out: &mut Output) -> Result<Exit, CommandError> {
    match args.action {
        Action::List(args) => list(&args, out),
        Action::Show(args) => show(&args, out),
        Action::Redrive(args) => redrive(&args, out),
    }
}

fn list(args: &ListArgs, out: &mut Output) -> Result<Exit, CommandError> {
    let store = open(&args.folder.data)?;
    let listed = store.dead_letters(0, args.limit).and_then(|found| Ok((found, store.letters_held()?)));
    let (letters, held) = listed.map_err(|error| unreadable(&error, Path::new("events.db")))?;
    if out.is_json() {
        out.json(&Document { dead_letters: letters, held })?;
        return Ok(Exit::Fine);
    }
    for letter in &letters {
        line(letter, out)?;
    }
    match held.letters {
        0 => out.say("no dead letters"),
        all => out.say(format_args!("{} of {} bytes", counted(all, "dead letter"), grouped(held.bytes))),
    }
    Ok(Exit::Fine)
}

fn line(letter: &DeadLetter, out: &mut Output) -> Result<(), CommandError> {
    let style = out.style();
    out.line(format_args!(
        "{:>5} {} {} {} from {}: {}",
        letter.id,
        style.dim(&letter.last_at),
        style.bold(truncated(&letter.code, 40)),
        counted(letter.bytes, "byte"),
        style.cyan(truncated(&letter.origin, 80)),
        truncated(&letter.reason, 120),
    ))
}

fn show(args: &ShowArgs, out: &mut Output) -> Result<Exit, CommandError> {
    let found = open(&args.folder.data)?.dead_letter(args.id);
    let found = found.map_err(|error| unreadable(&error, Path::new("events.db")))?;
    let Some((letter, body)) = found else {
        let what = format!("there is no dead letter {}", args.id);
        return Err(CommandError::usage(what).code("DEAD_LETTER_UNKNOWN").help("veribus deadletters list"));
    };
    if args.raw {
        out.bytes(&body)?;
        return Ok(Exit::Fine);
    }
    if out.is_json() {
        out.json(&letter)?;
        return Ok(Exit::Fine);
    }
    line(&letter, out)?;
    let parcel = letter.parcel.as_deref().unwrap_or("not named");
    for (name, text) in
        [("parcel", parcel), ("media type", &letter.media_type), ("encoding", &letter.encoding)]
    {
        out.line(format_args!("      {name}: {}", truncated(text, 200)))?;
    }
    let parcels = counted(letter.parcels, "parcel");
    out.line(format_args!(
        "      in {parcels}, {} deliveries, first {}",
        letter.deliveries, letter.first_at
    ))?;
    for (index, bytes) in body[..body.len().min(SHOWN_BYTES)].chunks(LINE_BYTES).enumerate() {
        out.line(dump(index * LINE_BYTES, bytes))?;
    }
    if body.len() > SHOWN_BYTES {
        out.say(format_args!("{} more; all with --raw", counted((body.len() - SHOWN_BYTES) as u64, "byte")));
    }
    Ok(Exit::Fine)
}

/// `000010  83 a1 76 01 …  |..v.|`: nothing in it can act on a terminal.
fn dump(at: usize, bytes: &[u8]) -> String {
    let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text: String = bytes
        .iter()
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
        .collect();
    format!("{at:06x}  {:<47}  |{text}|", hex.join(" "))
}

fn redrive(args: &RedriveArgs, out: &mut Output) -> Result<Exit, CommandError> {
    let client = args.collector.client(Some(&args.folder.data))?;
    let ids = if args.all { all(&client)? } else { args.ids.clone() };
    let tried = ids.into_iter().map(|id| one(&client, id)).collect::<Result<Vec<_>, _>>()?;
    let exit = if tried.iter().all(Tried::is_gone) { Exit::Fine } else { Exit::Found };
    if out.is_json() {
        out.json(&Redrive { redriven: tried })?;
        return Ok(exit);
    }
    for tried in &tried {
        out.line(tried.in_words())?;
    }
    if tried.is_empty() {
        out.say("no dead letters");
    }
    Ok(exit)
}

fn all(client: &Client) -> Result<Vec<i64>, ClientError> {
    let letters: crate::api::DeadLetters = client.get(&format!("/v1/dead-letters?limit={ALL}"))?;
    Ok(letters.dead_letters.into_iter().map(|letter| letter.id).collect())
}

/// A letter that still cannot be read is an answer; a collector that is gone ends the command.
fn one(client: &Client, id: i64) -> Result<Tried, ClientError> {
    let path = format!("/v1/dead-letters/{id}/redrive");
    match client.post::<Redriven>(&path, "application/json", b"") {
        Ok(redriven) => Ok(Tried { id, redriven: Some(redriven), code: None, message: None }),
        Err(ClientError::Refused { code, message, .. }) if !code.is_empty() && !code.starts_with("AUTH_") => {
            Ok(Tried { id, redriven: None, code: Some(code), message: Some(message) })
        }
        Err(error) => Err(error),
    }
}

impl Tried {
    fn is_gone(&self) -> bool {
        self.redriven.as_ref().is_some_and(|redriven| redriven.removed)
    }

    fn in_words(&self) -> String {
        let id = self.id;
        match &self.redriven {
            Some(done) => format!(
                "{id:>5} {} stored, {} known, {} refused{}",
                grouped(done.accepted as u64),
                grouped(done.duplicates as u64),
                grouped(done.rejected as u64),
                if done.removed { "" } else { "; the letter stays" }
            ),
            None => {
                let (code, message) = (self.code.as_deref(), self.message.as_deref());
                let (code, message) = (Escaped(code.unwrap_or_default()), message.unwrap_or_default());
                format!("{id:>5} stays: {message} [{code}]")
            }
        }
    }
}
