//! Acknowledgements on their way: written in order and at once, their replies awaited beside other work.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::poll_immediate;
use redis::aio::MultiplexedConnection;
use redis::{Pipeline, RedisError, Value};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use veribus_core::transport::TransportError;

use super::link::failure;
use crate::network::Dialer;

/// Acknowledgements whose reply may be outstanding.
const UNDER_WAY_MAX: usize = 256;

/// What was settled and not yet confirmed by Redis.
#[derive(Default)]
pub(super) struct Settling {
    under_way: VecDeque<JoinHandle<()>>,
    error: Arc<Mutex<Option<TransportError>>>,
}

impl Settling {
    /// Hands `pipeline` of so many commands to the connection, ahead of what is asked of it later.
    ///
    /// # Errors
    /// [`TransportError`] if an earlier one failed while this waited for room.
    pub(super) async fn begin(
        &mut self,
        dialer: &Dialer,
        connection: &MultiplexedConnection,
        pipeline: Pipeline,
        commands: usize,
    ) -> Result<(), TransportError> {
        self.under_way.retain(|task| !task.is_finished());
        if self.under_way.len() >= UNDER_WAY_MAX
            && let Some(oldest) = self.under_way.pop_front()
        {
            // Its failure is in `error`.
            let _ = oldest.await;
            self.failed().map_or(Ok(()), Err)?;
        }
        let (mut connection, dialer, error) = (connection.clone(), dialer.clone(), Arc::clone(&self.error));
        let mut work = Box::pin(async move {
            let limit = dialer.address.answer_timeout;
            let failed = match timeout(limit, connection.send_packed_commands(&pipeline, 0, commands)).await {
                Ok(Ok(replies)) => first_error(replies).map(|error| failure(&dialer, &error)),
                Ok(Err(error)) => Some(failure(&dialer, &error)),
                Err(_late) => Some(dialer.unreachable("it does not answer")),
            };
            if let Some(failed) = failed {
                *error.lock().unwrap_or_else(PoisonError::into_inner) = Some(failed);
            }
        });
        // The first poll puts it into the connection's queue.
        if poll_immediate(&mut work).await.is_none() {
            self.under_way.push_back(tokio::spawn(work));
        }
        Ok(())
    }

    /// Why one of them failed since this was asked last.
    pub(super) fn failed(&self) -> Option<TransportError> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Waits for all of them.
    pub(super) async fn finish(&mut self) {
        while let Some(task) = self.under_way.pop_front() {
            // Its failure is in `error`.
            let _ = task.await;
        }
    }
}

fn first_error(replies: Vec<Value>) -> Option<RedisError> {
    replies.into_iter().find_map(|reply| match reply {
        Value::ServerError(error) => Some(error.into()),
        _ => None,
    })
}
