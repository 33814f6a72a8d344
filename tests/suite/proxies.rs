//! nginx as a proxy, with a configuration of the test's own.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::processes::{Process, free_ports, program};
use crate::requirements::missing;

/// nginx that does what `http` says, given the port it listens on. Returned with that port, and its folder.
pub(crate) fn nginx(test: &str, http: impl Fn(u16) -> String) -> Option<(Process, u16, tempfile::TempDir)> {
    let Some(program) = program("nginx") else {
        missing(test, "nginx");
        return None;
    };
    let started = (0..5).find_map(|_| {
        let folder = tempfile::tempdir().expect("a folder");
        let [port] = free_ports();
        let shown = folder.path().display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {shown}/{kind};\n"))
            .concat();
        let http = http(port);
        let text = format!(
            "daemon off;\nmaster_process off;\npid {shown}/nginx.pid;\nevents {{ worker_connections 512; }}\nhttp {{\naccess_log off;\n{temporary}\n{http}\n}}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), text).expect("written");
        let mut command = Command::new(&program);
        command.arg("-p").arg(folder.path()).args(["-e", "error.log", "-c"]).arg(folder.path().join("nginx.conf"));
        let mut process = Process::start(command.stderr(Stdio::null()));
        process.listens(&[port], Duration::from_secs(5)).then_some((process, port, folder))
    });
    Some(started.expect("nginx starts"))
}
