//! The faults that a proxy knows, as plain data.

use std::ops::Range;
use std::time::Duration;

/// What happens to the bytes that go one way.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// Each piece is late by something of this range; order is kept.
    pub latency: Range<Duration>,
    /// A partition of this way: nothing arrives while it lasts, and TCP sends it all when it ends.
    pub held: bool,
    /// On average one byte in so many has one bit turned.
    pub corrupt_one_in: Option<u64>,
    /// At most so many bytes a second are read from the sender, whose buffers then fill.
    pub bytes_per_second: Option<u64>,
}

impl Way {
    /// A way on which nothing arrives.
    pub fn held() -> Self {
        Way { held: true, ..Way::default() }
    }
}

/// What is broken; nothing by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// From client to server.
    pub to_server: Way,
    /// From server to client.
    pub to_client: Way,
    /// New connections are reset at once.
    pub refuse: bool,
    /// The server's host is gone without a word: connections stay open for the client, half-open, and new ones open
    /// too, but nothing is behind them. The server sees its ends closed.
    pub vanished: bool,
    /// Each connection is reset in the middle of whatever goes on once something of this range of bytes went to the
    /// server.
    pub reset_after_bytes: Option<Range<u64>>,
    /// Each connection is reset at something of this age.
    pub reset_after: Option<Range<Duration>>,
}

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In order, with FIN.
    Close,
    /// With RST; what is under way is lost.
    Reset,
}
