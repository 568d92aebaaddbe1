//! The families of events and what each carries beyond the common fields.

use std::fmt;

use super::attributes::Attributes;
use super::text::Text;

/// The family of an event, without its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Family {
    /// Logins, key validation, signature verification.
    Authentication = 1,
    /// Permission checks, access denials, policy violations.
    Authorization = 2,
    /// Policy updates, configuration changes, environment switches.
    Configuration = 3,
    /// Verification timing, throughput, error rates.
    Performance = 4,
    /// Attacks detected, anomalies, compliance violations.
    Security = 5,
    /// A family that a newer sender knows and this version does not.
    Unknown = 255,
}

impl Family {
    /// The families with a typed payload.
    pub const KNOWN: [Family; 5] = [
        Family::Authentication,
        Family::Authorization,
        Family::Configuration,
        Family::Performance,
        Family::Security,
    ];

    /// The lower-case name on the wire; `"unknown"` for [`Family::Unknown`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::Authentication => "authentication",
            Family::Authorization => "authorization",
            Family::Configuration => "configuration",
            Family::Performance => "performance",
            Family::Security => "security",
            Family::Unknown => "unknown",
        }
    }

    /// The family of this name, if it is one with a typed payload.
    pub fn from_name(name: &str) -> Option<Family> {
        Family::KNOWN.into_iter().find(|f| f.as_str() == name)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What was verified, with the payload of its family.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// See [`Authentication`].
    Authentication(Authentication),
    /// See [`Authorization`].
    Authorization(Authorization),
    /// See [`Configuration`].
    Configuration(Configuration),
    /// See [`Performance`].
    Performance(Performance),
    /// See [`Security`].
    Security(Security),
    /// See [`UnknownKind`].
    Unknown(UnknownKind),
}

/// An identity was checked: a login, a key, a signature, a token.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Authentication {
    /// How: `password`, `publickey`, `jwt`, `api_key`, `ed25519` …
    pub method: Option<Text>,
    /// Which credential, by public name: a key id or fingerprint, never the secret.
    pub credential: Option<Text>,
}

/// A permission was decided.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Authorization {
    /// What was asked: `orders:write`, `GET`, `delete` …
    pub permission: Option<Text>,
    /// The policy or rule that decided.
    pub policy: Option<Text>,
}

/// Something that governs behaviour was changed.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Configuration {
    /// Name of the setting, policy or environment.
    pub setting: Option<Text>,
    /// Value before, as text.
    pub old_value: Option<Text>,
    /// Value after, as text.
    pub new_value: Option<Text>,
}

/// How verifications performed.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Performance {
    /// The measurement, in `unit`; finite.
    pub value: Option<f64>,
    /// Unit of `value`: `seconds`, `bytes`, `ratio`, `events/s` …
    pub unit: Option<Text>,
    /// How many operations the measurement covers.
    pub count: Option<u64>,
    /// How many of them ended in an error.
    pub errors: Option<u64>,
}

/// An attack, an anomaly or a violation was noticed.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Security {
    /// MITRE ATT&CK technique, for example `T1110.001`.
    pub technique: Option<Text>,
    /// The rule or detector that noticed it.
    pub rule: Option<Text>,
    /// Risk, 0 to 100.
    pub score: Option<u8>,
}

/// A kind of a newer sender. Its payload fields are kept in [`crate::VerificationEvent::extra`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UnknownKind {
    /// The family's name as it was sent.
    pub name: Text,
}

impl EventKind {
    /// The kind named `name`: an empty payload of a known family, or [`UnknownKind`].
    pub fn from_name(name: &str) -> EventKind {
        match Family::from_name(name) {
            Some(family) => EventKind::empty(family),
            None => EventKind::Unknown(UnknownKind { name: name.into() }),
        }
    }

    /// The payload of `family` with nothing in it.
    pub fn empty(family: Family) -> EventKind {
        match family {
            Family::Authentication => EventKind::Authentication(Authentication::default()),
            Family::Authorization => EventKind::Authorization(Authorization::default()),
            Family::Configuration => EventKind::Configuration(Configuration::default()),
            Family::Performance => EventKind::Performance(Performance::default()),
            Family::Security => EventKind::Security(Security::default()),
            Family::Unknown => EventKind::Unknown(UnknownKind { name: "unknown".into() }),
        }
    }

    /// The family.
    #[inline]
    pub const fn family(&self) -> Family {
        match self {
            EventKind::Authentication(_) => Family::Authentication,
            EventKind::Authorization(_) => Family::Authorization,
            EventKind::Configuration(_) => Family::Configuration,
            EventKind::Performance(_) => Family::Performance,
            EventKind::Security(_) => Family::Security,
            EventKind::Unknown(_) => Family::Unknown,
        }
    }

    /// The family's name, also of a family that this version does not know.
    pub fn name(&self) -> &str {
        match self {
            EventKind::Unknown(unknown) => &unknown.name,
            known => known.family().as_str(),
        }
    }

    /// The payload's text fields by name, absent ones left out. Every view that lists fields uses this.
    pub fn text_fields(&self) -> impl Iterator<Item = (&'static str, &Text)> {
        let fields: [(&'static str, Option<&Text>); 3] = match self {
            EventKind::Authentication(p) => {
                [("method", p.method.as_ref()), ("credential", p.credential.as_ref()), ("", None)]
            }
            EventKind::Authorization(p) => {
                [("permission", p.permission.as_ref()), ("policy", p.policy.as_ref()), ("", None)]
            }
            EventKind::Configuration(p) => [
                ("setting", p.setting.as_ref()),
                ("old_value", p.old_value.as_ref()),
                ("new_value", p.new_value.as_ref()),
            ],
            EventKind::Performance(p) => [("unit", p.unit.as_ref()), ("", None), ("", None)],
            EventKind::Security(p) => {
                [("technique", p.technique.as_ref()), ("rule", p.rule.as_ref()), ("", None)]
            }
            EventKind::Unknown(_) => [("", None), ("", None), ("", None)],
        };
        fields.into_iter().filter_map(|(name, text)| text.map(|t| (name, t)))
    }

    /// The payload's text fields by name, changeable, absent ones left out.
    pub fn text_fields_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Text)> {
        let fields: [(&'static str, Option<&mut Text>); 3] = match self {
            EventKind::Authentication(p) => {
                [("method", p.method.as_mut()), ("credential", p.credential.as_mut()), ("", None)]
            }
            EventKind::Authorization(p) => {
                [("permission", p.permission.as_mut()), ("policy", p.policy.as_mut()), ("", None)]
            }
            EventKind::Configuration(p) => [
                ("setting", p.setting.as_mut()),
                ("old_value", p.old_value.as_mut()),
                ("new_value", p.new_value.as_mut()),
            ],
            EventKind::Performance(p) => [("unit", p.unit.as_mut()), ("", None), ("", None)],
            EventKind::Security(p) => {
                [("technique", p.technique.as_mut()), ("rule", p.rule.as_mut()), ("", None)]
            }
            EventKind::Unknown(_) => [("", None), ("", None), ("", None)],
        };
        fields.into_iter().filter_map(|(name, text)| text.map(|t| (name, t)))
    }
}

/// Unknown fields of a newer sender, kept and shown as they came.
pub type Extra = Attributes;
