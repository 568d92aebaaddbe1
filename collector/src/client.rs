//! How the commands reach a running collector: its address, its token, and plain answers.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use ureq::Agent;
use ureq::http::Response;
use veribus_core::escape::truncated;

use crate::auth::Token;
use crate::cli::CommandError;
use crate::data_dir::{DEFAULT_DATA_DIR, DataDir, DataDirError, read_token};

/// Where a collector is looked for unless told otherwise.
pub const DEFAULT_URL: &str = "http://127.0.0.1:7480";
/// How long the collector may take to answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// Options of every command that talks to a collector.
#[derive(Debug, Clone, clap::Args)]
pub struct CollectorArgs {
    /// Where the collector listens
    #[arg(long, env = "VERIBUS_URL", default_value = DEFAULT_URL, value_name = "URL")]
    pub url: String,
    /// The file that holds its token
    #[arg(long, env = "VERIBUS_TOKEN_FILE", value_name = "FILE", help = TOKEN_HELP)]
    pub token_file: Option<PathBuf>,
}

const TOKEN_HELP: &str = "The file that holds its token [default: DATA/token]";

/// A collector to talk to.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    url: String,
    token: Token,
}

/// Why a collector did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no data folder: no collector was ever started on it.
    #[error(transparent)]
    NoData(DataDirError),
    /// The token cannot be read.
    #[error("cannot read the collector's token")]
    Token(#[source] DataDirError),
    /// Not an address to send a token to.
    #[error(
        "`{url}` is not `http://` and a loopback address; without TLS the token would be sent in the clear"
    )]
    Url {
        /// The address, escaped.
        url: String,
    },
    /// No answer.
    #[error("no collector answers at {url}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// An answer that says no.
    #[error("the collector answered {status} {code}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its stable code; empty if it is not a collector.
        code: String,
        /// What it says, escaped.
        message: String,
    },
    /// An answer that is not understood.
    #[error("the answer of {url} is not a collector's")]
    Answer {
        /// The address.
        url: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<ClientError> for CommandError {
    fn from(error: ClientError) -> Self {
        let help = match &error {
            ClientError::Unreachable { .. } => {
                "start one with `veribus collector`, or say where it is with --url"
            }
            ClientError::Token(_) => "name the file with --token-file, or the folder with --data",
            ClientError::Url { .. } => "use an address like http://127.0.0.1:7480",
            ClientError::Refused { code, .. } if code.starts_with("AUTH_") => {
                "the token is of another collector; name the right file with --token-file"
            }
            _ => "",
        };
        let told = match &error {
            ClientError::Refused { .. } => CommandError::found(&error),
            _ => CommandError::usage(&error),
        };
        let told = match &error {
            ClientError::Refused { code, .. } => told.code(code),
            ClientError::NoData(source) | ClientError::Token(source) => told.code(source.code()),
            _ => told,
        };
        let told = if help.is_empty() { told } else { told.help(help) };
        match error {
            ClientError::Token(source) => told.because(source),
            ClientError::Unreachable { source, .. } => told.because(source),
            ClientError::Answer { source, .. } => told.because(source),
            _ => told,
        }
    }
}

impl CollectorArgs {
    /// A client for these options; the token is that of the folder `data` unless another file is named.
    ///
    /// # Errors
    /// [`ClientError::NoData`], [`ClientError::Token`], [`ClientError::Url`].
    pub fn client(&self, data: Option<&Path>) -> Result<Client, ClientError> {
        let token = match &self.token_file {
            Some(file) => read_token(file),
            None => {
                let data = data.unwrap_or(Path::new(DEFAULT_DATA_DIR));
                DataDir::open(data).map_err(ClientError::NoData)?.token()
            }
        };
        Client::new(&self.url, token.map_err(ClientError::Token)?)
    }
}

impl Client {
    /// A client of the collector at `url`.
    ///
    /// # Errors
    /// [`ClientError::Url`] if it is not a loopback address: there is no TLS yet.
    pub fn new(url: &str, token: Token) -> Result<Self, ClientError> {
        if !is_loopback(url) {
            return Err(ClientError::Url { url: truncated(url, 64).to_string() });
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_DEADLINE))
            .max_redirects(0)
            .proxy(None)
            .build();
        Ok(Client { agent: config.into(), url: url.trim_end_matches('/').to_owned(), token })
    }

    /// The collector's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks for `path` and reads the JSON answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let request = self.agent.get(self.at(path)).header("authorization", self.bearer());
        let answer = request.config().timeout_global(Some(DEADLINE)).build().call();
        self.read(answer)
    }

    /// Sends a body and reads the JSON answer.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        media_type: &str,
        body: &[u8],
    ) -> Result<T, ClientError> {
        let request = self.agent.post(self.at(path)).header("authorization", self.bearer());
        let request = request.content_type(media_type).config().timeout_global(Some(DEADLINE)).build();
        self.read(request.send(body))
    }

    /// Opens a stream that has no end.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn stream(&self, path: &str) -> Result<impl Read + use<>, ClientError> {
        let answer = self.agent.get(self.at(path)).header("authorization", self.bearer()).call();
        Ok(self.succeeded(answer)?.into_body().into_reader())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token.reveal())
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let body = self.succeeded(answer)?.into_body().into_with_config().limit(ANSWER_BYTES_MAX);
        serde_json::from_reader(body.reader())
            .map_err(|source| ClientError::Answer { url: self.url.clone(), source: source.into() })
    }

    fn succeeded(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response<ureq::Body>, ClientError> {
        let unreachable =
            |source| ClientError::Unreachable { url: self.url.clone(), source: Box::new(source) };
        let mut answer = answer.map_err(unreachable)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(64 << 10).read_to_vec().unwrap_or_default();
        let document: Json = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| {
            let text = document["error"][name].as_str().unwrap_or_default();
            truncated(text, 500).to_string()
        };
        Err(ClientError::Refused { status, code: text("code"), message: text("message") })
    }
}

/// Whether a URL is plain HTTP to this machine, by address or by the name `localhost`.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    uri.scheme_str() == Some("http") && is_local
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_to_this_machine_only() {
        for good in ["http://127.0.0.1:7480", "http://localhost:1/", "http://[::1]:7480"] {
            assert!(is_loopback(good), "{good}");
        }
        for bad in [
            "http://192.0.2.1",
            "https://127.0.0.1",
            "http://localhost.example:1",
            "127.0.0.1:7480",
            "http://127.0.0.1@192.0.2.1",
        ] {
            assert!(!is_loopback(bad), "{bad}");
        }
    }
}
