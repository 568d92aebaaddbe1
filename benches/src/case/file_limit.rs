//! A disk that is full for real: the system refuses the files of this process further bytes, until the limit is dropped.
//!
//! A limit on the size of files stands for the full disk: it needs no right to mount one. Writing fails with `EFBIG`
//! where a full disk says `ENOSPC`; the handlers treat both alike.

use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use signal_hook::consts::SIGXFSZ;

/// Bytes to which a file of this process may grow while the disk is "full".
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Lifts the limit when it goes.
pub(crate) struct FileLimit(Rlimit);

impl FileLimit {
    pub(crate) fn set() -> Result<FileLimit, String> {
        // Where nobody takes the signal, the process ends instead of getting an error.
        signal_hook::flag::register(SIGXFSZ, Arc::default())
            .map_err(|error| format!("cannot take a signal: {error}"))?;
        let before = getrlimit(Resource::Fsize);
        setrlimit(Resource::Fsize, Rlimit { current: Some(FILE_BYTES_MAX), ..before })
            .map_err(|error| format!("cannot limit the size of files: {error}"))?;
        Ok(FileLimit(before))
    }
}

impl Drop for FileLimit {
    fn drop(&mut self) {
        let _the_limit_stays = setrlimit(Resource::Fsize, self.0);
    }
}
