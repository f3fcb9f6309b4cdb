//! The real binary: against a stub server, and with a local Lambda.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod circumstances;
mod cold;
mod compare;
mod connections;
mod examples;
mod experiment;
mod grpc;
mod grpc_broken;
mod grpc_local;
mod grpc_python;
mod http2;
mod injected;
mod load;
mod local;
mod local_process;
mod payload_template;
mod preflight;
mod report;
mod report_page;
mod restart;
mod run;
mod shards;
mod support;
mod targets;
mod terminal;
mod tls;
mod update;
