//! Neural networks: run, train, quantise, store.
//!
//! | file | what |
//! |---|---|
//! | [`activation`](Activation) | the functions after a layer, and their slopes |
//! | [`shape`](Shape) | what layers a network has, and whether they make one |
//! | [`net`](Net) | float32 networks: create, load, run, save |
//! | [`train`](Trainer) | RPROP and its kin, Quickprop, SGD, Adam, AdamW; schedules, early stopping |
//! | `exact` | running and training with libfann's bits |
//! | [`cascade`](Cascade) | training that grows a network |
//! | [`quant`](QNet) | int8 and int16 networks, integer arithmetic alone |
//! | [`data`](Dataset) | samples: FANN's files, CSV, IDX; shuffle, split, scale |
//! | `format` | models as bytes |
//! | [`kernel`] | the inner loops, one table for each instruction set |
//!
//! Data is row-major everywhere: a batch of `n` samples is `n` rows one after
//! the other; a layer's weights are one row for each unit, one column for each
//! input.

mod activation;
mod cascade;
mod data;
mod exact;
mod format;
mod init;
pub mod kernel;
mod net;
mod permutation;
mod quant;
mod shape;
mod train;

pub use activation::Activation;
pub use cascade::{
    Cascade, CascadeConfig, CascadeHook, CascadeParams, CascadeProgress, CascadeReport,
    CascadeStop, Patience,
};
pub use data::{
    Column, Csv, CsvConfig, DataShape, Dataset, FannData, Fit, Idx, IdxConfig, Labels, Table,
};
pub use format::ALIGN as MODEL_ALIGN;
pub use format::fann::{FANN_LIST, FannFile, FannSettings};
pub use init::Init;
pub(crate) use init::Random;
pub use kernel::Kernel;
pub use net::{Connection, LayerInfo, Layers, Net, NetConfig, Randomize, Scale};
pub(crate) use quant::smallest_in_piece;
pub use quant::{
    Bound, Calibration, LayerError, QNet, QNet16, QNet16Config, QNetConfig, Quantization,
    Quantization16, Rounding, Scheme, SchemeChoice, SchemeConfig, smallest_scheme,
};
pub use shape::{Layer, Shape, Topology};
pub(crate) use train::DEFAULT_BATCH;
pub use train::{
    Adam, Algorithm, Data, ErrorFunction, Loss, Progress, ProgressHook, Rprop, Sarprop, Schedule,
    StopReason, TrainParams, TrainReport, Trainer, TrainerConfig,
};
