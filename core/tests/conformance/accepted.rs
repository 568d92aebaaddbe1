//! Batches that no encoder here writes and every decoder reads, with what they mean.

use super::folder::Format;
use super::pack;

pub(crate) struct Accepted {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) format: Format,
    pub(crate) input: Vec<u8>,
}

fn json(name: &'static str, shows: &'static str, input: &str) -> Accepted {
    Accepted { name, shows, format: Format::Json, input: input.as_bytes().to_vec() }
}

fn msgpack(name: &'static str, shows: &'static str, input: Vec<u8>) -> Accepted {
    Accepted { name, shows, format: Format::Msgpack, input }
}

/// A batch with one event that has these pairs more than a bare one.
fn one(more: &str) -> String {
    format!(
        r#"{{"v":1,"source":{{"service":"orders"}},"events":[{{"time":"1970-01-01T00:00:00Z","kind":"authentication","action":"login"{more}}}]}}"#
    )
}

#[rustfmt::skip]
pub(crate) fn all() -> Vec<Accepted> {
    vec![
        json("hand_written", "white space, any order of fields, the kind behind its payload, no id: what a person posts with curl",
            "\n{ \"events\" : [ {\t\"method\": \"password\", \"outcome\": \"failure\", \"actor\": {\"ip\": \"203.0.113.7\", \"name\": \"alice\"},\r\n \"action\": \"login\", \"kind\": \"authentication\", \"time\": \"2026-11-21T10:00:00+01:00\" } ],\n \"source\": { \"service\": \"orders\" }, \"v\": 1 }\n"),
        json("short_keys_in_json", "JSON with the short keys of MessagePack",
            r#"{"v":1,"s":{"s":"orders","h":"node-1"},"n":"00000000000000ff","r":[[1,2,1]],"e":[{"t":0,"k":5,"a":"scan","s":4,"o":2,"c":{"n":"x","i":"::1","p":1},"g":{"n":"sshd","k":"service"},"te":"T1110","ru":"r1","sc":70,"b":{"k":"v"}}]}"#),
        json("numbers_for_words", "severity, outcome and kind as numbers, time as nanoseconds",
            r#"{"v":1,"source":{"service":"orders"},"events":[{"time":-1,"kind":2,"action":"permission_check","severity":6,"outcome":1}]}"#),
        json("numbers_in_other_notation", "whole floats where an integer is asked, integers where a float is",
            r#"{"v":1.0,"source":{"service":"orders"},"events":[{"time":1e9,"kind":"performance","action":"verify","duration_ns":2.5e3,"value":3,"count":1E1,"errors":0.0}]}"#),
        json("minus_zero", "-0 and -0.0 are 0 and 0.0; a number that is too small is 0.0",
            &one(r#","attributes":{"a":-0,"b":-0.0,"c":1e-400,"d":-1e-999}"#)),
        json("float_digits", "a fraction is rounded to the nearest float, an exponent makes a float",
            &one(r#","attributes":{"a":0.1000000000000000055511151231257827,"b":1E5,"c":100e-2,"d":9007199254740993.0}"#)),
        json("large_plain_integers", "integers beyond 2^53 without a tag are exact",
            &one(r#","attributes":{"a":9007199254740993,"b":-9223372036854775808,"c":18446744073709551615}"#)),
        json("tags_not_needed", "tags around what would not need them",
            &one(r#","attributes":{"a":{"$i64":"1"},"b":{"$u64":"1"},"c":{"$i64":"-0"},"d":{"$map":{"x":1}},"e":[{ "$bytes" : "" }]}"#)),
        json("escapes", "every way to write a character",
            &one(r#","attributes":{"a":"\u0041\/\b\f\n\r\t\"\\","b":"\ud83d\ude00","c":"\uD83D\uDE00 é \u00E9","d":"\u0000","e":"\ufffe"}"#)),
        json("null_is_absent", "null for a field that may be missing",
            &one(r#","id":null,"severity":null,"outcome":null,"reason":null,"actor":{"name":null},"target":null,"trace":null,"duration_ns":null,"method":null,"rule":null,"attributes":null"#)),
        json("trace_of_a_later_version", "a traceparent of a later version, unknown flags",
            &one(r#","trace":"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-more""#)),
        json("ip_spellings", "an address in another of its spellings, an id in upper case",
            &one(r#","id":"0000000000001234000700000000002A","actor":{"ip":"2001:DB8:0:0:0:0:0:1"}"#)),
        json("losses_through_an_old_receiver", "losses and lanes as unknown fields: short keys and tagged times in JSON",
            r#"{"v":1,"source":{"service":"orders"},"instance":"00000000000000ff","events":[],"l":[{"l":7,"r":"queue_full","f":2,"u":5,"n":4,"a":{"$i64":"1795255200123456789"},"z":{"$i64":"1795255200123456790"}}],"a":[[7,6]]}"#),
        json("losses_null", "null for losses and lanes",
            r#"{"v":1,"source":{"service":"orders"},"losses":null,"lanes":null,"events":[]}"#),
        msgpack("losses_words_in_msgpack", "losses in MessagePack with the words of JSON",
            pack::map(&[
                ("v", vec![1]),
                ("s", pack::map(&[("s", pack::text("orders"))])),
                ("lanes", pack::list(&[pack::list(&[vec![1], vec![10]])])),
                ("losses", pack::list(&[pack::map(&[
                    ("last_at", pack::text("2026-11-21T10:00:00.5Z")),
                    ("first_at", pack::text("2026-11-21T10:00:00Z")),
                    ("count", pack::float(3.0)),
                    ("last_seq", vec![9]),
                    ("first_seq", vec![1]),
                    ("reason", pack::text("spool_full")),
                    ("lane", vec![1]),
                ])])),
                ("instance", pack::text("00000000000000ff")),
                ("e", pack::list(&[])),
            ])),
        msgpack("words_in_msgpack", "MessagePack with the words of JSON",
            pack::map(&[
                ("source", pack::map(&[("service", pack::text("orders")), ("sdk_version", pack::text("1"))])),
                ("v", vec![1]),
                ("events", pack::list(&[pack::map(&[
                    ("time", pack::text("2026-11-21T10:00:00.5Z")),
                    ("kind", pack::text("authentication")),
                    ("action", pack::text("login")),
                    ("severity", pack::text("high")),
                    ("outcome", pack::text("failure")),
                    ("id", pack::text("00000000000012340007000000000029")),
                    ("actor", pack::map(&[("name", pack::text("alice")), ("ip", pack::text("203.0.113.7"))])),
                    ("trace", pack::text("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
                ])])),
            ])),
        msgpack("floats_for_integers", "integers that msgpackr writes as floats",
            pack::map(&[
                ("v", pack::float(1.0)),
                ("s", pack::map(&[("s", pack::text("orders"))])),
                ("e", pack::list(&[pack::map(&[
                    ("t", pack::float(1_795_255_200_000_000_000.0)),
                    ("k", pack::float(4.0)),
                    ("a", pack::text("verify")),
                    ("d", pack::float(5_000_000_000.0)),
                    ("n", pack::float(4_294_967_296.0)),
                    ("er", [vec![0xca], 2.0_f32.to_be_bytes().to_vec()].concat()),
                    ("v", vec![3]),
                ])])),
            ])),
        msgpack("longer_headers", "numbers, texts, lists and maps in encodings longer than they need",
            pack::batch_of_one(&[
                ("d", vec![0xcf, 0, 0, 0, 0, 0, 0, 0, 7]),
                ("r", vec![0xdb, 0, 0, 0, 1, b'x']),
                ("b", [
                    vec![0xdf, 0, 0, 0, 4], pack::text("i"), vec![0xd3, 0, 0, 0, 0, 0, 0, 0, 9],
                    pack::text("l"), vec![0xdd, 0, 0, 0, 1, 0xd0, 0xff],
                    pack::text("b"), vec![0xc6, 0, 0, 0, 1, 0xaa],
                    pack::text("f"), vec![0xca, 0x3f, 0xc0, 0, 0],
                ].concat()),
            ])),
    ]
}
