//! `llm-audit demo`: everything on this machine, no other service.

pub mod emulator;
