//! A bus whose audit trail cannot grow any more, for real: the system refuses its file further bytes. The audit handler
//! asks for its events again and again, and its queue fills up.
//!
//! A limit on the size of files stands for the full disk: it needs no right to mount one. Writing fails with
//! `EFBIG` where a full disk says `ENOSPC`; the handler treats both alike.

#[cfg(unix)]
pub(crate) use unix::FullDisk;

#[cfg(unix)]
mod unix {
    use std::sync::Arc;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use signal_hook::consts::SIGXFSZ;
    use tempfile::TempDir;
    use veribus::{AuditLogger, VerificationEventBus};

    use crate::case::Case;
    use crate::case::veribus::Publish;
    use crate::sample::Sample;
    use crate::turn::Ledger;

    /// Bytes to which a file of this process may grow while the disk is "full".
    const FILE_BYTES_MAX: u64 = 64 * 1024;

    /// Lifts the limit when it goes.
    struct Limit(Rlimit);

    impl Limit {
        fn set() -> Result<Limit, String> {
            // Where nobody takes the signal, the process ends instead of getting an error.
            signal_hook::flag::register(SIGXFSZ, Arc::default())
                .map_err(|error| format!("cannot take a signal: {error}"))?;
            let before = getrlimit(Resource::Fsize);
            setrlimit(Resource::Fsize, Rlimit { current: Some(FILE_BYTES_MAX), ..before })
                .map_err(|error| format!("cannot limit the size of files: {error}"))?;
            Ok(Limit(before))
        }
    }

    impl Drop for Limit {
        fn drop(&mut self) {
            let _the_limit_stays = setrlimit(Resource::Fsize, self.0);
        }
    }

    pub(crate) struct FullDisk {
        publish: Publish,
        limit: Limit,
        folder: TempDir,
    }

    impl FullDisk {
        pub(crate) fn start() -> Result<Self, String> {
            let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
            let audit =
                AuditLogger::new(folder.path().join("audit.log")).map_err(|error| error.to_string())?;
            let bus = VerificationEventBus::new(1000);
            bus.register_handler(Box::new(audit));
            let limit = Limit::set()?;
            let mut publish = Publish::on(bus);
            publish.fill()?;
            let health = publish.health();
            match &health.handlers[0].last_error {
                Some(error) if health.handlers[0].failures > 0 && !error.is_empty() => {}
                _ => return Err("the audit trail's file still grows".to_owned()),
            }
            Ok(FullDisk { publish, limit, folder })
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
}
