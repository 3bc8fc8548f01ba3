//! Dashboards and alerts of `collector-config`: they are what their generator makes, each panel says what it means, and what
//! they ask is answered by the real servers with what an application did.
//!
//! `LLM_AUDIT_TEST_PROMETHEUS`, `LLM_AUDIT_TEST_LOKI` and `LLM_AUDIT_TEST_GRAFANA_SDK` are what `.ci/prometheus`, `.ci/loki`
//! and `.ci/grafana` print, `LLM_AUDIT_TEST_COLLECTOR` and `LLM_AUDIT_TEST_COLLECTOR_FULL` what `.ci/collector` does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod application;
#[path = "../support/collector.rs"]
mod collector;
mod grafana;
mod loki;
mod metrics;
mod prometheus;
#[path = "../support/recorded.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod recorded;
mod server;
mod shipped;
mod sums;
mod trail;
