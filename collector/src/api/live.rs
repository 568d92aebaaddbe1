//! `GET /v1/live`: events as they are committed, as server-sent events.
//!
//! `event: stored`, `id: <ingest>`, `data: <JSON line>`. A watcher that is too slow is told how many commits it missed
//! (`event: missed`) and goes on with what is new; it slows nobody down.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Bytes, Frame};
use tokio::sync::{OwnedSemaphorePermit, broadcast, mpsc, watch};

use crate::pipeline::Commit;
use crate::server::{ApiError, State};
use crate::store::{json_line, record_of, source_to_json};

/// How often a quiet stream shows that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Pieces of the stream that wait for a slow connection.
const PIECES_MAX: usize = 8;

pub(super) async fn get(Shared(state): Shared<Arc<State>>) -> Result<Response, ApiError> {
    let place = Arc::clone(&state.watchers).try_acquire_owned().map_err(|_| {
        let message = "too many watch the live stream already";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "LIVE_FULL", message).retry_after(10)
    })?;
    let (pieces, stream) = mpsc::channel(PIECES_MAX);
    tokio::spawn(follow(state.live.subscribe(), state.stopping(), pieces, place));
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Stream(stream))).into_response())
}

/// Turns commits into pieces of the stream until the watcher goes away or the collector stops.
async fn follow(
    mut commits: broadcast::Receiver<Arc<Commit>>,
    mut stopping: watch::Receiver<bool>,
    pieces: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let mut piece = Bytes::from_static(b": veribus\n\n");
    loop {
        if pieces.send(piece).await.is_err() {
            return;
        }
        piece = tokio::select! {
            commit = commits.recv() => match commit {
                Ok(commit) => shown(&commit),
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    format!("event: missed\ndata: {{\"commits\":{missed}}}\n\n").into()
                }
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = tokio::time::sleep(KEEP_ALIVE) => Bytes::from_static(b": still here\n\n"),
            _ = stopping.changed() => return,
            () = pieces.closed() => return,
        };
    }
}

fn shown(commit: &Commit) -> Bytes {
    let mut text = String::new();
    for batch in &commit.batches {
        let sender = source_to_json(&batch.source, &batch.extra);
        for stored in &batch.events {
            let line = json_line(stored.ingest, batch.received, &sender, &record_of(&stored.event));
            text.push_str(&format!("event: stored\nid: {}\ndata: {line}\n\n", stored.ingest));
        }
    }
    text.into()
}

/// The pieces as a body.
struct Stream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
