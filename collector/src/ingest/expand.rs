//! Unpacks a compressed body: never to more than the limit, never by more than the ratio, before the memory is taken.

use std::io::Read;

use axum::http::StatusCode;
use veribus_core::event::limits::{BATCH_UNPACKED_FREE, BATCH_UNPACKED_RATIO_MAX};
use veribus_core::transport::Compression;
use zstd::stream::read::Decoder;

use crate::server::ApiError;

/// Most bytes of an unpacked body.
pub const EXPANDED_BYTES_MAX: usize = 20 << 20;
/// Bytes unpacked at once.
const CHUNK_BYTES: usize = 64 << 10;
/// Largest window that a frame may ask for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// The body as it was before it was packed; `None` if it never was. `pay` is asked before each further piece of memory is taken.
///
/// # Errors
/// 413 `HTTP_EXPANDED_TOO_LARGE` and `HTTP_RATIO`, 400 `HTTP_ENCODING_CORRUPT`, or what `pay` says.
pub fn expand(
    compression: Compression,
    packed: &[u8],
    mut pay: impl FnMut(usize) -> Result<(), ApiError>,
) -> Result<Option<Vec<u8>>, ApiError> {
    match compression {
        Compression::None => return Ok(None),
        Compression::Zstd => {}
    }
    let stated = zstd::zstd_safe::get_frame_content_size(packed).map_err(|_| corrupt())?;
    if let Some(stated) = stated {
        check(stated, packed.len())?;
    }
    let mut frame = Decoder::with_buffer(packed).map_err(|_| corrupt())?.single_frame();
    frame.window_log_max(WINDOW_LOG_MAX).map_err(|_| corrupt())?;
    let mut body = Vec::new();
    loop {
        pay(CHUNK_BYTES)?;
        let before = body.len();
        (&mut frame).take(CHUNK_BYTES as u64).read_to_end(&mut body).map_err(|_| corrupt())?;
        if body.len() == before {
            break;
        }
        check(body.len() as u64, packed.len())?;
    }
    if !frame.finish().is_empty() {
        return Err(corrupt());
    }
    Ok(Some(body))
}

fn check(expanded: u64, packed: usize) -> Result<(), ApiError> {
    let too_large = |code, message: &str, limit: usize| {
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, code, message)
            .limit(limit as u64, Some(expanded))
            .close()
    };
    if expanded > EXPANDED_BYTES_MAX as u64 {
        let message = "the unpacked body is larger than the limit, in bytes";
        return Err(too_large("HTTP_EXPANDED_TOO_LARGE", message, EXPANDED_BYTES_MAX));
    }
    let allowed = packed.saturating_mul(BATCH_UNPACKED_RATIO_MAX).max(BATCH_UNPACKED_FREE);
    if expanded > allowed as u64 {
        let message = "the body unpacks to more than 100 times its size";
        return Err(too_large("HTTP_RATIO", message, allowed).hint("send it uncompressed"));
    }
    Ok(())
}

fn corrupt() -> ApiError {
    let message = "the body is not one whole zstd frame";
    ApiError::new(StatusCode::BAD_REQUEST, "HTTP_ENCODING_CORRUPT", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packed: Vec<u8>) -> Result<usize, &'static str> {
        let body = expand(Compression::Zstd, &packed, |_| Ok(()));
        body.map(|body| body.map_or(0, |body| body.len())).map_err(|error| error.code())
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(bytes, 3).unwrap()
    }

    #[test]
    fn a_body_comes_back_whether_its_frame_states_a_size_or_not() {
        let text = b"veribus ".repeat(1_000);
        assert_eq!(expand(Compression::Zstd, &packed(&text), |_| Ok(())), Ok(Some(text.clone())));
        let streamed = zstd::stream::encode_all(&*text, 3).unwrap();
        assert_eq!(expand(Compression::Zstd, &streamed, |_| Ok(())), Ok(Some(text)));
        assert_eq!(unpacked(packed(b"")), Ok(0));
    }

    #[test]
    fn a_bomb_is_refused_by_what_it_says_and_by_what_it_does() {
        let zeroes = vec![0_u8; 64 << 20];
        assert_eq!(unpacked(packed(&zeroes)), Err("HTTP_EXPANDED_TOO_LARGE"));
        assert_eq!(unpacked(packed(&zeroes[..10 << 20])), Err("HTTP_RATIO"));
        let mut paid = 0;
        let silent = zstd::stream::encode_all(&*zeroes, 3).unwrap();
        let refused = expand(Compression::Zstd, &silent, |bytes| {
            paid += bytes;
            Ok(())
        });
        assert_eq!(refused.map_err(|error| error.code()), Err("HTTP_RATIO"));
        assert!(
            paid <= BATCH_UNPACKED_FREE + 2 * CHUNK_BYTES,
            "{paid} bytes were taken before it was noticed"
        );
    }

    #[test]
    fn what_is_not_one_whole_frame_is_corrupt() {
        let good = packed(&b"veribus ".repeat(100));
        assert_eq!(unpacked(good[..good.len() - 3].to_vec()), Err("HTTP_ENCODING_CORRUPT"), "truncated");
        assert_eq!(unpacked([&good[..], b"x"].concat()), Err("HTTP_ENCODING_CORRUPT"), "trailing");
        assert_eq!(unpacked([&good[..], &good[..]].concat()), Err("HTTP_ENCODING_CORRUPT"), "two frames");
        assert_eq!(unpacked(b"{}".to_vec()), Err("HTTP_ENCODING_CORRUPT"), "no frame");
        assert_eq!(unpacked(Vec::new()), Err("HTTP_ENCODING_CORRUPT"), "nothing");
    }

    #[test]
    fn memory_that_is_not_paid_for_is_not_taken() {
        let full = || ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "INGEST_FULL", "full");
        let refused = expand(Compression::Zstd, &packed(b"{}"), |_| Err(full()));
        assert_eq!(refused.map_err(|error| error.code()), Err("INGEST_FULL"));
    }
}
