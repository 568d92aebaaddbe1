//! The files of `conformance/`, as they are committed.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Once;

use serde_json::{Value, json};

use super::{accepted, malformed, valid};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Format {
    Json,
    Msgpack,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Msgpack => "msgpack",
        }
    }

    fn suffix(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Msgpack => "msgpack.hex",
        }
    }
}

pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder; with `VERIBUS_BLESS` set, written anew once before it is read.
    pub(crate) fn get() -> Folder {
        static BLESS: Once = Once::new();
        let folder = Folder(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance")));
        BLESS.call_once(|| {
            if std::env::var_os("VERIBUS_BLESS").is_some_and(|v| v == "1") {
                folder.bless();
            }
        });
        folder
    }

    fn read(&self, file: &str) -> Vec<u8> {
        let hint = "missing; write it with VERIBUS_BLESS=1 and review it";
        fs::read(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}; {hint}"))
    }

    /// Canonical bytes: the file without the newline at its end.
    fn line(&self, file: &str) -> Vec<u8> {
        let bytes = self.read(file);
        bytes.strip_suffix(b"\n").unwrap_or_else(|| panic!("{file} ends with a newline")).to_vec()
    }

    fn hex(&self, file: &str) -> Vec<u8> {
        let text: Vec<u8> = self.read(file).into_iter().filter(|b| !b.is_ascii_whitespace()).collect();
        let digit = |b: u8| char::from(b).to_digit(16).unwrap_or_else(|| panic!("{file} is hexadecimal"));
        text.chunks(2).map(|two| (digit(two[0]) << 4 | digit(two[1])) as u8).collect()
    }

    pub(crate) fn valid_json(&self, name: &str) -> Vec<u8> {
        self.line(&format!("valid/{name}.json"))
    }

    pub(crate) fn valid_msgpack(&self, name: &str) -> Vec<u8> {
        self.hex(&format!("valid/{name}.msgpack.hex"))
    }

    fn raw(&self, folder: &str, name: &str, format: Format) -> Vec<u8> {
        let file = format!("{folder}/{name}.{}", format.suffix());
        if format == Format::Json { self.read(&file) } else { self.hex(&file) }
    }

    pub(crate) fn accepted(&self, name: &str, format: Format) -> Vec<u8> {
        self.raw("accepted", name, format)
    }

    pub(crate) fn accepted_canonical(&self, name: &str) -> Vec<u8> {
        self.line(&format!("accepted/{name}.canonical.json"))
    }

    pub(crate) fn malformed(&self, name: &str, format: Format) -> Vec<u8> {
        self.raw("malformed", name, format)
    }

    pub(crate) fn check_script(&self) -> PathBuf {
        self.0.join("check.py")
    }

    pub(crate) fn index(&self) -> Vec<u8> {
        self.read("vectors.json")
    }

    /// Files in the three folders, as `valid/name.json`.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        for folder in ["valid", "accepted", "malformed"] {
            for entry in fs::read_dir(self.0.join(folder)).into_iter().flatten() {
                files.insert(format!(
                    "{folder}/{}",
                    entry.expect("a folder that can be read and written").file_name().to_string_lossy()
                ));
            }
        }
        files
    }

    fn bless(&self) {
        for folder in ["valid", "accepted", "malformed"] {
            let folder = self.0.join(folder);
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).expect("a folder that can be read and written");
        }
        let write = |file: String, bytes: Vec<u8>| {
            fs::write(self.0.join(file), bytes).expect("a folder that can be read and written")
        };
        let raw = |folder: &str, name: &str, format: Format, bytes: &[u8]| {
            let bytes = if format == Format::Json { bytes.to_vec() } else { hex_text(bytes) };
            write(format!("{folder}/{name}.{}", format.suffix()), bytes);
        };
        let line = |mut bytes: Vec<u8>| {
            bytes.push(b'\n');
            bytes
        };
        for vector in valid::all() {
            let name = vector.name;
            write(format!("valid/{name}.json"), line(super::json(&vector.batch)));
            write(format!("valid/{name}.msgpack.hex"), hex_text(&super::msgpack(&vector.batch)));
        }
        for vector in accepted::all() {
            let batch = super::decode(vector.format, &vector.input).expect(vector.name);
            raw("accepted", vector.name, vector.format, &vector.input);
            write(format!("accepted/{}.canonical.json", vector.name), line(super::json(&batch)));
        }
        for vector in malformed::all() {
            raw("malformed", vector.name, vector.format, &vector.input);
        }
        write("vectors.json".into(), index_text().into_bytes());
    }
}

/// 32 bytes a line.
fn hex_text(bytes: &[u8]) -> Vec<u8> {
    let lines =
        bytes.chunks(32).map(|chunk| chunk.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n");
    lines.collect::<String>().into_bytes()
}

pub(crate) fn expected_files() -> BTreeSet<String> {
    let valid = valid::all();
    let both = valid.iter().flat_map(|v| ["json", "msgpack.hex"].map(|s| format!("valid/{}.{s}", v.name)));
    let accepted = accepted::all();
    let accepted = accepted
        .iter()
        .flat_map(|v| [v.format.suffix(), "canonical.json"].map(|s| format!("accepted/{}.{s}", v.name)));
    let malformed = malformed::all();
    let malformed = malformed.iter().map(|v| format!("malformed/{}.{}", v.name, v.format.suffix()));
    both.chain(accepted).chain(malformed).collect()
}

/// `vectors.json`: one vector a line.
pub(crate) fn index_text() -> String {
    let section = |entries: Vec<Value>| {
        let lines: Vec<String> = entries.iter().map(|entry| format!("    {entry}")).collect();
        format!("[\n{}\n  ]", lines.join(",\n"))
    };
    let valid = valid::all().iter().map(|v| json!({"name": v.name, "shows": v.shows})).collect();
    let accepted = accepted::all();
    let accepted =
        accepted.iter().map(|v| json!({"name": v.name, "shows": v.shows, "format": v.format.name()}));
    let malformed = malformed::all();
    let malformed = malformed.iter().map(|v| {
        let mut entry = json!({
            "name": v.name, "shows": v.shows, "format": v.format.name(), "code": v.code, "path": v.path,
        });
        if let Some(each) = &v.each {
            entry["each"] = json!(each);
        }
        entry
    });
    format!(
        "{{\n  \"version\": 1,\n  \"valid\": {},\n  \"accepted\": {},\n  \"malformed\": {}\n}}\n",
        section(valid),
        section(accepted.collect()),
        section(malformed.collect()),
    )
}
