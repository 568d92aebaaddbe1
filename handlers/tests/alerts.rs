//! Who is told what, how often, and what a sink that is down costs.

#![allow(clippy::unwrap_used)] // helpers of tests
#![cfg(feature = "alert")]

mod common;

use std::io::Write;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use veribus_core::{
    Clock, EventHandler, EventId, HandlerError, InstanceId, ManualClock, Severity, Timestamp,
    VerificationEvent, VerificationEventBus, event,
};
use veribus_handlers::alert::{AlertBuilder, Entity};
use veribus_handlers::{Alert, AlertHandler, AlertRule, AlertSink, SinkError, StdoutSink};

/// Keeps alerts; refuses as often as it is told to.
#[derive(Clone, Default)]
struct Captured {
    alerts: Arc<Mutex<Vec<Alert>>>,
    refusals: Arc<Mutex<u32>>,
}

impl Captured {
    fn all(&self) -> Vec<Alert> {
        self.alerts.lock().unwrap().clone()
    }

    fn refuse(&self, times: u32) {
        *self.refusals.lock().unwrap() = times;
    }
}

impl AlertSink for Captured {
    fn name(&self) -> &str {
        "captured"
    }

    fn deliver(&mut self, alert: &Alert) -> Result<(), SinkError> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals > 0 {
            *refusals -= 1;
            return Err(SinkError::Retry { after: None, source: "down".into() });
        }
        self.alerts.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

fn failed(n: u64, second: i64, ip: &str) -> Arc<VerificationEvent> {
    let ip: IpAddr = ip.parse().unwrap();
    let draft = event::authentication("login").failure().actor("alice").source_ip(ip);
    let time = Timestamp::from_seconds(second);
    Arc::new(draft.into_event(EventId::new(InstanceId(1), 1, n), time).unwrap())
}

fn brute_force(sink: &Captured) -> (AlertBuilder, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::default()));
    let rule = AlertRule::failures("brute-force", 5, Duration::from_secs(600));
    let builder = AlertHandler::builder().rule(rule).sink(sink.clone());
    (builder.clock(Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

fn attack(handler: &mut AlertHandler, seconds: impl IntoIterator<Item = i64>, ip: &str) {
    let batch: Vec<_> = seconds.into_iter().enumerate().map(|(n, s)| failed(n as u64 + 1, s, ip)).collect();
    handler.handle(&batch).unwrap();
}

#[test]
fn five_failures_of_one_address_in_ten_minutes_raise_one_alert() {
    let sink = Captured::default();
    let mut handler = brute_force(&sink).0.build();
    attack(&mut handler, 0..4, "192.0.2.1");
    attack(&mut handler, 0..4, "192.0.2.2");
    assert_eq!(sink.all(), []);
    attack(&mut handler, [600], "192.0.2.1");
    let [alert] = &sink.all()[..] else { panic!("{:?}", sink.all()) };
    assert_eq!(alert.entity, Some(Entity::Ip("192.0.2.1".parse().unwrap())));
    assert_eq!((alert.events, &*alert.rule), (5, "brute-force"));
    assert_eq!(
        (alert.first_seen, alert.last_seen),
        (Timestamp::from_seconds(0), Timestamp::from_seconds(600))
    );
}

#[test]
fn slow_attempts_and_successes_raise_none() {
    let sink = Captured::default();
    let mut handler = brute_force(&sink).0.build();
    attack(&mut handler, (0..50).map(|n| n * 151), "192.0.2.1");
    let success = event::authentication("login").success().actor("bob");
    let success = Arc::new(success.into_event(EventId::from_bits(1), Timestamp::default()).unwrap());
    handler.handle(&vec![success; 20]).unwrap();
    assert_eq!(sink.all(), []);
}

#[test]
fn a_cooldown_keeps_repeats_quiet_and_counts_them() {
    let sink = Captured::default();
    let (builder, clock) = brute_force(&sink);
    let mut handler = builder.cooldown(Duration::from_secs(60)).build();
    attack(&mut handler, 0..20, "192.0.2.1");
    assert_eq!((sink.all().len(), handler.watch().counts().suppressed), (1, 3));
    clock.advance(Duration::from_secs(60));
    attack(&mut handler, 20..25, "192.0.2.1");
    assert_eq!((sink.all().len(), sink.all()[1].suppressed), (2, 3));
    attack(&mut handler, 0..5, "192.0.2.9");
    assert_eq!(sink.all().len(), 3, "another entity has its own cooldown");
}

#[test]
fn severe_events_are_told_and_others_are_not() {
    let sink = Captured::default();
    let mut handler = AlertHandler::new(sink.clone());
    for severity in Severity::ALL {
        let ip = IpAddr::from([192, 0, 2, severity.id()]);
        let draft = event::security("scan").severity(severity).source_ip(ip);
        handler
            .handle(&[Arc::new(draft.into_event(EventId::from_bits(1), Timestamp::default()).unwrap())])
            .unwrap();
    }
    let told: Vec<_> = sink.all().iter().map(|alert| alert.severity).collect();
    assert_eq!(told, [Severity::High, Severity::Critical, Severity::Fatal]);
}

#[test]
fn entities_are_bounded_and_the_forgotten_are_counted() {
    let sink = Captured::default();
    let mut handler = brute_force(&sink).0.entities_max(100).build();
    for n in 0..1000_u64 {
        let ip = IpAddr::from([10, 0, (n >> 8) as u8, n as u8]);
        handler.handle(&[failed(n, 0, &ip.to_string())]).unwrap();
    }
    assert_eq!(handler.watch().counts().evicted, 900);
    let nobody = event::authentication("login").failure();
    handler
        .handle(&[Arc::new(nobody.into_event(EventId::from_bits(1), Timestamp::default()).unwrap())])
        .unwrap();
    assert_eq!(handler.watch().counts().without_entity, 1);
}

#[test]
fn alerts_wait_for_a_sink_that_is_down_and_events_do_not() {
    let (sink, other) = (Captured::default(), Captured::default());
    let (builder, clock) = brute_force(&sink);
    let mut handler = builder.sink(other.clone()).build();
    sink.refuse(3);
    let batch: Vec<_> = (1..=10).map(|n| failed(n, 0, "192.0.2.1")).collect();
    assert!(matches!(handler.handle(&batch), Err(HandlerError::Retry { done: 10, .. })));
    assert_eq!(other.all().len(), 1, "the other sink does not wait");
    for pause in [1, 2, 4] {
        assert!(handler.flush().is_err(), "not before its pause of {pause} s is over");
        clock.advance(Duration::from_secs(pause));
        drop(handler.flush());
    }
    assert_eq!(sink.all().len(), 1);
    handler.flush().unwrap();
    let counts = handler.watch().counts();
    assert_eq!((counts.raised, counts.delivered, counts.lost), (1, 2, 0));
}

#[test]
fn an_alert_that_is_given_up_is_counted() {
    let sink = Captured::default();
    let (builder, clock) = brute_force(&sink);
    let mut handler = builder.build();
    sink.refuse(u32::MAX);
    attack_refused(&mut handler, "192.0.2.1");
    for _ in 0..8 {
        clock.advance(Duration::from_secs(60));
        drop(handler.flush());
    }
    handler.flush().unwrap();
    let watch = handler.watch();
    assert_eq!((watch.counts().delivered, watch.counts().lost), (0, 1));
    attack_refused(&mut handler, "192.0.2.2");
    drop(handler);
    assert_eq!(watch.counts().lost, 2, "what still waits at the end is lost too");
}

fn attack_refused(handler: &mut AlertHandler, ip: &str) {
    let batch: Vec<_> = (1..=5).map(|n| failed(n, 0, ip)).collect();
    assert!(handler.handle(&batch).is_err());
}

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn hostile_text_is_one_harmless_line_on_a_terminal_and_in_json() {
    let hostile = "eve\n2026 ALERT fatal\x1b[2J\u{202e}\u{9b}31m\r";
    for json in [false, true] {
        let screen = Screen::default();
        let sink = StdoutSink::to(screen.clone());
        let mut handler = AlertHandler::new(if json { sink.json() } else { sink });
        let draft = event::security("scan").severity(Severity::Critical).actor(hostile).target(hostile);
        handler
            .handle(&[Arc::new(draft.into_event(EventId::from_bits(1), Timestamp::default()).unwrap())])
            .unwrap();
        let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
        assert!(line.contains("critical"), "{line}");
        if json {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["entity"]["value"], hostile);
            assert_eq!(value["event"]["severity"], "critical");
        }
    }
}

#[test]
fn on_a_bus_a_critical_event_is_told_and_the_ledger_balances() {
    let sink = Captured::default();
    let bus = VerificationEventBus::new(1000);
    bus.register_handler(Box::new(AlertHandler::new(sink.clone())));
    bus.publish(event::security("intrusion").severity(Severity::Critical).actor("mallory"));
    assert!(bus.flush(Duration::from_secs(10)));
    assert_eq!(sink.all().len(), 1);
    let handler = &bus.health().handlers[0];
    assert_eq!((handler.handled, handler.failures), (1, 0));
    bus.close(Duration::from_secs(5));
}
