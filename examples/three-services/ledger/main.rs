//! The last word: the customer's own signature over the order, and how much the ledger books at once.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::{Router, routing::post};
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use veribus::trace::{self, TRACEPARENT};
use veribus::{Family, ForwardHandler, Source, SpoolSettings, TraceContext, VerificationEventBus};
use veribus_transports::{Options, from_url};

/// Most that is booked at once.
const AMOUNT_MAX: u64 = 1_000;

struct Ledger {
    bus: VerificationEventBus,
    keys: HashMap<&'static str, VerifyingKey>,
}

#[derive(Deserialize)]
struct Order {
    account: String,
    amount: u64,
}

async fn entry(
    State(ledger): State<Arc<Ledger>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let customer = header("x-customer");
    let signed = ledger.bus.verify("order.signature").actor(customer).attribute("algorithm", "Ed25519");
    let order = match signed.run(|| ledger.signed_order(customer, header("x-signature"), &body)) {
        Ok(order) => order,
        Err(reason) => return (StatusCode::UNPROCESSABLE_ENTITY, reason),
    };
    let allowed =
        ledger.bus.verify("entry.write").kind(Family::Authorization).actor(customer).target(&order.account);
    match allowed.run(|| if order.amount <= AMOUNT_MAX { Ok(()) } else { Err("above the limit") }) {
        Ok(()) => (StatusCode::CREATED, "booked"),
        Err(reason) => (StatusCode::FORBIDDEN, reason),
    }
}

impl Ledger {
    fn signed_order(&self, customer: &str, signature: &str, body: &[u8]) -> Result<Order, &'static str> {
        let key = self.keys.get(customer).ok_or("nobody knows this customer's key")?;
        let bytes =
            BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| "the signature is not base64url")?;
        let signature = Signature::from_slice(&bytes).map_err(|_| "the signature has not 64 bytes")?;
        key.verify_strict(body, &signature).map_err(|_| "the signature is of something else")?;
        serde_json::from_slice(body).map_err(|_| "this is no order")
    }
}

/// Whatever the request does, it does in the caller's trace, or in a new one.
async fn in_trace(request: Request, next: Next) -> Response {
    let header = request.headers().get(TRACEPARENT).and_then(|header| header.to_str().ok());
    let context = trace::extract(header, None).0.map_or_else(TraceContext::new_root, TraceContext::child);
    context.scope(next.run(request)).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let source = Source::new("ledger");
    let forward =
        ForwardHandler::builder(from_url(&env::var("VERIBUS_URL")?, &Options::new())?, source.clone());
    let bus = VerificationEventBus::builder().source(source).build();
    bus.register_handler(Box::new(forward.spool(SpoolSettings::new(env::var("VERIBUS_SPOOL")?)).build()?));

    let alice = BASE64URL_NOPAD.decode(env::var("ALICE_KEY")?.as_bytes())?;
    let keys = HashMap::from([("alice", VerifyingKey::try_from(alice.as_slice())?)]);
    let ledger = Arc::new(Ledger { bus, keys });
    let routes =
        Router::new().route("/entries", post(entry)).layer(from_fn(in_trace)).with_state(ledger.clone());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    let mut terminated = signal(SignalKind::terminate())?;
    axum::serve(listener, routes)
        .with_graceful_shutdown(async move {
            terminated.recv().await;
        })
        .await?;
    ledger.bus.close(Duration::from_secs(2));
    Ok(())
}
