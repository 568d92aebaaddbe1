//! A bus whose audit trail cannot grow any more: the audit handler asks for its events again and again, and its queue
//! fills up.

use tempfile::TempDir;
use veribus::{AuditLogger, VerificationEventBus};

use super::Case;
use super::file_limit::FileLimit;
use super::veribus::Publish;
use crate::sample::Sample;
use crate::turn::Ledger;

pub(crate) struct FullDisk {
    publish: Publish,
    limit: FileLimit,
    folder: TempDir,
}

impl FullDisk {
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let audit = AuditLogger::new(folder.path().join("audit.log")).map_err(|error| error.to_string())?;
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(audit));
        let limit = FileLimit::set()?;
        let mut publish = Publish::on(bus);
        publish.fill()?;
        match publish.health().handlers.first() {
            Some(audit) if audit.failures > 0 => Ok(FullDisk { publish, limit, folder }),
            _ => Err("the audit trail's file still grows".to_owned()),
        }
    }
}

impl Case for FullDisk {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        self.publish.once(sample);
    }

    fn finish(self, handed: u64) -> Result<Ledger, String> {
        drop(self.limit); // now there is room for what is still queued
        let ledger = self.publish.finish(handed);
        drop(self.folder);
        ledger
    }
}
