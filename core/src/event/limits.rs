//! The limits of one event, checked before anything is allocated for it.

/// Longest name of an event, attribute or kind, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// Longest single string or byte value, in bytes.
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Largest event, encoded, in bytes.
pub const EVENT_BYTES_MAX: usize = 1024 * 1024;
/// Most attributes of one event at its top level.
pub const ATTRIBUTES_MAX: usize = 64;
/// Most values in all attributes together, containers included.
pub const VALUES_MAX: usize = 512;
/// Deepest nesting of attribute values; a plain value has depth 1.
pub const DEPTH_MAX: usize = 32;
/// Most events in one batch.
pub const BATCH_EVENTS_MAX: usize = 1_000;
/// Most loss records in one batch.
pub const BATCH_LOSSES_MAX: usize = 1_000;
/// Most lane marks in one batch.
pub const BATCH_LANES_MAX: usize = 1_000;
/// Largest encoded batch, in bytes, before decompression.
pub const BATCH_BYTES_MAX: usize = 5 * 1024 * 1024;
/// How many times its packed form a compressed batch may unpack to, beyond [`BATCH_UNPACKED_FREE`].
pub const BATCH_UNPACKED_RATIO_MAX: usize = 100;
/// Bytes that a batch may unpack to in any case.
pub const BATCH_UNPACKED_FREE: usize = 1024 * 1024;

/// Attribute names that belong to the bus: [`crate::EventError::FieldReserved`].
pub const RESERVED_NAMES: [&str; 4] = ["seq", "tenant", "producer", "__proto__"];
/// Attribute names with this prefix belong to the bus too.
pub const RESERVED_PREFIX: &str = "_veribus";
