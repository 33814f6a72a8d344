//! How Prony reaches a peer.
