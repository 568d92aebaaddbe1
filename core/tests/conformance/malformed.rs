//! Batches that every decoder refuses, with the code, the place and, where only events are bad, which.

use super::folder::Format;
use super::pack;

pub(crate) struct Malformed {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) format: Format,
    pub(crate) input: Vec<u8>,
    pub(crate) code: &'static str,
    pub(crate) path: &'static str,
    /// The code of every event where only events are bad; `None` where the whole batch is refused.
    pub(crate) each: Option<Vec<Option<&'static str>>>,
}

fn json(name: &'static str, shows: &'static str, code: &'static str, input: impl Into<Vec<u8>>) -> Malformed {
    Malformed { name, shows, format: Format::Json, input: input.into(), code, path: "", each: None }
}

fn msgpack(name: &'static str, shows: &'static str, code: &'static str, input: Vec<u8>) -> Malformed {
    Malformed { name, shows, format: Format::Msgpack, input, code, path: "", each: None }
}

impl Malformed {
    fn at(self, path: &'static str) -> Malformed {
        Malformed { path, ..self }
    }

    /// Only its one event is bad.
    fn event(self, path: &'static str) -> Malformed {
        Malformed { path, each: Some(vec![Some(self.code)]), ..self }
    }
}

/// A batch with these events, as JSON.
fn batch(events: &str) -> String {
    format!(r#"{{"v":1,"source":{{"service":"orders"}},"events":[{events}]}}"#)
}

/// A bare event with these pairs more.
fn event(more: &str) -> String {
    format!(r#"{{"time":"1970-01-01T00:00:00Z","kind":"authentication","action":"login"{more}}}"#)
}

fn one(more: &str) -> String {
    batch(&event(more))
}

/// A batch whose one event has these bytes where a value stands.
fn with_bytes(bytes: &[u8]) -> Vec<u8> {
    let text = one(r#","reason":"@""#);
    let at = text.find('@').expect("a place");
    [&text.as_bytes()[..at], bytes, &text.as_bytes()[at + 1..]].concat()
}

fn runs(instance: &str, runs: &str) -> String {
    format!(r#"{{"v":1,"source":{{"service":"orders"}},{instance}"runs":{runs},"events":[{}]}}"#, event(""))
}

const INSTANCE: &str = r#""instance":"00000000000000ff","#;

pub(crate) fn all() -> Vec<Malformed> {
    [shapes(), json_grammar(), json_values(), fields(), identities(), accounts(), msgpack_bytes()]
        .into_iter()
        .flatten()
        .collect()
}

#[rustfmt::skip]
fn shapes() -> Vec<Malformed> {
    let three_of_ten: Vec<String> = (0..10).map(|i| match i {
        2 => event(r#","severity":"hgih""#),
        5 => "[1]".into(),
        9 => event(r#","attributes":{"x":1e400}"#),
        _ => event(&format!(r#","reason":"r{i}""#)),
    }).collect();
    let mut codes = vec![None; 10];
    codes[2] = Some("EVT_SEVERITY_INVALID");
    codes[5] = Some("EVT_FIELD_TYPE");
    codes[9] = Some("JSON_NUMBER");
    vec![
        json("empty", "no bytes", "BATCH_EMPTY", ""),
        json("blank", "white space only", "BATCH_EMPTY", " \r\n\t"),
        json("null", "null", "BATCH_SHAPE", "null"),
        json("number", "a number", "BATCH_SHAPE", "42"),
        json("text", "a string", "BATCH_SHAPE", "\"batch\""),
        json("list", "a list", "BATCH_SHAPE", "[]"),
        json("nothing_in_it", "an empty map", "BATCH_SHAPE", "{}"),
        json("no_version", "`v` is missing", "BATCH_SHAPE", r#"{"source":{"service":"s"},"events":[]}"#),
        json("no_source", "`source` is missing", "BATCH_SHAPE", r#"{"v":1,"events":[]}"#),
        json("no_service", "`service` is missing", "EVT_FIELD_MISSING", r#"{"v":1,"source":{},"events":[]}"#).at("source"),
        json("no_events", "`events` is missing", "BATCH_SHAPE", r#"{"v":1,"source":{"service":"s"}}"#),
        json("events_not_a_list", "`events` is a map", "BATCH_SHAPE", r#"{"v":1,"source":{"service":"s"},"events":{}}"#).at("events"),
        json("version_2", "a version of the future", "ENV_VERSION", r#"{"v":2,"source":{"service":"s"},"events":[]}"#).at("v"),
        json("version_text", "a version that is not an integer", "BATCH_SHAPE", r#"{"v":"1","source":{"service":"s"},"events":[]}"#).at("v"),
        json("too_many_events", "1,001 events", "BATCH_TOO_MANY", batch(&vec!["0"; 1001].join(","))).at("events"),
        Malformed {
            each: Some(codes),
            ..json("three_of_ten", "three bad events of ten: seven are read", "EVT_SEVERITY_INVALID", batch(&three_of_ten.join(",")))
        }.at("events[2].severity"),
    ]
}

#[rustfmt::skip]
fn json_grammar() -> Vec<Malformed> {
    vec![
        json("byte_order_mark", "U+FEFF in front", "JSON_SYNTAX", format!("\u{feff}{}", one(""))),
        json("comment", "a comment", "JSON_SYNTAX", format!("/* batch */{}", one(""))),
        json("trailing_comma_in_map", "a comma behind the last pair", "JSON_SYNTAX", one(",")).at("events[0]"),
        json("trailing_comma_in_list", "a comma behind the last item", "JSON_SYNTAX", batch(&format!("{},", event("")))).at("events"),
        json("single_quotes", "single quotes", "JSON_SYNTAX", one(",'reason':'x'")).at("events[0]"),
        json("bare_name", "a name without quotes", "JSON_SYNTAX", one(",reason:1")).at("events[0]"),
        json("nan", "NaN", "JSON_SYNTAX", one(r#","attributes":{"x":NaN}"#)).at("events[0]"),
        json("control_character", "a newline in a string", "JSON_SYNTAX", with_bytes(b"a\nb")).at("events[0]"),
        json("unknown_escape", "an escape that JSON does not have", "JSON_SYNTAX", with_bytes(br"\x41")).at("events[0]"),
        json("missing_colon", "no colon behind a name", "JSON_SYNTAX", one(r#","reason" "x""#)).at("events[0]"),
        json("truncated", "cut off inside an event", "JSON_TRUNCATED", &one("").as_bytes()[..90]).at("events[0]"),
        json("truncated_literal", "cut off inside a word", "JSON_TRUNCATED", r#"{"v":1,"x":tru"#).at("x"),
        json("trailing", "a second batch behind the first", "JSON_TRAILING", [one(""), one("")].concat()),
        json("deep_100000", "100,000 open brackets", "JSON_TOO_DEEP", "[".repeat(100_000)),
        json("deep_33", "a value nested 33 deep: lists of lists", "JSON_TOO_DEEP",
            one(&format!(r#","attributes":{{"x":{}1{}}}"#, "[".repeat(32), "]".repeat(32))))
            .event("events[0].attributes.x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"),
    ]
}

#[rustfmt::skip]
fn json_values() -> Vec<Malformed> {
    let number = |name, shows, digits: &str| {
        json(name, shows, "JSON_NUMBER", one(&format!(r#","attributes":{{"x":{digits}}}"#)))
    };
    let tag = |name, shows, value: &str| {
        json(name, shows, "JSON_TAG", one(&format!(r#","attributes":{{"x":{value}}}"#))).event("events[0].attributes.x")
    };
    vec![
        json("duplicate_key", "`severity` twice", "JSON_DUPLICATE_KEY", one(r#","severity":"low","severity":"high""#)).event("events[0]"),
        json("duplicate_spelling", "`severity` once in each spelling", "JSON_DUPLICATE_KEY", one(r#","severity":"low","s":2"#)).event("events[0]"),
        json("duplicate_attribute", "an attribute twice, once escaped", "JSON_DUPLICATE_KEY", one(r#","attributes":{"ab":1,"\u0061b":1}"#)).event("events[0].attributes"),
        json("duplicate_in_batch", "`events` twice", "JSON_DUPLICATE_KEY", r#"{"v":1,"events":[],"events":[]}"#),
        number("number_1e400", "beyond the largest float", "1e400").event("events[0].attributes.x"),
        number("number_400_digits", "an integer of 400 digits", &"9".repeat(400)).event("events[0].attributes.x"),
        number("number_2_to_64", "one more than the largest integer", "18446744073709551616").event("events[0].attributes.x"),
        number("number_below_i64", "one less than the smallest integer", "-9223372036854775809").event("events[0].attributes.x"),
        number("number_leading_zero", "a leading zero", "01").at("events[0]"),
        number("number_no_exponent", "an exponent without digits", "1E+").at("events[0]"),
        number("number_no_fraction", "a point without digits", "1.").at("events[0]"),
        json("lone_surrogate", "half of a pair", "JSON_TEXT_INVALID", with_bytes(br"\ud800")).event("events[0].reason"),
        json("reversed_surrogates", "a pair the wrong way round", "JSON_TEXT_INVALID", with_bytes(br"\ude00\ud83d")).event("events[0].reason"),
        json("overlong_utf8", "NUL in two bytes", "JSON_TEXT_INVALID", with_bytes(b"\xc0\x80")).event("events[0].reason"),
        json("surrogate_utf8", "a surrogate in UTF-8", "JSON_TEXT_INVALID", with_bytes(b"\xed\xa0\x80")).event("events[0].reason"),
        json("latin_1", "a byte that is not UTF-8", "JSON_TEXT_INVALID", with_bytes(b"caf\xe9")).event("events[0].reason"),
        tag("tag_not_base64", "base64 without its padding", r#"{"$bytes":"Zg"}"#),
        tag("tag_not_text", "bytes as a list", r#"{"$bytes":[1]}"#),
        tag("tag_not_integer", "an integer with a fraction", r#"{"$i64":"1.5"}"#),
        tag("tag_leading_zero", "an integer with a leading zero", r#"{"$u64":"01"}"#),
        tag("tag_out_of_range", "a negative `$u64`", r#"{"$u64":"-1"}"#),
        tag("tag_with_neighbour", "a tag with another pair behind it", r#"{"$i64":"1","y":2}"#),
        tag("tag_as_neighbour", "a tag behind another pair", r#"{"y":2,"$i64":"1"}"#),
        tag("tag_not_a_map", "`$map` around a number", r#"{"$map":1}"#),
        json("null_attribute", "null where a value has to be", "EVT_TYPE_UNSUPPORTED", one(r#","attributes":{"x":null}"#)).event("events[0].attributes.x"),
        json("null_unknown_field", "null in a field that is not known", "EVT_TYPE_UNSUPPORTED", one(r#","later":null"#)).event("events[0].later"),
    ]
}

#[rustfmt::skip]
fn fields() -> Vec<Malformed> {
    let bad = |name, shows, code, more: &str, path| json(name, shows, code, one(more)).event(path);
    let names = |n: usize| (0..n).map(|i| format!(r#""a{i}":1"#)).collect::<Vec<_>>().join(",");
    vec![
        json("missing_time", "`time` is missing", "EVT_FIELD_MISSING", batch(r#"{"kind":"security","action":"scan"}"#)).event("events[0]"),
        json("missing_kind", "`kind` is missing", "EVT_FIELD_MISSING", batch(r#"{"time":0,"action":"scan"}"#)).event("events[0]"),
        json("missing_action", "`action` is missing", "EVT_FIELD_MISSING", batch(r#"{"time":0,"kind":"security"}"#)).event("events[0]"),
        json("empty_action", "an empty name", "EVT_TYPE_EMPTY", batch(r#"{"time":0,"kind":"security","action":""}"#)).event("events[0]"),
        json("bad_action", "a name with a space and upper case", "EVT_TYPE_INVALID", batch(r#"{"time":0,"kind":"security","action":"Log in"}"#)).event("events[0]"),
        json("kind_number", "a family by a number that it does not have", "EVT_FIELD_TYPE", batch(r#"{"time":0,"kind":6,"action":"x"}"#)).event("events[0].kind"),
        json("kind_empty", "a family without a name", "EVT_FIELD_TYPE", batch(r#"{"time":0,"kind":"","action":"x"}"#)).event("events[0].kind"),
        json("bad_time", "a time in words", "EVT_TIME_INVALID", batch(r#"{"time":"yesterday","kind":"security","action":"x"}"#)).event("events[0].time"),
        json("time_year_9999", "a time that nanoseconds in 64 bits do not reach", "EVT_TIME_INVALID", batch(r#"{"time":"9999-12-31T00:00:00Z","kind":"security","action":"x"}"#)).event("events[0].time"),
        json("time_fraction", "a fraction of a nanosecond", "EVT_FIELD_TYPE", batch(r#"{"time":1.5,"kind":"security","action":"x"}"#)).event("events[0].time"),
        bad("severity_word", "a misspelt severity", "EVT_SEVERITY_INVALID", r#","severity":"hgih""#, "events[0].severity"),
        bad("severity_7", "a severity that OCSF does not have", "EVT_SEVERITY_INVALID", r#","severity":7"#, "events[0].severity"),
        bad("outcome_word", "an outcome that there is not", "EVT_OUTCOME_INVALID", r#","outcome":"maybe""#, "events[0].outcome"),
        bad("trace_zero", "a trace id of zeroes", "EVT_TRACE_INVALID", r#","trace":"00-00000000000000000000000000000000-00f067aa0ba902b7-01""#, "events[0].trace"),
        bad("trace_short", "a traceparent that is too short", "EVT_TRACE_INVALID", r#","trace":"00-4bf9""#, "events[0].trace"),
        bad("ip_invalid", "an address with 256 in it", "EVT_FIELD_TYPE", r#","actor":{"ip":"203.0.113.256"}"#, "events[0].actor.ip"),
        bad("port_65536", "a port that is too large", "EVT_NUMBER_RANGE", r#","actor":{"port":65536}"#, "events[0].actor.port"),
        bad("actor_text", "an actor that is not a map", "EVT_FIELD_TYPE", r#","actor":"alice""#, "events[0].actor"),
        bad("target_without_name", "a target of which only the kind is given", "EVT_FIELD_MISSING", r#","target":{"kind":"path"}"#, "events[0].target"),
        bad("duration_negative", "a negative duration", "EVT_NUMBER_RANGE", r#","duration_ns":-1"#, "events[0].duration_ns"),
        bad("method_number", "a number where text is asked", "EVT_FIELD_TYPE", r#","method":1"#, "events[0].method"),
        json("score_101", "a risk above 100", "EVT_NUMBER_RANGE", batch(r#"{"time":0,"kind":"security","action":"x","score":101}"#)).event("events[0].score"),
        json("value_not_exact", "an integer that a float does not hold", "EVT_FIELD_TYPE", batch(r#"{"time":0,"kind":"performance","action":"x","value":9007199254740993}"#)).event("events[0].value"),
        bad("attribute_reserved", "a name that belongs to the bus", "EVT_FIELD_RESERVED", r#","attributes":{"__proto__":1}"#, "events[0]"),
        bad("attribute_empty_name", "an attribute without a name", "EVT_FIELD_INVALID", r#","attributes":{"":1}"#, "events[0]"),
        bad("attribute_long_name", "a name of 129 bytes", "EVT_FIELD_INVALID", &format!(r#","attributes":{{"{}":1}}"#, "n".repeat(129)), "events[0].attributes"),
        bad("attributes_65", "65 attributes", "EVT_TOO_MANY_FIELDS", &format!(r#","attributes":{{{}}}"#, names(65)), "events[0].attributes"),
        bad("values_513", "513 values in one list and itself", "EVT_TOO_MANY_FIELDS", &format!(r#","attributes":{{"x":[{}]}}"#, vec!["0"; 512].join(",")), "events[0].attributes.x[511]"),
    ]
}

#[rustfmt::skip]
fn identities() -> Vec<Malformed> {
    let bad = |name, shows, instance, list| json(name, shows, "BATCH_RUNS", runs(instance, list)).at("runs");
    vec![
        json("id_short", "an id of 31 digits", "EVT_ID_INVALID", one(&format!(r#","id":"{}""#, "0".repeat(31)))).event("events[0].id"),
        json("instance_short", "an instance of 15 digits", "EVT_ID_INVALID", runs(r#""instance":"00000000000000f","#, "[]")).at("instance"),
        bad("runs_without_instance", "runs without an instance", "", "[[1,1,1]]"),
        bad("runs_too_long", "runs that cover more events than there are", INSTANCE, "[[1,1,2]]"),
        bad("runs_empty_run", "a run of no events", INSTANCE, "[[1,1,0]]"),
        bad("runs_pair", "a run of two numbers", INSTANCE, "[[1,1]]"),
        bad("runs_quadruple", "a run of four numbers", INSTANCE, "[[1,1,1,1]]"),
        bad("runs_lane_65536", "a lane that is too large", INSTANCE, "[[65536,1,1]]"),
        bad("runs_past_the_end", "a run past the last sequence number", INSTANCE, "[[0,281474976710655,2]]"),
        bad("runs_lane_without_sequence", "events outside any run in a lane", INSTANCE, "[[1,0,1]]"),
        json("run_and_id", "an event with an id of its own inside a run", "BATCH_RUNS",
            format!(r#"{{"v":1,"source":{{"service":"orders"}},{INSTANCE}"runs":[[1,1,1]],"events":[{}]}}"#,
                event(r#","id":"00000000000000ff0001000000000001""#))).event("events[0]"),
    ]
}

#[rustfmt::skip]
fn accounts() -> Vec<Malformed> {
    let account = |instance: &str, more: &str| format!(r#"{{"v":1,"source":{{"service":"orders"}},{instance}"events":[],{more}}}"#);
    let loss = |changed: &str, to: &str| {
        let good = r#"{"lane":1,"reason":"queue_full","first_seq":2,"last_seq":5,"count":4,"first_at":0,"last_at":0}"#;
        account(INSTANCE, &format!(r#""losses":[{}]"#, good.replacen(changed, to, 1)))
    };
    let bad = |name, shows, changed, to, path| json(name, shows, "BATCH_LOSSES", loss(changed, to)).at(path);
    let lanes = |name, shows, list: &str, path| json(name, shows, "BATCH_LANES", account(INSTANCE, &format!(r#""lanes":{list}"#))).at(path);
    vec![
        json("losses_without_instance", "losses of nobody", "BATCH_LOSSES", loss("", "").replace(INSTANCE, "")).at("losses"),
        json("losses_map", "losses that are no list", "BATCH_LOSSES", account(INSTANCE, r#""losses":{}"#)).at("losses"),
        json("losses_of_text", "a loss record that is no map", "BATCH_LOSSES", account(INSTANCE, r#""losses":["x"]"#)).at("losses[0]"),
        json("losses_1001", "1,001 loss records", "BATCH_LOSSES",
            account(INSTANCE, &format!(r#""losses":[{}]"#, vec![r#"{"lane":1,"reason":"closed","first_seq":1,"last_seq":1,"count":1,"first_at":0,"last_at":0}"#; 1001].join(",")))).at("losses"),
        bad("loss_reason_unknown", "a reason that is not of the list", "queue_full", "gremlins", "losses[0].reason"),
        bad("loss_sequence_zero", "a sequence that is never given", r#""first_seq":2"#, r#""first_seq":0"#, "losses[0]"),
        bad("loss_sequence_past_the_end", "a sequence that there is not", r#""last_seq":5"#, r#""last_seq":281474976710656"#, "losses[0]"),
        bad("loss_reversed", "a range that ends before it begins", r#""last_seq":5"#, r#""last_seq":1"#, "losses[0]"),
        bad("loss_count_zero", "a record of no loss", r#""count":4"#, r#""count":0"#, "losses[0]"),
        bad("loss_count_too_large", "more losses than numbers", r#""count":4"#, r#""count":5"#, "losses[0]"),
        bad("loss_lane_65536", "a lane that is too large", r#""lane":1"#, r#""lane":65536"#, "losses[0].lane"),
        bad("loss_without_time", "a loss at no time", r#","first_at":0"#, "", "losses[0]"),
        bad("loss_field_unknown", "a field that a loss record does not have", r#""lane":1"#, r#""lane":1,"why":1"#, "losses[0]"),
        json("loss_field_twice", "a field in both spellings", "JSON_DUPLICATE_KEY", loss(r#""lane":1"#, r#""lane":1,"l":1"#)).at("losses[0]"),
        json("loss_time_invalid", "a time in words", "EVT_TIME_INVALID", loss(r#""first_at":0"#, r#""first_at":"noon""#)).at("losses[0].first_at"),
        json("lanes_without_instance", "lanes of nobody", "BATCH_LANES", account("", r#""lanes":[[1,1]]"#)).at("lanes"),
        lanes("lanes_map", "lanes that are no list", "{}", "lanes"),
        lanes("lanes_triple", "a lane mark of three numbers", "[[1,1,1]]", "lanes[0]"),
        lanes("lanes_lane_65536", "a lane that is too large", "[[65536,1]]", "lanes[0]"),
        lanes("lanes_zero", "a next sequence of zero", "[[1,1],[1,0]]", "lanes[1]"),
        lanes("lanes_past_the_end", "a next sequence behind 2^48", "[[1,281474976710657]]", "lanes[0]"),
    ]
}

#[rustfmt::skip]
fn msgpack_bytes() -> Vec<Malformed> {
    let attribute = |bytes: Vec<u8>| pack::batch_of_one(&[("b", pack::map(&[("x", bytes)]))]);
    let batch = || pack::batch_of_one(&[]);
    let cut = |at: usize| batch()[..at].to_vec();
    let deep = |levels: usize| [vec![0x91; levels], vec![0]].concat();
    vec![
        msgpack("mp_empty", "no bytes", "BATCH_EMPTY", vec![]),
        msgpack("mp_null", "nil", "BATCH_SHAPE", vec![0xc0]),
        msgpack("mp_list", "an empty list", "BATCH_SHAPE", vec![0x90]),
        msgpack("mp_truncated", "cut off inside an event", "MSGPACK_TRUNCATED", cut(20)).at("events[0]"),
        msgpack("mp_trailing", "a byte behind the batch", "MSGPACK_TRAILING", [batch(), vec![0xc0]].concat()),
        msgpack("mp_reserved_byte", "0xc1", "MSGPACK_SYNTAX", attribute(vec![0xc1])).at("events[0]"),
        msgpack("mp_deep_2048", "0x91, 2,048 times", "MSGPACK_TOO_DEEP", vec![0x91; 2048]),
        msgpack("mp_deep_33", "a value nested 33 deep: lists of lists", "MSGPACK_TOO_DEEP", attribute(deep(32)))
            .event("events[0].attributes.x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"),
        msgpack("mp_events_4_billion", "a list that claims 2^32 - 1 events", "MSGPACK_TRUNCATED", pack::batch(vec![0xdd, 0xff, 0xff, 0xff, 0xff])).at("events"),
        msgpack("mp_map_4_billion", "a map that claims 2^32 - 1 pairs", "MSGPACK_TRUNCATED", vec![0xdf, 0xff, 0xff, 0xff, 0xff]),
        msgpack("mp_text_4_billion", "text that claims 2^32 - 1 bytes", "MSGPACK_TRUNCATED", attribute(vec![0xdb, 0xff, 0xff, 0xff, 0xff, b'x'])).at("events[0]"),
        msgpack("mp_bytes_4_billion", "bytes that claim 2^32 - 1 of them", "MSGPACK_TRUNCATED", attribute(vec![0xc6, 0xff, 0xff, 0xff, 0xff, 0])).at("events[0]"),
        msgpack("mp_integer_key", "a map with an integer as a key", "MSGPACK_KEY", attribute(vec![0x81, 1, 1])).event("events[0].attributes.x"),
        msgpack("mp_bytes_key", "a map with bytes as a key", "MSGPACK_KEY", attribute(vec![0x81, 0xc4, 1, b'k', 1])).event("events[0].attributes.x"),
        msgpack("mp_key_of_batch", "a batch with an integer as a key", "MSGPACK_KEY", vec![0x81, 1, 1]),
        msgpack("mp_timestamp", "a timestamp extension", "MSGPACK_EXT", attribute(vec![0xd6, 0xff, 0, 0, 0, 0])).event("events[0].attributes.x"),
        msgpack("mp_extension", "an extension of an application", "MSGPACK_EXT", attribute(vec![0xc7, 2, 5, 1, 2])).event("events[0].attributes.x"),
        msgpack("mp_latin_1", "text that is not UTF-8", "MSGPACK_TEXT_INVALID", attribute(vec![0xa4, b'c', b'a', b'f', 0xe9])).event("events[0].attributes.x"),
        msgpack("mp_nan", "NaN", "MSGPACK_NUMBER", attribute(pack::float(f64::NAN))).event("events[0].attributes.x"),
        msgpack("mp_infinity", "infinity", "MSGPACK_NUMBER", attribute(pack::float(f64::INFINITY))).event("events[0].attributes.x"),
        msgpack("mp_nil_attribute", "nil where a value has to be", "EVT_TYPE_UNSUPPORTED", attribute(vec![0xc0])).event("events[0].attributes.x"),
        msgpack("mp_duplicate_key", "an attribute twice", "MSGPACK_DUPLICATE_KEY", pack::batch_of_one(&[("b", pack::map(&[("x", vec![1]), ("x", vec![2])]))])).event("events[0].attributes"),
        msgpack("mp_duplicate_spelling", "`action` once in each spelling", "MSGPACK_DUPLICATE_KEY", pack::batch_of_one(&[("action", pack::text("login"))])).event("events[0]"),
        msgpack("mp_ip_of_5_bytes", "an address of five bytes", "EVT_FIELD_TYPE", pack::batch_of_one(&[("c", pack::map(&[("i", vec![0xc4, 5, 1, 2, 3, 4, 5])]))])).event("events[0].actor.ip"),
        msgpack("mp_trace_of_24_bytes", "a trace without its flags", "EVT_FIELD_TYPE", pack::batch_of_one(&[("x", [vec![0xc4, 24], vec![1; 24]].concat())])).event("events[0].trace"),
        msgpack("mp_version_2", "a version of the future", "ENV_VERSION", pack::map(&[("v", vec![2])])).at("v"),
    ]
}
