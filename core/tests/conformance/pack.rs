//! MessagePack by hand, also of the kinds that no encoder here writes.

pub(crate) fn text(text: &str) -> Vec<u8> {
    assert!(text.len() < 256);
    let header = if text.len() < 32 { vec![0xa0 | text.len() as u8] } else { vec![0xd9, text.len() as u8] };
    [header, text.as_bytes().to_vec()].concat()
}

pub(crate) fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    assert!(pairs.len() < 16);
    let mut bytes = vec![0x80 | pairs.len() as u8];
    for (name, value) in pairs {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes
}

pub(crate) fn list(items: &[Vec<u8>]) -> Vec<u8> {
    assert!(items.len() < 16);
    [vec![0x90 | items.len() as u8], items.concat()].concat()
}

pub(crate) fn float(number: f64) -> Vec<u8> {
    [vec![0xcb], number.to_be_bytes().to_vec()].concat()
}

/// A batch with these events.
pub(crate) fn batch(events: Vec<u8>) -> Vec<u8> {
    map(&[("v", vec![1]), ("s", map(&[("s", text("orders"))])), ("e", events)])
}

/// A batch with one event that has these pairs more than a bare one.
pub(crate) fn batch_of_one(more: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let bare = [("t", vec![0]), ("k", vec![1]), ("a", text("login"))];
    batch(list(&[map(&[&bare[..], more].concat())]))
}
