//! The native half of the Node SDK: translates between JavaScript and the bus, and does nothing else.
//!
//! What belongs to the language (types, settings, context, integrations) is TypeScript, in `ts/`. Each JavaScript
//! thread has one `environment`: its buses, the bytes through which it publishes (`stage`), and the `desk` at
//! which it fetches the work of its handlers. No thread of ours ever runs JavaScript or waits for it without an end.

#![cfg_attr(test, allow(dead_code, reason = "an addon is not registered in a test build"))]
#![expect(unreachable_pub, reason = "Node-API exports what is `pub`, wherever it stands")]

mod alert;
mod audit;
mod bus;
mod codec;
mod desk;
mod environment;
mod error;
mod event;
mod forward;
mod handler;
mod health;
mod metrics;
mod native;
mod receipt;
mod settings;
mod stage;
mod trace;
