//! Backends and SIEMs themselves, with what an application recorded in them, asked on the far side.
//!
//! Each test says what it needs: `.ci/syslog` and the like install or build it, and print what a variable is to name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../jaeger/application.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod application;
mod auditor;
mod by_collector;
mod clickhouse;
#[path = "../support/collector.rs"]
mod collector;
mod exported;
mod grafana;
mod hostile;
#[path = "../support/recorded.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod recorded;
mod rsyslog;
mod s3;
mod tool;
mod web;

use std::time::Duration;

/// What the collector asks for.
const TOKEN: &str = "a-token-of-the-tests";
const PATIENCE: Duration = Duration::from_secs(60);
