//! Memory keeps every promise of a transport.
#![cfg(feature = "memory")]

use veribus_core::transport::{Subscription, TransportFactory};
use veribus_testkit::transport_suite::UnderTest;
use veribus_transports::{MemoryBroker, Options, from_url};

struct Memory(MemoryBroker);

impl UnderTest for Memory {
    fn factory(&self) -> TransportFactory {
        let broker = self.0.clone();
        Box::new(move || Ok(broker.sender()))
    }
    fn subscription(&self) -> Box<dyn Subscription> {
        self.0.subscription()
    }
    fn kill(&mut self) {
        self.0.set_down(true);
    }
    fn restart(&mut self) {
        self.0.set_down(false);
    }
    fn freeze(&mut self) -> bool {
        false
    }
    fn thaw(&mut self) {}
    fn secret(&self) -> &str {
        ""
    }
}

fn memory() -> Result<Memory, String> {
    let name = format!("suite-{:?}", std::thread::current().id());
    Ok(Memory(MemoryBroker::named(&name)))
}

veribus_testkit::transport_suite!(memory());

#[test]
fn one_name_is_one_broker() {
    let broker = MemoryBroker::named("shared");
    broker.set_down(true);
    let mut sender = from_url("memory://shared", &Options::new()).unwrap()().unwrap();
    let parcel = veribus_testkit::transport_suite::parcel(1, 1);
    assert_eq!(sender.send(&parcel, std::time::Instant::now()).unwrap_err().code(), "UNREACHABLE");
}
