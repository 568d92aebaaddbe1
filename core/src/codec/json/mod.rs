//! The readable form: JSON that is safe to print on a terminal.

mod base64;
mod float;
mod number;
mod plain;
mod reader;
mod room;
mod string;
mod writer;

pub(super) use reader::JsonReader;
pub use string::json_string;
pub(super) use writer::JsonWriter;

/// Names that mark a tagged value where one is expected; a map that has one of them is wrapped in `$map`.
const TAGS: [&str; 4] = ["$bytes", "$i64", "$u64", "$map"];

/// Integers beyond this are not exact in every JSON reader: 2⁵³.
const EXACT_MAX: u64 = 1 << 53;

fn is_tag(name: &str) -> bool {
    name.starts_with('$') && TAGS.contains(&name)
}
