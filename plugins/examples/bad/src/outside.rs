//! The world outside, which is open as far as the plan says and no further.

use std::fmt::Display;

use prony_plugin::prelude::*;

/// A request to a host that no plan allows (an address that is kept for documentation).
pub(crate) async fn request_a_foreign_host() -> Result {
    let reply = http::get("http://192.0.2.1:9/").await?;
    Err(Error::new(format!("the foreign host answered with status {}", reply.status())))
}

/// Tries everything there is, and says at the level `warn` what came of it.
pub(crate) fn try_all() {
    tell("env", std::env::var("TOKEN"));
    match clock::wall() {
        Some(time) => warn!("clock: {time:?}"),
        None => warn!("clock: refused"),
    }
    #[expect(clippy::disallowed_methods, reason = "to see what it tells")]
    let standard = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    tell("standard clock", standard.map(|time| time.as_secs()));
    tell("arguments", Ok::<_, Error>(std::env::args().count()));
    tell("file", std::fs::read_to_string("/etc/passwd").map(|text| text.len()));
    tell("directory", std::fs::read_dir(".").map(Iterator::count));
    tell("write", std::fs::write("/tmp/bad", "x").map(|()| "written"));
    tell("socket", std::net::TcpStream::connect("127.0.0.1:80").map(|_| "connected"));
    tell("listen", std::net::TcpListener::bind("127.0.0.1:0").map(|_| "bound"));
    tell("thread", std::thread::Builder::new().spawn(|| ()).map(|_| "started"));
}

fn tell(what: &str, result: Result<impl Display, impl Display>) {
    match result {
        Ok(value) => warn!("{what}: {value}"),
        Err(error) => warn!("{what}: refused: {error}"),
    }
}
