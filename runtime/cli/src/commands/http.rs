//! `prony http URL`: the quick form of HTTP.

use std::path::Path;

use clap::Args;
use prony_core::{Diagnostic, Place, Source};
use serde_json::{Map, Value as Json, json};

use crate::commands::quick::{self, JudgeFlags, LoadFlags};
use crate::commands::{Failure, print};
use crate::execute::{self, RunOptions};
use crate::exit;
use crate::plan::{self, Plan};

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
    #[arg(long, value_name = "JSON", value_parser = json_text)]
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
    /// Accepts any certificate.
    #[arg(long, short = 'k')]
    insecure: bool,
    /// A PEM file with certificates to trust.
    #[arg(long, value_name = "FILE")]
    cacert: Option<String>,
    /// A PEM file with the client's certificate.
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<String>,
    /// A PEM file with the client's private key.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<String>,
    /// An address for a name, instead of asking the DNS: `shop.test:443:127.0.0.1`.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve)]
    resolve: Vec<(String, String)>,
    /// Local addresses that connections come from: `127.0.0.2..127.0.0.20`.
    #[arg(long, value_name = "ADDRESSES")]
    source: Vec<String>,
    /// The longest a request may take. Default 30s.
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    /// How many redirects to follow. Default 0.
    #[arg(long, value_name = "N")]
    redirects: Option<u32>,
    #[command(flatten)]
    judge: JudgeFlags,
    /// Prints the plan instead of running it.
    #[arg(long)]
    print_plan: bool,
    #[command(flatten)]
    options: RunOptions,
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("expected `Name: value`".to_owned()),
    }
}

fn json_text(text: &str) -> Result<Json, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

fn resolve(text: &str) -> Result<(String, String), String> {
    let wrong = || "expected HOST:PORT:ADDRESS, for example shop.test:443:127.0.0.1".to_owned();
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    Ok((format!("{host}:{port}"), address.to_owned()))
}

impl Http {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let plan = self.plan()?;
        // Relative files are relative to where the command is typed.
        let plan = Plan::from_text("prony http", &quick::to_text(&plan), Path::new("."))?;
        if self.print_plan {
            print(&plan::to_yaml(&plan.written));
            return Ok(exit::PASSED);
        }
        execute::run(&plan, &self.options)
    }

    fn plan(&self) -> Result<Json, Diagnostic> {
        let (target, path) = split(&self.url)?;
        let mut top = Map::new();
        top.insert("name".to_owned(), "prony http".into());
        top.insert("target".to_owned(), target.into());
        for (key, settings) in [("http", self.settings()), ("tls", self.tls()), ("network", self.network())] {
            if !settings.is_empty() {
                top.insert(key.to_owned(), settings.into());
            }
        }
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

    fn tls(&self) -> Map<String, Json> {
        let mut tls = Map::new();
        if self.insecure {
            tls.insert("insecure".to_owned(), true.into());
        }
        if let Some(file) = &self.cacert {
            tls.insert("ca".to_owned(), json!([file]));
        }
        if let (Some(certificate), Some(key)) = (&self.cert, &self.key) {
            tls.insert("certificate".to_owned(), certificate.as_str().into());
            tls.insert("key".to_owned(), key.as_str().into());
        }
        tls
    }

    fn network(&self) -> Map<String, Json> {
        let mut network = Map::new();
        if !self.source.is_empty() {
            network.insert("source".to_owned(), self.source.clone().into());
        }
        if !self.resolve.is_empty() {
            let pinned =
                self.resolve.iter().map(|(name, address)| (name.clone(), Json::from(address.as_str())));
            network.insert("resolve".to_owned(), pinned.collect::<Map<_, _>>().into());
        }
        network
    }
}

/// A URL as the target and the path with its query.
fn split(url: &str) -> Result<(&str, &str), Diagnostic> {
    let after = url.find("://").map(|at| at + 3).filter(|_| url.starts_with("http"));
    let Some(after) = after else {
        let source = Source::new("prony http", url);
        let place = Place { start: 0, end: url.len(), source };
        return Err(Diagnostic::at(
            &place,
            format!("found `{url}`"),
            "expected a URL with http:// or https://",
        )
        .help(format!("did you mean `http://{}`?", url.split_once("://").map_or(url, |(_, rest)| rest))));
    };
    let end = url[after..].find(['/', '?', '#']).map_or(url.len(), |at| after + at);
    Ok((&url[..end], if end == url.len() { "/" } else { &url[end..] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_before_its_path() {
        for (url, target, path) in [
            ("http://a", "http://a", "/"),
            ("https://a:1/", "https://a:1", "/"),
            ("http://[::1]:80/x/{{user.id}}?a=b", "http://[::1]:80", "/x/{{user.id}}?a=b"),
            ("http://a?b", "http://a", "?b"),
        ] {
            assert_eq!(split(url).expect(url), (target, path));
        }
        let mistake = split("localhost:8080/x").expect_err("no scheme");
        assert_eq!(mistake.help.as_deref(), Some("did you mean `http://localhost:8080/x`?"));
    }
}
