//! A claimed length allocates nothing, and depth costs no memory. One test: it watches the memory of its process.

use veribus_core::Batch;

/// Most address space that this process ever had, in KiB; `None` where the system does not say.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmPeak:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
fn neither_a_claimed_length_nor_depth_takes_memory() {
    let [list, map] = [0xdd_u8, 0xdf].map(|marker| [&[marker][..], &[0xff; 4]].concat());
    let mut hostile = vec![list.clone(), map.clone()];
    for claim in [&list[..], &map, b"\xdb\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdd\x00\x4f\x00\x00"]
    {
        for before in [
            &b"\x81\xa1e"[..],
            b"\x81\xa1r",
            b"\x81\xa1e\x91",
            b"\x81\xa1e\x91\x81\xa1r",
            b"\x81\xa1e\x91\x81\xa1b\x81\xa1x",
            b"\x81\xa3new",
        ] {
            hostile.push([before, claim].concat());
        }
    }
    // A list that claims as many values as bytes follow, which an event may not have.
    hostile.push([&b"\x81\xa1e\x91\x81\xa1b\x81\xa1x\xdd\x00\x10\x00\x00"[..], &vec![0; 1 << 20]].concat());
    let deep = [
        b"[".repeat(100_000),
        b"{\"new\":".repeat(100_000),
        [&b"{\"x\":"[..], &b"[".repeat(100_000)].concat(),
    ];

    let before = peak_kib();
    for bytes in &hostile {
        assert!(Batch::decode_msgpack_each(bytes).is_err(), "{:?}", &bytes[..bytes.len().min(30)]);
    }
    for bytes in &deep {
        assert_eq!(Batch::decode_json(bytes).expect_err("deep").code(), "JSON_TOO_DEEP");
    }
    assert_eq!(Batch::decode_msgpack(&[0x91; 2048]).expect_err("deep").code(), "MSGPACK_TOO_DEEP");
    match (before, peak_kib()) {
        (Some(before), Some(after)) => assert!(after - before < 8 * 1024, "{} KiB more", after - before),
        _ => eprintln!("skipped: this system does not say how much memory a process takes"),
    }
}
