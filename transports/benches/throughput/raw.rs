//! The ceiling: the client libraries alone, moving the same bytes with as many parcels on their way.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use veribus_core::transport::Parcel;

use crate::far_side::{FarSide, announce};
use crate::forward::WINDOW;
use crate::run::{Run, cpu};

/// Connections of the HTTP client.
const CONNECTIONS: usize = 8;

/// A message: its id, how many events it holds, and its bytes.
type Message = (String, u32, Bytes);
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Parcels through the client library.
pub(crate) fn raw(far: &FarSide, parcels: &[Parcel]) -> Result<Run, String> {
    if matches!(far, FarSide::Http(_)) {
        parcels.iter().for_each(announce);
    }
    let message = |p: &Parcel| (p.id.to_string(), p.events, Bytes::copy_from_slice(&p.body));
    move_all(far, parcels.iter().map(message).collect(), WINDOW)
}

/// One event a message, as clients without batches do.
pub(crate) fn one_by_one(far: &FarSide, bodies: &[Bytes]) -> Result<Run, String> {
    let message = |(number, body): (usize, &Bytes)| (number.to_string(), 1, body.clone());
    move_all(far, bodies.iter().enumerate().map(message).collect(), 1024)
}

fn move_all(far: &FarSide, messages: Vec<Message>, window: usize) -> Result<Run, String> {
    let events = messages.iter().map(|(_, events, _)| u64::from(*events)).sum();
    let bytes = messages.iter().map(|(_, _, body)| body.len() as u64).sum();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let before = cpu();
    let moved = runtime.block_on(async {
        match far {
            FarSide::Nats(_) => nats(&far.url(), messages, window).await,
            FarSide::Redis(_) => redis(&far.url(), messages, window).await,
            FarSide::Http(address) => http(&address.to_string(), messages).await,
        }
    });
    let (took, nanos) = moved.map_err(|error| error.to_string())?;
    let cpu = cpu() - before;
    runtime.shutdown_background();
    Ok(Run { events, bytes, lost: 0, took, cpu, nanos })
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

async fn nats(url: &str, messages: Vec<Message>, window: usize) -> Result<(Duration, Vec<u64>), Failure> {
    let context = async_nats::jetstream::new(async_nats::connect(url).await?);
    let config = Config {
        name: "veribus".into(),
        subjects: vec!["veribus.events".into()],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        ..Config::default()
    };
    context.create_stream(config).await?;
    let (begin, mut took) = (Instant::now(), Vec::with_capacity(messages.len()));
    let mut acknowledgements = FuturesUnordered::new();
    for (_, _, body) in messages {
        if acknowledgements.len() >= window
            && let Some(nanos) = acknowledgements.next().await
        {
            took.push(nanos?);
        }
        let since = Instant::now();
        let acknowledgement = context.publish("veribus.events", body).await?;
        acknowledgements.push(async move { acknowledgement.await.map(|_| nanos(since)) });
    }
    while let Some(nanos) = acknowledgements.next().await {
        took.push(nanos?);
    }
    Ok((begin.elapsed(), took))
}

async fn redis(url: &str, messages: Vec<Message>, window: usize) -> Result<(Duration, Vec<u64>), Failure> {
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let client = redis::Client::open(url)?;
    let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let (begin, mut took) = (Instant::now(), Vec::with_capacity(messages.len()));
    let mut replies = FuturesUnordered::new();
    for (_, _, body) in messages {
        if replies.len() >= window
            && let Some(nanos) = replies.next().await
        {
            took.push(nanos?);
        }
        let mut connection = connection.clone();
        replies.push(async move {
            let since = Instant::now();
            let mut add = redis::cmd("XADD");
            add.arg("veribus:events").arg("*").arg("body").arg(&body[..]);
            add.exec_async(&mut connection).await.map(|()| nanos(since))
        });
    }
    while let Some(nanos) = replies.next().await {
        took.push(nanos?);
    }
    Ok((begin.elapsed(), took))
}

async fn http(host: &str, messages: Vec<Message>) -> Result<(Duration, Vec<u64>), Failure> {
    let begin = Instant::now();
    let messages = std::sync::Arc::new(std::sync::Mutex::new(messages.into_iter()));
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (host, messages) = (host.to_owned(), std::sync::Arc::clone(&messages));
        connections.spawn(async move {
            let stream = TcpStream::connect(&host).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let mut took = Vec::new();
            loop {
                let next = messages.lock().map_err(|_| "a request panicked")?.next();
                let Some((id, _, body)) = next else { return Ok::<_, Failure>(took) };
                let since = Instant::now();
                sender.ready().await?;
                let request = hyper::Request::post("/v1/events")
                    .header("host", host.as_str())
                    .header("veribus-parcel", id)
                    .body(Full::new(body))?;
                let response = sender.send_request(request).await?;
                if !response.status().is_success() {
                    return Err(format!("answered {}", response.status()).into());
                }
                response.into_body().collect().await?;
                took.push(nanos(since));
            }
        });
    }
    let mut took = Vec::new();
    while let Some(done) = connections.join_next().await {
        took.extend(done??);
    }
    Ok((begin.elapsed(), took))
}
