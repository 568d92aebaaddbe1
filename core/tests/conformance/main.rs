//! The wire contract: every vector of `conformance/` encodes, decodes and fails as its files say.
//!
//! `VERIBUS_BLESS=1 cargo test -p veribus-core --test conformance` writes the files anew from the batches and
//! inputs in this folder; the difference is then to be reviewed like code.

mod accepted;
mod folder;
mod malformed;
mod pack;
mod valid;

use folder::{Folder, Format};
use veribus_core::codec::DecodedBatch;
use veribus_core::{Batch, CodecError};

fn json(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    batch.encode_json(&mut out).expect("within the limits");
    out
}

fn msgpack(batch: &Batch) -> Vec<u8> {
    let mut out = Vec::new();
    batch.encode_msgpack(&mut out).expect("within the limits");
    out
}

fn decode(format: Format, bytes: &[u8]) -> Result<Batch, CodecError> {
    match format {
        Format::Json => Batch::decode_json(bytes),
        Format::Msgpack => Batch::decode_msgpack(bytes),
    }
}

fn decode_each(format: Format, bytes: &[u8]) -> Result<DecodedBatch, CodecError> {
    match format {
        Format::Json => Batch::decode_json_each(bytes),
        Format::Msgpack => Batch::decode_msgpack_each(bytes),
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_valid_batch_is_written_byte_for_byte() {
    let folder = Folder::get();
    for vector in valid::all() {
        let name = vector.name;
        assert_eq!(shown(&json(&vector.batch)), shown(&folder.valid_json(name)), "{name}");
        assert_eq!(msgpack(&vector.batch), folder.valid_msgpack(name), "{name}");
    }
}

#[test]
fn every_valid_batch_is_read_from_either_format_and_written_in_the_other() {
    let folder = Folder::get();
    for vector in valid::all() {
        let name = vector.name;
        let from_json = Batch::decode_json(&folder.valid_json(name)).expect(name);
        let from_msgpack = Batch::decode_msgpack(&folder.valid_msgpack(name)).expect(name);
        assert_eq!(from_json, vector.batch, "{name}");
        assert_eq!(from_msgpack, vector.batch, "{name}");
        assert_eq!(msgpack(&from_json), folder.valid_msgpack(name), "{name}");
        assert_eq!(shown(&json(&from_msgpack)), shown(&folder.valid_json(name)), "{name}");
    }
}

#[test]
fn every_other_spelling_is_read_as_its_canonical_form() {
    let folder = Folder::get();
    for vector in accepted::all() {
        let name = vector.name;
        let batch = decode(vector.format, &folder.accepted(name, vector.format)).expect(name);
        assert_eq!(shown(&json(&batch)), shown(&folder.accepted_canonical(name)), "{name}");
    }
}

#[test]
fn every_malformed_batch_is_refused_with_its_code_at_its_place() {
    let folder = Folder::get();
    for vector in malformed::all() {
        let name = vector.name;
        let bytes = folder.malformed(name, vector.format);
        let error = decode(vector.format, &bytes).expect_err(name);
        assert_eq!((error.code(), error.path()), (vector.code, vector.path), "{name}: {error}");
        assert!(error.offset() <= bytes.len(), "{name}: {error}");
        match (&vector.each, decode_each(vector.format, &bytes)) {
            (None, each) => assert_eq!(each.expect_err(name), error, "{name}: the whole batch is refused"),
            (Some(codes), each) => {
                let each = each.expect(name).events;
                let found: Vec<_> = each.iter().map(|e| e.as_ref().err().map(CodecError::code)).collect();
                assert_eq!(&found, codes, "{name}");
            }
        }
    }
}

#[test]
fn the_folder_holds_what_the_index_lists_and_nothing_else() {
    let folder = Folder::get();
    assert_eq!(shown(&folder.index()), folder::index_text());
    assert_eq!(folder.files(), folder::expected_files());
}

#[test]
fn there_are_enough_vectors_and_each_has_its_own_name() {
    let names = |all: Vec<&'static str>| {
        let distinct: std::collections::BTreeSet<_> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
        all.len()
    };
    assert!(names(valid::all().iter().map(|v| v.name).collect()) >= 30);
    assert!(names(accepted::all().iter().map(|v| v.name).collect()) >= 10);
    assert!(names(malformed::all().iter().map(|v| v.name).collect()) >= 15);
}

#[test]
fn a_reader_made_from_the_document_alone_agrees() {
    let folder = Folder::get();
    let Ok(output) = std::process::Command::new("python3").arg("-B").arg(folder.check_script()).output()
    else {
        eprintln!("skipped: python3 is not installed, conformance/check.py did not run");
        return;
    };
    assert!(output.status.success(), "{}{}", shown(&output.stdout), shown(&output.stderr));
    let said = shown(&output.stdout);
    assert!(said.starts_with(&format!("{} valid, ", valid::all().len())), "{said}");
}
