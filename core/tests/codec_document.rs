//! The document of the wire says what the code does.

use std::collections::BTreeSet;

const DOCUMENT: &str = include_str!("../../docs/wire-format.md");
const ERRORS: [&str; 2] = [include_str!("../src/codec/error.rs"), include_str!("../src/event/error.rs")];
/// Codes of the event model that no bytes can cause: a decoder answers with the format's own code first.
const NOT_OF_THE_WIRE: [&str; 3] = ["EVT_NUMBER_NOT_FINITE", "EVT_TEXT_INVALID", "EVT_TOO_DEEP"];
const DUPLICATE_IS_THE_FORMATS: &str = "EVT_FIELD_DUPLICATE";

fn codes(text: &str, quote: char) -> BTreeSet<&str> {
    let prefixes = ["JSON_", "MSGPACK_", "BATCH_", "ENV_", "EVT_"];
    text.split(quote)
        .filter(|word| prefixes.iter().any(|p| word.starts_with(p)))
        .filter(|w| !w.contains(' '))
        .collect()
}

#[test]
fn every_code_is_documented_and_no_other() {
    let mut in_code: BTreeSet<&str> = ERRORS.iter().flat_map(|source| codes(source, '"')).collect();
    in_code.retain(|code| !NOT_OF_THE_WIRE.contains(code) && *code != DUPLICATE_IS_THE_FORMATS);
    assert_eq!(codes(DOCUMENT, '`'), in_code);
}

#[test]
fn the_batches_of_the_document_are_batches() {
    let blocks: Vec<&str> =
        DOCUMENT.split("```json\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let batch = veribus_core::Batch::decode_json(block.as_bytes()).expect("a batch");
        assert!(!batch.events.is_empty());
    }
}
