//! What is counted and measured, its text, and who gives it to those who watch.

#[cfg(all(feature = "std", unix))]
#[path = "../common/data.rs"]
mod data;
#[cfg(all(feature = "std", unix))]
mod server;
#[cfg(all(feature = "std", unix))]
mod tooling;
mod values;
