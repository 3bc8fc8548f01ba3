//! Beside the application's own OpenTelemetry pipeline: one call has one record and one span, whoever made the span and in
//! whatever order layers stand, and no content goes the ordinary way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod built_in_one;
mod of_others;
mod one_span;
mod planted;
mod samplers;
mod sanitized;
mod stage;

#[path = "../support/part.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod part;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod receiver;
#[path = "../support/trail.rs"]
#[allow(dead_code, reason = "each test needs its share of it")]
mod trail;
