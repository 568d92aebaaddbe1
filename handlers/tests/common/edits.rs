//! Every way in which one line of a log may be changed.

use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Delete(usize),
    Duplicate(usize),
    Swap(usize),
    Insert(usize, Vec<u8>),
    Forge(usize),
    Move(usize, usize),
    Join(usize),
    Put(usize, u8),
}

pub(crate) fn any_edit(lines: usize) -> impl Strategy<Value = Edit> {
    let line = 0..lines;
    prop_oneof![
        line.clone().prop_map(Edit::Delete),
        line.clone().prop_map(Edit::Duplicate),
        (0..lines - 1).prop_map(Edit::Swap),
        (line.clone(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(n, b)| Edit::Insert(n, b)),
        line.clone().prop_map(Edit::Forge),
        (line.clone(), line.clone()).prop_map(|(a, b)| Edit::Move(a, b)),
        (0..lines - 1).prop_map(Edit::Join),
        (0..lines * 250, any::<u8>()).prop_map(|(at, byte)| Edit::Put(at, byte)),
    ]
}

/// The edited log, and the first line (from 1) that differs from what it was; `None` if none does.
pub(crate) fn apply(edit: &Edit, lines: &[&[u8]]) -> Option<(Vec<u8>, u64)> {
    let mut edited: Vec<Vec<u8>> = lines.iter().map(|line| line.to_vec()).collect();
    match edit {
        Edit::Delete(n) => drop(edited.remove(*n)),
        Edit::Duplicate(n) => edited.insert(*n, lines[*n].to_vec()),
        Edit::Swap(n) => edited.swap(*n, n + 1),
        Edit::Insert(n, bytes) => edited.insert(*n, [bytes, &b"\n"[..]].concat()),
        // A line with the right index and the right `p`, as somebody who knows the format would make it.
        Edit::Forge(n) => {
            let forged =
                String::from_utf8_lossy(&edited[*n]).replace("alice", "mallory").replace("close", "clost");
            edited.insert(*n, forged.into_bytes());
        }
        Edit::Move(from, to) => {
            let line = edited.remove(*from);
            edited.insert(*to, line);
        }
        Edit::Join(n) => drop(edited[*n].pop()),
        Edit::Put(at, byte) => {
            let mut bytes = edited.concat();
            let at = at % bytes.len();
            bytes[at] = *byte;
            edited = vec![bytes];
        }
    }
    let (edited, whole) = (edited.concat(), lines.concat());
    let first = edited.iter().zip(&whole).position(|(a, b)| a != b);
    let first = match first {
        Some(at) => at,
        None if edited.len() == whole.len() => return None,
        None => edited.len().min(whole.len()),
    };
    let line = whole[..first].iter().filter(|b| **b == b'\n').count() as u64 + 1;
    Some((edited, line))
}
