//! In the middle: the API key of whoever calls, of which only a hash is kept; then on to the ledger.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use veribus::Outcome;
use veribus_three_services::{Failure, Service, bytes_setting, serve};

struct Orders {
    service: Arc<Service>,
    api_key_sha256: [u8; 32],
}

async fn order(
    State(orders): State<Arc<Orders>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Bytes), StatusCode> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = header("x-api-key");
    let checked = orders.service.bus.verify("api_key").actor("gateway").target("orders");
    let is_known = || bool::from(Sha256::digest(key)[..].ct_eq(&orders.api_key_sha256));
    if !checked.run_with(is_known, |known| Outcome::from(*known)) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let pass_on = [("x-customer", header("x-customer")), ("x-signature", header("x-signature"))];
    orders.service.call_next("/entries", &pass_on, body).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let service = Arc::new(Service::start("orders")?);
    let orders = Orders { service: service.clone(), api_key_sha256: bytes_setting("API_KEY_SHA256")? };
    serve(service, Router::new().route("/orders", post(order)).with_state(Arc::new(orders))).await
}
