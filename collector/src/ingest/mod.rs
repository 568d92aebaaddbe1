//! From bytes to committed events: read within limits, decode one by one, queue, commit, answer.

mod body;
mod decode;
mod expand;
mod letters;
mod prune;
mod queue;
mod rate;
mod verdict;
mod writer;

pub use body::{PaidBody, pay, queue_full, read};
pub use decode::{Decoded, Encoding, Rejection, decode};
pub use expand::{EXPANDED_BYTES_MAX, expand};
pub use prune::{prune, pruned_event};
pub use queue::{Job, QUEUE_BYTES_MAX, Queue, Refused, Rejected, Reply};
pub use rate::RateLimit;
pub use verdict::{Undecided, Verdict};
pub use writer::Writer;
