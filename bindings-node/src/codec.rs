//! The wire: batches to bytes and back, for tools and for the conformance vectors.

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use veribus_core::codec::Format;
use veribus_core::{Batch, CodecError, DecodedBatch};

use crate::error::{self, Result, fault};
use crate::event;

/// A decoded batch.
#[napi]
pub struct NativeBatch(Batch);

#[napi]
impl NativeBatch {
    /// Who sent it.
    #[napi(getter)]
    pub fn service(&self) -> String {
        self.0.source.service.as_str().to_owned()
    }

    /// Its events as lines of JSON.
    #[napi(getter)]
    pub fn lines(&self) -> Vec<String> {
        self.0.events.iter().map(event::line).collect()
    }

    /// Writes it in its canonical form.
    #[napi]
    pub fn encode(&self, format: String) -> Result<Buffer> {
        let mut out = Vec::new();
        let written = match self::format(&format)? {
            Format::Json => self.0.encode_json(&mut out),
            _ => self.0.encode_msgpack(&mut out),
        };
        written.map_err(|found| error::codec(&found))?;
        Ok(out.into())
    }
}

fn format(name: &str) -> Result<Format> {
    match name {
        "json" => Ok(Format::Json),
        "msgpack" => Ok(Format::Msgpack),
        _ => Err(fault("CFG_VALUE_RANGE", "`format` is \"json\" or \"msgpack\"")),
    }
}

/// Reads a batch of which every event is good.
#[napi]
pub fn decode(data: &[u8], format: String) -> Result<NativeBatch> {
    let read = match self::format(&format)? {
        Format::Json => Batch::decode_json(data),
        _ => Batch::decode_msgpack(data),
    };
    read.map(NativeBatch).map_err(|found| error::codec(&found))
}

/// One event of a batch, or what is wrong with it.
#[napi(object)]
pub struct Each {
    /// The event as a line of JSON.
    pub line: Option<String>,
    /// The stable code of what is wrong.
    pub code: Option<String>,
    /// What is wrong, its path and byte, as errors carry them.
    pub message: Option<String>,
}

/// Reads a batch event by event.
#[napi]
pub fn decode_each(data: &[u8], format: String) -> Result<Vec<Each>> {
    let read: Result<DecodedBatch, CodecError> = match self::format(&format)? {
        Format::Json => Batch::decode_json_each(data),
        _ => Batch::decode_msgpack_each(data),
    };
    let batch = read.map_err(|found| error::codec(&found))?;
    let each = batch.events.into_iter().map(|found| match found {
        Ok(found) => Each { line: Some(event::line(&found)), code: None, message: None },
        Err(found) => {
            let found = error::codec(&found);
            Each { line: None, code: Some(found.status.clone()), message: Some(found.reason.clone()) }
        }
    });
    Ok(each.collect())
}
