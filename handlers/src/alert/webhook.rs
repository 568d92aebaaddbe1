//! Alerts to an HTTP endpoint: one POST of JSON each, within 15 s, no redirect, and the URL stays a secret.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{TlsConfig, TlsProvider};

use super::message::Alert;
use super::sink::{AlertSink, SinkError};

const TIMEOUT_MAX: Duration = Duration::from_secs(15);
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Why a webhook cannot be used, or did not take an alert. Never holds a part of the URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// Not a URL with a scheme and a host.
    #[error("webhook URL is not an absolute http or https URL")]
    NotAUrl,
    /// Credentials before the host end up in logs of every kind.
    #[error("webhook URL has credentials before the host; use `bearer` instead")]
    Credentials,
    /// Plain HTTP to another machine.
    #[error("webhook URL is plain http to a host that is not loopback; use https, or allow it")]
    PlainHttp,
    /// The receiver's answer.
    #[error("webhook answered {status}")]
    Status {
        /// HTTP status code.
        status: u16,
    },
    /// No answer within the time.
    #[error("webhook did not answer in time")]
    Timeout,
    /// No connection, or it broke.
    #[error("webhook could not be reached")]
    Unreachable(#[source] std::io::Error),
    /// The name has no address.
    #[error("webhook host name has no address")]
    UnknownHost,
    /// What was answered is no HTTP, or its certificate does not fit.
    #[error("webhook connection failed: {0}")]
    Protocol(&'static str),
}

/// Posts each alert, as [`Alert::to_json`] writes it, to one URL.
///
/// Only `https`, and `http` to loopback. Redirects are not followed, proxies of the environment are not used, the
/// answer's body is not read. Statuses 408, 425, 429 and 5xx are tried again (after `Retry-After` where it is
/// given in seconds), other failures of the receiver are not.
///
/// ```
/// use veribus_handlers::WebhookSink;
/// let sink = WebhookSink::new("https://hooks.example.net/services/T000/B000/secret")?;
/// assert_eq!(format!("{sink:?}"), "WebhookSink(https://hooks.example.net/***)");
/// # Ok::<(), veribus_handlers::alert::WebhookError>(())
/// ```
#[derive(Clone)]
pub struct WebhookSink {
    url: Uri,
    bearer: Option<String>,
    agent: Agent,
}

impl WebhookSink {
    /// A sink for `url`.
    ///
    /// # Errors
    /// [`WebhookError::NotAUrl`], [`WebhookError::Credentials`], [`WebhookError::PlainHttp`].
    pub fn new(url: &str) -> Result<WebhookSink, WebhookError> {
        let sink = Self::allowing_plain_http(url)?;
        if sink.url.scheme_str() == Some("http") && !is_loopback(sink.url.host().unwrap_or_default()) {
            return Err(WebhookError::PlainHttp);
        }
        Ok(sink)
    }

    /// As [`new`](Self::new), for a receiver inside a network that is trusted: plain HTTP to any host.
    ///
    /// # Errors
    /// [`WebhookError::NotAUrl`], [`WebhookError::Credentials`].
    pub fn allowing_plain_http(url: &str) -> Result<WebhookSink, WebhookError> {
        let url: Uri = url.parse().map_err(|_| WebhookError::NotAUrl)?;
        let authority = url.authority().ok_or(WebhookError::NotAUrl)?;
        if !matches!(url.scheme_str(), Some("http" | "https")) || authority.host().is_empty() {
            return Err(WebhookError::NotAUrl);
        }
        if authority.as_str().contains('@') {
            return Err(WebhookError::Credentials);
        }
        Ok(WebhookSink { url, bearer: None, agent: agent(TIMEOUT_MAX) })
    }

    /// Sends `Authorization: Bearer …`.
    pub fn bearer(mut self, token: &str) -> Self {
        self.bearer = Some(format!("Bearer {token}"));
        self
    }

    /// How long one delivery may take, name look-up included; at most 15 s, which is the default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.agent = agent(timeout.min(TIMEOUT_MAX));
        self
    }
}

fn agent(timeout: Duration) -> Agent {
    // Explicit, because a process that has two providers compiled in has no default one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls).unversioned_rustls_crypto_provider(provider);
    Agent::config_builder()
        .tls_config(tls.build())
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .max_response_header_size(HEADER_BYTES_MAX)
        .user_agent(concat!("veribus/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

impl AlertSink for WebhookSink {
    fn name(&self) -> &str {
        "webhook"
    }

    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError> {
        let mut body = Vec::new();
        alert.to_json(&mut body);
        let mut request = self.agent.post(self.url.clone()).content_type("application/json");
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer);
        }
        let response = request.send(&body[..]).map_err(transport_error)?;
        let status = response.status().as_u16();
        let after = response.headers().get("retry-after");
        let after = after.and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
        let source = Box::new(WebhookError::Status { status });
        match status {
            200..=299 => Ok(()),
            408 | 425 | 429 | 500..=599 => Err(SinkError::Retry { after, source }),
            _ => Err(SinkError::Permanent(source)),
        }
    }
}

fn transport_error(error: ureq::Error) -> SinkError {
    let (again, source) = match error {
        ureq::Error::Io(error) => (true, WebhookError::Unreachable(error)),
        ureq::Error::Timeout(_) => (true, WebhookError::Timeout),
        ureq::Error::HostNotFound => (true, WebhookError::UnknownHost),
        ureq::Error::ConnectionFailed => (true, WebhookError::Protocol("no connection")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => (true, WebhookError::Protocol("TLS")),
        ureq::Error::Protocol(_) => (true, WebhookError::Protocol("the answer is no HTTP")),
        _ => (false, WebhookError::Protocol("the request cannot be made")),
    };
    match again {
        true => SinkError::Retry { after: None, source: Box::new(source) },
        false => SinkError::Permanent(Box::new(source)),
    }
}

/// Scheme and host alone: path and query of a webhook are its secret.
impl fmt::Debug for WebhookSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme_str(), self.url.authority());
        let host = host.map(|authority| authority.as_str()).unwrap_or_default();
        write!(f, "WebhookSink({}://{host}/***)", scheme.unwrap_or_default())
    }
}
