//! A certificate authority of the tests' own, and real servers that show its certificates.

#![allow(dead_code, unreachable_pub, clippy::print_stderr)]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use veribus_core::transport::{News, Subscription, Transport, TransportError};
use veribus_testkit::server::{HttpCollector, Kind, Server};
use veribus_testkit::transport_suite::parcel;
use veribus_transports::{Options, from_url, subscription_from_url};

pub const TOKEN: &str = "vbt_hunter2";
pub const WAYS: [&str; 3] = ["https", "tls", "rediss"];

/// A file that only its owner may read.
pub fn private_file(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its owner");
    path
}

/// Certificate and key, PEM.
#[derive(Clone)]
pub struct Leaf {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// A private authority.
pub struct Authority {
    pub folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let folder = tempfile::tempdir().expect("a folder");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("a file");
        Authority { folder, issuer: Issuer::new(params, key) }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate of `name`, good until the end of `until`.
    pub fn leaf(&self, name: &str, until: i32) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 12, 31));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let stem = format!("{name}-{until}");
        let path = self.folder.path().join(format!("{stem}.pem"));
        fs::write(&path, certificate.pem()).expect("a file");
        let key = private_file(self.folder.path(), &format!("{stem}.key"), &key.serialize_pem());
        Leaf { certificate: path, key }
    }

    pub fn good(&self) -> Leaf {
        self.leaf("127.0.0.1", 2090)
    }
}

/// A server that speaks TLS.
pub enum Far {
    Https(HttpCollector, Front),
    Broker(&'static str, Server),
}

/// Takes TLS off before the HTTP end.
pub struct Front {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Drop for Front {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Front {
    fn start(to: SocketAddr, leaf: &Leaf, clients: Option<&Path>) -> Front {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = rustls::RootCertStore::empty();
                let ca = CertificateDer::from_pem_file(file).expect("a certificate");
                roots.add(ca).expect("an authority");
                let roots = Arc::new(roots);
                let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider);
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
        };
        let chain = vec![CertificateDer::from_pem_file(&leaf.certificate).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(&leaf.key).expect("a key");
        let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).expect("a pair")));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("one");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever breaks off a handshake is told by it.
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let Ok(mut plain) = TcpStream::connect(to).await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
                });
            }
        });
        Front { address, runtime: Some(runtime) }
    }
}

impl Far {
    /// Starts the server of `way` with a certificate; with `clients` it asks for one of that authority. Says why there
    /// is none.
    pub fn start(way: &'static str, leaf: &Leaf, clients: Option<&Path>) -> Option<Far> {
        let (certificate, key) = (leaf.certificate.display(), leaf.key.display());
        let started = match way {
            "https" => {
                let http = HttpCollector::start(TOKEN).expect("a port");
                let front = Front::start(http.address(), leaf, clients);
                return Some(Far::Https(http, front));
            }
            "tls" => {
                let verify = clients.map(|ca| format!("ca_file: \"{}\"\nverify: true\n", ca.display()));
                let tls = format!("cert_file: \"{certificate}\"\nkey_file: \"{key}\"\n");
                let more = format!("tls {{\n{tls}{}}}\n", verify.unwrap_or_default());
                Server::start(Kind::Nats(more))
            }
            _ => {
                let mut more = format!(
                    "--port 0 --tls-port {{port}} --tls-cert-file {certificate} --tls-key-file {key}"
                );
                more += &match clients {
                    None => format!(" --tls-ca-cert-file {certificate} --tls-auth-clients no"),
                    Some(ca) => format!(" --tls-ca-cert-file {} --tls-auth-clients yes", ca.display()),
                };
                Server::start(Kind::Redis(more.split(' ').map(str::to_owned).collect()))
            }
        };
        match started {
            Ok(server) => Some(Far::Broker(way, server)),
            Err(why) => {
                eprintln!("skipped: {way}: {why}");
                None
            }
        }
    }

    pub fn url(&self) -> String {
        match self {
            Far::Https(_, front) => format!("https://{TOKEN}@{}", front.address),
            Far::Broker(way, server) => format!("{way}://{}", server.address()),
        }
    }

    pub fn sender(&self, options: &Options) -> Box<dyn Transport> {
        from_url(&self.url(), options).expect("a good address")().expect("readable files")
    }

    pub fn subscription(&self, options: &Options) -> Box<dyn Subscription> {
        match self {
            Far::Https(http, _) => http.subscription(),
            Far::Broker(..) => subscription_from_url(&self.url(), options).expect("a good address"),
        }
    }
}

/// What goes wrong with the first parcel.
pub fn refused(transport: &mut dyn Transport) -> TransportError {
    let within = std::time::Duration::from_secs(5);
    match transport.send(&parcel(0x7, 1), std::time::Instant::now() + within) {
        Err(error) => error,
        Ok(()) => loop {
            match transport.poll(within) {
                Some(News::Failed { error, .. } | News::Disconnected(error)) => return error,
                Some(News::Accepted(id)) => panic!("{id} was accepted"),
                Some(News::Receipt(receipt)) => panic!("{receipt:?}"),
                Some(_) => {}
                None => panic!("no answer"),
            }
        },
    }
}
