//! What is moved: events as an application makes them, and the parcels that the forwarder makes of them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use veribus_core::transport::{
    Confirms, News, Parcel, ParcelId, Transport, TransportError, TransportFactory,
};
use veribus_core::{EventId, InstanceId, Timestamp, TraceContext, VerificationEvent, event};

use crate::forward::{Handed, hand_over};

/// Different events; a run goes through them in a circle.
const EVENTS: u64 = 16_384;

/// Failed logins with five texts, two attributes, a trace and a duration; names, sessions and traces differ.
pub(crate) fn events() -> Result<Vec<Arc<VerificationEvent>>, String> {
    let instance = InstanceId(0xbe7c_4000);
    (1..=EVENTS).map(|seq| one(instance, seq).map(Arc::new)).collect()
}

fn one(instance: InstanceId, seq: u64) -> Result<VerificationEvent, String> {
    let noise = mixed(seq);
    let actor = format!("user-{:06}", noise % 200_000);
    let target = format!("/api/v1/orders/{}", noise >> 40);
    let session = format!("{:016x}", mixed(noise));
    let trace = format!("00-{:016x}{noise:016x}-{:016x}-01", mixed(seq ^ 1), mixed(seq ^ 2));
    let trace = TraceContext::parse(&trace).map_err(|error| error.to_string())?;
    event::authentication("jwt.signature")
        .failure()
        .actor(&actor)
        .source_ip(IpAddr::V4(Ipv4Addr::from((noise >> 8) as u32)))
        .target(&target)
        .method("password")
        .reason("bad_password")
        .trace(trace)
        .duration(Duration::from_nanos(1_500 + noise % 1_000))
        .attribute("session", session.as_str())
        .attribute("agent", "Mozilla/5.0 (X11) rv")
        .attribute("region", "eu-central-1-az2")
        .into_event(EventId::new(instance, 1, seq), Timestamp::now())
        .map_err(|error| error.to_string())
}

/// SplitMix64: the same in each run.
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^= z >> 27;
    z = z.wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The parcels that a forwarder makes of `count` events: what the raw clients move.
pub(crate) fn parcels(
    events: &[Arc<VerificationEvent>],
    count: u64,
    compressed: bool,
) -> Result<Vec<Parcel>, String> {
    let kept: Arc<Mutex<Vec<Parcel>>> = Arc::default();
    let keeping = Arc::clone(&kept);
    let factory: TransportFactory = Box::new(move || Ok(Box::new(Keeper(Arc::clone(&keeping), 0))));
    let handed = Handed { events, count, compressed, spool: None };
    hand_over(factory, &handed, || {
        kept.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|p| u64::from(p.events)).sum()
    })?;
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut kept))
}

/// A way that takes everything and keeps none of it.
pub(crate) fn nowhere() -> TransportFactory {
    Box::new(|| Ok(Box::new(Nowhere(VecDeque::new()))))
}

/// What it was given and has not told of yet.
struct Nowhere(VecDeque<ParcelId>);

impl Transport for Nowhere {
    fn destination(&self) -> String {
        "nowhere".to_owned()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Accepted
    }

    fn body_bytes_max(&self) -> usize {
        usize::MAX
    }

    fn send(&mut self, parcel: &Parcel, _deadline: Instant) -> Result<(), TransportError> {
        self.0.push_back(parcel.id);
        Ok(())
    }

    fn poll(&mut self, _patience: Duration) -> Option<News> {
        self.0.pop_front().map(News::Accepted)
    }

    fn close(&mut self, _deadline: Instant) {}
}

/// Takes and keeps everything; the second field counts what it has told of.
struct Keeper(Arc<Mutex<Vec<Parcel>>>, usize);

impl Transport for Keeper {
    fn destination(&self) -> String {
        "nowhere".to_owned()
    }

    fn confirms(&self) -> Confirms {
        Confirms::Accepted
    }

    fn keeps_order(&self) -> bool {
        true
    }

    fn body_bytes_max(&self) -> usize {
        usize::MAX
    }

    fn send(&mut self, parcel: &Parcel, _deadline: Instant) -> Result<(), TransportError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(parcel.clone());
        Ok(())
    }

    fn poll(&mut self, _patience: Duration) -> Option<News> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parcel = kept.get(self.1)?;
        self.1 += 1;
        Some(News::Accepted(parcel.id))
    }

    fn close(&mut self, _deadline: Instant) {}
}
