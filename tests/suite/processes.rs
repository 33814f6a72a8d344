//! Other makers' servers as child processes: finding them, giving them ports, waiting for them, ending them.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a look at a port or a process is apart from the next.
const LOOK: Duration = Duration::from_millis(25);

/// A server's process. It is killed with this value, by its id.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts it, mute.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Self { child: child.expect("it runs") }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state is known").is_none()
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Waits for its end; whether that came within `time`.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        within(time, || !self.is_running())
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until all of `ports` accept connections. Not when it ends before, or time runs out.
    pub(crate) fn listens(&mut self, ports: &[u16], time: Duration) -> bool {
        let listening = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_ok();
        within(time, || !self.is_running() || ports.iter().all(listening)) && self.is_running()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(id: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &id.to_string()]).stderr(Stdio::null()).status();
}

/// The bytes of memory (resident) of a process, where the system tells.
pub(crate) fn memory(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// A program by its name. Servers live in sbin, which ordinary users do not search.
pub(crate) fn program(name: &str) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin"]);
    folders.map(|folder| format!("{folder}/{name}")).find(|file| std::path::Path::new(file).is_file())
}

/// Ports that were free a moment ago. A test beside this one may take them: who uses them tries again with others.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    listeners.each_ref().map(|listener| listener.local_addr().expect("an address").port())
}

/// Waits until `holds`; whether it did within `time`.
pub(crate) fn within(time: Duration, mut holds: impl FnMut() -> bool) -> bool {
    for _ in 0..time.as_millis() / LOOK.as_millis() {
        if holds() {
            return true;
        }
        pause(LOOK);
    }
    holds()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "the test itself has to wait; no worker is held up")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
