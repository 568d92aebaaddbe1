//! The event that every case reports: a failed login with five texts, three attributes, a trace and a duration.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How many different events a case goes through in a circle.
pub const SAMPLES: usize = 64;

/// One event as an application has it in its hands: owned texts of its own, from which a case borrows.
///
/// Actor 16 bytes, resource 32, method 8, reason 12, session 16, agent 20, region 16: about 250 bytes with the rest.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What was verified; 13 bytes.
    pub action: &'static str,
    /// Who.
    pub actor: String,
    /// From where; an address of the documentation range.
    pub ip: IpAddr,
    /// On what.
    pub resource: String,
    /// How.
    pub method: String,
    /// Why it failed.
    pub reason: String,
    /// First attribute.
    pub session: String,
    /// Second attribute.
    pub agent: String,
    /// Third attribute.
    pub region: String,
    /// Trace id.
    pub trace: u128,
    /// Span id.
    pub span: u64,
    /// How long the verification took.
    pub latency: Duration,
}

impl Sample {
    /// [`SAMPLES`] events that differ in actor, resource, address, session and trace.
    pub fn all() -> Vec<Sample> {
        (0..SAMPLES as u64).map(Sample::numbered).collect()
    }

    fn numbered(n: u64) -> Sample {
        Sample {
            action: "jwt.signature",
            actor: format!("user-{n:011}"),
            ip: IpAddr::V4(Ipv4Addr::new(203, 0, 113, n as u8)),
            resource: format!("/api/v1/orders/{n:017}"),
            method: "password".to_owned(),
            reason: "bad_password".to_owned(),
            session: format!("{n:016x}"),
            agent: "Mozilla/5.0 (X11) rv".to_owned(),
            region: "eu-central-1-az2".to_owned(),
            trace: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736 + u128::from(n),
            span: 0x00f0_67aa_0ba9_02b7 + n,
            latency: Duration::from_nanos(1_800 + n),
        }
    }

    /// The texts in the order in which a record holds them.
    pub fn texts(&self) -> [&str; 8] {
        [
            self.action,
            &self.actor,
            &self.resource,
            &self.method,
            &self.reason,
            &self.session,
            &self.agent,
            &self.region,
        ]
    }
}
