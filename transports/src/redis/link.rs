//! A connection over our own TLS, to a server that was looked at: a place that evicts or only reads is refused.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisConnectionInfo, RedisError, Value, cmd};
use veribus_core::transport::TransportError;

use super::bounded::Bounded;
use super::events;
use super::value::text;
use crate::network::Dialer;

/// Opens a connection and authenticates; it has no time limit of its own.
pub(super) async fn open(dialer: &Dialer) -> Result<MultiplexedConnection, TransportError> {
    dialer.renew();
    let stream = Bounded::new(dialer.connect(&dialer.address.hosts[0]).await?);
    let mut info = RedisConnectionInfo::default().set_skip_set_lib_name();
    if let Some(user) = &dialer.address.user {
        info = info.set_username(user);
    }
    if let Some(password) = dialer.password() {
        info = info.set_password(password.reveal());
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (connection, driver) = opened.map_err(|error| failure(dialer, &error))?;
    tokio::spawn(driver);
    Ok(connection)
}

/// Refuses a server that would lose parcels.
pub(super) async fn check(
    dialer: &Dialer,
    connection: &mut MultiplexedConnection,
) -> Result<(), TransportError> {
    let memory = ask(dialer, connection, cmd("INFO").arg("memory")).await?;
    let policy = setting(&memory, "maxmemory_policy");
    if policy.as_deref() != Some("noeviction") {
        let reason = format!("maxmemory-policy is {}", policy.as_deref().unwrap_or("not said"));
        return Err(
            dialer.not_safe(&reason, "set `maxmemory-policy noeviction`, or it deletes what nobody has read")
        );
    }
    let replication = ask(dialer, connection, cmd("INFO").arg("replication")).await?;
    if setting(&replication, "role").as_deref() != Some("master") {
        return Err(dialer.unreachable("it is a replica, which takes no writes"));
    }
    let key = events(&dialer.address.stream);
    let kind = ask(dialer, connection, cmd("TYPE").arg(&key)).await?;
    match text(&kind).as_deref() {
        Some("none" | "stream") => Ok(()),
        _ => Err(dialer.not_safe(
            &format!("REDIS_WRONGTYPE: the key `{key}` is no stream"),
            "name another with `stream`",
        )),
    }
}

fn setting(info: &Value, name: &str) -> Option<String> {
    let info = match info {
        Value::VerbatimString { text, .. } => text.clone(),
        other => text(other)?,
    };
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// One command and its reply.
pub(super) async fn ask(
    dialer: &Dialer,
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> Result<Value, TransportError> {
    ask_raw(connection, command).await.map_err(|error| failure(dialer, &error))
}

/// One command, its error as Redis gave it.
pub(super) async fn ask_raw(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> Result<Value, RedisError> {
    match connection.send_packed_command(command).await? {
        Value::ServerError(error) => Err(error.into()),
        value => Ok(value),
    }
}

/// What an error of Redis means to a sender.
pub(super) fn failure(dialer: &Dialer, error: &RedisError) -> TransportError {
    let code = error.code().unwrap_or_default();
    let words = format!("{code} {}", error.detail().unwrap_or_default());
    match code {
        "OOM" | "LOADING" | "BUSY" | "TRYAGAIN" | "MISCONF" | "NOREPLICAS" => dialer.busy(&words),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => dialer.unauthorized(&words),
        "WRONGTYPE" => dialer.not_safe("REDIS_WRONGTYPE: the key is no stream", "name another with `stream`"),
        "" if error.kind() == ErrorKind::AuthenticationFailed => dialer.unauthorized("wrong password"),
        // READONLY, CLUSTERDOWN, MASTERDOWN, MOVED, ASK, and every connection that broke.
        "" => dialer.unreachable(dialer.words(&error.to_string())),
        _ => dialer.unreachable(dialer.words(&words)),
    }
}
