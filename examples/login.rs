//! A login check that reports itself: who, how it ended, how long it took, in a trail that can be checked.

use std::time::Duration;
use veribus::*;

fn check_password(user: &str, password: &str) -> Result<(), &'static str> {
    if (user, password) == ("alice", "correct horse") { Ok(()) } else { Err("bad_password") }
}

fn main() -> Result<(), AuditError> {
    let event_bus = VerificationEventBus::new(1000);
    event_bus.register_handler(Box::new(AuditLogger::new("audit.log")?));

    for password in ["123456", "correct horse"] {
        let answer = event_bus.verify("login").actor("alice").run(|| check_password("alice", password));
        assert_eq!(answer.is_ok(), password == "correct horse"); // the check's own answer, untouched
    }
    let denied = VerificationEvent::authorization("order.write").failure().actor("alice").target("orders/17");
    event_bus.publish(denied);

    let report = event_bus.close(Duration::from_secs(1));
    assert_eq!((report.delivered, report.dropped.total()), (3, 0)); // every event has an end that is counted
    Ok(())
}
