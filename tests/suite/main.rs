//! The integration tests of the whole: the real binary against real servers.

#![allow(clippy::panic, reason = "a test fails by panicking, also in its helpers")]

mod bad_input;
mod binary;
mod brokers;
mod commands;
mod corpus;
mod demo_broker;
mod documents;
mod exhausted;
mod grpc;
mod honesty;
mod hostile;
mod house;
mod journeys;
mod live;
mod mosquitto;
mod mosquitto_clients;
mod mqtt;
mod nginx;
mod outputs;
mod plugins;
mod processes;
mod proxies;
mod report;
mod requirements;
mod scripted_broker;
mod servers;
mod stored;
mod traces;
mod ws;
