//! Real servers for tests: on free loopback ports, in folders of their own, killed when dropped.

mod http;

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use http::HttpCollector;

/// How long a server may take to listen.
const START_WITHIN: Duration = Duration::from_secs(20);

/// Which server. In what is further, `{port}` stands for the port it listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `nats-server` with JetStream; further lines of its configuration.
    Nats(String),
    /// `redis-server` with an append-only file; further arguments.
    Redis(Vec<String>),
}

/// A running process; its data outlives [`Server::kill`] and goes with the value.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    folder: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// Why there is none: a test prints it and skips.
    pub fn start(kind: Kind) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("veribus-server-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let address = free_port().map_err(|error| format!("no free port: {error}"))?;
        let mut server = Server { kind, folder, address, child: None };
        server.restart()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder, also for files of a test.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts it again where it was, with the data that it had.
    ///
    /// # Errors
    /// Why it did not start.
    pub fn restart(&mut self) -> Result<(), String> {
        self.kill();
        let port = self.address.port();
        let mut command = match &self.kind {
            Kind::Nats(more) => {
                let config = self.folder.join("nats.conf");
                let store = self.folder.join("jetstream");
                let text = format!(
                    "listen: 127.0.0.1:{port}\njetstream {{ store_dir: \"{}\" }}\n{}\n",
                    store.display(),
                    more.replace("{port}", &port.to_string())
                );
                fs::write(&config, text).map_err(|error| error.to_string())?;
                let mut command = Command::new("nats-server");
                command.arg("-c").arg(config);
                command
            }
            Kind::Redis(more) => {
                let mut command = Command::new("redis-server");
                command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
                command.args(["--appendonly", "yes", "--dir"]).arg(&self.folder);
                command.args(more.iter().map(|argument| argument.replace("{port}", &port.to_string())));
                command
            }
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
        self.child = Some(child);
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > deadline {
                return Err(format!("{:?} does not listen", command.get_program()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // A frozen process dies as well; one that is gone already is what we want.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Deletes its data; kill it first.
    pub fn wipe(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }

    /// Stops it without closing a connection: its peers are half-open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// Sends a signal, named as `kill` takes it.
    ///
    /// # Panics
    /// If it does not run.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.as_ref().map(|child| child.id().to_string()).expect("it runs");
        let status = Command::new("kill").args([signal, &pid]).status().expect("`kill` runs");
        assert!(status.success(), "kill {signal} {pid}: {status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A loopback port that nobody listens on now.
///
/// # Errors
/// Those of the system.
pub fn free_port() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}
