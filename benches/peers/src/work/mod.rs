//! What is measured, a file for each part of the report.

pub mod charts;
pub mod embedded;
pub mod gemm;
pub mod inference;
pub mod memory;
pub mod quality;
pub mod training;
