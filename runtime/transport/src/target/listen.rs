//! Where a target listens.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// Listens at `address`, and says which one it is where port 0 took a free one.
///
/// # Errors
/// What the system says; [`advice`] says what to do about it.
pub fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A port whose last connections are not quite gone can be taken again.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// What to do when an address cannot be had.
#[must_use]
pub fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "something else listens there: stop it, or take another port (0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: take one of its own, such as 127.0.0.1"
        }
        io::ErrorKind::PermissionDenied => "take a port from 1024 on (0 takes a free one)",
        _ => "take another address",
    }
}
