//! Every rule of the public Sigma corpus is read and compiled, or refused with a named reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use veribus_detection::RuleSet;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path if path.extension().is_some_and(|e| e == "yml") => found.push(path),
            _ => {}
        }
    }
}

/// The files below `part` of the corpus with their text; says so where the shared data is not at hand.
fn corpus(part: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sigma-rules").join(part);
    let mut found = Vec::new();
    files(&folder, &mut found);
    if found.is_empty() {
        #[allow(clippy::print_stderr, reason = "a skipped test must be seen")]
        {
            eprintln!("SKIPPED: ../shared/data/sigma-rules/{part} is not here");
        }
    }
    found.sort();
    let text = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned();
    found.iter().map(|path| (path.display().to_string(), text(path))).collect()
}

#[test]
fn rules_of_the_corpus_compile() {
    let corpus = corpus("rules");
    let mut refused = BTreeMap::new();
    for (name, text) in &corpus {
        if let Err(errors) = RuleSet::parse(&[(name, text)]) {
            refused.insert(name, errors);
        }
    }
    assert!(refused.is_empty(), "{} of {}: {refused:#?}", refused.len(), corpus.len());
}

#[test]
fn rules_of_the_corpus_compile_together_without_a_name_used_twice() {
    let corpus = corpus("rules");
    let borrowed: Vec<(&str, &str)> = corpus.iter().map(|(n, t)| (n.as_str(), t.as_str())).collect();
    let rules = RuleSet::parse(&borrowed).expect("the corpus");
    assert!(rules.len() >= corpus.len(), "{} rules of {} files", rules.len(), corpus.len());
}

#[test]
fn reference_correlations_are_read_or_refused_with_a_reason() {
    for (name, text) in corpus("spec") {
        for error in RuleSet::lint(&[(&name, &text)]) {
            assert!(!error.message.is_empty() && error.line > 0, "{error}");
        }
    }
}
