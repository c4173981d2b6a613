#![doc = include_str!("../README.md")]

#[cfg(feature = "blocking")]
pub mod blocking;
mod call;
mod client;
mod connection;
mod error;
mod many;
mod model;
mod options;
mod progress;
mod proto;
mod retry;
mod source;
mod target;
mod tasks;
mod upload;
mod upload_stream;
mod writer;

pub use client::{Client, ClientBuilder};
pub use error::{Error, ErrorKind, FieldViolation, Resource};
pub use many::Object;
pub use model::{
    Advice, Checkpoint, ObjectStats, Outcome, Phase, Plan, Progress, StagingLocation,
    UploadOutcome, UploadResult,
};
pub use options::UploadOptions;
pub use source::Source;
pub use target::Target;
/// The codes of gRPC, as [`Error::code`] gives them.
pub use tonic::Code;
pub use writer::Writer;
