//! `traceparent` and `tracestate` as the W3C recommendation asks.

use proptest::prelude::*;
use veribus_core::TraceState;
use veribus_core::trace::{self, TraceStateError};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn a_bad_state_never_invalidates_the_parent() {
    for bad in ["=x", "a", "A=1", "a=", "a=b,a=c", "a=\u{7f}", "a=ü", "a==b", "ä=1", "a =1"] {
        let (context, state) = trace::extract(Some(PARENT), Some(bad));
        assert_eq!(context.map(|c| c.to_string()).as_deref(), Some(PARENT), "{bad}");
        assert!(state.is_empty(), "{bad}");
    }
}

#[test]
fn a_bad_or_missing_parent_drops_the_state() {
    for parent in [None, Some("00-x"), Some("")] {
        assert_eq!(trace::extract(parent, Some("a=1")), (None, TraceState::new()));
    }
}

#[test]
fn what_was_extracted_is_injected() {
    let (context, state) = trace::extract(Some(PARENT), Some(" a=1 ,\t,b=2,0@v= x"));
    let mut headers = Vec::new();
    trace::inject(context.unwrap(), &state, |name, value| headers.push((name, value)));
    assert_eq!(headers, [("traceparent", PARENT.to_owned()), ("tracestate", "a=1,b=2,0@v= x".to_owned())]);
}

#[test]
fn the_limits_of_a_member_and_of_the_list_hold() {
    let (key, value) = ("k".repeat(256), "v".repeat(256));
    assert!(TraceState::parse(&format!("{key}={value}")).is_ok());
    assert_eq!(TraceState::parse(&format!("{key}k=v")), Err(TraceStateError::Key { member: 0 }));
    assert_eq!(TraceState::parse(&format!("k=v,j={value}v")), Err(TraceStateError::Value { member: 1 }));
    assert_eq!(TraceState::parse("a=1,b=2,a=3"), Err(TraceStateError::Duplicate { member: 2 }));

    let list = |n: usize| (0..n).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
    assert_eq!(TraceState::parse(&list(32)).map(|s| s.len()), Ok(32));
    assert_eq!(TraceState::parse(&list(33)), Err(TraceStateError::TooMany));
}

#[test]
fn a_new_member_goes_to_the_front_and_the_33rd_falls_out() {
    let list = (0..32).map(|i| format!("k{i}=v")).collect::<Vec<_>>().join(",");
    let mut state = TraceState::parse(&list).unwrap();
    assert_eq!(state.insert("k9", "w"), Ok(None));
    assert_eq!(state.iter().next(), Some(("k9", "w")));
    assert_eq!(state.insert("new", "1").unwrap().as_deref(), Some("k31"));
    assert_eq!(state.len(), 32);
    assert_eq!(state.insert("New", "1"), Err(TraceStateError::Key { member: 0 }));
    assert!(state.remove("new") && !state.remove("new"));
}

#[test]
fn long_members_are_left_out_first_and_then_from_the_end() {
    let long = format!("long={}", "v".repeat(124));
    let mut state = TraceState::parse(&format!("a=1,{long},b=2,c=3")).unwrap();
    assert_eq!(state.truncate(512), 0);
    assert_eq!(state.truncate(130), 1);
    assert_eq!(state.to_string(), "a=1,b=2,c=3");
    assert_eq!(state.truncate(8), 1);
    assert_eq!(state.to_string(), "a=1,b=2");
    assert_eq!(state.truncate(0), 2);
    assert!(state.is_empty());
}

proptest! {
    #[test]
    fn no_header_panics_and_what_is_read_is_written_and_read_again(header in "[ -~\t]{0,200}") {
        if let Ok(state) = TraceState::parse(&header) {
            prop_assert_eq!(TraceState::parse(&state.to_string()), Ok(state));
        }
    }

    #[test]
    fn good_members_come_back(members in proptest::collection::btree_map("[a-z0-9][a-z0-9_*/@-]{0,20}", "[!-+\\--<>-~]{1,20}", 0..32)) {
        let header = members.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",");
        let state = TraceState::parse(&header).unwrap();
        prop_assert!(state.iter().eq(members.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    }
}
