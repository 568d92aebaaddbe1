//! What the collector answers, and who may ask.

mod accounting;
mod dead_letters;
mod events;
mod health;
mod live;
mod metrics;
mod prune;
mod status;

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

pub use dead_letters::{DeadLetters, Redriven};
pub use events::Receipt;
pub use prune::PruneRequest;
pub use status::Status;

use crate::auth::AuthError;
use crate::server::{ApiError, Peer, State};

/// All routes. Only `/livez` and `/readyz` answer without the token.
pub fn router(state: Arc<State>) -> Router {
    let behind_the_door = Router::new()
        .route("/v1/events", post(events::post))
        .route("/v1/accounting", get(accounting::get))
        .route("/v1/dead-letters", get(dead_letters::list))
        .route("/v1/dead-letters/{id}/redrive", post(dead_letters::redrive))
        .route("/v1/live", get(live::get))
        .route("/v1/prune", post(prune::post))
        .route("/v1/status", get(status::get))
        .route("/metrics", get(metrics::get))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&state), let_in));
    Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .merge(behind_the_door)
        .method_not_allowed_fallback(wrong_method)
        .fallback(not_found)
        .layer(middleware::map_response(harden))
        .with_state(state)
}

async fn let_in(
    Shared(state): Shared<Arc<State>>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let authorization = request.headers().get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    state.authenticate(authorization, peer.ip()).map_err(|error| {
        let (status, message) = match error {
            AuthError::Limited => {
                (StatusCode::TOO_MANY_REQUESTS, "too many failed attempts; come again later")
            }
            _ => (StatusCode::UNAUTHORIZED, "a valid bearer token is needed: `Authorization: Bearer vbt_…`"),
        };
        let refusal = ApiError::new(status, error.code(), message).close();
        if error == AuthError::Limited { refusal.retry_after(60) } else { refusal }
    })?;
    Ok(next.run(request).await)
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "HTTP_NOT_FOUND", "there is nothing here")
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP_METHOD", "this path does not take this method")
}

/// No answer is for a browser to guess at or a cache to keep.
async fn harden(response: Response) -> impl IntoResponse {
    let mut response = response;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
