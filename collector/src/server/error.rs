//! Every refusal is JSON with a stable code, what was expected, and a number to quote when asking for help.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal on its way out. Text in it is escaped and short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    body: Box<ErrorBody>,
    retry_after_seconds: Option<u32>,
    close: bool,
}

/// What is wrong, as the sender gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct ErrorBody {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    error: &'a ErrorBody,
    correlation_id: &'a str,
}

impl ApiError {
    /// A refusal with `status`; `code` is stable, `message` one sentence without secrets.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        let body =
            ErrorBody { code, message: message.into(), limit: None, actual: None, path: None, hint: None };
        ApiError { status, body: Box::new(body), retry_after_seconds: None, close: false }
    }

    /// Adds the limit that was broken and by what.
    #[must_use]
    pub fn limit(mut self, limit: u64, actual: Option<u64>) -> Self {
        self.body.limit = Some(limit);
        self.body.actual = actual;
        self
    }

    /// Adds the field it is about; nothing if `path` is empty.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.body.path = (!path.is_empty()).then(|| path.to_owned());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    /// Asks the sender to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// Closes the connection: the rest of the body is not read.
    #[must_use]
    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.body.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.body.message
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let correlation_id = correlation_id();
        let document = Document { error: &self.body, correlation_id: &correlation_id };
        let json = serde_json::to_string(&document).expect("strings and numbers are JSON");
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.close {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// 16 random hexadecimal digits; zeroes where there is no randomness.
fn correlation_id() -> String {
    let mut bytes = [0_u8; 8];
    let _zeroes_will_do = getrandom::fill(&mut bytes);
    bytes.iter().fold(String::with_capacity(16), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
