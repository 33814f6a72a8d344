//! The embedded target: a WebSocket server with an echo, a room, a feed, and faults to order.
