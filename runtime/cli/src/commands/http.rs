//! `prony http URL`: the quick form of HTTP.

use clap::Args;
use prony_core::Diagnostic;
use serde_json::{Map, Value as Json, json};

use crate::commands::Failure;
use crate::commands::quick::{self, JudgeFlags, LoadFlags, QuickFlags, header};
use crate::commands::tls_flags::{NetworkFlags, TlsFlags};

/// Sends HTTP requests: a plan from flags. `--print-plan` shows it.
#[derive(Debug, Args)]
pub(crate) struct Http {
    /// Where to, such as `http://127.0.0.1:8080/items`. Templates such as `{{random.int 1 100}}` work.
    url: String,
    #[command(flatten)]
    load: LoadFlags,
    /// The method. Default: GET, or POST with a body.
    #[arg(long, short = 'X', value_name = "METHOD")]
    method: Option<String>,
    /// A header of every request.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body: a text, or `@FILE`.
    #[arg(long, value_name = "TEXT|@FILE", conflicts_with = "json")]
    body: Option<String>,
    /// The body as JSON, with its content type.
    #[arg(long, value_name = "JSON", value_parser = quick::json_text)]
    json: Option<Json>,
    /// Which HTTP: what TLS agrees on and 1.1 without it (auto), 1.1, or 2.
    #[arg(long = "http", value_name = "VERSION", value_parser = ["auto", "1.1", "2"])]
    version: Option<String>,
    /// All users share so many connections. Default: each user has its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    connections: Option<u32>,
    /// HTTP/2: streams at a time on a shared connection. Default 100.
    #[arg(long, value_name = "N", requires = "connections", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    streams: Option<u32>,
    /// A new connection for each request.
    #[arg(long, conflicts_with = "connections")]
    new_connections: bool,
    #[command(flatten)]
    tls: TlsFlags,
    #[command(flatten)]
    network: NetworkFlags,
    /// The longest a request may take. Default 30s.
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// How many redirects to follow. Default 0.
    #[arg(long, value_name = "N")]
    redirects: Option<u32>,
    #[command(flatten)]
    judge: JudgeFlags,
    #[command(flatten)]
    quick: QuickFlags,
}

impl Http {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        self.quick.execute("prony http", &self.plan()?)
    }

    fn plan(&self) -> Result<Json, Diagnostic> {
        let (target, path) = quick::split_url("prony http", &self.url, ["http", "https"])?;
        let mut top = Map::new();
        top.insert("name".to_owned(), "prony http".into());
        top.insert("target".to_owned(), target.into());
        let settings =
            [("http", self.settings()), ("tls", self.tls.settings()), ("network", self.network.settings())];
        quick::insert_filled(&mut top, settings);
        Ok(self.load.plan(top, "http", &self.step(path), &self.judge))
    }

    fn step(&self, path: &str) -> Json {
        let mut step = Map::new();
        let body = self.body.is_some() || self.json.is_some();
        let method = self.method.clone().unwrap_or_else(|| if body { "POST" } else { "GET" }.to_owned());
        let key = method.to_ascii_lowercase();
        if ["get", "post", "put", "patch", "delete", "head", "options"].contains(&key.as_str()) {
            step.insert(key, path.into());
        } else {
            step.insert("method".to_owned(), method.into());
            step.insert("url".to_owned(), path.into());
        }
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, value)| (name.clone(), Json::from(value.as_str())));
            step.insert("headers".to_owned(), headers.collect::<Map<_, _>>().into());
        }
        match self.body.as_deref().map(|body| (body, body.strip_prefix('@'))) {
            Some((_, Some(file))) => step.insert("file".to_owned(), file.into()),
            Some((text, None)) => step.insert("text".to_owned(), text.into()),
            None => self.json.clone().and_then(|json| step.insert("json".to_owned(), json)),
        };
        step.into()
    }

    fn settings(&self) -> Map<String, Json> {
        let mut settings = Map::new();
        if let Some(version) = &self.version {
            settings.insert("version".to_owned(), version.as_str().into());
        }
        if self.new_connections {
            settings.insert("connections".to_owned(), "per_iteration".into());
        }
        if let Some(connections) = self.connections {
            let mut shared = json!({ "shared": connections });
            if let Some(streams) = self.streams {
                shared["streams"] = streams.into();
            }
            settings.insert("connections".to_owned(), shared);
        }
        if let Some(timeout) = &self.timeout {
            settings.insert("timeout".to_owned(), timeout.as_str().into());
        }
        if let Some(redirects) = self.redirects {
            settings.insert("redirects".to_owned(), redirects.into());
        }
        settings
    }
}
