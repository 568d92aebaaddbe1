//! Orders something: makes a token, signs the order, begins a trace and prints it. `--forge` uses another secret for the
//! token, `--tamper` changes the order after it was signed, `--key` prints the public key of the signatures.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use axum::http::Request;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use ed25519_dalek::{Signer as _, SigningKey};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jsonwebtoken::{EncodingKey, Header, encode};
use veribus::TraceContext;
use veribus_three_services::{Failure, bytes_setting, setting};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let has = |option: &str| std::env::args().any(|argument| argument == option);
    let mut out = std::io::stdout();
    let key = SigningKey::from_bytes(&bytes_setting("CUSTOMER_SECRET")?);
    if has("--key") {
        return Ok(writeln!(out, "{}", HEXLOWER.encode(key.verifying_key().as_bytes()))?);
    }
    let order = r#"{"order":17,"item":"lamp","amount":2}"#;
    let signature = HEXLOWER.encode(&key.sign(order.as_bytes()).to_bytes());
    let order = if has("--tamper") { order.replace("2}", "2000}") } else { order.to_owned() };

    let secret = if has("--forge") { "guessed".to_owned() } else { setting("JWT_SECRET")? };
    let soon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)? + Duration::from_secs(60);
    let claims = serde_json::json!({"sub": "alice", "scope": "orders:write", "exp": soon.as_secs()});
    let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes()))?;

    let trace = TraceContext::new_root();
    let request = Request::post(format!("{}/orders", setting("NEXT")?))
        .header("traceparent", trace.to_string())
        .header("authorization", format!("Bearer {token}"))
        .header("x-signature", signature)
        .body(Full::new(Bytes::from(order)))?;
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
    Ok(writeln!(out, "{} trace {}", answer.status().as_u16(), trace.trace_id)?)
}
