//! Every kind of credential against the real servers, with no more permissions than the samples give (SEC-06), and
//! secrets that never show (SEC-51, SEC-52).
#![allow(clippy::print_stderr)]
#![cfg(all(feature = "http", feature = "nats", feature = "redis"))]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use support::{TOKEN, private_file, refused};
use veribus_core::transport::{Subscription, Transport};
use veribus_testkit::server::{HttpCollector, Kind, Server};
use veribus_testkit::transport_suite::{Collecting, deliver, parcel};
use veribus_transports::{Options, from_url, subscription_from_url};

const PASSWORD: &str = "hunter2hunter2";

fn sender(url: &str, options: &Options) -> Box<dyn Transport> {
    from_url(url, options).expect("a good address")().expect("readable files")
}

fn subscription(url: &str, options: &Options) -> Box<dyn Subscription> {
    subscription_from_url(url, options).expect("a good address")
}

fn nats(more: &str) -> Option<(Server, String)> {
    let server = Server::start(Kind::Nats(more.to_owned()));
    let server = server.map_err(|why| eprintln!("skipped: no nats-server: {why}")).ok()?;
    let url = format!("nats://{}", server.address());
    Some((server, url))
}

fn redis(more: &[String]) -> Option<(Server, String)> {
    let server = Server::start(Kind::Redis(more.to_vec()));
    let server = server.map_err(|why| eprintln!("skipped: no redis-server: {why}")).ok()?;
    let url = format!("redis://{}", server.address());
    Some((server, url))
}

/// With these options a parcel gets through; without them the server refuses.
fn opens(url: &str, options: &Options) {
    let _collecting = Collecting::start(subscription(url, options));
    deliver(sender(url, options).as_mut(), &parcel(0x31, 1));
    let error = refused(sender(url, &Options::new()).as_mut());
    assert_eq!(error.code(), "UNAUTHORIZED", "{error:?}");
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_password_file_opens_nats_and_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    // The newline at the end is no part of it.
    let file = private_file(folder.path(), "password", &format!("{PASSWORD}\n"));
    let options = Options::new().set("user", "alice").set("password_file", path(&file));
    if let Some((_server, url)) = nats(&format!("authorization {{ user: alice, password: {PASSWORD} }}")) {
        opens(&url, &options);
    }
    let acl = private_file(
        folder.path(),
        "users.acl",
        &format!("user default off\nuser alice on >{PASSWORD} ~* +@all\n"),
    );
    if let Some((_server, url)) = redis(&["--aclfile".to_owned(), path(&acl)]) {
        opens(&url, &options);
    }
}

#[test]
fn an_nkey_opens_nats() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = KeyPair::new_user();
    let seed = private_file(folder.path(), "nkey", &format!("{}\n", pair.seed().expect("a seed")));
    let more = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", pair.public_key());
    let Some((_server, url)) = nats(&more) else { return };
    opens(&url, &Options::new().set("nkey_file", path(&seed)));
}

/// A token as NATS signs them.
fn jwt(issuer: &KeyPair, subject: &KeyPair, kind: &str, more: &str) -> String {
    let header = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let claims = format!(
        r#"{{"jti":"1","iat":1700000000,"iss":"{}","name":"tests","sub":"{}","nats":{{"type":"{kind}","version":2{more}}}}}"#,
        issuer.public_key(),
        subject.public_key()
    );
    let signed = [header, &claims].map(|part| BASE64URL_NOPAD.encode(part.as_bytes())).join(".");
    let signature = issuer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[test]
fn a_credentials_file_opens_nats() {
    let folder = tempfile::tempdir().expect("a folder");
    let (operator, system) = (KeyPair::new_operator(), KeyPair::new_account());
    let (account, user) = (KeyPair::new_account(), KeyPair::new_user());
    let limits = r#","limits":{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,"conn":-1,
        "leaf":-1,"mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1}"#;
    let more = format!(
        "operator: {}\nsystem_account: {}\nresolver: MEMORY\nresolver_preload: {{\n{}: {}\n{}: {}\n}}\n",
        jwt(&operator, &operator, "operator", ""),
        system.public_key(),
        system.public_key(),
        jwt(
            &operator,
            &system,
            "account",
            r#","limits":{"subs":-1,"data":-1,"payload":-1,"conn":-1,"wildcards":true}"#
        ),
        account.public_key(),
        jwt(&operator, &account, "account", limits),
    );
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        jwt(&account, &user, "user", r#","subs":-1,"data":-1,"payload":-1"#),
        user.seed().expect("a seed")
    );
    let creds = private_file(folder.path(), "app.creds", &creds);
    let Some((_server, url)) = nats(&more) else { return };
    opens(&url, &Options::new().set("creds_file", path(&creds)));
}

/// The samples with passwords in them; `sender` and `collector` log in with theirs.
fn as_user(user: &str) -> Options {
    Options::new().set("user", user).set("password", format!("{user}-{PASSWORD}")).set("answer_timeout", "2s")
}

fn sample(text: &str) -> String {
    text.replace("SENDER-PASSWORD", &format!("sender-{PASSWORD}"))
        .replace("COLLECTOR-PASSWORD", &format!("collector-{PASSWORD}"))
}

#[test]
fn the_sample_permissions_are_enough_and_not_more() {
    let folder = tempfile::tempdir().expect("a folder");
    let acl = private_file(folder.path(), "users.acl", &sample(include_str!("../samples/redis-users.acl")));
    let brokers = [
        redis(&["--aclfile".to_owned(), path(&acl)]),
        nats(&sample(include_str!("../samples/nats-users.conf"))),
    ];
    for (_server, url) in brokers.into_iter().flatten() {
        let _collecting = Collecting::start(subscription(&url, &as_user("collector")));
        deliver(sender(&url, &as_user("sender")).as_mut(), &parcel(0x32, 1));
        // A sender reads nobody's parcels.
        let error = subscription(&url, &as_user("sender")).receive(1, std::time::Duration::from_millis(200));
        assert!(error.is_err(), "{url}: {error:?}");
    }
}

#[test]
fn a_secret_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = private_file(folder.path(), "secret", PASSWORD);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its owner");
    for (url, option) in [
        ("http://127.0.0.1:1", "token_file"),
        ("nats://127.0.0.1:1", "password_file"),
        ("redis://127.0.0.1:1", "receipt_key_file"),
    ] {
        let factory = from_url(url, &Options::new().set(option, path(&file))).expect("a good address");
        let error = factory().err().expect("others may read it").to_string();
        assert!(error.contains("chmod 600") && error.contains(option), "{error}");
        assert!(!error.contains(PASSWORD), "{error}");
    }
}

#[test]
fn a_renewed_token_counts_at_the_next_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = private_file(folder.path(), "token", "vbt_yesterdays");
    let mut server = HttpCollector::start(TOKEN).expect("a port");
    let options = Options::new().set("token_file", path(&file)).set("answer_timeout", "2s");
    let mut transport = sender(&format!("http://{}", server.address()), &options);
    let error = refused(transport.as_mut());
    assert_eq!(error.code(), "UNAUTHORIZED");
    assert!(!format!("{error:?}").contains("yesterdays"), "{error:?}");
    private_file(folder.path(), "token", TOKEN);
    server.kill();
    server.restart().expect("the same port");
    let _collecting = Collecting::start(server.subscription());
    deliver(transport.as_mut(), &parcel(0x33, 1));
}
