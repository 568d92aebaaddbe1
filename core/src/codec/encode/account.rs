//! Writes what a sender says about its numbers: loss records and lane marks, nothing where it says nothing.

use super::super::fields::{BatchField, LossField};
use super::Sink;
use crate::account::{LaneMark, LossRecord};

pub(super) fn losses<S: Sink>(sink: &mut S, losses: &[LossRecord]) {
    if losses.is_empty() {
        return;
    }
    sink.field(BatchField::Losses);
    let list = sink.open_list(losses.len());
    for loss in losses {
        sink.item();
        let map = sink.open_map(LossField::ALL.len());
        sink.field(LossField::Lane);
        sink.unsigned(loss.lane.into());
        sink.field(LossField::Reason);
        sink.text(loss.reason.as_str());
        for (field, number) in [
            (LossField::FirstSeq, loss.first_seq),
            (LossField::LastSeq, loss.last_seq),
            (LossField::Count, loss.count),
        ] {
            sink.field(field);
            sink.unsigned(number);
        }
        sink.field(LossField::FirstAt);
        sink.time(loss.first_at);
        sink.field(LossField::LastAt);
        sink.time(loss.last_at);
        sink.close_map(map);
    }
    sink.close_list(list);
}

pub(super) fn lanes<S: Sink>(sink: &mut S, lanes: &[LaneMark]) {
    if lanes.is_empty() {
        return;
    }
    sink.field(BatchField::Lanes);
    let list = sink.open_list(lanes.len());
    for mark in lanes {
        sink.item();
        let pair = sink.open_list(2);
        for number in [u64::from(mark.lane), mark.next_seq] {
            sink.item();
            sink.unsigned(number);
        }
        sink.close_list(pair);
    }
    sink.close_list(list);
}
