//! Connections: addresses that are looked up and checked, TLS with ring and a chosen root, nothing process-wide.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use veribus_core::escape::truncated;
use veribus_core::transport::TransportError;

use crate::address::{Address, Host};
use crate::options::invalid;
use crate::secret::Secret;

/// Longest file of a secret or certificate, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Where Docker and Podman mount secrets, for every user of a container to read.
#[cfg(unix)]
const MOUNTED_SECRETS: &str = "/run/secrets";
/// Most characters of another's words in an error.
const WORDS_MAX: usize = 200;

/// A byte stream, plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a connection needs. Files are read again for each connection, so that renewed certificates and secrets count.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) address: Address,
    files: Arc<Mutex<Files>>,
}

/// What was read from files, or stood in the address itself.
#[derive(Clone)]
struct Files {
    tls: Option<Arc<ClientConfig>>,
    password: Option<Secret>,
    token: Option<Secret>,
    #[cfg(any(feature = "nats", feature = "redis"))]
    seal: crate::seal::Seal,
}

impl Files {
    fn read(address: &Address) -> Result<Self, TransportError> {
        let tls = if address.tls() { Some(Arc::new(tls_config(address)?)) } else { None };
        let password = secret(address.password.as_ref(), address.password_file.as_deref(), "password_file")?;
        let token = secret(address.token.as_ref(), address.token_file.as_deref(), "token_file")?;
        Ok(Files {
            tls,
            password,
            token,
            #[cfg(any(feature = "nats", feature = "redis"))]
            seal: crate::seal::Seal::new(
                secret(None, address.receipt_key_file.as_deref(), "receipt_key_file")?.as_ref(),
            )?,
        })
    }
}

impl Dialer {
    /// Reads the files of `address`.
    pub(crate) fn new(address: &Address) -> Result<Self, TransportError> {
        let files = Arc::new(Mutex::new(Files::read(address)?));
        Ok(Dialer { address: address.clone(), files })
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files again. While one cannot be read, what was read before is used: a server that no longer takes it
    /// says so itself.
    pub(crate) fn renew(&self) {
        if let Ok(files) = Files::read(&self.address) {
            *self.files() = files;
        }
    }

    pub(crate) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.files().tls.clone()
    }

    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) fn password(&self) -> Option<Secret> {
        self.files().password.clone()
    }

    /// The seal of receipts.
    #[cfg(any(feature = "nats", feature = "redis"))]
    pub(crate) fn seal(&self) -> crate::seal::Seal {
        self.files().seal.clone()
    }

    #[cfg_attr(not(any(feature = "http", feature = "nats")), allow(dead_code))]
    pub(crate) fn token(&self) -> Option<Secret> {
        self.files().token.clone()
    }

    /// Opens a connection to `host`, with TLS if the address asks for it.
    #[cfg_attr(not(any(feature = "http", feature = "redis")), allow(dead_code))]
    pub(crate) async fn connect(&self, host: &Host) -> Result<Box<dyn Stream>, TransportError> {
        let failed = |source: io::Error| self.unreachable(source);
        let mut last = None;
        for to in self.resolved(host).await? {
            match TcpStream::connect(to).await {
                Ok(tcp) => {
                    tcp.set_nodelay(true).map_err(failed)?;
                    let Some(tls) = self.tls() else { return Ok(Box::new(tcp)) };
                    let name = ServerName::try_from(host.name.clone())
                        .map_err(|_| invalid(&host.name, "not a name that a certificate can have"))?;
                    let stream = TlsConnector::from(tls).connect(name, tcp).await;
                    return stream.map(|s| Box::new(s) as Box<dyn Stream>).map_err(|e| self.not_trusted(e));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(failed(last.unwrap_or_else(|| io::Error::other("the name has no address"))))
    }

    /// The addresses of `host`; without TLS those of this machine alone, whatever the name means here.
    pub(crate) async fn resolved(&self, host: &Host) -> Result<Vec<std::net::SocketAddr>, TransportError> {
        let found = tokio::net::lookup_host((host.name.as_str(), host.port)).await;
        let found = found.map_err(|source| self.unreachable(source))?;
        Ok(found.filter(|to| self.address.tls() || to.ip().is_loopback()).collect())
    }

    pub(crate) fn unreachable(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> TransportError {
        TransportError::Unreachable { destination: self.address.shown(), source: source.into() }
    }

    /// A handshake that failed: a certificate that is not accepted is a refusal, all else a broken connection.
    pub(crate) fn not_trusted(&self, error: io::Error) -> TransportError {
        let fault = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match fault {
            Some(fault @ (rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_))) => {
                self.unauthorized(&fault.to_string())
            }
            _ => self.unreachable(error),
        }
    }

    pub(crate) fn unauthorized(&self, words: &str) -> TransportError {
        TransportError::Unauthorized { destination: self.address.shown(), reason: self.words(words) }
    }

    #[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
    pub(crate) fn busy(&self, words: &str) -> TransportError {
        TransportError::Busy {
            destination: self.address.shown(),
            reason: self.words(words),
            retry_after: None,
        }
    }

    #[cfg_attr(not(any(feature = "http", feature = "nats")), allow(dead_code))]
    pub(crate) fn refused(&self, words: &str) -> TransportError {
        TransportError::Refused { destination: self.address.shown(), reason: self.words(words) }
    }

    pub(crate) fn not_safe(&self, reason: &str, hint: &str) -> TransportError {
        TransportError::Unsafe {
            destination: self.address.shown(),
            reason: self.words(reason),
            hint: hint.to_owned(),
        }
    }

    /// The other end's words, escaped, cut, and without our secrets should it repeat them.
    pub(crate) fn words(&self, words: &str) -> String {
        let secrets = [self.password(), self.token()].into_iter().flatten();
        let hidden = secrets.fold(words.to_owned(), |text, secret| text.replace(secret.reveal(), "***"));
        truncated(&hidden, WORDS_MAX).to_string()
    }
}

/// 16 random hexadecimal digits: where a sender hears of its receipts, or the name of a member of a group.
#[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
pub(crate) fn random_name() -> Result<String, TransportError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|_| invalid("the system's randomness", "it gives none"))?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}

/// Whether `name` is what [`random_name`] makes: a sender's word is not trusted to name a subject or key of others.
#[cfg_attr(not(any(feature = "nats", feature = "redis")), allow(dead_code))]
pub(crate) fn is_random_name(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// The first line of a file, or the value itself.
fn secret(
    value: Option<&Secret>,
    file: Option<&Path>,
    setting: &str,
) -> Result<Option<Secret>, TransportError> {
    let Some(file) = file else { return Ok(value.cloned()) };
    let text = read_secret(file, setting)?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return Err(invalid(setting, "its first line is empty"));
    }
    Ok(Some(Secret::new(line)))
}

/// A file of at most 1 MiB that nobody but its owner and group may read.
pub(crate) fn read_secret(file: &Path, setting: &str) -> Result<String, TransportError> {
    #[cfg(unix)]
    if !file.starts_with(MOUNTED_SECRETS)
        && let Ok(found) = std::fs::metadata(file)
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777;
        if mode & 0o007 != 0 {
            let shown = file.display();
            let reason =
                format!("others may use `{shown}`, its mode is {mode:04o}; close it with `chmod 600`");
            return Err(invalid(setting, reason));
        }
    }
    read(file, setting)
}

/// A file of at most 1 MiB.
pub(crate) fn read(file: &Path, setting: &str) -> Result<String, TransportError> {
    let failed = |error: io::Error| invalid(setting, format!("cannot read `{}`: {error}", file.display()));
    let mut text = String::new();
    File::open(file).map_err(failed)?.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn tls_config(address: &Address) -> Result<ClientConfig, TransportError> {
    let mut roots = RootCertStore::empty();
    match &address.ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            for certificate in certificates(file, "ca_file")? {
                roots.add(certificate).map_err(|error| invalid("ca_file", error.to_string()))?;
            }
        }
    }
    // The provider is named: two of them in one process make the default a panic.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    match (&address.cert_file, &address.key_file) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate, "cert_file")?;
            let key = PrivateKeyDer::from_pem_slice(read_secret(key, "key_file")?.as_bytes())
                .map_err(|_| invalid("key_file", "no private key in PEM form"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| invalid("cert_file", error.to_string()))
        }
        _ => Ok(builder.with_no_client_auth()),
    }
}

fn certificates(file: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, TransportError> {
    let text = read(file, setting)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(invalid(setting, "no certificates in PEM form")),
    }
}
