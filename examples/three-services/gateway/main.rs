//! The way in: a customer's token (HS256) and what it allows; then on to `orders` with the gateway's own API key.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use veribus::{Family, Outcome};
use veribus_three_services::{Failure, Service, serve, setting};

#[derive(Deserialize)]
struct Claims {
    sub: String,
    scope: String,
}

struct Gateway {
    service: Arc<Service>,
    key: DecodingKey,
    api_key: String,
}

async fn order(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Bytes), StatusCode> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let token = header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let bus = &gateway.service.bus;

    let checked = bus.verify("token.signature").target("gateway").attribute("algorithm", "HS256");
    let checked = checked.run(|| decode::<Claims>(token, &gateway.key, &Validation::new(Algorithm::HS256)));
    let Claims { sub, scope } = checked.map_err(|_| StatusCode::UNAUTHORIZED)?.claims;

    let allowed = bus.verify("order.create").kind(Family::Authorization).actor(&sub);
    let is_allowed = || scope.split(' ').any(|one| one == "orders:write");
    if !allowed.run_with(is_allowed, |allowed| Outcome::from(*allowed)) {
        return Err(StatusCode::FORBIDDEN);
    }
    let signature = header("x-signature").unwrap_or_default();
    let pass_on = [("x-api-key", gateway.api_key.as_str()), ("x-customer", &sub), ("x-signature", signature)];
    gateway.service.call_next("/orders", &pass_on, body).await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let service = Arc::new(Service::start("gateway")?);
    let key = DecodingKey::from_secret(setting("JWT_SECRET")?.as_bytes());
    let gateway = Gateway { service: service.clone(), key, api_key: setting("API_KEY")? };
    serve(service, Router::new().route("/orders", post(order)).with_state(Arc::new(gateway))).await
}
