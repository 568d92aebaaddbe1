//! What every transport promises, as tests that each of them passes: see the macro [`transport_suite!`](macro@crate::transport_suite).

mod collecting;
mod promises;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use veribus_core::transport::{
    Compression, News, Parcel, ParcelId, Subscription, Transport, TransportError, TransportFactory,
};

pub use collecting::Collecting;
pub use promises::{
    close_ends_by_its_deadline, every_receipt_comes_with_many_in_flight, half_open_peers_time_out,
    no_text_shows_a_secret, parcels_arrive_whole_and_in_order, receipts_follow_the_store,
    sending_again_does_no_harm, what_is_not_settled_comes_again, what_is_too_large_is_refused,
    work_goes_on_after_the_server_was_killed,
};

/// A transport with its server, as the suite drives it. Answers are overdue after [`ANSWER_TIMEOUT`]; at most
/// [`IN_FLIGHT_MAX`] parcels are in flight.
pub trait UnderTest {
    /// Makes sending ends.
    fn factory(&self) -> TransportFactory;
    /// A receiving end.
    fn subscription(&self) -> Box<dyn Subscription>;
    /// Ends the server as `kill -9` does.
    fn kill(&mut self);
    /// Starts it again with its data.
    fn restart(&mut self);
    /// Stops it, its connections half-open; `false` if it cannot be.
    fn freeze(&mut self) -> bool;
    /// Lets it go on.
    fn thaw(&mut self);
    /// The password or token of the sending ends; empty if there is none.
    fn secret(&self) -> &str;
    /// Whether the way itself holds and delivers again what was not settled.
    fn redelivers(&self) -> bool {
        true
    }
}

/// What [`UnderTest::factory`] sets as `answer_timeout`.
pub const ANSWER_TIMEOUT: Duration = Duration::from_millis(1500);
/// What [`UnderTest::factory`] sets as `in_flight_max`.
pub const IN_FLIGHT_MAX: usize = 64;
/// How long anything may take before the suite gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One test for each promise. `$make` gives `Result<impl UnderTest, String>`; an error is printed and skips.
#[macro_export]
macro_rules! transport_suite {
    ($make:expr) => {
        $crate::transport_suite!(@each $make,
            parcels_arrive_whole_and_in_order, receipts_follow_the_store, sending_again_does_no_harm,
            what_is_not_settled_comes_again, what_is_too_large_is_refused,
            every_receipt_comes_with_many_in_flight, half_open_peers_time_out,
            work_goes_on_after_the_server_was_killed, close_ends_by_its_deadline, no_text_shows_a_secret);
    };
    (@each $make:expr, $($promise:ident),+) => {
        $(#[test]
        fn $promise() {
            match $make {
                Ok(mut under_test) => $crate::transport_suite::$promise(&mut under_test),
                Err(reason) => eprintln!("skipped: {reason}"),
            }
        })+
    };
}

/// The `number`th parcel of a sender, with a body of its own.
pub fn parcel(start: u64, number: u64) -> Parcel {
    let body: Vec<u8> = format!("{start:x}/{number}\0\r\n\u{ff}").into_bytes();
    sized(start, number, body)
}

fn sized(start: u64, number: u64, body: Vec<u8>) -> Parcel {
    Parcel {
        id: ParcelId::new(start, number),
        events: 10,
        compression: Compression::None,
        body: Arc::from(body),
    }
}

/// Sends, trying again while the other end is busy or away.
fn send_until_taken(transport: &mut dyn Transport, parcel: &Parcel, heard: &mut Vec<News>) {
    let end = Instant::now() + PATIENCE;
    while let Err(error) = transport.send(parcel, Instant::now() + Duration::from_secs(2)) {
        assert!(error.is_retryable() && Instant::now() < end, "{}", chain(&error));
        heard.extend(transport.poll(Duration::from_millis(20)));
    }
}

/// Polls until `enough`.
fn hear(transport: &mut dyn Transport, heard: &mut Vec<News>, enough: impl Fn(&[News]) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !enough(heard) {
        assert!(Instant::now() < end, "only heard {heard:?}");
        heard.extend(transport.poll(Duration::from_millis(50)));
    }
}

/// Whether a receipt of `id` is among the news.
fn receipted(heard: &[News], id: ParcelId) -> bool {
    heard.iter().any(|news| matches!(news, News::Receipt(receipt) if receipt.parcel == id))
}

/// Sends one parcel until its receipt comes, again after each failure.
pub fn deliver(transport: &mut dyn Transport, parcel: &Parcel) {
    let end = Instant::now() + PATIENCE;
    let mut heard = Vec::new();
    while !receipted(&heard, parcel.id) {
        assert!(Instant::now() < end, "only heard {heard:?}");
        if transport.send(parcel, Instant::now() + Duration::from_secs(1)).is_ok() {
            let until = Instant::now() + ANSWER_TIMEOUT;
            while !receipted(&heard, parcel.id) && Instant::now() < until {
                heard.extend(transport.poll(Duration::from_millis(20)));
            }
        } else {
            heard.extend(transport.poll(Duration::from_millis(20)));
        }
    }
}

/// An error with everything behind it, in both forms.
fn chain(error: &TransportError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source: Option<&dyn Error> = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause} {cause:?}");
        source = cause.source();
    }
    text
}
