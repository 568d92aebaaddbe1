//! Three processes, a real collector and a real broker: one trace tells what each service checked, over each transport.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use veribus_testkit::server::{Kind, Server};

const VERIBUS: &str = env!("CARGO_BIN_EXE_three-services-veribus");
const SOON: Duration = Duration::from_secs(60);
const SECRETS: [(&str, &str); 4] = [
    ("JWT_SECRET", "a secret of the tests"),
    ("API_KEY", "shop-key-of-the-tests"),
    ("API_KEY_SHA256", "fbc72bc2579184e8ebf725d0cab2fbda7bfd55cea5773fbb1105330b6813b845"),
    ("CUSTOMER_SECRET", "0707070707070707070707070707070707070707070707070707070707070707"),
];

/// A process that says where it listens; stopped when dropped.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let url = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned));
        Running { child, url: url.expect("it says where it listens") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let until = Instant::now() + Duration::from_secs(10);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The collector, and the way to it.
struct Shop {
    folder: TempDir,
    _collector: Running,
    _services: Vec<Running>,
    gateway: String,
}

fn program(path: &str, folder: &Path) -> Command {
    let mut command = Command::new(path);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(SECRETS);
    command.env("LISTEN", "127.0.0.1:0").env("VERIBUS_SPOOL", folder.join("spool"));
    command
}

impl Shop {
    /// `more` are further arguments of the collector; `url` is the services' way to it, `None` for its HTTP ingest.
    fn open(more: &[&str], url: Option<&str>) -> Shop {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut collector = Command::new(VERIBUS);
        collector.args(["collector", "--listen", "127.0.0.1:0", "--quiet", "--data"]).arg(&data).args(more);
        let collector = Running::start(collector);
        let url = url.map_or_else(
            || format!("{}?token_file={}", collector.url, data.join("token").display()),
            str::to_owned,
        );
        let customer = program(env!("CARGO_BIN_EXE_customer"), folder.path()).arg("--key").output();
        let customer = String::from_utf8(customer.expect("it runs").stdout).expect("a key");
        let start = |path: &str, next: Option<&str>| {
            let mut command = program(path, folder.path());
            command.env("VERIBUS_URL", &url).env("CUSTOMER_KEY", customer.trim());
            command.envs(next.map(|next| ("NEXT", next)));
            Running::start(command)
        };
        let ledger = start(env!("CARGO_BIN_EXE_ledger"), None);
        let orders = start(env!("CARGO_BIN_EXE_orders"), Some(&ledger.url));
        let gateway = start(env!("CARGO_BIN_EXE_gateway"), Some(&orders.url));
        let address = gateway.url.clone();
        let services = vec![gateway, orders, ledger];
        Shop { folder, _collector: collector, _services: services, gateway: address }
    }

    /// The status that the customer got, and the trace.
    fn order(&self, option: &[&str]) -> (String, String) {
        let mut customer = program(env!("CARGO_BIN_EXE_customer"), self.folder.path());
        let output = customer.env("NEXT", &self.gateway).args(option).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let (status, trace) = said.split_once(" trace ").unwrap_or_else(|| panic!("{output:?}"));
        (status.to_owned(), trace.to_owned())
    }

    fn veribus(&self, arguments: &[&str]) -> Output {
        let data: PathBuf = self.folder.path().join("data");
        Command::new(VERIBUS).args(arguments).arg("--data").arg(data).output().expect("it runs")
    }

    /// What `veribus trace` shows, once there is so much of it: service, action, outcome.
    fn timeline(&self, trace: &str, events: usize) -> Vec<[String; 3]> {
        let until = Instant::now() + SOON;
        loop {
            let output = self.veribus(&["trace", trace, "--json"]);
            let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let stored = found["events"].as_array().map_or(0, Vec::len);
            if stored >= events {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let row = |event: &Value| {
                    [
                        text(&event["source"]["service"]),
                        text(&event["event"]["action"]),
                        text(&event["event"]["outcome"]),
                    ]
                };
                return found["events"].as_array().expect("events").iter().map(row).collect();
            }
            assert!(Instant::now() < until, "{stored} of {events} events: {output:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

const GOOD: [[&str; 3]; 4] = [
    ["gateway", "token.signature", "success"],
    ["gateway", "order.create", "success"],
    ["orders", "api_key", "success"],
    ["ledger", "order.signature", "success"],
];

fn the_shop_tells_what_it_checked(shop: &Shop) {
    let (status, trace) = shop.order(&[]);
    assert_eq!(
        (status.as_str(), shop.timeline(&trace, 4)),
        ("201", GOOD.map(|row| row.map(str::to_owned)).to_vec())
    );

    let (status, tampered) = shop.order(&["--tamper"]);
    let mut expected = GOOD;
    expected[3][2] = "failure";
    assert_eq!(
        (status.as_str(), shop.timeline(&tampered, 4)),
        ("422", expected.map(|row| row.map(str::to_owned)).to_vec())
    );

    let (status, forged) = shop.order(&["--forge"]);
    let expected = ["gateway", "token.signature", "failure"].map(str::to_owned);
    assert_eq!((status.as_str(), shop.timeline(&forged, 1)), ("401", vec![expected]));

    let shown = String::from_utf8(shop.veribus(&["trace", &tampered]).stdout).expect("text");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].contains(&tampered) && lines[0].contains("4 events, 3 services, 1 failed"), "{shown}");
    assert!(lines[4].contains("ledger") && lines[4].contains("alice"), "{shown}");
    assert!(!shown.contains(SECRETS[0].1) && !shown.contains(SECRETS[1].1), "{shown}");
}

#[test]
fn one_trace_tells_what_three_services_checked_over_http() {
    the_shop_tells_what_it_checked(&Shop::open(&[], None));
}

#[test]
fn one_trace_tells_what_three_services_checked_over_nats() {
    let Ok(broker) = Server::start(Kind::Nats(String::new())) else {
        return eprintln!("skipped: no nats-server");
    };
    let url = format!("nats://{}", broker.address());
    the_shop_tells_what_it_checked(&Shop::open(&["--nats", &url], Some(&url)));
}

#[test]
fn one_trace_tells_what_three_services_checked_over_redis() {
    let Ok(broker) = Server::start(Kind::Redis(Vec::new())) else {
        return eprintln!("skipped: no redis-server");
    };
    let url = format!("redis://{}", broker.address());
    the_shop_tells_what_it_checked(&Shop::open(&["--redis", &url], Some(&url)));
}
