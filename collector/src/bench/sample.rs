//! Events of the usual size: logins of 5,000 people, each from an address of their own, one failure in 997, so that
//! rules look at every event and seldom fire; about 230 bytes each on the wire.

use veribus_core::transport::{Compression, Parcel, ParcelId};
use veribus_core::{
    Batch, CodecError, EventId, InstanceId, LaneMark, Source, Timestamp, VerificationEvent, event,
};

/// People who log in.
const PEOPLE: u64 = 5_000;
/// One login in so many fails; it has no factor in common with the people, so that all of them fail at times.
const FAILURE_EVERY: u64 = 997;
/// As the forwarder does.
const COMPRESSION_LEVEL: i32 = 1;

/// One bus start and its lane of events.
#[derive(Debug)]
pub struct Samples {
    instance: InstanceId,
    events: u64,
    parcels: u64,
    compress: bool,
    body: Vec<u8>,
}

impl Samples {
    /// A new bus start; with `compress` its parcels are packed by zstd.
    pub fn new(compress: bool) -> Self {
        Samples { instance: InstanceId::random(), events: 0, parcels: 0, compress, body: Vec::new() }
    }

    /// Who sends.
    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    /// Events made so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// A parcel of the next `events` events of the time `now`.
    ///
    /// # Errors
    /// [`CodecError`] if so many are no batch.
    pub fn parcel(&mut self, events: u32, now: Timestamp) -> Result<Parcel, CodecError> {
        let first = self.events + 1;
        self.events += u64::from(events);
        self.parcels += 1;
        let lanes = vec![LaneMark { lane: 1, next_seq: self.events + 1 }];
        let batch = Batch {
            source: Source::new("veribus-bench"),
            instance: Some(self.instance),
            events: (first..=self.events).map(|seq| self.event(seq, now)).collect(),
            lanes,
            ..Batch::default()
        };
        self.body.clear();
        batch.encode_msgpack(&mut self.body)?;
        let packed =
            if self.compress { zstd::bulk::compress(&self.body, COMPRESSION_LEVEL).ok() } else { None };
        let compression = if packed.is_some() { Compression::Zstd } else { Compression::None };
        let body = packed.as_deref().unwrap_or(&self.body).into();
        Ok(Parcel { id: ParcelId::new(self.instance.0, self.parcels), events, compression, body })
    }

    fn event(&self, seq: u64, now: Timestamp) -> VerificationEvent {
        let person = seq % PEOPLE;
        let actor = format!("user-{person}");
        let session = format!("session-{seq:016x}");
        let ip = [10, (person >> 16) as u8, (person >> 8) as u8, person as u8];
        let draft = event::authentication("login")
            .actor(&actor)
            .source_ip(ip.into())
            .target("orders-api")
            .target_kind("service")
            .method("password")
            .reason("checked against the directory")
            .attribute("session", session.as_str())
            .attribute("user_agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36")
            .attribute("attempt", seq);
        let draft = if seq.is_multiple_of(FAILURE_EVERY) { draft.failure() } else { draft.success() };
        let id = EventId::new(self.instance, 1, seq);
        draft.into_event(id, now).expect("fixed names and short values are within the limits")
    }
}
