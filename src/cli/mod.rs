//! The command line.

#[cfg(feature = "demo")]
#[doc(hidden)]
pub mod demo;
