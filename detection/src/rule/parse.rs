//! Parsing: files of Sigma documents become a [`RuleSet`], or every fault in them is named at once.

use std::collections::HashMap;
use std::sync::Arc;

use rsigma_eval::{CompiledRule, Engine, compile_rule};
use rsigma_parser::{
    CorrelationRule, FilterRule, FilterRuleTarget, SigmaCollection, SigmaRule, parse_sigma_yaml,
};
use veribus_core::Family;

use super::correlation::Correlation;
use super::error::{Code, Document, Fault, RuleError};
use super::plan::Plan;
use super::{Body, Compiled, Index, Rule, RuleInfo, RuleSet, level_name, lint};
use crate::field::Field;

/// Largest rule file, in bytes.
const FILE_BYTES_MAX: usize = 256 * 1024;
/// Most documents in all files together.
const DOCUMENTS_MAX: usize = 10_000;
/// Custom attribute of a rule: the field that its alerts are about.
const ENTITY: &str = "veribus.entity";

/// A parsed document and where it stands.
pub(super) struct Parsed<'a, T> {
    pub(super) at: Document<'a>,
    pub(super) rule: T,
}

/// The documents of all files, by type.
#[derive(Default)]
pub(super) struct Sources<'a> {
    pub(super) detections: Vec<Parsed<'a, SigmaRule>>,
    pub(super) correlations: Vec<Parsed<'a, CorrelationRule>>,
    pub(super) filters: Vec<Parsed<'a, FilterRule>>,
}

impl RuleSet {
    /// Parses Sigma rules, correlations and filters. `files` are names (shown in messages) with YAML text of
    /// one or more documents, at most 256 KiB each; documents may refer to those of other files.
    ///
    /// # Errors
    /// Every [`RuleError`] that is not a warning, in the order of files and lines. [`RuleSet::lint`] shows
    /// the warnings too.
    ///
    /// Source: Sigma specification 2.0, rules, correlation rules and filters.
    pub fn parse(files: &[(&str, &str)]) -> Result<RuleSet, Vec<RuleError>> {
        let (rules, mut errors) = load(files);
        errors.retain(|error| !error.code.is_warning());
        if errors.is_empty() { Ok(rules) } else { Err(errors) }
    }

    /// Everything that is wrong or odd with `files`, in the order of files and lines.
    pub fn lint(files: &[(&str, &str)]) -> Vec<RuleError> {
        load(files).1
    }
}

/// The rules that can be used, and all faults.
fn load(files: &[(&str, &str)]) -> (RuleSet, Vec<RuleError>) {
    let mut errors = Vec::new();
    let sources = read(files, &mut errors);
    lint::check(&sources, &mut errors);
    let compiled = compile(&sources, &mut errors);
    let order = |error: &RuleError| {
        let file = files.iter().position(|(name, _)| *name == error.file);
        (file, error.line, error.code.as_str())
    };
    errors.sort_by_key(order);
    (RuleSet { inner: Arc::new(compiled) }, errors)
}

fn read<'a>(files: &[(&'a str, &'a str)], errors: &mut Vec<RuleError>) -> Sources<'a> {
    let mut sources = Sources::default();
    let mut documents = Vec::new();
    for (file, text) in files {
        if text.len() > FILE_BYTES_MAX {
            let message = format!("{} bytes; a rule file has {FILE_BYTES_MAX} at most", text.len());
            let whole = Document { file, line: 1, text: "" };
            errors.push(whole.error(Fault::at("", Code::TooLarge, message)));
            continue;
        }
        documents.extend(Document::split(file, text));
    }
    if let Some(beyond) = documents.get(DOCUMENTS_MAX) {
        let message = format!("more than {DOCUMENTS_MAX} rules; the rest is not read");
        errors.push(beyond.error(Fault::at("", Code::TooLarge, message)));
        documents.truncate(DOCUMENTS_MAX);
    }
    for at in documents {
        match parse_document(at) {
            Ok(found) => {
                sources.detections.extend(found.rules.into_iter().map(|rule| Parsed { at, rule }));
                sources.correlations.extend(found.correlations.into_iter().map(|rule| Parsed { at, rule }));
                sources.filters.extend(found.filters.into_iter().map(|rule| Parsed { at, rule }));
                errors.extend(found.errors.iter().map(|message| at.error(fault_of(message))));
            }
            Err(fault) => errors.push(at.error(fault)),
        }
    }
    sources
}

fn parse_document(at: Document<'_>) -> Result<SigmaCollection, Fault> {
    if at.text.lines().any(|line| line.starts_with("action:")) {
        let message = "`action: global|reset|repeat` is not supported; write each rule in full";
        return Err(Fault::at("action", Code::Unsupported, message));
    }
    let parsed = parse_sigma_yaml(at.text).map_err(|error| fault_of(&error.to_string()))?;
    if parsed.is_empty() && parsed.errors.is_empty() {
        return Err(Fault::at("", Code::Yaml, "no Sigma rule in this document"));
    }
    Ok(parsed)
}

/// A parser's message with the code it belongs to.
fn fault_of(message: &str) -> Fault {
    let lower = message.to_lowercase();
    let (word, code) = match () {
        () if lower.contains("'title'") => ("", Code::Title),
        () if lower.contains("'logsource'") => ("", Code::LogsourceMissing),
        () if lower.contains("level") => ("level", Code::Level),
        () if lower.contains("timespan") || lower.contains("timeframe") => {
            ("timespan", Code::ConditionInvalid)
        }
        () if lower.contains("condition") => ("condition", Code::ConditionInvalid),
        () => ("", Code::Yaml),
    };
    let text = match code {
        Code::Title => "a rule has a `title`".to_owned(),
        Code::LogsourceMissing => {
            "a rule has a `logsource` with `product: veribus` and a `category`".to_owned()
        }
        _ => message.replace('\n', " "),
    };
    Fault::at(word, code, text)
}

fn compile(sources: &Sources<'_>, errors: &mut Vec<RuleError>) -> Compiled {
    let (mut rules, mut families) = (Vec::new(), Vec::new());
    for (source, compiled) in detections(sources, errors) {
        let rule = &source.rule;
        families.push(lint::families(&rule.logsource));
        let name = rule.name.clone().or_else(|| rule.id.clone()).unwrap_or_else(|| rule.title.clone());
        let info = info(name, rule.id.clone(), &rule.title, level_name(rule.level), &rule.tags, source.at);
        let entity = rule.custom_attributes.get(ENTITY).and_then(|v| v.as_str()).map(Field::named);
        rules.push(Rule {
            info,
            body: Body::Detection(compiled),
            alerts: true,
            entity,
            watchers: Vec::new(),
        });
    }
    add_correlations(sources, &mut rules, errors);
    families.resize(rules.len(), Vec::<Family>::new());
    let index = Index::new(&rules, &families);
    Compiled { rules, index }
}

/// Compiles detections one by one, so that a fault has a place, then all with the filters applied.
fn detections<'s, 'a>(
    sources: &'s Sources<'a>,
    errors: &mut Vec<RuleError>,
) -> Vec<(&'s Parsed<'a, SigmaRule>, Plan)> {
    let (mut good, mut compiled): (Vec<_>, Vec<CompiledRule>) = (Vec::new(), Vec::new());
    for source in &sources.detections {
        match compile_rule(&source.rule) {
            Ok(rule) => {
                good.push(source);
                compiled.push(rule);
            }
            Err(error) => {
                let message = error.to_string().replace('\n', " ");
                errors.push(source.at.error(Fault::at("detection", Code::ConditionInvalid, message)));
            }
        }
    }
    let mut engine = Engine::new();
    engine.extend_compiled_rules(compiled);
    for filter in &sources.filters {
        let mut rule = filter.rule.clone();
        if let FilterRuleTarget::Specific(names) = &mut rule.rules {
            resolve_filter(names, &good, filter.at, errors);
        }
        if let Err(error) = engine.apply_filter(&rule) {
            errors.push(filter.at.error(Fault::at("filter", Code::ConditionInvalid, error.to_string())));
        }
    }
    good.into_iter().zip(engine.rules().iter().map(Plan::of)).collect()
}

/// A filter names rules by id or name; the engine knows ids and titles.
fn resolve_filter(
    names: &mut [String],
    rules: &[&Parsed<'_, SigmaRule>],
    at: Document<'_>,
    errors: &mut Vec<RuleError>,
) {
    for name in names {
        let known = |r: &SigmaRule| r.name.as_ref() == Some(name) || r.id.as_ref() == Some(name);
        match rules.iter().find(|source| known(&source.rule) || source.rule.title == *name) {
            Some(source) => *name = source.rule.id.clone().unwrap_or_else(|| source.rule.title.clone()),
            None => {
                let message = format!("filter refers to rule `{name}`, which is in none of the files");
                errors.push(at.error(Fault::at(name, Code::ReferenceMissing, message)));
            }
        }
    }
}

fn add_correlations(sources: &Sources<'_>, rules: &mut Vec<Rule>, errors: &mut Vec<RuleError>) {
    let first = rules.len();
    let mut names: HashMap<String, usize> = HashMap::new();
    for (index, rule) in rules.iter().enumerate() {
        names.extend(rule.info.id.clone().map(|id| (id, index)));
        names.insert(rule.info.name.clone(), index);
    }
    for (offset, source) in sources.correlations.iter().enumerate() {
        names.extend(source.rule.id.clone().map(|id| (id, first + offset)));
        names.extend(source.rule.name.clone().map(|name| (name, first + offset)));
    }
    let mut bodies = Vec::new();
    for source in &sources.correlations {
        match Correlation::new(&source.rule, |name| names.get(name).copied()) {
            Ok(correlation) => bodies.push(correlation),
            Err(faults) => errors.extend(faults.into_iter().map(|fault| source.at.error(fault))),
        }
    }
    // With a broken correlation the numbers would be off; the set is not used then.
    if bodies.len() != sources.correlations.len() || has_cycle(sources, &bodies, first, errors) {
        return;
    }
    for (source, body) in sources.correlations.iter().zip(bodies) {
        let rule = &source.rule;
        let name = rule.name.clone().or_else(|| rule.id.clone()).unwrap_or_else(|| rule.title.clone());
        let mut info =
            info(name, rule.id.clone(), &rule.title, level_name(rule.level), &rule.tags, source.at);
        info.correlation = true;
        let entity = rule.custom_attributes.get(ENTITY).and_then(|v| v.as_str()).map(Field::named);
        let body = Body::Correlation(Box::new(body));
        rules.push(Rule { info, body, alerts: true, entity, watchers: Vec::new() });
    }
    connect(sources, rules, first);
}

/// Tells each rule who watches it; a watched rule alerts by itself only where a watcher says `generate: true`,
/// or where it is a correlation of its own standing.
fn connect(sources: &Sources<'_>, rules: &mut [Rule], first: usize) {
    let mut asked = vec![false; rules.len()];
    for (offset, source) in sources.correlations.iter().enumerate() {
        let Body::Correlation(body) = &rules[first + offset].body else { continue };
        for (position, reference) in body.references.clone().into_iter().enumerate() {
            rules[reference].watchers.push((first + offset, position));
            asked[reference] |= source.rule.generate || reference >= first;
        }
    }
    for (rule, asked) in rules.iter_mut().zip(asked) {
        rule.alerts = rule.watchers.is_empty() || asked;
        rule.info.alerts = rule.alerts;
    }
}

/// Whether correlations refer to each other in a circle, which is reported.
fn has_cycle(
    sources: &Sources<'_>,
    bodies: &[Correlation],
    first: usize,
    errors: &mut Vec<RuleError>,
) -> bool {
    // Take away correlations that refer only to what is left below them; what stays is on or above a circle.
    let mut open: Vec<usize> = (0..bodies.len()).collect();
    loop {
        let before = open.len();
        let stays =
            |i: &usize| bodies[*i].references.iter().any(|r| *r >= first && open.contains(&(r - first)));
        open = open.iter().copied().filter(stays).collect();
        if open.len() == before {
            break;
        }
    }
    for i in &open {
        let message = "correlation refers to itself through other correlations";
        errors.push(sources.correlations[*i].at.error(Fault::at("rules", Code::ReferenceCycle, message)));
    }
    !open.is_empty()
}

fn info(
    name: String,
    id: Option<String>,
    title: &str,
    level: &'static str,
    tags: &[String],
    at: Document<'_>,
) -> RuleInfo {
    let technique = |tag: &String| {
        let name = tag.strip_prefix("attack.")?.to_uppercase();
        (name.starts_with('T') && name[1..].starts_with(|c: char| c.is_ascii_digit())).then_some(name)
    };
    RuleInfo {
        name,
        id,
        title: title.to_owned(),
        level,
        techniques: tags.iter().filter_map(technique).collect(),
        file: at.file.to_owned(),
        line: at.line,
        correlation: false,
        alerts: true,
    }
}
