//! The books: takes an order only with its customer's own Ed25519 signature over its bytes.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ed25519_dalek::{Signature, VerifyingKey};
use veribus_three_services::{Failure, Service, bytes_setting, serve};

struct Ledger {
    service: Arc<Service>,
    customer: VerifyingKey,
}

async fn entry(
    State(ledger): State<Arc<Ledger>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Bytes), StatusCode> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let checked = ledger.service.bus.verify("order.signature").actor(header("x-customer")).target("ledger");
    let checked = checked.attribute("algorithm", "Ed25519").run(|| {
        let bytes = data_encoding::HEXLOWER.decode(header("x-signature").as_bytes());
        let bytes = bytes.map_err(|_| "the signature is not hexadecimal")?;
        let signature = Signature::from_slice(&bytes).map_err(|_| "the signature has not 64 bytes")?;
        ledger.customer.verify_strict(&body, &signature).map_err(|_| "the signature is of something else")
    });
    checked.map_err(|_| StatusCode::UNPROCESSABLE_ENTITY)?;
    Ok((StatusCode::CREATED, Bytes::from_static(b"booked")))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let service = Arc::new(Service::start("ledger")?);
    let customer = VerifyingKey::from_bytes(&bytes_setting("CUSTOMER_KEY")?)?;
    let ledger = Ledger { service: service.clone(), customer };
    serve(service, Router::new().route("/entries", post(entry)).with_state(Arc::new(ledger))).await
}
