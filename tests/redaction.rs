//! No handler ever sees a secret.

use std::time::Duration;

use veribus::*;
use veribus_testkit::CaptureHandler;

#[test]
fn a_secret_is_gone_before_the_first_handler_and_counted() {
    let bus = VerificationEventBus::new(1000);
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    let nested = Value::Map([("password", "hunter2-canary")].into_iter().collect());
    bus.publish(
        event::authentication("login")
            .failure()
            .reason("GET https://alice:hunter2-canary@example.org/ refused")
            .attribute("api_key", "hunter2-canary")
            .attribute("form", &nested),
    );
    assert!(bus.flush(Duration::from_secs(1)));
    let events = captured.events();
    assert_eq!(events.len(), 1);
    assert!(!format!("{:?}", events[0]).contains("canary"), "{:?}", events[0]);
    assert_eq!(bus.health().redacted, 3);
}

#[test]
fn redaction_can_be_added_to_and_switched_off() {
    let bus = VerificationEventBus::builder().redactor(Redactor::none()).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    bus.publish(event::authentication("login").attribute("api_key", "kept"));
    assert!(bus.flush(Duration::from_secs(1)));
    assert_eq!(captured.events()[0].attributes.get("api_key"), Some(&Value::from("kept")));

    let bus = VerificationEventBus::builder().redactor(Redactor::builder().name("badge").build()).build();
    let (handler, captured) = CaptureHandler::new("capture");
    bus.register_handler(Box::new(handler));
    bus.publish(event::authentication("door").attribute("badge", "4711"));
    assert!(bus.flush(Duration::from_secs(1)));
    assert_eq!(captured.events()[0].attributes.get("badge"), Some(&Value::from("***")));
}
