//! The messages, as generated (`cargo run -p xtask`).

#![allow(missing_docs, clippy::all)]

pub(crate) mod v1 {
    include!("proto/lakefs.staging.v1.rs");
}

pub(crate) mod rpc {
    #![allow(dead_code)]
    include!("proto/google.rpc.rs");
}
