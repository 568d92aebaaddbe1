//! Batches in canonical form: what encoders write.

use std::time::Duration;

use veribus_core::{
    Actor, Attributes, Batch, Draft, EventDraft, EventId, EventKind, InstanceId, LaneMark, LossReason,
    LossRecord, Outcome, Severity, Source, Target, Timestamp, TraceContext, Value, VerificationEvent, event,
};

pub(crate) struct Valid {
    pub(crate) name: &'static str,
    pub(crate) shows: &'static str,
    pub(crate) batch: Batch,
}

const TIME: Timestamp = Timestamp::from_nanos(1_795_255_200_123_456_789);
const INSTANCE: InstanceId = InstanceId(0x0123_4567_89ab_cdef);
const NONE: EventId = EventId::from_bits(0);

fn source() -> Source {
    let mut source = Source::default();
    source.service = "orders".into();
    source
}

fn batch(events: Vec<VerificationEvent>) -> Batch {
    Batch { source: source(), events, ..Batch::default() }
}

fn made<F>(draft: EventDraft<'_, F>) -> VerificationEvent {
    Draft::from(draft).into_event(NONE, TIME).expect("within the limits")
}

fn with_id(id: EventId) -> VerificationEvent {
    let mut event = login();
    event.id = id;
    event
}

fn login() -> VerificationEvent {
    made(event::authentication("login"))
}

fn attributes<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Batch {
    let mut event = login();
    event.attributes = pairs.into_iter().collect();
    batch(vec![event])
}

fn map<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Value {
    Value::Map(pairs.into_iter().collect())
}

fn vector(name: &'static str, shows: &'static str, batch: Batch) -> Valid {
    Valid { name, shows, batch }
}

pub(crate) fn all() -> Vec<Valid> {
    [families(), fields(), values(), texts(), limits(), identities(), unknowns(), accounts()]
        .into_iter()
        .flatten()
        .collect()
}

#[rustfmt::skip]
fn families() -> Vec<Valid> {
    let trace = TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("a trace");
    vec![
        vector("authentication", "a failed login with every field", batch(vec![made(
            event::authentication("login").failure().severity(Severity::High).reason("bad_password")
                .actor("alice").source_ip("203.0.113.7".parse().expect("an address")).source_port(52_144)
                .source_host("host.example").target("sshd").target_kind("service").trace(trace)
                .duration(Duration::from_nanos(1_500_250)).method("password").credential("key-7")
                .attribute("attempt", 3_i64),
        )])),
        vector("authorization", "a permission that was refused", batch(vec![made(
            event::authorization("permission_check").failure().actor("bob").target("orders/17").target_kind("order")
                .permission("orders:write").policy("default-deny"),
        )])),
        vector("configuration", "a setting that was changed", batch(vec![made(
            event::configuration("policy_update").success().actor("root").setting("PermitRootLogin")
                .old_value("no").new_value("yes"),
        )])),
        vector("performance", "a measurement", batch(vec![made(
            event::performance("verify_latency").measured(0.25, "seconds").count(1_000).errors(2),
        )])),
        vector("security", "an attack that was noticed", batch(vec![made(
            event::security("brute_force").severity(Severity::Critical).failure()
                .source_ip("2001:db8::1".parse().expect("an address")).technique("T1110.001").rule("ssh-brute-force").score(95),
        )])),
        vector("bare", "only what every event has, one of each family", batch(vec![
            login(),
            made(event::authorization("x")),
            made(event::configuration("x")),
            made(event::performance("x")),
            made(event::security("x")),
        ])),
        vector("performance_extremes", "a whole measurement stays a float; counts at their ends", batch(vec![
            made(event::performance("x").measured(3.0, "").count(0).errors(u64::MAX)),
            made(event::performance("x").measured(-0.0, "s").count(1 << 53).errors((1 << 53) + 1)),
            made(event::security("x").score(0)),
            made(event::security("x").score(100)),
        ])),
    ]
}

#[rustfmt::skip]
fn fields() -> Vec<Valid> {
    let actor = |change: &dyn Fn(&mut Actor)| {
        let mut actor = Actor::default();
        change(&mut actor);
        let mut event = login();
        event.actor = Some(actor);
        event
    };
    let ips = ["0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::1", "2001:db8:0:1:1:1:1:1", "::ffff:192.0.2.1",
        "fe80::1:0:0:0", "1:0:0:2:0:0:0:3", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
    let times = [0, -1, 1, i64::MIN, i64::MAX, 951_782_400_000_000_000, 1_483_228_799_999_999_999, -128, -129, 65_535];
    let durations = [0, 127, 128, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, 1 << 53, (1 << 53) + 1, u64::MAX];
    let trace = |flags| {
        let trace = TraceContext::parse("00-0000000000000000000000000000000a-ffffffffffffffff-00").expect("a trace");
        TraceContext::new(trace.trace_id, trace.span_id, flags)
    };
    vec![
        vector("severities", "every severity",
            batch(Severity::ALL.map(|s| made(event::security("x").severity(s))).to_vec())),
        vector("outcomes", "every outcome", batch(Outcome::ALL.map(|o| made(event::security("x").outcome(o))).to_vec())),
        vector("actors", "each field of an actor alone", batch(vec![
            actor(&|a| a.name = Some("alice".into())),
            actor(&|a| a.port = Some(0)),
            actor(&|a| a.port = Some(u16::MAX)),
            actor(&|a| a.host = Some("host.example".into())),
        ])),
        vector("addresses", "IPv4 and IPv6, the latter as RFC 5952 writes them",
            batch(ips.map(|ip| actor(&|a| a.ip = Some(ip.parse().expect("an address")))).to_vec())),
        vector("targets", "a target without a kind, and one whose name is empty", batch(vec![
            made(event::authorization("x").target("orders/17")),
            made(event::authorization("x").target("").target_kind("")),
        ])),
        vector("traces", "every combination of flags", batch([0, 1, 2, 3].map(|f| made(event::security("x").trace(trace(f)))).to_vec())),
        vector("times", "the ends of the range, before and after the epoch, a leap day",
            batch(times.map(|t| made(event::security("x").time(Timestamp::from_nanos(t)))).to_vec())),
        vector("durations", "integers at the edges of their encodings, tagged in JSON beyond 2^53",
            batch(durations.map(|d| made(event::security("x").duration(Duration::from_nanos(d)))).to_vec())),
        vector("source", "every field of a source", {
            let mut source = source();
            source.instance = Some("orders-7f9c".into());
            source.host = Some("node-1".into());
            source.environment = Some("production".into());
            source.network = Some("eu-west".into());
            source.sdk = Some("veribus-rust".into());
            source.sdk_version = Some("0.1.0".into());
            Batch { source, ..batch(vec![login()]) }
        }),
        vector("no_events", "a batch without events, from a service without a name", Batch::default()),
    ]
}

#[rustfmt::skip]
fn values() -> Vec<Valid> {
    let integers: [i64; 28] = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, 1 << 53, (1 << 53) + 1,
        i64::MAX, -1, -32, -33, -128, -129, -32_768, -32_769, -2_147_483_648, -2_147_483_649, -(1 << 53), -(1 << 53) - 1,
        i64::MIN, 9_007_199_254_740_991, -9_007_199_254_740_991, 1_000_000];
    let floats = [0.0, 1.0, -1.0, 0.1, 1.5, -2.75, 100.0, 123_456.789, 1e20, 1e21, -1e21, 0.000_001, 0.000_000_1, 1.25e-9,
        f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, f64::EPSILON, 1.0 / 3.0, 9_007_199_254_740_992.0, 1.8446744073709552e19];
    vec![
        vector("booleans", "true and false", attributes([("yes", true), ("no", false)])),
        vector("integers", "signed integers at the edges of their encodings", attributes([("n", integers.map(Value::from).to_vec())])),
        vector("unsigned_integers", "integers that only fit without a sign",
            attributes([("n", [1 << 63, (1 << 63) + 1, u64::MAX].map(|n: u64| Value::from(n)).to_vec())])),
        vector("floats", "always recognisable as floats; shortest digits that come back",
            attributes([("f", floats.map(Value::from).to_vec())])),
        vector("bytes", "bytes of every length modulo three, and every byte", attributes([
            ("none", Vec::new()), ("one", vec![0xff]), ("two", vec![0xfb, 0xff]), ("three", vec![0, 1, 2]),
            ("all", (0..=255).collect::<Vec<u8>>()),
        ])),
        vector("lists", "empty, nested, at 15 and 16 items", attributes([
            ("empty", Value::List(vec![])),
            ("nested", Value::List(vec![Value::List(vec![]), Value::List(vec![true.into(), "x".into()])])),
            ("items_15", Value::List(vec![0_i64.into(); 15])),
            ("items_16", Value::List(vec![0_i64.into(); 16])),
        ])),
        vector("maps", "empty, nested, in the order given", attributes([
            ("empty", Value::Map(Attributes::new())),
            ("nested", map([("z", map([("b", 1_i64), ("a", 2)])), ("", map([("", 0_i64)]))])),
        ])),
        vector("maps_like_tags", "maps whose names are those of tags are wrapped in JSON", attributes([
            ("bytes", map([("$bytes", "not bytes")])),
            ("integer", map([("$i64", 1_i64)])),
            ("unsigned", map([("a", 1_i64), ("$u64", 2)])),
            ("map", map([("$map", map([("$map", 1_i64)]))])),
            ("other", map([("$oid", "stays"), ("$", "stays")])),
            ("$bytes", Value::from("a name at the top needs nothing")),
        ])),
        vector("attribute_names", "names that mean something elsewhere, and unusual ones", attributes([
            ("id", 1_i64), ("kind", 2), ("k", 3), ("actor.name", 4), ("with space", 5), ("é", 6), ("\u{202e}", 7), ("\"", 8),
        ])),
    ]
}

#[rustfmt::skip]
fn texts() -> Vec<Valid> {
    let controls: String = ('\0'..='\u{1f}').chain('\u{7f}'..='\u{9f}').collect();
    let hidden = "\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
        \u{2060}\u{2061}\u{2064}\u{2066}\u{2067}\u{2068}\u{2069}\u{206f}\u{feff}";
    vec![
        vector("text_lengths", "text at the edges of its encodings", attributes([
            ("31", "x".repeat(31)), ("32", "x".repeat(32)), ("255", "x".repeat(255)), ("256", "x".repeat(256)),
        ])),
        vector("text_combining", "a letter composed and decomposed: neither is changed", attributes([
            ("nfc", "\u{e9}"), ("nfd", "e\u{301}"), ("hangul", "\u{1112}\u{1161}\u{11ab}"), ("zalgo", "a\u{300}\u{301}\u{302}\u{303}"),
        ])),
        vector("text_astral", "characters beyond U+FFFF stand as themselves", attributes([
            ("emoji", "😀"), ("flag", "🇪🇺"), ("math", "𝔘"), ("last", "\u{10ffff}"), ("tag", "\u{e0041}"),
        ])),
        vector("text_scripts", "the world's letters", attributes([
            ("cjk", "日本語"), ("arabic", "مرحبا"), ("hebrew", "שלום"), ("cyrillic", "привет"), ("thai", "สวัสดี"),
        ])),
        vector("text_hidden", "what is invisible or turns the direction is escaped in JSON",
            attributes([("bidi", "user\u{202e}txt.exe"), ("all", hidden), ("beside", "\u{200a}\u{2010}\u{2027}\u{202f}\u{205f}\u{2070}\u{fefe}")])),
        vector("text_controls", "control characters, NUL among them, are escaped in JSON", attributes([
            ("all", controls.as_str()), ("terminal", "\u{1b}[2J\u{9b}2J"), ("lines", "a\r\nb\tc\u{8}\u{c}"), ("quotes", "\"\\/'"),
        ])),
        vector("text_noncharacters", "code points without a character are text too", attributes([("a", "\u{fffe}\u{ffff}\u{fdd0}\u{fffd}")])),
        vector("text_empty", "empty text wherever text may stand", {
            let mut event = made(event::authentication("x").actor("").source_host("").target("").reason("").method("").credential(""));
            event.attributes = [("a", "")].into_iter().collect();
            let mut source = Source::default();
            source.host = Some("".into());
            Batch { source, ..batch(vec![event]) }
        }),
    ]
}

#[rustfmt::skip]
fn limits() -> Vec<Valid> {
    let nested = (1..32).fold(Value::from(1_i64), |value, level| match level % 2 {
        0 => Value::List(vec![value]),
        _ => map([("x", value)]),
    });
    let mut many = login();
    many.attributes = (0..64).map(|i| (format!("a{i}"), i)).collect::<Vec<(String, i32)>>().into_iter().collect();
    let long_name = "n".repeat(128);
    let mut names = made(event::authentication(&long_name));
    names.attributes = [(long_name.as_str(), true)].into_iter().collect();
    vec![
        vector("depth_32", "a value nested 32 deep, lists and maps", attributes([("x", nested)])),
        vector("attributes_64", "64 attributes", batch(vec![many])),
        vector("values_512", "512 values: a list and its 511 items", attributes([("x", vec![Value::from(7_i64); 511])])),
        vector("names_128", "a name and an attribute of 128 bytes, a kind too", {
            let kind = EventKind::from_name(&long_name);
            batch(vec![names, VerificationEvent::bare(NONE, TIME, kind, "x").expect("a valid name")])
        }),
        vector("sixteen_fields", "an event of more fields than a short map holds", {
            let mut event = made(event::configuration("x").actor("a").target("t").reason("r").duration(Duration::ZERO)
                .trace(TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("a trace"))
                .setting("s").old_value("o").new_value("n").attribute("a", 1_i64));
            event.extra = [("later", 1_i64), ("still_later", 2)].into_iter().collect();
            event.id = EventId::from_bits(1);
            batch(vec![event])
        }),
    ]
}

#[rustfmt::skip]
fn identities() -> Vec<Valid> {
    let own = |lane, seq| with_id(EventId::new(INSTANCE, lane, seq));
    let from = |events: Vec<VerificationEvent>| Batch { instance: Some(INSTANCE), ..batch(events) };
    let foreign = || with_id(EventId::new(InstanceId(9), 1, 1));
    vec![
        vector("run", "three events of one lane", from((40..43).map(|seq| own(7, seq)).collect())),
        vector("runs_of_two_lanes", "two lanes that alternate, a run each",
            from(vec![own(0, 1), own(0, 2), own(1, 1), own(0, 3), own(1, 2), own(1, 3)])),
        vector("run_with_a_hole", "a lost event is a hole between two runs", from(vec![own(3, 1), own(3, 2), own(3, 4)])),
        vector("run_and_others", "events of another instance and without an id, between runs and behind them",
            from(vec![own(1, 5), foreign(), login(), own(1, 6), foreign(), login()])),
        vector("others_only", "an instance none of whose events is here", from(vec![foreign(), login()])),
        vector("run_extremes", "the last lane and sequence number, an instance of all ones", {
            let instance = InstanceId(u64::MAX);
            let last = |seq| with_id(EventId::new(instance, u16::MAX, seq));
            Batch { instance: Some(instance), ..batch(vec![last(EventId::SEQ_MAX - 1), last(EventId::SEQ_MAX)]) }
        }),
        vector("ids_without_instance", "ids in full", batch(vec![own(7, 42), foreign(), login()])),
        vector("run_of_sixteen", "more events than a short list holds", from((1..=16).map(|seq| own(0, seq)).collect())),
        vector("sequence_zero", "an id without a sequence number is not in a run", from(vec![own(2, 0), own(2, 1)])),
    ]
}

#[rustfmt::skip]
fn unknowns() -> Vec<Valid> {
    let finding = |extra: Attributes| {
        let kind = EventKind::from_name("finding");
        let mut event = VerificationEvent::bare(NONE, TIME, kind, "cve_found").expect("a valid name");
        event.extra = extra;
        batch(vec![event])
    };
    vec![
        vector("unknown_kind", "a family of a newer sender, with its payload", finding(
            [("package", Value::from("openssl")), ("cvss", 9.8.into()), ("fixed_in", Value::List(vec!["3.0.1".into()])), ("score", 88_i64.into())]
                .into_iter().collect())),
        vector("unknown_fields", "fields of a newer sender in a known event", {
            let mut event = login();
            event.extra = [("geo", map([("country", "EU")])), ("zz", true.into()), ("raw", Value::Bytes(vec![1, 2]))].into_iter().collect();
            batch(vec![event])
        }),
        vector("unknown_everywhere", "fields of a newer sender in the batch, its source, an actor and a target", {
            let mut event = made(event::authentication("login").actor("alice").target("sshd"));
            event.extra = [("actor", map([("session", "s-1")])), ("target", map([("zone", 4_i64)]))].into_iter().collect();
            let mut batch = batch(vec![event]);
            batch.extra = [("source", map([("region", "eu")])), ("priority", 3_i64.into())].into_iter().collect();
            batch
        }),
        vector("unknown_actor", "an actor of whom only unknown fields are given", {
            let mut event = login();
            event.extra = [("actor", map([("session", "s-1")]))].into_iter().collect();
            batch(vec![event])
        }),
        vector("field_of_another_family", "payload fields that this family does not have, of any type", {
            let mut event = login();
            event.extra = [("rule", Value::from("r1")), ("score", Value::from("high"))].into_iter().collect();
            batch(vec![event])
        }),
        vector("target_default", "a target made by hand", {
            let mut target = Target::default();
            target.name = "/admin".into();
            let mut event = login();
            event.target = Some(target);
            batch(vec![event])
        }),
    ]
}

#[rustfmt::skip]
fn accounts() -> Vec<Valid> {
    let loss = |lane, reason, first_seq, last_seq, count| LossRecord {
        lane, reason, first_seq, last_seq, count, first_at: TIME, last_at: Timestamp::from_nanos(TIME.as_nanos() + 1_000_000),
    };
    let from = |batch: Batch| Batch { instance: Some(INSTANCE), ..batch };
    let edge = |lane, first_seq, last_seq, at| LossRecord {
        lane, reason: LossReason::CrashMemory, first_seq, last_seq, count: 1, first_at: at, last_at: at,
    };
    vec![
        vector("losses", "numbers that will never come, and how far a lane has come; beside events", from(Batch {
            losses: vec![loss(7, LossReason::QueueFull, 42, 45, 4)],
            lanes: vec![LaneMark { lane: 7, next_seq: 46 }],
            ..batch(vec![with_id(EventId::new(INSTANCE, 7, 41))])
        })),
        vector("losses_only", "losses without events, of every reason",
            from(Batch {
                losses: LossReason::ALL.into_iter().zip(1..).map(|(reason, seq)| loss(0, reason, seq, seq, 1)).collect(),
                ..batch(Vec::new())
            })),
        vector("losses_extremes", "lanes, sequences and times at their ends; a record of one loss in a range", from(Batch {
            losses: vec![
                edge(0, 1, 1, Timestamp::from_nanos(i64::MIN)),
                edge(u16::MAX, EventId::SEQ_MAX, EventId::SEQ_MAX, Timestamp::from_nanos(i64::MAX)),
                edge(1, 1, EventId::SEQ_MAX, Timestamp::from_nanos(0)),
            ],
            lanes: vec![LaneMark { lane: 0, next_seq: 1 }, LaneMark { lane: u16::MAX, next_seq: EventId::SEQ_MAX + 1 }],
            ..batch(Vec::new())
        })),
        vector("losses_and_unknown_fields", "fields of a newer sender stand behind losses and lanes", from(Batch {
            losses: vec![loss(1, LossReason::Expired, 1, 9, 3)],
            lanes: vec![LaneMark { lane: 1, next_seq: 10 }],
            extra: [("priority", 3_i64)].into_iter().collect(),
            ..batch(Vec::new())
        })),
    ]
}
