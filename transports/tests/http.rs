//! HTTP keeps every promise of a transport, against the collector's end of it without a store.
#![cfg(feature = "http")]

use std::time::{Duration, Instant};

use veribus_core::transport::{Subscription, TransportFactory};
use veribus_testkit::server::HttpCollector;
use veribus_testkit::transport_suite::{ANSWER_TIMEOUT, IN_FLIGHT_MAX, UnderTest, parcel};
use veribus_transports::{Options, from_url};

const TOKEN: &str = "vbt_hunter2";

struct Http(HttpCollector);

impl UnderTest for Http {
    fn factory(&self) -> TransportFactory {
        let options = Options::new()
            .set("token", TOKEN)
            .set("answer_timeout", format!("{}ms", ANSWER_TIMEOUT.as_millis()))
            .set("in_flight_max", IN_FLIGHT_MAX.to_string());
        from_url(&format!("http://{}", self.0.address()), &options).expect("it works")
    }
    fn subscription(&self) -> Box<dyn Subscription> {
        self.0.subscription()
    }
    fn kill(&mut self) {
        self.0.kill();
    }
    fn restart(&mut self) {
        self.0.restart().expect("it works");
    }
    fn freeze(&mut self) -> bool {
        self.0.set_frozen(true);
        true
    }
    fn thaw(&mut self) {
        self.0.set_frozen(false);
    }
    fn secret(&self) -> &str {
        TOKEN
    }
    fn redelivers(&self) -> bool {
        false
    }
}

fn http() -> Result<Http, String> {
    HttpCollector::start(TOKEN).map(Http).map_err(|error| error.to_string())
}

veribus_testkit::transport_suite!(http());

#[test]
fn a_wrong_token_is_not_the_parcels_fault() {
    let server = HttpCollector::start(TOKEN).unwrap();
    let url = format!("http://wrong@{}", server.address());
    let mut transport = from_url(&url, &Options::new()).unwrap()().unwrap();
    transport.send(&parcel(1, 1), Instant::now() + Duration::from_secs(5)).unwrap();
    let news = transport.poll(Duration::from_secs(5));
    let Some(veribus_core::transport::News::Failed { error, .. }) = news else { panic!("{news:?}") };
    assert_eq!((error.code(), error.is_retryable()), ("UNAUTHORIZED", true));
}
