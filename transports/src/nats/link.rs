//! One connection to one of the servers, never made again by itself, and the stream checked before it is used.

use std::error::Error;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions, Event};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use veribus_core::transport::TransportError;

use super::{DUPLICATE_WINDOW, STREAM_BYTES_MAX, events};
use crate::network::{Dialer, read_secret};
use crate::options::invalid;

/// An open connection.
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) context: Context,
    pub(super) stream: Stream,
    events: UnboundedReceiver<Event>,
}

impl Link {
    /// Connects to the first server that answers, and makes or checks the stream.
    pub(super) async fn open(dialer: &Dialer) -> Result<Self, TransportError> {
        dialer.renew();
        let (told, events) = unbounded_channel();
        let options = options(dialer)?.event_callback(move |event| {
            let told = told.clone();
            async move { drop(told.send(event)) }
        });
        let servers = servers(dialer).await?;
        let client = options.connect(servers).await.map_err(|error| refused(dialer, error))?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(dialer.address.answer_timeout);
        let stream = stream(dialer, &context).await?;
        Ok(Link { client, context, stream, events })
    }

    /// Comes back when the connection has broken, or the server asks to leave.
    pub(super) async fn broken(&mut self, dialer: &Dialer) -> TransportError {
        loop {
            match self.events.recv().await {
                Some(Event::Disconnected | Event::Closed) | None => {
                    return dialer.unreachable("the connection broke");
                }
                Some(Event::LameDuckMode) => return dialer.unreachable("the server is about to stop"),
                Some(_) => {}
            }
        }
    }
}

/// No reconnecting, no servers that only another server names; TLS with our own provider and roots.
fn options(dialer: &Dialer) -> Result<ConnectOptions, TransportError> {
    let address = &dialer.address;
    let mut options = ConnectOptions::new()
        .name("veribus")
        .connection_timeout(address.answer_timeout)
        .request_timeout(Some(address.answer_timeout))
        .max_reconnects(address.hosts.len())
        .ignore_discovered_servers()
        .client_capacity(256);
    if let Some(tls) = dialer.tls() {
        options = options.require_tls(true).tls_client_config((*tls).clone());
    }
    if let Some(password) = dialer.password() {
        let user = address.user.clone().unwrap_or_default();
        options = options.user_and_password(user, password.reveal().to_owned());
    }
    if let Some(token) = dialer.token() {
        options = options.token(token.reveal().to_owned());
    }
    if let Some(file) = &address.nkey_file {
        options = options.nkey(read_secret(file, "nkey_file")?.trim().to_owned());
    }
    if let Some(file) = &address.creds_file {
        let creds = read_secret(file, "creds_file")?;
        options = options.credentials(&creds).map_err(|_| invalid("creds_file", "not a credentials file"))?;
    }
    Ok(options)
}

/// Addresses for the client; without TLS, numbers of this machine alone.
async fn servers(dialer: &Dialer) -> Result<Vec<String>, TransportError> {
    let mut servers = Vec::new();
    for host in &dialer.address.hosts {
        if dialer.address.tls() {
            servers.push(format!("tls://{host}"));
        } else {
            servers.extend(dialer.resolved(host).await?.iter().map(|to| format!("nats://{to}")));
        }
    }
    Ok(servers)
}

fn refused(dialer: &Dialer, error: ConnectError) -> TransportError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(found) = cause {
        // An error inside an `io::Error` is not in its chain of sources.
        let inner = found.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(fault) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return match fault {
                rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_) => {
                    dialer.unauthorized(&fault.to_string())
                }
                _ => dialer.unreachable(fault.to_string()),
            };
        }
        cause = found.source();
    }
    match error.kind() {
        ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication => {
            dialer.unauthorized("wrong or missing credentials")
        }
        kind => dialer.unreachable(kind.to_string()),
    }
}

/// The stream as it is, or made: on disk, refusing what does not fit, deleting what was acknowledged.
async fn stream(dialer: &Dialer, context: &Context) -> Result<Stream, TransportError> {
    let name = &dialer.address.stream;
    let config = Config {
        name: name.clone(),
        subjects: vec![events(name)],
        retention: RetentionPolicy::WorkQueue,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_bytes: STREAM_BYTES_MAX,
        duplicate_window: DUPLICATE_WINDOW,
        num_replicas: dialer.address.replicas,
        ..Config::default()
    };
    let stream = context.get_or_create_stream(config).await.map_err(|error| {
        dialer.not_safe(
            &format!("the stream `{name}` cannot be used: {error}"),
            "turn JetStream on, and let this user see or make the stream",
        )
    })?;
    match unsafe_setting(&stream.cached_info().config, &events(name)) {
        None => Ok(stream),
        Some((reason, hint)) => Err(dialer.not_safe(&format!("the stream `{name}` {reason}"), &hint)),
    }
}

/// What of a stream's settings would lose events, and what to do about it. A server may ignore what it was asked for.
fn unsafe_setting(config: &Config, events: &str) -> Option<(&'static str, String)> {
    let limited = config.max_bytes > 0 || config.max_messages > 0 || config.max_messages_per_subject > 0;
    let hint = |text: &str| text.to_owned();
    if config.storage != StorageType::File {
        return Some(("is kept in memory", hint("make it with file storage")));
    }
    if limited && config.discard != DiscardPolicy::New {
        return Some(("discards old parcels when it is full", hint("set `discard: new`")));
    }
    if config.max_age.as_nanos() > 0 {
        return Some(("forgets parcels by their age", hint("set `max_age: 0`")));
    }
    if config.no_ack {
        return Some(("acknowledges nothing", hint("set `no_ack: false`")));
    }
    if config.sealed {
        return Some(("is sealed", hint("name another with `stream`")));
    }
    if config.retention == RetentionPolicy::Interest {
        return Some(("drops what nobody listens for", hint("make it with work queue retention")));
    }
    let exact = config.subjects.iter().any(|subject| subject == events);
    if !exact || config.subjects.iter().any(|subject| subject.contains(['*', '>'])) {
        return Some(("has other subjects", format!("give it the subject `{events}`, without wildcards")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_loses_events_is_refused() {
        let good = || Config {
            subjects: vec!["v.events".into()],
            storage: StorageType::File,
            discard: DiscardPolicy::New,
            max_bytes: 5,
            ..Config::default()
        };
        assert_eq!(unsafe_setting(&good(), "v.events"), None);
        let bad = [
            Config { discard: DiscardPolicy::Old, ..good() },
            Config { storage: StorageType::Memory, ..good() },
            Config { max_age: DUPLICATE_WINDOW, ..good() },
            Config { no_ack: true, ..good() },
            Config { sealed: true, ..good() },
            Config { retention: RetentionPolicy::Interest, ..good() },
            Config { subjects: vec!["v.>".into()], ..good() },
        ];
        for config in bad {
            assert!(unsafe_setting(&config, "v.events").is_some(), "{config:?}");
        }
    }
}
