//! What the three services share: a bus that forwards, a trace that every request enters, and a call that passes it on.

use std::env;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Router, body::Body};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use veribus::trace::{self, TRACEPARENT, TraceState};
use veribus::{ForwardHandler, Source, SpoolSettings, TraceContext, VerificationEventBus};
use veribus_transports::{Options, from_url};

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Whatever ends a program before it listens.
pub type Failure = Box<dyn Error + Send + Sync>;

/// A setting from the environment.
///
/// # Errors
/// Its name, if it is not set.
pub fn setting(name: &str) -> Result<String, Failure> {
    env::var(name).map_err(|_| format!("set {name}; see examples/three-services/README.md").into())
}

/// A setting of hexadecimal digits.
///
/// # Errors
/// Its name, if it is not set or not of `N` bytes.
pub fn bytes_setting<const N: usize>(name: &str) -> Result<[u8; N], Failure> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(setting(name)?.as_bytes()).ok();
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| format!("{name} is not {} hexadecimal digits", 2 * N).into())
}

/// A service's bus, and the service that it calls.
pub struct Service {
    /// Where its checks report themselves.
    pub bus: VerificationEventBus,
    next: Option<String>,
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
}

impl Service {
    /// A bus that forwards to `VERIBUS_URL`, by way of the folder `VERIBUS_SPOOL`; calls go to `NEXT`, if it is set.
    ///
    /// # Errors
    /// What of the settings cannot be used. That nobody can be reached is no error: events wait in the folder.
    pub fn start(name: &str) -> Result<Service, Failure> {
        let source = Source::new(name);
        let forward =
            ForwardHandler::builder(from_url(&setting("VERIBUS_URL")?, &Options::new())?, source.clone())
                .spool(SpoolSettings::new(setting("VERIBUS_SPOOL")?))
                .build()?;
        let bus = VerificationEventBus::builder().source(source).build();
        bus.register_handler(Box::new(forward));
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Service { bus, next: env::var("NEXT").ok(), client })
    }

    /// `POST`s to the next service, in the trace of the request that is being answered.
    ///
    /// # Errors
    /// 502, if it cannot be reached or does not answer in words.
    pub async fn call_next(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), StatusCode> {
        let next = self.next.as_deref().ok_or(StatusCode::BAD_GATEWAY)?;
        let mut request = axum::http::Request::post(format!("{next}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let (Some(context), Some(headers)) = (trace::current(), request.headers_mut()) {
            inject(context, headers);
        }
        let request = request.body(Full::new(body)).map_err(|_| StatusCode::BAD_GATEWAY)?;
        let answer = self.client.request(request).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((status, body.map_err(|_| StatusCode::BAD_GATEWAY)?.to_bytes()))
    }
}

fn inject(context: TraceContext, headers: &mut HeaderMap) {
    trace::inject(context, &TraceState::new(), |name, value| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    });
}

/// Whatever the request does, it does in the caller's trace, or in a new one.
async fn in_trace(request: Request, next: Next) -> Response<Body> {
    let header = request.headers().get(TRACEPARENT).and_then(|header| header.to_str().ok());
    let (parent, _) = trace::extract(header, None);
    let context = parent.map_or_else(TraceContext::new_root, TraceContext::child);
    context.scope(next.run(request)).await
}

/// Answers on `LISTEN` until SIGTERM or Ctrl-C; then the bus is closed, and what is not sent stays in the spool.
///
/// # Errors
/// If the address cannot be listened on.
pub async fn serve(service: Arc<Service>, routes: Router) -> Result<(), Failure> {
    let listener = TcpListener::bind(setting("LISTEN")?).await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    axum::serve(listener, routes.layer(from_fn(in_trace))).with_graceful_shutdown(stopped()).await?;
    service.bus.close(Duration::from_secs(2));
    Ok(())
}

async fn stopped() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return drop(tokio::signal::ctrl_c().await),
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
