//! To a collector's HTTP ingest: the response is the receipt, and only a collector's response counts as one.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use veribus_core::codec::MEDIA_TYPE_MSGPACK;
use veribus_core::event::limits::BATCH_BYTES_MAX;
use veribus_core::transport::{
    Compression, Parcel, REFUSAL_CODE_BYTES_MAX, Refused, StoreReceipt, Transport, TransportError,
};

use crate::address::Address;
use crate::engine::{Engine, Inbox, Out, Way};
use crate::network::Dialer;
use crate::options::invalid;
use crate::secret::Secret;

/// Requests under way at once, each on its own connection.
const CONNECTIONS_MAX: usize = 8;
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Longest wait that the other end may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The sending end.
pub(crate) fn sender(address: &Address) -> Result<Box<dyn Transport>, TransportError> {
    let dialer = Dialer::new(address)?;
    let host = &address.hosts[0];
    let authority =
        HeaderValue::try_from(host.to_string()).map_err(|_| invalid("the address", "no such host"))?;
    let path = format!("{}/v1/events", address.path);
    path.parse::<hyper::Uri>().map_err(|_| invalid("the address", "its path cannot be used"))?;
    let way = Http { dialer, authority, path };
    way.authorization()?;
    let engine = Engine::start(way, address.shown(), address.in_flight_max, address.answer_timeout)?;
    Ok(Box::new(engine))
}

struct Http {
    dialer: Dialer,
    authority: HeaderValue,
    path: String,
}

type Connection = SendRequest<Full<Bytes>>;

/// A request that ended: what became of it, and the connection if it can be used again.
struct Done {
    parcel: Parcel,
    result: Result<StoreReceipt, TransportError>,
    connection: Option<Connection>,
    /// Not this parcel's fault: nobody was reached.
    unreachable: bool,
}

impl Way for Http {
    type Session = Connection;
    /// Requests go side by side.
    const KEEPS_ORDER: bool = false;

    async fn dial(&self) -> Result<Connection, TransportError> {
        self.dialer.renew();
        let stream = self.dialer.connect(&self.dialer.address.hosts[0]).await?;
        let shaken = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = shaken.map_err(|error| self.dialer.unreachable(error))?;
        // It ends with its sender; what goes wrong on it the request says.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn body_bytes_max(&self, _: &Connection) -> usize {
        BATCH_BYTES_MAX
    }

    async fn run(&self, first: Connection, inbox: &Inbox, out: &Out) -> Result<(), TransportError> {
        let mut idle = vec![first];
        let mut requests = FuturesUnordered::new();
        let mut open = true;
        while open || !requests.is_empty() {
            tokio::select! {
                next = inbox.next(), if open && requests.len() < CONNECTIONS_MAX => match next {
                    Some(parcel) => {
                        out.sent(&parcel);
                        idle.retain(|connection| !connection.is_closed());
                        requests.push(self.exchange(idle.pop(), parcel));
                    }
                    None => open = false,
                },
                Some(done) = requests.next() => {
                    let Done { parcel, result, connection, unreachable } = done;
                    idle.extend(connection);
                    match result {
                        Ok(receipt) => out.stored(receipt),
                        Err(error) if unreachable => {
                            out.failed(parcel.id, self.dialer.unreachable("the connection broke"));
                            return Err(error);
                        }
                        Err(error) => out.failed(parcel.id, error),
                    }
                }
            }
        }
        Ok(())
    }
}

impl Http {
    fn authorization(&self) -> Result<Option<HeaderValue>, TransportError> {
        let bearer = |token: Secret| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.reveal()))
                .map_err(|_| invalid("token", "it has characters that a header cannot hold"))?;
            value.set_sensitive(true);
            Ok(value)
        };
        self.dialer.token().map(bearer).transpose()
    }

    /// Sends one parcel, on a fresh connection if the one that was idle turns out to be gone.
    async fn exchange(&self, idle: Option<Connection>, parcel: Parcel) -> Done {
        let mut result = Err(self.dialer.unreachable("no connection"));
        for connection in [idle.map(Ok), None] {
            let connection = match connection {
                Some(connection) => connection,
                None => self.dial().await,
            };
            match connection {
                Err(error) => {
                    return Done { parcel, result: Err(error), connection: None, unreachable: true };
                }
                Ok(mut connection) => match self.request(&mut connection, &parcel).await {
                    Ok(result) => {
                        let usable = connection.ready().await.is_ok();
                        let connection = usable.then_some(connection);
                        return Done { parcel, result, connection, unreachable: false };
                    }
                    Err(error) => result = Err(self.dialer.unreachable(error)),
                },
            }
        }
        Done { parcel, result, connection: None, unreachable: true }
    }

    async fn request(
        &self,
        connection: &mut Connection,
        parcel: &Parcel,
    ) -> Result<Result<StoreReceipt, TransportError>, Box<dyn std::error::Error + Send + Sync>> {
        connection.ready().await?;
        let mut request = Request::post(self.path.as_str())
            .header("host", self.authority.clone())
            .header("content-type", MEDIA_TYPE_MSGPACK)
            .header("veribus-parcel", parcel.id.to_string());
        if parcel.compression != Compression::None {
            request = request.header("content-encoding", parcel.compression.as_str());
        }
        if let Some(token) = self.authorization()? {
            request = request.header("authorization", token);
        }
        let body = Full::new(Bytes::from_owner(std::sync::Arc::clone(&parcel.body)));
        let response = connection.send_request(request.body(body)?).await?;
        let (parts, body) = response.into_parts();
        let answer = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        Ok(self.judge(parcel, parts.status, &parts.headers, &answer))
    }

    /// What an answer means; only a refusal in a collector's own words is about the parcel.
    fn judge(
        &self,
        parcel: &Parcel,
        status: StatusCode,
        headers: &HeaderMap,
        answer: &[u8],
    ) -> Result<StoreReceipt, TransportError> {
        let document: Value = serde_json::from_slice(answer).unwrap_or_default();
        let code = document["error"]["code"].as_str();
        let message = document["error"]["message"].as_str().unwrap_or_default();
        let words =
            format!("{} {}: {message}", status.as_u16(), code.unwrap_or("without a collector's answer"));
        match status.as_u16() {
            200 => receipt(parcel, &document).ok_or_else(|| self.no_collector("200 without verdicts")),
            401 | 403 => Err(self.dialer.unauthorized(&words)),
            400 | 413 | 415 | 422 if code.is_some() => Err(self.dialer.refused(&words)),
            413 => Err(self.dialer.refused(&words)),
            408 | 429 | 500..=599 => Err(TransportError::Busy {
                destination: self.dialer.address.shown(),
                reason: self.dialer.words(&words),
                retry_after: retry_after(headers),
            }),
            _ => Err(self.no_collector(&words)),
        }
    }

    fn no_collector(&self, answered: &str) -> TransportError {
        let hint = "check the address: the collector's ingest answers 200 after its commit, and nothing between may \
                    answer for it";
        self.dialer.not_safe(&format!("it answered {answered}"), hint)
    }
}

/// Seconds; a date is not understood and means no wish.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

/// The verdicts of `POST /v1/events`, if they are about this parcel and about each of its events.
fn receipt(parcel: &Parcel, document: &Value) -> Option<StoreReceipt> {
    let count = |name: &str| u32::try_from(document[name].as_u64()?).ok();
    if document.get("parcel").is_some_and(|id| id.as_str() != Some(parcel.id.to_string().as_str())) {
        return None;
    }
    let refused = document["rejected"].as_array()?.iter().map(|rejected| {
        let index = u32::try_from(rejected["index"].as_u64()?).ok().filter(|index| *index < parcel.events)?;
        let code = rejected["code"].as_str()?;
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=REFUSAL_CODE_BYTES_MAX).contains(&code.len()) && code.bytes().all(plain);
        fits.then(|| Refused { index, code: code.to_owned() })
    });
    let refused: Vec<Refused> = refused.collect::<Option<_>>()?;
    let (stored, duplicates) = (count("accepted")?, count("duplicates")?);
    let events = u64::from(stored) + u64::from(duplicates) + refused.len() as u64;
    let whole = events == u64::from(parcel.events);
    whole.then_some(StoreReceipt { parcel: parcel.id, stored, duplicates, refused })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;
    use veribus_core::transport::ParcelId;

    fn judged(
        status: u16,
        headers: &[(&'static str, &str)],
        answer: &str,
    ) -> Result<StoreReceipt, TransportError> {
        let address = Address::parse("https://c.example", &Options::new().set("token", "hunter2")).unwrap();
        let way = Http {
            dialer: Dialer::new(&address).unwrap(),
            authority: HeaderValue::from_static("c.example"),
            path: "/v1/events".into(),
        };
        let body = std::sync::Arc::from(&b""[..]);
        let parcel = Parcel { id: ParcelId::new(1, 1), events: 3, compression: Compression::None, body };
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| drop(map.insert(*name, value.parse().unwrap())));
        way.judge(&parcel, StatusCode::from_u16(status).unwrap(), &map, answer.as_bytes())
    }

    #[test]
    fn only_verdicts_about_every_event_are_a_receipt() {
        let good = r#"{"accepted":1,"duplicates":1,"rejected":[{"index":2,"code":"EVT_TIME_INVALID"}]}"#;
        assert_eq!(judged(200, &[], good).unwrap().refused.len(), 1);
        for bad in [
            "",
            "<html>",
            r#"{"accepted":1,"duplicates":1,"rejected":[]}"#,
            r#"{"accepted":2,"duplicates":0,"rejected":[{"index":3,"code":"A"}]}"#,
            r#"{"parcel":"0","accepted":3,"duplicates":0,"rejected":[]}"#,
        ] {
            assert_eq!(judged(200, &[], bad).unwrap_err().code(), "UNSAFE", "{bad}");
        }
        let cases = [
            (202, "UNSAFE"),
            (204, "UNSAFE"),
            (302, "UNSAFE"),
            (404, "UNSAFE"),
            (400, "UNSAFE"),
            (413, "REFUSED"),
            (401, "UNAUTHORIZED"),
            (503, "BUSY"),
            (429, "BUSY"),
            (502, "BUSY"),
        ];
        for (status, code) in cases {
            let error = judged(status, &[], good).unwrap_err();
            assert_eq!((error.code(), error.is_retryable()), (code, code != "REFUSED"), "{status}");
        }
    }

    #[test]
    fn a_collector_is_taken_at_its_word_but_not_beyond() {
        let refusal = r#"{"error":{"code":"BATCH_SHAPE","message":"hunter2 \u001b[31m"}}"#;
        let error = judged(400, &[], refusal).unwrap_err();
        assert_eq!(error.code(), "REFUSED");
        assert!(!error.to_string().contains("hunter2") && !error.to_string().contains('\u{1b}'), "{error}");
        let wish = |value: &str| judged(503, &[("retry-after", value)], "").unwrap_err().retry_after();
        assert_eq!(wish("7"), Some(Duration::from_secs(7)));
        assert_eq!(wish("999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(wish("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
