//! One table of field names: the word that JSON uses and the short key that MessagePack uses.

use crate::event::Family;

/// A field with two spellings.
pub(super) trait Spelled: Copy {
    /// The word, as JSON writes it.
    fn word(self) -> &'static str;
    /// The short key, as MessagePack writes it.
    fn short(self) -> &'static str;
    /// `,"word":`, as it stands in a JSON map behind another pair, and how many of the bytes that is.
    fn json(self) -> (&'static [u8; 16], usize);
    /// The place in its table, below 32.
    fn index(self) -> u32;
    /// The field of this name, in either spelling.
    fn find(key: &str) -> Option<Self>;
}

/// `text` with zeroes behind it.
const fn padded(text: &str) -> [u8; 16] {
    let (text, mut bytes, mut at) = (text.as_bytes(), [0; 16], 0);
    while at < text.len() {
        bytes[at] = text[at]; // a longer word does not compile
        at += 1;
    }
    bytes
}

/// No word is one byte long unless it is its own short key, so one byte decides.
const fn by_byte(short_keys: &[&str]) -> [u8; 128] {
    let mut table = [u8::MAX; 128];
    let mut index = 0;
    while index < short_keys.len() {
        if let [byte] = short_keys[index].as_bytes() {
            table[*byte as usize] = index as u8;
        }
        index += 1;
    }
    table
}

macro_rules! fields {
    ($(#[$doc:meta])* $table:ident { $($field:ident = $word:literal $short:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum $table { $($field),* }

        impl $table {
            /// Every field, by its index.
            pub(super) const ALL: &[$table] = &[$($table::$field),*];
            /// The index of the field whose short key is this one byte.
            const BY_BYTE: [u8; 128] = by_byte(&[$($short),*]);
        }

        impl Spelled for $table {
            #[inline]
            fn word(self) -> &'static str {
                match self { $($table::$field => $word),* }
            }
            #[inline]
            fn short(self) -> &'static str {
                match self { $($table::$field => $short),* }
            }
            #[inline]
            fn json(self) -> (&'static [u8; 16], usize) {
                match self {
                    $($table::$field => {
                        const JSON: &str = concat!(",\"", $word, "\":");
                        (const { &padded(JSON) }, JSON.len())
                    })*
                }
            }
            #[inline]
            fn index(self) -> u32 {
                self as u32
            }
            #[inline]
            fn find(key: &str) -> Option<Self> {
                if let [byte @ ..128] = *key.as_bytes() {
                    return Self::ALL.get(usize::from(Self::BY_BYTE[usize::from(byte)])).copied();
                }
                match key {
                    $(key if key == $word || key == $short => Some($table::$field),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    /// Fields of a batch. (`v` is the same in both spellings.)
    BatchField {
        Version = "v" "v",
        Source = "source" "s",
        Instance = "instance" "n",
        Runs = "runs" "r",
        Events = "events" "e",
        Losses = "losses" "l",
        Lanes = "lanes" "a",
    }
}

fields! {
    /// Fields of a loss record.
    LossField {
        Lane = "lane" "l",
        Reason = "reason" "r",
        FirstSeq = "first_seq" "f",
        LastSeq = "last_seq" "u",
        Count = "count" "n",
        FirstAt = "first_at" "a",
        LastAt = "last_at" "z",
    }
}

fields! {
    /// Fields of a batch's source.
    SourceField {
        Service = "service" "s",
        Instance = "instance" "n",
        Host = "host" "h",
        Environment = "environment" "e",
        Network = "network" "w",
        Sdk = "sdk" "k",
        SdkVersion = "sdk_version" "v",
    }
}

fields! {
    /// Fields of an event, those of its payload included.
    EventField {
        Id = "id" "i",
        Time = "time" "t",
        Kind = "kind" "k",
        Action = "action" "a",
        Severity = "severity" "s",
        Outcome = "outcome" "o",
        Reason = "reason" "r",
        Actor = "actor" "c",
        Target = "target" "g",
        Trace = "trace" "x",
        Duration = "duration_ns" "d",
        Method = "method" "m",
        Credential = "credential" "cr",
        Permission = "permission" "p",
        Policy = "policy" "po",
        Setting = "setting" "st",
        OldValue = "old_value" "ov",
        NewValue = "new_value" "nv",
        Value = "value" "v",
        Unit = "unit" "u",
        Count = "count" "n",
        Errors = "errors" "er",
        Technique = "technique" "te",
        Rule = "rule" "ru",
        Score = "score" "sc",
        Attributes = "attributes" "b",
    }
}

fields! {
    /// Fields of an actor.
    ActorField {
        Name = "name" "n",
        Ip = "ip" "i",
        Port = "port" "p",
        Host = "host" "h",
    }
}

fields! {
    /// Fields of a target.
    TargetField {
        Name = "name" "n",
        Kind = "kind" "k",
    }
}

impl EventField {
    /// The family whose payload has this field; `None` for a field that every event has.
    pub(super) fn family(self) -> Option<Family> {
        match self {
            EventField::Method | EventField::Credential => Some(Family::Authentication),
            EventField::Permission | EventField::Policy => Some(Family::Authorization),
            EventField::Setting | EventField::OldValue | EventField::NewValue => Some(Family::Configuration),
            EventField::Value | EventField::Unit | EventField::Count | EventField::Errors => {
                Some(Family::Performance)
            }
            EventField::Technique | EventField::Rule | EventField::Score => Some(Family::Security),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/wire-format.md");

    /// Every key leads to its field and to no other, and stands in the document beside its other spelling.
    fn holds<F: Spelled>(all: &[F]) {
        let mut keys = BTreeSet::new();
        for field in all {
            for key in BTreeSet::from([field.word(), field.short()]) {
                assert!(keys.insert(key), "`{key}` names two fields");
                assert_eq!(F::find(key).map(F::index), Some(field.index()));
            }
            assert!(field.index() < 32);
            let (json, len) = field.json();
            assert_eq!(json[..len], *format!(",\"{}\":", field.word()).as_bytes());
            let row = format!("| `{}` | `{}` |", field.word(), field.short());
            assert!(DOCUMENT.contains(&row), "the document lacks {row}");
        }
    }

    #[test]
    fn both_spellings_of_every_field_are_unique_and_documented() {
        holds(BatchField::ALL);
        holds(LossField::ALL);
        holds(SourceField::ALL);
        holds(EventField::ALL);
        holds(ActorField::ALL);
        holds(TargetField::ALL);
    }
}
