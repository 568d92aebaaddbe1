//! A hash chain as cheap as it can be: the audit trail's lines, each with the hash of the one before, made and written
//! by one thread. What the audit handler's pace is held against.

use std::fs::File;
use std::io::{self, Write};

use sha2::{Digest as _, Sha256};
use veribus::Timestamp;

/// Bytes that are collected before they are written, as the audit handler does.
const CHUNK_BYTES: usize = 64 * 1024;

/// Lines that share one log and time of writing, which the first of them says: those of a handler's chunk.
const STAMP_LINES: u64 = 100;

const FRONT: &[u8] = b"{\"v\":1,\"log\":\"0123456789abcdef\",\"i\":";
const SHORT_FRONT: &[u8] = b"{\"v\":1,\"i\":";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Writes lines into a file.
pub(crate) struct Trail {
    file: File,
    lines: u64,
    /// Hash of the last line, in hexadecimal digits.
    previous: [u8; 64],
    out: Vec<u8>,
}

impl Trail {
    pub(crate) fn new(file: File) -> Self {
        let out = Vec::with_capacity(2 * CHUNK_BYTES);
        Trail { file, lines: 0, previous: [b'0'; 64], out }
    }

    /// Appends one line; `event` appends the event's JSON.
    pub(crate) fn push(&mut self, event: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> io::Result<()> {
        let start = self.out.len();
        if self.lines.is_multiple_of(STAMP_LINES) {
            let now = Timestamp::now();
            self.out.extend_from_slice(FRONT);
            push_number(self.lines, &mut self.out);
            write!(self.out, ",\"t\":\"{now}\",\"m\":\"01234567.{}\"", now.as_nanos())?;
        } else {
            self.out.extend_from_slice(SHORT_FRONT);
            push_number(self.lines, &mut self.out);
        }
        self.out.extend_from_slice(b",\"p\":\"");
        self.out.extend_from_slice(&self.previous);
        self.out.extend_from_slice(b"\",\"ev\":");
        event(&mut self.out)?;
        self.out.push(b'}');
        self.hash(start);
        self.out.push(b'\n');
        self.lines += 1;
        if self.out.len() >= CHUNK_BYTES { self.write() } else { Ok(()) }
    }

    fn hash(&mut self, start: usize) {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        hasher.update(&self.out[start..]);
        for (pair, byte) in self.previous.chunks_exact_mut(2).zip(hasher.finalize()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Writes what is left; answers how many lines there are.
    pub(crate) fn end(mut self) -> io::Result<u64> {
        self.write()?;
        Ok(self.lines)
    }
}

fn push_number(mut number: u64, out: &mut Vec<u8>) {
    let (mut digits, mut at) = ([0; 20], 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[at..]);
        }
    }
}
