//! What goes in comes out, once and in order, while the ring is small, full, growing and grown.

use super::*;
use proptest::prelude::*;

/// The memory of a segment: a quarter more than it holds.
fn bytes_of(capacity: usize) -> usize {
    capacity + capacity / 4
}

pub(super) fn push(writer: &mut Writer, payload: &[u8]) -> bool {
    let Some(room) = writer.reserve(payload.len(), 0) else { return false };
    room.copy_from_slice(payload);
    writer.commit();
    true
}

fn drain(reader: &mut Reader) -> usize {
    let mut taken = 0;
    reader.refresh();
    while reader.peek().is_some() {
        reader.advance();
        taken += 1;
    }
    reader.release();
    taken
}

#[test]
fn a_full_ring_refuses_and_takes_again_after_a_release() {
    let (mut writer, mut reader) = ring(4096, &Budget::default());
    let mut taken = 0;
    while push(&mut writer, &[7; 60]) {
        taken += 1;
    }
    assert_eq!(taken, 4096 / 64);
    assert_eq!(drain(&mut reader), taken);
    assert!(push(&mut writer, &[7; 60]));
}

#[test]
fn a_limit_below_the_capacity_keeps_room_for_others() {
    let (mut writer, _reader) = ring(4096, &Budget::default());
    writer.limit([3072, 4096, 0, 0, 0, 0, 0, 0]);
    while writer.reserve(60, 0).is_some() {
        writer.commit();
    }
    assert_eq!(writer.used(), 3072);
    assert!(writer.reserve(60, 1).is_some());
    assert!(writer.reserve(0, 2).is_none());
}

#[test]
fn a_ring_starts_small_grows_while_it_is_full_and_holds_what_was_asked_for() {
    let (mut writer, mut reader) = ring(256 * 1024, &Budget::default());
    let mut sizes = vec![writer.memory().bytes()];
    let mut taken = 0_usize;
    while writer.reserve(252, 0).is_some() {
        writer.commit();
        taken += 1;
        if sizes.last() != Some(&writer.memory().bytes()) {
            sizes.push(writer.memory().bytes());
        }
    }
    assert_eq!(taken, 1024, "the whole ring is used, in whatever segments");
    let all: Vec<usize> = [16, 48, 112, 240, 496].iter().map(|kib| bytes_of(kib * 1024)).collect();
    assert_eq!(sizes, all, "each doubling adds its own segment");
    assert_eq!(drain(&mut reader), 1024);
    assert_eq!(writer.memory().bytes(), bytes_of(256 * 1024), "the old segments are gone");
}

#[test]
fn a_ring_that_is_emptied_in_time_does_not_grow() {
    let (mut writer, mut reader) = ring(256 * 1024, &Budget::default());
    for n in 0..5_000 {
        assert!(push(&mut writer, &[1; 200]));
        if n % 50 == 0 {
            drain(&mut reader);
        }
    }
    assert_eq!(writer.memory().bytes(), bytes_of(16 * 1024));
}

#[test]
fn watermarks_count_from_the_size_asked_for_also_while_it_grows() {
    let (mut writer, _reader) = ring(64 * 1024, &Budget::default());
    let low = writer.capacity() / 4 * 3;
    writer.limit([low, writer.capacity(), 0, 0, 0, 0, 0, 0]);
    while writer.reserve(252, 0).is_some() {
        writer.commit();
    }
    assert_eq!(writer.used(), low);
    assert!(writer.reserve(252, 1).is_some());
}

#[test]
fn the_longest_record_fits_at_once_and_one_byte_more_never() {
    for bytes in [4096, 16 * 1024, 256 * 1024] {
        let (mut writer, mut reader) = ring(bytes, &Budget::default());
        let longest: Vec<u8> = (0..writer.payload_max()).map(|n| n as u8).collect();
        assert_eq!(longest.len(), bytes / 4 - HEADER);
        assert!(push(&mut writer, b"short"));
        for _ in 0..3 {
            assert!(push(&mut writer, &longest));
        }
        reader.refresh();
        assert_eq!(&reader.peek().expect("the short one")[..5], b"short");
        reader.advance();
        for _ in 0..3 {
            assert_eq!(reader.peek().expect("a long one"), longest);
            reader.advance();
        }
        assert!(reader.peek().is_none());
        assert!(writer.reserve(longest.len() + 1, 0).is_none());
    }
}

#[test]
fn a_writer_that_rests_gives_its_memory_back_and_goes_on() {
    let (mut writer, mut reader) = ring(256 * 1024, &Budget::default());
    for n in 0..1000_u32 {
        assert!(push(&mut writer, &[n.to_ne_bytes(); 60].concat()));
    }
    assert!(writer.memory().bytes() > 256 * 1024);
    writer.shrink();
    writer.shrink();
    assert!(push(&mut writer, &[0xaa; 100]));
    assert_eq!(drain(&mut reader), 1001, "nothing is lost on the way");
    assert_eq!(writer.memory().bytes(), bytes_of(16 * 1024));
    writer.shrink();
    assert_eq!(drain(&mut reader), 0);
    assert_eq!(writer.memory().bytes(), bytes_of(16 * 1024), "a small ring stays as it is");
}

#[test]
fn a_grown_ring_without_new_records_is_freed_when_it_is_read() {
    let (mut writer, mut reader) = ring(64 * 1024, &Budget::default());
    while push(&mut writer, &[1; 252]) {}
    drain(&mut reader);
    writer.shrink();
    assert_eq!(drain(&mut reader), 0);
    assert_eq!(writer.memory().bytes(), bytes_of(16 * 1024));
}

#[test]
fn owners_that_come_and_go_while_nobody_reads_take_a_bounded_amount_of_memory() {
    let (mut writer, mut reader) = ring(256 * 1024, &Budget::default());
    let (mut taken, long) = (0, vec![1; 33 * 1024]);
    for _ in 0..100 {
        taken += usize::from(push(&mut writer, &long));
        taken += usize::from(push(&mut writer, b"short"));
        writer.shrink();
        assert!(writer.memory().bytes() <= 4 * bytes_of(256 * 1024), "{} bytes", writer.memory().bytes());
    }
    assert_eq!(drain(&mut reader), taken);
    writer.shrink();
    drain(&mut reader);
    assert_eq!(writer.memory().bytes(), bytes_of(16 * 1024));
}

#[test]
fn either_end_may_go_first() {
    for writer_first in [true, false] {
        let (mut writer, mut reader) = ring(64 * 1024, &Budget::default());
        while push(&mut writer, &[1; 252]) {}
        reader.refresh();
        reader.advance();
        if writer_first {
            drop(writer);
            assert_eq!(drain(&mut reader), 255);
        } else {
            drop(reader);
            assert!(!push(&mut writer, &[1; 252]));
        }
    }
}

#[test]
fn what_was_not_reserved_is_not_given_to_the_reader() {
    let (mut writer, mut reader) = ring(4096, &Budget::default());
    assert!(push(&mut writer, b"once"));
    writer.commit();
    assert_eq!(drain(&mut reader), 1);
}

#[test]
fn rings_grow_no_further_than_their_budget_allows_and_go_on_when_one_of_them_is_gone() {
    // Two that begin with 20 KiB each, and room for one of them to double once.
    let budget = Budget::of((20 + 20 + 40) * 1024);
    let (mut first, mut reader) = ring(256 * 1024, &budget);
    let (mut second, _unread) = ring(256 * 1024, &budget);
    let fill = |writer: &mut Writer| {
        while push(writer, &[7; 1000]) {}
        writer.memory().bytes()
    };
    assert_eq!(fill(&mut first), (20 + 40) * 1024);
    assert_eq!(fill(&mut second), 20 * 1024, "nothing is left for it");
    reader.refresh();
    while reader.peek().is_some() {
        reader.advance();
    }
    reader.release();
    assert_eq!(first.memory().bytes(), 40 * 1024, "the small segment is gone");
    assert!(push(&mut first, &[7; 1000]), "and there is room in the large one");
    drop((first, reader));
    assert_eq!(fill(&mut second), (20 + 40) * 1024);
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(
        lengths in prop::collection::vec(prop_oneof![4 => 0_usize..300, 1 => 300_usize..16_380], 1..400),
        most in prop_oneof![Just(4096_usize), Just(16_384), Just(65_536), Just(262_144)],
        every in 1_usize..60,
        rest in 1_usize..100,
    ) {
        let (mut writer, mut reader) = ring(most, &Budget::default());
        let mut waiting = std::collections::VecDeque::new();
        let mut used = 0;
        for (n, len) in lengths.into_iter().enumerate() {
            let payload: Vec<u8> = (0..len.min(writer.payload_max())).map(|i| (i + n) as u8).collect();
            let room = record_bytes(payload.len());
            if n % rest == rest - 1 {
                writer.shrink();
            }
            let fits = used + room <= most as u64;
            prop_assert_eq!(writer.reserve(payload.len(), 0).is_some(), fits);
            if fits {
                prop_assert!(push(&mut writer, &payload));
                used += room;
                waiting.push_back(payload);
            }
            if n % every == 0 {
                reader.refresh();
                while let Some(seen) = reader.peek() {
                    let expected = waiting.pop_front().expect("nothing is made up");
                    prop_assert_eq!(&seen[..expected.len()], &expected[..]);
                    reader.advance();
                }
                reader.release();
                used = 0;
                prop_assert!(waiting.is_empty());
            }
        }
    }
}

#[test]
fn a_ring_that_may_not_grow_keeps_room_for_each_class_and_knows_when_it_is_half_full() {
    let (mut writer, mut reader) = ring(256 * 1024, &Budget::of(0));
    writer.limit([192 * 1024, 256 * 1024, 0, 0, 0, 0, 0, 0]);
    while writer.reserve(252, 0).is_some() {
        writer.commit();
    }
    assert_eq!(writer.used(), 12 * 1024, "three quarters of what there is");
    assert!(writer.is_half_full());
    assert!(writer.reserve(252, 1).is_some(), "the other class has the rest");
    assert!(writer.takes_now(4096 - HEADER) && !writer.takes_now(4096));
    assert_eq!(drain(&mut reader), 48);
    assert!(!writer.is_half_full());
}
