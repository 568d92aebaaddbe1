//! A file of settings: TOML in, values under their names out; what they mean is `ts/config.ts`.

use std::collections::BTreeMap;

use napi::bindgen_prelude::Either4;
use napi_derive::napi;
use toml::de::{DeTable, DeValue};

use crate::error::{Result, fault};

/// A switch, a number, a text or a list of texts.
pub type Setting = Either4<bool, f64, String, Vec<String>>;

/// Reads a file of settings, which has no tables.
#[napi]
pub fn read_settings(text: String) -> Result<BTreeMap<String, Setting>> {
    let table = DeTable::parse(&text).map_err(|found| {
        let at = found.span().map_or(0, |span| span.start);
        // The line itself may hold a secret.
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        fault("CFG_FILE", format!("is not TOML: {}, line {line}", found.message()))
    })?;
    let pairs = table.into_inner().into_iter().map(|(name, value)| {
        let name = name.into_inner().into_owned();
        match setting(value.into_inner()) {
            Some(value) => Ok((name, value)),
            None => Err(fault(
                "CFG_VALUE_RANGE",
                format!("`{}` is no text, number, switch or list of texts", name.escape_debug()),
            )),
        }
    });
    pairs.collect()
}

fn setting(value: DeValue<'_>) -> Option<Setting> {
    match value {
        DeValue::Boolean(switch) => Some(Either4::A(switch)),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| Either4::B(number as f64))
        }
        DeValue::Float(number) => number.as_str().parse().ok().map(Either4::B),
        DeValue::String(text) => Some(Either4::C(text.into_owned())),
        DeValue::Array(list) => {
            let texts = list.into_iter().map(|value| match value.into_inner() {
                DeValue::String(text) => Some(text.into_owned()),
                _ => None,
            });
            texts.collect::<Option<Vec<String>>>().map(Either4::D)
        }
        _ => None,
    }
}
