//! Comparisons with the peers: every case of a table is measured in the same run, in turn, in a process of its own.
//!
//! [`case`] has one file for each peer, [`measure`] the bursts and the paced stretch, [`table`] what is printed.
//! Nothing is subtracted: the cost of the clock that times single events is a row like any other.

pub mod case;
pub mod console;
pub mod machine;
pub mod measure;
pub mod sample;
pub mod table;
