//! Where a way leads: read from a URL, refused where it would be unsafe, shown without its secrets.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use veribus_core::escape::truncated;
use veribus_core::transport::TransportError;

use crate::options::{Options, invalid};
use crate::secret::Secret;

/// Longest URL, in bytes.
const URL_BYTES_MAX: usize = 4096;
/// Most servers of one address.
const HOSTS_MAX: usize = 16;
const EXAMPLES: &str = "use `https://collector.example`, `tls://nats.example:4222`, `rediss://redis.example`, \
                        `memory://NAME`, or to this machine `http://`, `nats://`, `redis://`";

/// What a URL begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Memory,
    Http,
    Https,
    Nats,
    NatsTls,
    Redis,
    RedisTls,
}

/// Scheme, its name, its port.
const SCHEMES: [(Scheme, &str, u16); 7] = [
    (Scheme::Memory, "memory", 0),
    (Scheme::Http, "http", 7480),
    (Scheme::Https, "https", 443),
    (Scheme::Nats, "nats", 4222),
    (Scheme::NatsTls, "tls", 4222),
    (Scheme::Redis, "redis", 6379),
    (Scheme::RedisTls, "rediss", 6379),
];

/// What every way over a network takes.
const COMMON: [&str; 5] = ["ca_file", "cert_file", "key_file", "answer_timeout", "in_flight_max"];

impl Scheme {
    fn row(self) -> (&'static str, u16) {
        let row = SCHEMES.iter().find(|(scheme, _, _)| *scheme == self);
        row.map(|(_, name, port)| (*name, *port)).expect("every scheme has its row")
    }

    /// Whether it needs the other end to be this machine.
    fn is_plain(self) -> bool {
        matches!(self, Scheme::Http | Scheme::Nats | Scheme::Redis)
    }

    /// The same with TLS.
    fn with_tls(self) -> &'static str {
        match self {
            Scheme::Http => "https",
            Scheme::Nats => "tls",
            _ => "rediss",
        }
    }

    fn known(self) -> Vec<&'static str> {
        let own: &[&str] = match self {
            Scheme::Memory => return Vec::new(),
            Scheme::Http | Scheme::Https => &["token", "token_file"],
            Scheme::Nats | Scheme::NatsTls => &[
                "user",
                "password",
                "password_file",
                "token",
                "token_file",
                "creds_file",
                "nkey_file",
                "receipt_key_file",
                "stream",
                "replicas",
                "group",
                "redeliver_after",
            ],
            Scheme::Redis | Scheme::RedisTls => &[
                "user",
                "password",
                "password_file",
                "receipt_key_file",
                "stream",
                "group",
                "redeliver_after",
            ],
        };
        [own, &COMMON].concat()
    }

    #[allow(dead_code)]
    pub(crate) fn not_built(self) -> TransportError {
        let (name, _) = self.row();
        let feature = match self {
            Scheme::Memory => "memory",
            Scheme::Http | Scheme::Https => "http",
            Scheme::Nats | Scheme::NatsTls => "nats",
            Scheme::Redis | Scheme::RedisTls => "redis",
        };
        invalid(&format!("{name}://"), format!("this build has it not; turn the feature `{feature}` on"))
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Name or address, without brackets.
    pub(crate) name: String,
    pub(crate) port: u16,
}

impl Host {
    /// Whether it is this machine, by address or as `localhost`.
    fn is_loopback(&self) -> bool {
        self.name == "localhost" || self.name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// A checked address with its settings.
#[derive(Debug, Clone)]
#[cfg_attr(not(all(feature = "http", feature = "nats", feature = "redis")), allow(dead_code))]
pub(crate) struct Address {
    pub(crate) scheme: Scheme,
    pub(crate) hosts: Vec<Host>,
    /// Begins with `/`, or is empty.
    pub(crate) path: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) token: Option<Secret>,
    pub(crate) token_file: Option<PathBuf>,
    pub(crate) creds_file: Option<PathBuf>,
    pub(crate) nkey_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) receipt_key_file: Option<PathBuf>,
    pub(crate) stream: String,
    /// Servers that keep a stream that we make.
    pub(crate) replicas: usize,
    pub(crate) group: String,
    /// After this, what a collector has not settled goes to another; `None` for the way's own time.
    pub(crate) redeliver_after: Option<Duration>,
    pub(crate) answer_timeout: Duration,
    pub(crate) in_flight_max: usize,
}

impl Address {
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, TransportError> {
        if url.len() > URL_BYTES_MAX || url.chars().any(|c| c.is_control() || c == ' ') {
            return Err(invalid(
                "the address",
                format!("it has blanks or more than {URL_BYTES_MAX} bytes; {EXAMPLES}"),
            ));
        }
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("the address", EXAMPLES))?;
        let found = SCHEMES.iter().find(|(_, name, _)| name.eq_ignore_ascii_case(scheme));
        let (scheme, name, port) = *found.ok_or_else(|| {
            invalid(&format!("{}://", truncated(scheme, 20)), format!("no such way; {EXAMPLES}"))
        })?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        // The last `@`: a password may hold one.
        let (credentials, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(c, h)| (Some(c), h));
        if credentials.is_none() && url.contains('@') {
            // What stands before it may be part of a password: it is not shown.
            return Err(invalid(
                "the address",
                "an `@` stands behind `/` or `?`; in a password write `%2F`, `%3F`",
            ));
        }
        let hosts = hosts.split(',').map(|host| parse_host(host, port)).collect::<Result<Vec<_>, _>>()?;
        if hosts.len() > HOSTS_MAX || (hosts.len() > 1 && !matches!(scheme, Scheme::Nats | Scheme::NatsTls)) {
            return Err(invalid(&format!("{name}://"), format!("one server, or for NATS up to {HOSTS_MAX}")));
        }
        let plain = hosts.iter().find(|host| scheme.is_plain() && !host.is_loopback());
        if let Some(host) = plain {
            let reason = format!(
                "without TLS only this machine is reached; use `{}://{host}`, with `ca_file` for a private CA",
                scheme.with_tls()
            );
            return Err(invalid(&format!("{name}://{host}"), reason));
        }
        let options = parse_query(query)?.merged(options);
        options.check(&scheme.known())?;
        let mut address = Address::of(scheme, hosts, path.trim_end_matches('/'), &options)?;
        address.take_credentials(credentials)?;
        address.check()?;
        Ok(address)
    }

    fn of(scheme: Scheme, hosts: Vec<Host>, path: &str, options: &Options) -> Result<Self, TransportError> {
        let text = |name: &str| options.get(name).map(str::to_owned);
        let secret = |name: &str| options.get(name).map(Secret::new);
        let file = |name: &str| options.get(name).map(PathBuf::from);
        let number = |name: &str, default: usize, most: usize| match options.get(name) {
            None => Ok(default),
            Some(text) => {
                let number = text.parse().ok().filter(|number| (1..=most).contains(number));
                number.ok_or_else(|| invalid(name, format!("a number from 1 to {most}")))
            }
        };
        let (in_flight_max, replicas) = (number("in_flight_max", 1024, 65_536)?, number("replicas", 1, 5)?);
        let duration = |name: &str, least: Duration| {
            options.get(name).map(|text| parse_duration(name, text, least)).transpose()
        };
        let redeliver_after = duration("redeliver_after", Duration::from_secs(1))?;
        let answer_timeout = duration("answer_timeout", Duration::from_millis(100))?;
        Ok(Address {
            scheme,
            hosts,
            path: path.to_owned(),
            user: text("user"),
            password: secret("password"),
            password_file: file("password_file"),
            token: secret("token"),
            token_file: file("token_file"),
            creds_file: file("creds_file"),
            nkey_file: file("nkey_file"),
            ca_file: file("ca_file"),
            cert_file: file("cert_file"),
            key_file: file("key_file"),
            receipt_key_file: file("receipt_key_file"),
            stream: text("stream").unwrap_or_else(|| "veribus".to_owned()),
            replicas,
            group: text("group").unwrap_or_else(|| "collector".to_owned()),
            redeliver_after,
            answer_timeout: answer_timeout.unwrap_or(Duration::from_secs(10)),
            in_flight_max,
        })
    }

    /// `user:password@`, or for NATS and HTTP `token@`.
    fn take_credentials(&mut self, credentials: Option<&str>) -> Result<(), TransportError> {
        let Some(credentials) = credentials else { return Ok(()) };
        let setting = "the address's `user:password@`";
        let known = self.scheme.known();
        match credentials.split_once(':') {
            Some((user, password)) if known.contains(&"password") => {
                if !user.is_empty() {
                    self.user = Some(decoded(user, setting)?);
                }
                self.password = Some(Secret::new(decoded(password, setting)?));
                Ok(())
            }
            None if known.contains(&"token") => {
                self.token = Some(Secret::new(decoded(credentials, setting)?));
                Ok(())
            }
            _ => Err(invalid(setting, format!("this way takes {}", known.join(", ")))),
        }
    }

    fn check(&self) -> Result<(), TransportError> {
        let name = |text: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            (1..=64).contains(&text.len()) && text.bytes().all(plain)
        };
        for (setting, text) in [("stream", &self.stream), ("group", &self.group)] {
            if !name(text) {
                return Err(invalid(setting, "1 to 64 letters, digits, `-` and `_`"));
            }
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            return Err(invalid("cert_file", "a client certificate needs both `cert_file` and `key_file`"));
        }
        if self.ca_file.is_some() && self.scheme.is_plain() {
            return Err(invalid("ca_file", format!("for TLS use `{}://`", self.scheme.with_tls())));
        }
        if !self.path.is_empty() && !matches!(self.scheme, Scheme::Http | Scheme::Https) {
            return Err(invalid(&truncated(&self.path, 40).to_string(), "this way takes no path"));
        }
        Ok(())
    }

    /// For people: no user, password, token or query.
    pub(crate) fn shown(&self) -> String {
        let (name, _) = self.scheme.row();
        if self.scheme == Scheme::Memory {
            return format!("{name}://{}", self.hosts[0].name);
        }
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        format!("{name}://{}{}", hosts.join(","), self.path)
    }

    /// Whether to speak TLS.
    #[cfg_attr(not(feature = "network"), allow(dead_code))]
    pub(crate) fn tls(&self) -> bool {
        !self.scheme.is_plain()
    }
}

fn parse_host(text: &str, port: u16) -> Result<Host, TransportError> {
    let shown = || truncated(text, 64).to_string();
    let (name, rest) = match text.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or_else(|| invalid(&shown(), "`]` is missing"))?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match rest.strip_prefix(':') {
        Some(digits) => digits.parse().ok().filter(|port| *port > 0),
        None => rest.is_empty().then_some(port),
    };
    let port = port.ok_or_else(|| invalid(&shown(), "a port is a number from 1 to 65535"))?;
    let is_ip = name.parse::<IpAddr>().is_ok();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || name.len() > 253 || !(is_ip || name.bytes().all(plain)) {
        return Err(invalid(&shown(), "not a host name or address"));
    }
    Ok(Host { name: name.to_ascii_lowercase(), port })
}

fn parse_query(query: &str) -> Result<Options, TransportError> {
    let mut options = Options::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decoded(name, "the address's query")?;
        if options.has(&name) {
            return Err(invalid(&truncated(&name, 40).to_string(), "given twice"));
        }
        let value = decoded(value, &name)?;
        options = options.set(name, value);
    }
    Ok(options)
}

/// `%XX` becomes a byte.
fn decoded(text: &str, setting: &str) -> Result<String, TransportError> {
    let fault = || {
        invalid(&truncated(setting, 40).to_string(), "a `%` is followed by two hexadecimal digits of UTF-8")
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).ok_or_else(fault);
        bytes.push(if byte == b'%' { (digit()? * 16 + digit()?) as u8 } else { byte });
    }
    String::from_utf8(bytes).map_err(|_| fault())
}

/// From `least` to ten minutes.
fn parse_duration(setting: &str, text: &str, least: Duration) -> Result<Duration, TransportError> {
    let (digits, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    let number: Option<u64> = digits.parse().ok();
    let duration = match (number, unit) {
        (Some(n), "ms") => Some(Duration::from_millis(n)),
        (Some(n), "s") => Some(Duration::from_secs(n)),
        (Some(n), "m") => Some(Duration::from_secs(n.saturating_mul(60))),
        _ => None,
    };
    let allowed = least..=Duration::from_secs(600);
    duration
        .filter(|duration| allowed.contains(duration))
        .ok_or_else(|| invalid(setting, format!("from {least:?} to 10m, like `250ms`, `10s`, `1m`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Address::parse(url, &Options::new()).expect_err(url).to_string()
    }

    #[test]
    fn addresses_are_read_with_their_settings() {
        let options = Options::new().set("group", "two");
        let url = "tls://us%40er:p%3Ass@a.example,b.example:5?stream=audit&group=one&answer_timeout=250ms";
        let address = Address::parse(url, &options).unwrap();
        assert_eq!(address.shown(), "tls://a.example:4222,b.example:5");
        assert_eq!((address.user.as_deref(), address.stream.as_str()), (Some("us@er"), "audit"));
        assert_eq!((address.group.as_str(), address.answer_timeout.as_millis()), ("two", 250));
        assert_eq!(address.password.as_ref().map(Secret::reveal), Some("p:ss"));
    }

    #[test]
    fn without_tls_only_this_machine_is_reached() {
        for good in
            ["http://localhost:1", "nats://127.0.0.1", "redis://[::1]", "nats://127.0.0.2:1,localhost"]
        {
            Address::parse(good, &Options::new()).expect(good);
        }
        for bad in [
            "http://192.0.2.1",
            "nats://nats.example",
            "redis://10.0.0.1",
            "nats://127.0.0.1,nats.example",
            "http://localhost.example",
            "http://127.0.0.1@192.0.2.1",
            "http://127.1.example",
        ] {
            assert!(refused(bad).contains("without TLS"), "{bad}: {}", refused(bad));
        }
    }

    #[test]
    fn a_wrong_word_is_answered_with_the_right_one() {
        let cases = [
            ("nats://localhost?strem=x", "did you mean `stream`?"),
            ("https://c.example?insecure=true", "known are"),
            ("rediss://r.example?ca-file=x", "did you mean `ca_file`?"),
            ("kafka://x", "no such way"),
            ("localhost:4222", "memory://NAME"),
            ("nats://localhost:x", "a port is a number"),
            ("nats://localhost?answer_timeout=5", "like `250ms`"),
            ("nats://localhost?stream=a.b", "letters, digits"),
            ("nats://localhost?stream=a&stream=b", "given twice"),
            ("nats://localhost?stream=%zz", "hexadecimal"),
            ("nats://localhost?ca_file=x", "for TLS use `tls://`"),
            ("https://a.example,b.example", "one server"),
            ("redis://localhost/3", "takes no path"),
            ("https://u:p@c.example", "this way takes token"),
            ("tls://n.example?cert_file=x", "needs both"),
        ];
        for (url, expected) in cases {
            assert!(refused(url).contains(expected), "{url}: {}", refused(url));
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let options = Options::new().set("token", "hunter2");
        let address = Address::parse("tls://user:hunter2@n.example", &options).unwrap();
        let shown = format!("{address:?} {options:?} {}", address.shown());
        assert!(!shown.contains("hunter2"), "{shown}");
        for bad in [
            "tls://hunter2:hunter2@n.example/x",
            "https://hunter2@c.example?nope=hunter2",
            "http://hunter2@192.0.2.1",
            "redis://hunter2@localhost",
            "redis://u:hunter2/x@localhost",
            "redis://hunter2?@x",
            "tls://n.example:x?token=hunter2",
        ] {
            assert!(!refused(bad).contains("hunter2"), "{}", refused(bad));
        }
    }
}
