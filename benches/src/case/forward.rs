//! A bus that forwards to a collector which nobody can reach: events stay in the spool, or are lost and counted where
//! its disk is full.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use veribus::transport::{Confirms, News, Parcel, Transport, TransportError, TransportFactory};
use veribus::{ForwardHandler, ForwardWatch, Source, SpoolSettings, VerificationEventBus};

use super::Case;
#[cfg(unix)]
use super::file_limit::FileLimit;
use super::veribus::Publish;
use crate::sample::Sample;
use crate::turn::Ledger;

/// A way to a port at which nobody listens: every parcel meets a real refusal of the system.
struct Nowhere(SocketAddr);

impl Transport for Nowhere {
    fn destination(&self) -> String {
        self.0.to_string()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Stored
    }

    fn body_bytes_max(&self) -> usize {
        1 << 20
    }

    fn send(&mut self, _parcel: &Parcel, deadline: Instant) -> Result<(), TransportError> {
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let source = match TcpStream::connect_timeout(&self.0, patience) {
            Ok(_) => "somebody listens there now".into(),
            Err(error) => error.into(),
        };
        Err(TransportError::Unreachable { destination: self.destination(), source })
    }

    fn poll(&mut self, _patience: Duration) -> Option<News> {
        None
    }

    fn close(&mut self, _deadline: Instant) {}
}

pub(crate) struct Forward {
    publish: Publish,
    watch: ForwardWatch,
    #[cfg(unix)]
    limit: Option<FileLimit>,
    folder: TempDir,
}

impl Forward {
    /// The collector is unreachable, and the spool has room.
    pub(crate) fn unreachable() -> Result<Self, String> {
        let mut case = Forward::start()?;
        let watch = case.watch.clone();
        case.publish.fill_until("a parcel was refused", |_| watch.health().failures > 0)?;
        Ok(case)
    }

    /// The collector is unreachable, and the spool's disk is full.
    #[cfg(unix)]
    pub(crate) fn full_disk() -> Result<Self, String> {
        let mut case = Forward::start()?;
        case.limit = Some(FileLimit::set()?);
        let watch = case.watch.clone();
        case.publish.fill_until("the spool lost an event", |_| watch.health().lost.total() > 0)?;
        Ok(case)
    }

    fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let free = free.map_err(|error| format!("no free port: {error}"))?;
        let factory: TransportFactory = Box::new(move || Ok(Box::new(Nowhere(free)) as Box<dyn Transport>));
        let handler = ForwardHandler::builder(factory, Source::new("benches"))
            .spool(SpoolSettings::new(folder.path()))
            .build()
            .map_err(|error| error.to_string())?;
        let watch = handler.watch();
        let bus = VerificationEventBus::new(1000);
        bus.register_handler(Box::new(handler));
        Ok(Forward {
            publish: Publish::on(bus),
            watch,
            #[cfg(unix)]
            limit: None,
            folder,
        })
    }
}

impl Case for Forward {
    #[inline]
    fn once(&mut self, sample: &Sample) {
        self.publish.once(sample);
    }

    /// What the forwarder took and kept on the disk has arrived; what it took and lost, it counts itself.
    fn finish(self, handed: u64) -> Result<Ledger, String> {
        let ledger = self.publish.finish(handed)?;
        let lost = self.watch.health().lost.total();
        #[cfg(unix)]
        drop(self.limit);
        drop(self.folder);
        Ok(Ledger { arrived: ledger.arrived.saturating_sub(lost), lost: ledger.lost + lost, ..ledger })
    }
}
