//! Every link in a document leads to a file that is there, and to a heading that is in it.

use crate::tree::{File, files, none, root};

/// The links of a Markdown text outside of code: the text between `](` and `)`.
fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between back-ticks is code.
        let prose = line.split('`').step_by(2);
        // A link text may hold code, so the target can begin a piece: look for the mark in the whole line as well.
        if prose.clone().any(|piece| piece.contains("](")) || line.contains("`](") {
            for piece in line.split("](").skip(1) {
                links.extend(piece.split(')').next());
            }
        }
    }
    links
}

/// The anchor that forges give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_in_a_document_leads_somewhere() {
    let documents = files(&[".md"]);
    let mut findings = Vec::new();
    for document in &documents {
        for link in links(&document.text) {
            if let Some(fault) = fault(document, link, &documents) {
                findings.push(format!("{}: `{link}`: {fault}", document.path));
            }
        }
    }
    none("links that lead nowhere", findings);
}

/// Why `link` in `document` leads nowhere; `None` if it leads somewhere or out of the repository.
fn fault(document: &File, link: &str, documents: &[File]) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
        return None;
    }
    let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
    let folder = root().join(&document.path).parent().map(ToOwned::to_owned).unwrap_or_default();
    let target = if path.is_empty() { root().join(&document.path) } else { folder.join(path) };
    if !target.exists() {
        return Some("no such file".to_owned());
    }
    let heading = heading?;
    let target = target.canonicalize().ok()?;
    let found =
        documents.iter().find(|other| root().join(&other.path).canonicalize().is_ok_and(|p| p == target))?;
    let known = found.text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
    (!known).then(|| format!("no heading `#{heading}`"))
}

#[test]
fn every_document_is_in_the_index() {
    let documents = files(&[".md"]);
    let index =
        documents.iter().find(|file| file.path == "docs/README.md").expect("docs/README.md is the index");
    let missing = documents.iter().filter_map(|file| {
        let name = file.path.strip_prefix("docs/")?;
        let listed = name == "README.md" || index.text.contains(&format!("({name})"));
        (!listed).then(|| file.path.clone())
    });
    none("give a new document its line in docs/README.md", missing.collect());
}

#[test]
fn the_program_of_the_readme_is_the_example_that_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("README.md is there");
    let example = std::fs::read_to_string(root().join("examples/login.rs")).expect("the example is there");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = example.split_once("\n\n").expect("a promise, an empty line, the program").1;
    assert_eq!(shown, Some(program), "README.md and examples/login.rs differ");
}

#[test]
fn links_are_found_where_markdown_has_them() {
    let text = "see [a](x.md), [`b`](y.md#z)\n```text\n[not](this.md)\n```\nand `[code](no.md)` alone\n";
    assert_eq!(links(text), ["x.md", "y.md#z"]);
    assert_eq!(anchor("## 2. What is it, really?"), "2-what-is-it-really");
}
