//! What `publish` answers, in one number where it can.

use napi_derive::napi;
use veribus_core::{EventError, EventId, Receipt};

/// What was refused, or has no room in a number; asked for with `lastReceipt`.
#[napi(object)]
pub struct Answered {
    /// 32 hexadecimal digits.
    pub id: Option<String>,
    /// `accepted`, `dropped` or `rejected`.
    pub status: String,
    /// Why it was not taken.
    pub reason: Option<String>,
    /// The code of the error, where it was rejected.
    pub code: Option<String>,
}

/// Numbers above this are not exact.
const SAFE: u64 = 1 << 53;

/// Lane and number in one, of an accepted event; `None` where that does not fit or it was not accepted.
#[inline]
pub(crate) fn number(receipt: &Receipt) -> Option<f64> {
    let Receipt::Accepted(id) = receipt else { return None };
    let both = u64::from(id.lane()) << 48 | id.seq();
    (both < SAFE).then_some(both as f64)
}

impl From<Receipt> for Answered {
    fn from(receipt: Receipt) -> Self {
        match receipt {
            Receipt::Accepted(id) => Answered::accepted(id),
            Receipt::Dropped { id, reason } => Answered {
                id: id.map(|id| id.to_string()),
                status: "dropped".to_owned(),
                reason: Some(reason.as_str().to_owned()),
                code: None,
            },
            Receipt::Rejected(error) => Answered::rejected(&error),
        }
    }
}

impl Answered {
    pub(crate) fn accepted(id: EventId) -> Self {
        Answered { id: Some(id.to_string()), status: "accepted".to_owned(), reason: None, code: None }
    }

    fn rejected(error: &EventError) -> Self {
        Answered::refused(error.code(), error.to_string())
    }

    pub(crate) fn refused(code: &str, message: String) -> Self {
        Answered {
            id: None,
            status: "rejected".to_owned(),
            reason: Some(format!("{code}: {message}")),
            code: Some(code.to_owned()),
        }
    }
}
