//! `prony serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::channel;

use clap::Args;
use prony_http::demo::{Target, TargetOptions};

use crate::commands::{Failure, print};
use crate::exit;

/// Starts the target inside this binary: HTTP/1.1 and HTTP/2, with and without TLS, with faults to order.
///
/// docs/serve.md tells its paths and its faults. It runs until it is interrupted.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address for HTTP/1.1 and, by prior knowledge, HTTP/2. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Address for the same over TLS, with a certificate made at the start.
    #[arg(long, value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    /// Writes the certificate to trust (PEM) to this file.
    #[arg(long, value_name = "FILE", requires = "https")]
    write_ca: Option<PathBuf>,
    /// Threads that answer.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: u16,
    /// Where random delays and fault shares come from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Serve {
    pub(crate) fn execute(&self) -> Result<u8, Failure> {
        let options = TargetOptions {
            http: Some(self.http),
            https: self.https,
            threads: usize::from(self.threads),
            seed: self.seed,
        };
        let target = Target::start(options).map_err(|error| Failure::Setup(error.to_string()))?;
        if let Some(file) = &self.write_ca {
            std::fs::write(file, target.certificate_pem()).map_err(|error| {
                Failure::Setup(format!("{}: the certificate cannot be written: {error}", file.display()))
            })?;
        }
        let (stop, stopped) = channel();
        ctrlc::set_handler(move || {
            let _ = stop.send(());
        })
        .map_err(|error| Failure::Setup(format!("interrupts cannot be caught: {error}")))?;
        let mut text = String::new();
        for (scheme, address) in [("http", target.http()), ("https", target.https())] {
            if let Some(address) = address {
                text.push_str(&format!("{scheme}://{address}/\n"));
            }
        }
        text.push_str("serving; stop with Ctrl-C\n");
        print(&text);
        // An error means that the handler is gone: nothing is left to wait for.
        let _ = stopped.recv();
        Ok(exit::PASSED)
    }
}
