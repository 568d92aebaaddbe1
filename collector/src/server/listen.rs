//! Accepts connections: a bounded number, headers in ten seconds, answered to the end when the collector stops.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

use super::State;
use crate::receive::Notice;

/// Connections at once.
const CONNECTIONS_MAX: usize = 1_024;
/// How long the headers of a request may take, and how long a connection may be idle.
const HEADERS_DEADLINE: Duration = Duration::from_secs(10);
/// How long requests under way may take once the collector stops.
const DRAIN_DEADLINE: Duration = Duration::from_secs(15);
/// Most headers of a request.
const HEADERS_MAX: usize = 64;
/// Most bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Pause after accepting failed (no more file descriptors), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves `router` until SIGTERM or SIGINT and until the requests under way then are answered; `tell` hears of it
/// when both signals are waited for, so that whoever hears it may stop the collector at once, and of every other notice.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    state: &Arc<State>,
    mut notices: UnboundedReceiver<Notice>,
    mut tell: impl FnMut(Notice),
) -> io::Result<()> {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = GracefulShutdown::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tell(Notice::Ready);
    let mut stop = pin!(async {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(notice) = notices.recv() => {
                tell(notice);
                continue;
            }
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            state.counters.connections_refused.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let connection = connections.watch(connection(stream, peer, &router));
        tokio::spawn(async move {
            // What is wrong with a connection is between its two ends.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    state.stop();
    let _cut_off = tokio::time::timeout(DRAIN_DEADLINE, connections.shutdown()).await;
    Ok(())
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: &Router,
) -> http1::Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Answers are small and waited for.
    let _only_slower = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.clone().layer(Extension(Peer(peer))));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_DEADLINE)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
