//! TLS with a private authority over each way, against the real servers; each fault of a certificate is said (SEC-02,
//! SEC-03).
#![cfg(all(feature = "http", feature = "nats", feature = "redis"))]

mod support;

use std::fs;

use support::{Authority, Far, WAYS, refused};
use veribus_testkit::server::{HttpCollector, Kind, Server};
use veribus_testkit::transport_suite::{Collecting, deliver, parcel};
use veribus_transports::{Options, from_url};

fn trusting(authority: &Authority) -> Options {
    Options::new().set("ca_file", authority.ca_file().display().to_string())
}

#[test]
fn a_private_authority_is_trusted_over_each_way() {
    let authority = Authority::new("shop");
    for way in WAYS {
        let Some(far) = Far::start(way, &authority.good(), None) else { continue };
        let _collecting = Collecting::start(far.subscription(&trusting(&authority)));
        deliver(far.sender(&trusting(&authority)).as_mut(), &parcel(0x21, 1));
    }
}

#[test]
fn each_fault_of_a_certificate_is_refused_and_said() {
    let (authority, other) = (Authority::new("shop"), Authority::new("somebody"));
    let faults = [
        (authority.leaf("ledger.example", 2090), "not valid for name"),
        (authority.leaf("127.0.0.1", 2021), "expired"),
        (other.good(), "UnknownIssuer"),
    ];
    for way in WAYS {
        for (leaf, said) in &faults {
            let Some(far) = Far::start(way, leaf, None) else { continue };
            let error = refused(far.sender(&trusting(&authority)).as_mut());
            assert_eq!(error.code(), "UNAUTHORIZED", "{way}: {error}");
            assert!(error.to_string().contains(said), "{way}: {error} says nothing of `{said}`");
            assert!(!format!("{error:?}").contains("hunter2"), "{way}: {error:?}");
        }
        // The authorities of the web do not know ours.
        let Some(far) = Far::start(way, &authority.good(), None) else { continue };
        let error = refused(far.sender(&Options::new()).as_mut());
        assert!(error.to_string().contains("UnknownIssuer"), "{way}: {error}");
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to() {
    let authority = Authority::new("shop");
    let http = HttpCollector::start("vbt_hunter2").expect("a port");
    let mut urls = vec![format!("https://vbt_hunter2@{}", http.address())];
    let nats = Server::start(Kind::Nats(String::new()));
    urls.extend(nats.iter().map(|server| format!("tls://{}", server.address())));
    let redis = Server::start(Kind::Redis(Vec::new()));
    urls.extend(redis.iter().map(|server| format!("rediss://:hunter2@{}", server.address())));
    for url in urls {
        let options = trusting(&authority).set("answer_timeout", "1s");
        let mut transport = from_url(&url, &options).unwrap()().unwrap();
        let error = refused(transport.as_mut());
        assert!(
            matches!(error.code(), "UNREACHABLE" | "TIMED_OUT"),
            "{}: {error:?}",
            transport.destination()
        );
    }
}

#[test]
fn tls_before_1_2_is_refused() {
    let authority = Authority::new("shop");
    let leaf = authority.good();
    let (certificate, key) = (leaf.certificate.display(), leaf.key.display());
    let more = format!(
        "--port 0 --tls-port {{port}} --tls-cert-file {certificate} --tls-key-file {key} --tls-ca-cert-file \
         {certificate} --tls-auth-clients no --tls-protocols TLSv1.1"
    );
    let Ok(server) = Server::start(Kind::Redis(more.split_whitespace().map(str::to_owned).collect())) else {
        return eprintln!("skipped: no redis-server");
    };
    let url = format!("rediss://{}", server.address());
    let error = refused(from_url(&url, &trusting(&authority)).unwrap()().unwrap().as_mut());
    assert!(matches!(error.code(), "UNREACHABLE" | "UNAUTHORIZED"), "{error:?}");
}

#[test]
fn a_server_that_asks_for_a_client_certificate_gets_ours() {
    let (authority, other) = (Authority::new("shop"), Authority::new("somebody"));
    for way in WAYS {
        let Some(far) = Far::start(way, &authority.good(), Some(&authority.ca_file())) else { continue };
        let as_client = |of: &Authority| {
            let leaf = of.leaf("orders", 2090);
            trusting(&authority)
                .set("cert_file", leaf.certificate.display().to_string())
                .set("key_file", leaf.key.display().to_string())
        };
        let mut good = far.sender(&as_client(&authority));
        let _collecting = Collecting::start(far.subscription(&as_client(&authority)));
        deliver(good.as_mut(), &parcel(0x22, 1));
        for options in [trusting(&authority), as_client(&other)] {
            let error = refused(far.sender(&options.set("answer_timeout", "2s")).as_mut());
            assert!(error.is_retryable(), "{way}: {error:?}");
        }
    }
}

#[test]
fn a_renewed_authority_counts_at_the_next_connection() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    for way in ["tls", "rediss"] {
        let Some(far) = Far::start(way, &new.good(), None) else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        fs::copy(old.ca_file(), &file).expect("a copy");
        let options = Options::new().set("ca_file", file.display().to_string());
        let mut transport = far.sender(&options);
        assert_eq!(refused(transport.as_mut()).code(), "UNAUTHORIZED");
        fs::copy(new.ca_file(), &file).expect("a copy");
        let _collecting = Collecting::start(far.subscription(&options));
        deliver(transport.as_mut(), &parcel(0x23, 1));
    }
}
