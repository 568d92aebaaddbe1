//! Secrets are replaced before any handler, file or socket sees an event; a failure replaces more, never less.
//!
//! A value is replaced for its *key* (`password`, `api_key`, `session_id` …) or for its *form* (a JWT, a private
//! key, a card number …). One pass over the text, no regular expressions; `docs/redaction.md` has the rules and
//! what they leave alone.

mod event;
mod keys;
mod pattern;
mod scan;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use keys::KeyNames;

use crate::event::VerificationEvent;

/// What stands where a secret was.
pub(crate) const MASK: &str = "***";

/// Replaces secrets in events and texts by `***`. Cheap to clone.
///
/// ```
/// use veribus_core::{event, EventId, Redactor, Timestamp};
///
/// let draft = event::authentication("login").attribute("password", "hunter2").reason("sent Bearer abc123.def");
/// let mut event = draft.into_event(EventId::from_bits(1), Timestamp::now())?;
/// assert_eq!(Redactor::standard().redact(&mut event), 2);
/// assert_eq!(event.attributes.get("password").and_then(|v| v.as_str()), Some("***"));
/// assert_eq!(event.reason.as_deref(), Some("sent Bearer ***"));
/// # Ok::<(), veribus_core::EventError>(())
/// ```
#[derive(Clone)]
pub struct Redactor {
    rules: Option<Arc<Rules>>,
}

struct Rules {
    keys: KeyNames,
    detectors: Vec<Detector>,
}

/// Finds the next secret in a text: its byte range, or `None`.
type Detector = Box<dyn Fn(&str) -> Option<Range<usize>> + Send + Sync>;

/// The rules of a [`Redactor`]: the standard ones, and yours.
#[must_use]
pub struct RedactorBuilder {
    rules: Rules,
}

impl Redactor {
    /// The rules of `docs/redaction.md`, without additions.
    pub fn standard() -> Self {
        Self::builder().build()
    }

    /// Replaces nothing.
    pub const fn none() -> Self {
        Redactor { rules: None }
    }

    /// The standard rules, to be added to.
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder { rules: Rules { keys: KeyNames::standard(), detectors: Vec::new() } }
    }

    /// Replaces the secrets of `event` and returns how many fields were changed, each name, text or value
    /// counting as one.
    ///
    /// Looks at every text but `action`, whose alphabet is too small, and at every name and value of `attributes`
    /// and `extra`, whatever the nesting. Changes nothing else, keeps every limit of an event, and changes
    /// nothing the second time. Never panics: a text whose inspection does is replaced as a whole.
    pub fn redact(&self, event: &mut VerificationEvent) -> u64 {
        self.rules.as_deref().map_or(0, |rules| event::redact(rules, event))
    }

    /// `text` with its secrets replaced; borrowed if there are none.
    ///
    /// ```
    /// # use veribus_core::Redactor;
    /// let redactor = Redactor::standard();
    /// assert_eq!(redactor.redact_text("postgres://app:s3cret@db/orders"), "postgres://app:***@db/orders");
    /// assert_eq!(redactor.redact_text("GET /orders?page=2&token=abc"), "GET /orders?page=2&token=***");
    /// ```
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.rules.as_deref().and_then(|rules| rules.masked(text)) {
            Some(masked) => Cow::Owned(masked),
            None => Cow::Borrowed(text),
        }
    }

    /// Whether a value under this name is replaced whatever it is.
    ///
    /// ```
    /// # use veribus_core::Redactor;
    /// let redactor = Redactor::standard();
    /// assert!(redactor.is_secret_name("X-Api-Key") && redactor.is_secret_name("dbPassword"));
    /// assert!(!redactor.is_secret_name("password_age_days") && !redactor.is_secret_name("token_count"));
    /// ```
    pub fn is_secret_name(&self, name: &str) -> bool {
        self.rules.as_deref().is_some_and(|rules| rules.keys.is_secret(name.as_bytes()))
    }
}

impl RedactorBuilder {
    /// Values under this name are secret too, at the end of a longer name also: `card_ref` covers `Card-Ref` and
    /// `user.cardRef`. Case and punctuation do not count.
    pub fn name(mut self, name: &str) -> Self {
        self.rules.keys.add(name);
        self
    }

    /// Values under exactly this name are not secret for their name; their form is still looked at.
    pub fn allow(mut self, name: &str) -> Self {
        self.rules.keys.allow(name);
        self
    }

    /// One more form of secret: `find` answers the byte range of the first one in a text. It is given the text
    /// after the standard forms were replaced, and again what is behind each find.
    ///
    /// A panic, or a range outside of the text or its characters, replaces the whole text.
    ///
    /// ```
    /// # use veribus_core::Redactor;
    /// let redactor = Redactor::builder()
    ///     .detector(|text| text.find("ACME-").map(|at| at + 5..text[at..].find(' ').map_or(text.len(), |n| at + n)))
    ///     .build();
    /// assert_eq!(redactor.redact_text("key ACME-71x was refused"), "key ACME-*** was refused");
    /// ```
    pub fn detector(mut self, find: impl Fn(&str) -> Option<Range<usize>> + Send + Sync + 'static) -> Self {
        self.rules.detectors.push(Box::new(find));
        self
    }

    /// The redactor.
    pub fn build(self) -> Redactor {
        Redactor { rules: Some(Arc::new(self.rules)) }
    }
}

impl Default for Redactor {
    /// [`Redactor::standard`]
    fn default() -> Self {
        Self::standard()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detectors = self.rules.as_deref().map(|rules| rules.detectors.len());
        f.debug_struct("Redactor").field("own_detectors", &detectors).finish_non_exhaustive()
    }
}

impl fmt::Debug for RedactorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedactorBuilder").finish_non_exhaustive()
    }
}

/// The text cannot be trusted to be clean.
struct Failed;

impl Rules {
    /// `text` with its secrets replaced, or `None` if there are none.
    fn masked(&self, text: &str) -> Option<String> {
        let plain = scan::signs_in(text.as_bytes()) == scan::NOTHING && self.detectors.is_empty();
        if plain || text == MASK {
            return None;
        }
        fenced(|| self.mask(text)).unwrap_or_else(|Failed| Some(MASK.to_owned()))
    }

    /// As [`Rules::masked`], for bytes that may be anything.
    fn masked_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.masked(text).map(String::into_bytes),
            Err(_) => fenced(|| Ok(scan::mask(bytes, &self.keys))).unwrap_or_else(|Failed| Some(MASK.into())),
        }
    }

    fn mask(&self, text: &str) -> Result<Option<String>, Failed> {
        let standard = scan::mask(text.as_bytes(), &self.keys).map(String::from_utf8);
        let mut masked = standard.transpose().map_err(|_| Failed)?;
        for detector in &self.detectors {
            if let Some(more) = mask_found(masked.as_deref().unwrap_or(text), detector)? {
                masked = Some(more);
            }
        }
        Ok(masked)
    }
}

/// Runs what must not fail; a panic is a failure like any other.
fn fenced<T>(work: impl FnOnce() -> Result<T, Failed>) -> Result<T, Failed> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Failed))
}

/// Replaces all that one of the user's detectors finds.
fn mask_found(text: &str, find: &Detector) -> Result<Option<String>, Failed> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(found) = find(rest) {
        let (before, secret) = (rest.get(..found.start), rest.get(found.clone()));
        let (Some(before), Some(secret @ [_, ..])) = (before, secret.map(str::as_bytes)) else {
            return Err(Failed);
        };
        out.push_str(before);
        out.push_str(mask_for(secret.len()));
        rest = &rest[found.end..];
    }
    out.push_str(rest);
    Ok((out != text).then_some(out))
}

/// The mask of a secret of so many bytes: never longer than it, so that every limit still holds.
fn mask_for(secret_bytes: usize) -> &'static str {
    &MASK[..secret_bytes.min(MASK.len())]
}
