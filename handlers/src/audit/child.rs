//! A forked child writes a log of its own, beside its parent's, that names the parent's.

use veribus_core::{EventHandler, HandlerError, HandlerFactory};

use super::builder::AuditBuilder;
use super::digest::LogId;
use super::error::AuditError;
use super::head::Head;
use super::lock::Lock;
use super::logger::AuditLogger;
use super::paths::Paths;

/// What the first line of a child's log says about its parent's.
pub(crate) fn parent_fields(parent: LogId, pid: u32, head: Option<Head>) -> String {
    let head = head.filter(|head| head.log == parent);
    let head = head.map(|h| format!(",\"lines\":{},\"head\":\"{}\"", h.lines, h.head)).unwrap_or_default();
    format!(",\"parent\":{{\"log\":\"{parent}\",\"pid\":{pid}{head}}}")
}

/// Makes the logger of a child: `audit-PID.log` for `audit.log`, with the same settings.
pub(crate) fn factory(settings: &AuditBuilder, log: LogId, lock: &Lock) -> HandlerFactory {
    let (settings, lock, parent) = (settings.clone(), lock.clone(), std::process::id());
    Box::new(move || {
        if std::process::id() == parent {
            let path = settings.path.clone();
            return Err(HandlerError::permanent(AuditError::Forked { path, parent }));
        }
        lock.let_go();
        let paths = Paths::new(&settings.path);
        // The parent's log may have grown since the fork; its head says how it ends now.
        let head = Head::read(&paths.head()).ok().and_then(|(head, _)| head);
        let child = AuditBuilder { path: paths.child(std::process::id()), ..settings.clone() };
        let logger = AuditLogger::open(child, Some(parent_fields(log, parent, head)));
        logger.map(|logger| Box::new(logger) as Box<dyn EventHandler>).map_err(HandlerError::permanent)
    })
}
