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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Opening, verify};

    #[test]
    fn a_childs_log_stands_beside_its_parents_and_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let parent = AuditLogger::new(folder.path().join("audit.log")).expect("opens");
        let status = parent.status();
        let (head, _) = Head::read(&folder.path().join("audit.log.head")).expect("a head");
        for name in ["audit-4711.log", "audit-4711-2.log"] {
            let path = Paths::new(parent.path()).child(4711);
            assert_eq!(path, folder.path().join(name));
            let fields = parent_fields(status.log, 42, head);
            let child = AuditLogger::open(AuditBuilder::new(path.clone()), Some(fields)).expect("opens");
            assert_eq!(child.opened().opening, Opening::Created);
            assert_ne!(child.status().log, status.log);
            drop(child);
            let first = std::fs::read_to_string(&path).expect("UTF-8");
            let named = format!(
                "\"parent\":{{\"log\":\"{}\",\"pid\":42,\"lines\":1,\"head\":\"{}\"}}",
                status.log, status.head
            );
            assert!(first.lines().next().expect("a line").contains(&named), "{first}");
            assert!(verify(&path).expect("readable").is_spotless());
        }
    }

    #[test]
    fn the_parent_itself_gets_no_second_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let parent = AuditLogger::new(folder.path().join("audit.log")).expect("opens");
        let factory = parent.for_child().expect("a factory");
        assert!(factory().is_err());
        // The refusal took nothing from the parent: it still holds its lock.
        assert!(AuditLogger::new(parent.path()).is_err());
    }
}
