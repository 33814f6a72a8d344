//! MQTT for Prony: 3.1.1 and 5 over TCP, TLS and WebSocket; steps, sessions made for tens of thousands of devices, the delivery
//! audit, and the embedded broker.

#![allow(dead_code)]
mod packet;
