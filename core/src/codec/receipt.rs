//! A store's receipt as JSON: every number is checked before it is kept, nothing is allocated by a claim.

use std::io::Write as _;

use super::decode::{Reader, Token};
use super::error::{CodecError, CodecFault, Format};
use super::json::{JsonReader, json_string};
use crate::event::EventError;
use crate::event::limits::BATCH_EVENTS_MAX;
use crate::transport::{ParcelId, RECEIPT_BYTES_MAX, REFUSAL_CODE_BYTES_MAX, Refused, StoreReceipt};

/// Appends the receipt, one line without its end.
pub(crate) fn encode(receipt: &StoreReceipt, out: &mut Vec<u8>) {
    let StoreReceipt { parcel, stored, duplicates, refused } = receipt;
    let head = format!(r#"{{"parcel":"{parcel}","stored":{stored},"duplicates":{duplicates},"refused":["#);
    out.extend_from_slice(head.as_bytes());
    for (position, Refused { index, code }) in refused.iter().enumerate() {
        let comma = if position == 0 { "" } else { "," };
        write!(out, r#"{comma}{{"index":{index},"code":"#).expect("memory can be written to");
        json_string(code, out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// Reads a receipt. Members that are not known are passed over.
pub(crate) fn decode(input: &[u8]) -> Result<StoreReceipt, CodecError> {
    if input.len() > RECEIPT_BYTES_MAX {
        let fault = CodecFault::BatchTooLarge { limit: RECEIPT_BYTES_MAX, actual: input.len() };
        return Err(CodecError::new(fault, RECEIPT_BYTES_MAX));
    }
    let mut reader = JsonReader::new(input);
    let receipt = receipt(&mut reader)?;
    reader.end()?;
    Ok(receipt)
}

fn receipt(reader: &mut JsonReader<'_>) -> Result<StoreReceipt, CodecError> {
    let (mut parcel, mut stored, mut duplicates, mut refused) = (None, None, None, None);
    members(reader, |name, reader| {
        match name {
            "parcel" => once(&mut parcel, parcel_id(reader)?, "parcel", reader),
            "stored" => once(&mut stored, count(reader)?, "stored", reader),
            "duplicates" => once(&mut duplicates, count(reader)?, "duplicates", reader),
            "refused" => once(&mut refused, refusals(reader)?, "refused", reader),
            _ => reader.skip(),
        }
        .map_err(|error| error.in_field(name))
    })?;
    let end = reader.offset();
    let receipt = StoreReceipt {
        parcel: parcel.ok_or_else(|| missing("parcel", end))?,
        stored: stored.ok_or_else(|| missing("stored", end))?,
        duplicates: duplicates.unwrap_or(0),
        refused: refused.unwrap_or_default(),
    };
    let events = u64::from(receipt.stored) + u64::from(receipt.duplicates) + receipt.refused.len() as u64;
    if events > BATCH_EVENTS_MAX as u64 {
        let fault = CodecFault::BatchTooMany { limit: BATCH_EVENTS_MAX, actual: events as usize };
        return Err(CodecError::new(fault, end));
    }
    Ok(receipt)
}

fn refusals(reader: &mut JsonReader<'_>) -> Result<Vec<Refused>, CodecError> {
    let at = reader.offset();
    let mut list = match reader.token()? {
        Token::List(list) => list,
        other => return Err(other.instead_of("a list", at)),
    };
    let mut refused: Vec<Refused> = Vec::new();
    while reader.next_item(&mut list)? {
        if refused.len() == BATCH_EVENTS_MAX {
            let fault = CodecFault::BatchTooMany { limit: BATCH_EVENTS_MAX, actual: BATCH_EVENTS_MAX + 1 };
            return Err(CodecError::new(fault, reader.offset()));
        }
        let item = refusal(reader).map_err(|error| error.in_item(refused.len()))?;
        refused.push(item);
    }
    Ok(refused)
}

fn refusal(reader: &mut JsonReader<'_>) -> Result<Refused, CodecError> {
    let (mut index, mut code) = (None, None);
    members(reader, |name, reader| {
        match name {
            "index" => once(&mut index, place(reader)?, "index", reader),
            "code" => once(&mut code, refusal_code(reader)?, "code", reader),
            _ => reader.skip(),
        }
        .map_err(|error| error.in_field(name))
    })?;
    let end = reader.offset();
    Ok(Refused {
        index: index.ok_or_else(|| missing("index", end))?,
        code: code.ok_or_else(|| missing("code", end))?,
    })
}

/// Walks over the members of the map that stands here.
fn members<'a>(
    reader: &mut JsonReader<'a>,
    mut each: impl FnMut(&str, &mut JsonReader<'a>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let at = reader.offset();
    let Some(mut map) = reader.map()? else {
        return Err(reader.token()?.instead_of("a map", at));
    };
    while let Some(name) = reader.next_key(&mut map)? {
        each(&name, reader)?;
    }
    Ok(())
}

fn once<T>(kept: &mut Option<T>, value: T, name: &str, reader: &JsonReader<'_>) -> Result<(), CodecError> {
    if kept.replace(value).is_some() {
        let fault = CodecFault::DuplicateKey { format: Format::Json, key: name.to_owned() };
        return Err(CodecError::new(fault, reader.key_offset()));
    }
    Ok(())
}

fn missing(field: &'static str, at: usize) -> CodecError {
    CodecError::new(CodecFault::FieldMissing { field }, at)
}

fn parcel_id(reader: &mut JsonReader<'_>) -> Result<ParcelId, CodecError> {
    let at = reader.offset();
    match reader.token()? {
        Token::Text(text) => text.parse().map_err(|error: EventError| CodecError::new(error, at)),
        other => Err(other.instead_of("32 hexadecimal digits", at)),
    }
}

/// How many of the events of one parcel.
fn count(reader: &mut JsonReader<'_>) -> Result<u32, CodecError> {
    number(reader, BATCH_EVENTS_MAX as u32, "count", "0 to 1000")
}

fn place(reader: &mut JsonReader<'_>) -> Result<u32, CodecError> {
    number(reader, BATCH_EVENTS_MAX as u32 - 1, "index", "0 to 999")
}

fn number(
    reader: &mut JsonReader<'_>,
    max: u32,
    field: &'static str,
    allowed: &'static str,
) -> Result<u32, CodecError> {
    let at = reader.offset();
    match reader.token()? {
        Token::Unsigned(n) if n <= u64::from(max) => Ok(n as u32),
        Token::Unsigned(_) | Token::Negative(_) => {
            Err(CodecError::new(EventError::NumberRange { field: field.into(), allowed }, at))
        }
        other => Err(other.instead_of("an integer", at)),
    }
}

/// Upper-case letters, digits and `_`: safe to show and to count by.
fn refusal_code(reader: &mut JsonReader<'_>) -> Result<String, CodecError> {
    const EXPECTED: &str = "a code: 1 to 40 of A to Z, 0 to 9 and `_`";
    let at = reader.offset();
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match reader.token()? {
        Token::Text(code)
            if (1..=REFUSAL_CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(plain) =>
        {
            Ok(code.into_owned())
        }
        Token::Text(_) => Err(CodecError::new(CodecFault::BatchShape { expected: EXPECTED }, at)),
        other => Err(other.instead_of(EXPECTED, at)),
    }
}
