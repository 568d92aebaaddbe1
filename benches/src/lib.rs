//! Comparisons with the peers: every case of a table is measured in the same run, in turn, in a process of its own.
//!
//! [`case`] has one file for each way of handing an event over, [`section`] one for each question that is asked of
//! them, [`measure`] the bursts and the paced stretch, [`report`] what is made of the answers: text, JSON, goals met
//! and not met, `docs/benchmarks.md` and its picture. Nothing is subtracted from a figure; where a goal compares
//! figures that hold a clock read with such that do not, the goal says what it takes off.

pub mod case;
pub mod console;
pub mod designs;
pub mod machine;
pub mod measure;
pub mod report;
pub mod run;
pub mod sample;
pub mod section;
pub mod statistics;
pub mod turn;
