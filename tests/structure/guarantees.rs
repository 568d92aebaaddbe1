//! Every test that a document names as a proof, `path.rs::name`, is there and is a test.

use crate::tree::{files, none};

#[test]
fn every_test_that_a_document_names_exists() {
    let sources = files(&[".rs"]);
    let mut findings = Vec::new();
    let mut named = 0;
    for document in files(&[".md"]) {
        // Every second piece between back-ticks is code.
        for proof in document.text.split('`').skip(1).step_by(2) {
            let Some((path, name)) = proof.split_once(".rs::") else { continue };
            named += 1;
            let path = format!("{path}.rs");
            let Some(source) = sources.iter().find(|file| file.path == path) else {
                findings.push(format!("{}: there is no `{path}`", document.path));
                continue;
            };
            let is_test = source.text.split(&format!("fn {name}()")).next().is_some_and(|before| {
                before.len() < source.text.len() && before.trim_end().ends_with("#[test]")
            });
            if !is_test {
                findings.push(format!("{}: `{name}` is no test of `{path}`", document.path));
            }
        }
    }
    none("documents name tests that are there", findings);
    assert!(named > 20, "{named}: the page of guarantees names them like this");
}
