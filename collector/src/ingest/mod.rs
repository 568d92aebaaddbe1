//! From bytes to committed events: read within limits, decode one by one, queue, commit, answer.

mod body;
mod decode;
mod expand;
mod prune;
mod queue;
mod rate;
mod writer;

pub use body::{PaidBody, queue_full, read};
pub use decode::{Decoded, Encoding, Rejection, decode};
pub use expand::{EXPANDED_BYTES_MAX, expand};
pub use prune::{prune, pruned_event};
pub use queue::{Job, QUEUE_BYTES_MAX, Queue, Refused, Rejected, Reply};
pub use rate::RateLimit;
pub use writer::Writer;
