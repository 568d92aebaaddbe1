//! What a source file of ours may hold: a promise in its first line, one noun, no unsafe, no unfinished business.

use crate::tree::{File, files, none};

/// Past this a file usually holds two nouns.
const LINES_MAX: usize = 500;

/// The one reviewed folder in which `unsafe` may stand.
const UNSAFE_FOLDER: &str = "core/src/ring/";

/// What core leaves to others. Addresses (`std::net::IpAddr`) are data and welcome.
const NEVER_IN_CORE: [&str; 8] = [
    "std::fs",
    "tokio::",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::os::unix::net",
    "TcpStream",
    "UdpSocket",
];

fn rust() -> Vec<File> {
    files(&[".rs"])
}

/// The lines of `file` with their numbers, comments cut off. Text in string literals stays, which errs on the strict
/// side; this test names the words that it looks for in pieces, so that it does not find itself.
fn code(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn every_file_begins_with_the_promise_it_keeps() {
    let bare = rust().into_iter().filter(|file| {
        let first = file.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|promise| promise.len() < 12)
    });
    none("the first line of a file is `//! ` and what it promises", bare.map(|file| file.path).collect());
}

#[test]
fn no_file_holds_two_nouns() {
    let long = rust().into_iter().filter_map(|file| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines", file.path))
    });
    none(&format!("split files of more than {LINES_MAX} lines by noun"), long.collect());
}

#[test]
fn unsafe_stands_in_one_reviewed_folder() {
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| !file.path.starts_with(UNSAFE_FOLDER)) {
        for (number, line) in code(file) {
            let allows = line.contains("allow(") && line.contains(concat!("unsafe", "_code"));
            let uses = [concat!("unsafe", " {"), concat!("unsafe", " fn"), concat!("unsafe", " impl")];
            if allows || uses.iter().any(|word| line.contains(word)) {
                findings.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none(&format!("`unsafe` may stand in {UNSAFE_FOLDER} alone"), findings);
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| file.path.starts_with(UNSAFE_FOLDER)) {
        let lines: Vec<&str> = file.text.lines().collect();
        for (number, line) in code(file) {
            if !line.contains(concat!("unsafe", " {")) && !line.contains(concat!("unsafe", " impl")) {
                continue;
            }
            let above = &lines[number.saturating_sub(9)..number];
            if !above.iter().any(|line| line.contains("SAFETY")) {
                findings.push(format!("{}:{number}: no `// SAFETY:` in the eight lines above", file.path));
            }
        }
    }
    none("each unsafe block states what makes it sound", findings);
}

#[test]
fn core_touches_no_file_no_socket_no_runtime() {
    let mut findings = Vec::new();
    for file in rust().iter().filter(|file| file.path.starts_with("core/src/")) {
        let tests_from =
            file.text.lines().position(|line| line.trim() == "#[cfg(test)]").unwrap_or(usize::MAX);
        for (number, line) in code(file).filter(|(number, _)| *number <= tests_from) {
            for word in NEVER_IN_CORE.iter().filter(|word| line.contains(**word)) {
                findings.push(format!("{}:{number}: `{word}`", file.path));
            }
        }
    }
    none("core has no files, no sockets and no async runtime; give it a trait instead", findings);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimple", "mented!")];
    let mut findings = Vec::new();
    for file in files(&[".rs", ".md", ".toml", ".yml", ".yaml", ".sh", ".py", ".ts", ".js"]) {
        for (number, line) in file.text.lines().enumerate() {
            for word in words.iter().filter(|word| line.contains(**word)) {
                findings.push(format!("{}:{}: `{word}`", file.path, number + 1));
            }
        }
    }
    none("finish it, or write an issue", findings);
}

#[test]
fn no_path_of_somebodys_machine_is_written_down() {
    let ours = [concat!("/ro", "ot/"), concat!("/wo", "rk/")];
    // In a test or a sample these are what a log line or an event says of anybody's machine.
    let anybodys = [concat!("/ho", "me/"), concat!("/Us", "ers/")];
    let mut findings = Vec::new();
    for file in files(&[".rs", ".md", ".toml", ".yml", ".yaml", ".sh", ".py", ".ts", ".js", ".ci/run"]) {
        let sample = file.path.contains("tests/") || file.path.starts_with("examples/");
        let places = ours.iter().chain(anybodys.iter().filter(|_| !sample));
        for (number, line) in file.text.lines().enumerate() {
            for place in places.clone().filter(|place| line.contains(**place)) {
                findings.push(format!("{}:{}: {place}", file.path, number + 1));
            }
        }
    }
    none("paths are relative to the repository", findings);
}
