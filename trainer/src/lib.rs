//! Training of Tickerbox's models: from recorded minutes to a signed bundle.
//!
//! ```text
//! candle files, journal days --import--> dataset   rows by the engine's own feature code
//! dataset --train--> run folder                    walk-forward folds, final fit, shrinkage; resumable
//! run folder --export--> ONNX                      INT8, compared with the 32-bit network through `infer`
//! run folders --ensemble--> folder          one model whose answers are the mean of theirs; exported and packed like a run
//! run folder, dataset --pack--> bundle             held-out result, probes, card, signature
//! bundle --verify, report-->                       what the box will do with it, and how good it is
//! ```

pub mod arima;
pub mod calibrate;
pub mod card;
pub mod checkpoint;
pub mod cli;
pub mod controls;
pub mod dataset;
pub mod device;
pub mod ensemble;
pub mod fit;
pub mod html;
pub mod import;
pub mod importance;
pub mod journal;
pub mod net;
pub mod onnx;
pub mod random;
pub mod release;
pub mod run;
pub mod runs;
pub mod scaling;
pub mod score;
pub mod split;
pub mod tune;
pub mod windows;
