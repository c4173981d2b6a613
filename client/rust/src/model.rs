//! What the gateway tells, as values of this library.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::error::Error;
use crate::proto::v1;

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A value that this release of the library does not know.
            Unrecognized(i32),
        }

        impl $name {
            pub(crate) fn from_proto(number: i32) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Unrecognized(other),
                }
            }
        }

        /// The name that the protocol has for it, such as `NOT_COMMITTED`.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::Unrecognized(number) => write!(f, "{number}"),
                }
            }
        }
    };
}

wire_enum! {
    /// What is known about an upload.
    Outcome {
        /// The call changes nothing, so that there is no outcome.
        Unspecified = 0 "UNSPECIFIED",
        /// The object is stored and linked, and the link was proven.
        Committed = 1 "COMMITTED",
        /// Nothing was linked, and nothing still in flight can link it.
        NotCommitted = 2 "NOT_COMMITTED",
        /// The object was linked, and a later writer has already replaced it.
        Superseded = 3 "SUPERSEDED",
        /// It could not be found out.
        Unknown = 4 "UNKNOWN",
    }
}

wire_enum! {
    /// What to do after an error.
    Advice {
        /// None was given.
        Unspecified = 0 "UNSPECIFIED",
        /// Make the same call again.
        RetryCall = 1 "RETRY_CALL",
        /// Start over, with all the bytes.
        Restart = 2 "RESTART",
        /// Change the request first.
        FixRequest = 3 "FIX_REQUEST",
        /// No repetition helps; a person has to look.
        GiveUp = 4 "GIVE_UP",
    }
}

wire_enum! {
    /// How an object's bytes went to the store.
    Plan {
        /// Not told.
        Unspecified = 0 "UNSPECIFIED",
        /// One PUT to a presigned URL.
        SinglePut = 1 "SINGLE_PUT",
        /// Presigned multipart upload.
        Multipart = 2 "MULTIPART",
        /// Blocks of Azure.
        AzureBlocks = 3 "AZURE_BLOCKS",
        /// Spooled to a file by the gateway, then one PUT.
        SpooledPut = 4 "SPOOLED_PUT",
        /// By the gateway's own credentials at the store.
        DirectS3 = 5 "DIRECT_S3",
        /// To a file on a volume shared with lakeFS.
        LocalFile = 6 "LOCAL_FILE",
        /// Through lakeFS.
        ThroughLakefs = 7 "THROUGH_LAKEFS",
    }
}

wire_enum! {
    /// What the gateway is doing for an upload.
    Phase {
        /// Not told.
        Unspecified = 0 "UNSPECIFIED",
        /// Bytes are taken and put into the store.
        Uploading = 1 "UPLOADING",
        /// All bytes have come; the store puts them together.
        Completing = 2 "COMPLETING",
        /// The object is linked to its path.
        Linking = 3 "LINKING",
    }
}

/// An object as lakeFS describes it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ObjectStats {
    /// Path relative to the branch.
    pub path: String,
    /// Address in the store, in its full form.
    pub physical_address: String,
    /// Opaque checksum of the content, as [`UploadOptions::if_match`] takes it.
    ///
    /// [`UploadOptions::if_match`]: crate::UploadOptions::if_match
    pub checksum: String,
    /// Size in bytes, where lakeFS told it.
    pub size_bytes: Option<u64>,
    /// Time of modification, whole seconds.
    pub mtime: Option<SystemTime>,
    /// The user's metadata.
    pub user_metadata: BTreeMap<String, String>,
    /// Media type.
    pub content_type: String,
}

impl ObjectStats {
    pub(crate) fn from_proto(stats: v1::ObjectStats) -> Self {
        Self {
            path: stats.path,
            physical_address: stats.physical_address,
            checksum: stats.checksum,
            size_bytes: stats.size_bytes.and_then(|size| u64::try_from(size).ok()),
            mtime: stats.mtime.and_then(|time| SystemTime::try_from(time).ok()),
            user_metadata: stats.user_metadata,
            content_type: stats.content_type,
        }
    }
}

/// What came of an upload that succeeded.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UploadResult {
    /// The object as linked; with [`Outcome::Superseded`] the caller's own, which
    /// is no longer visible.
    pub object: ObjectStats,
    /// [`Outcome::Committed`], or [`Outcome::Superseded`].
    pub outcome: Outcome,
    /// CRC32C of the whole object, as the gateway computed it; absent where an
    /// earlier call with the same `request_id` uploaded it by another gateway.
    pub crc32c: Option<u32>,
    /// How the bytes went to the store.
    pub plan: Plan,
    /// The gateway's passes through address, put and link; 1 where nothing got in
    /// the way.
    pub rounds: u32,
    /// HTTP exchanges of the gateway with lakeFS and the store.
    pub exchanges: u32,
    /// Bytes that the gateway sent to the store more than once.
    pub bytes_resent: u64,
    /// What the last call took the gateway.
    pub elapsed: Duration,
    /// Calls that this client made for it, 1 or more.
    pub attempts: u32,
    /// The `request_id` of the upload; empty where it was switched off.
    pub request_id: String,
}

impl UploadResult {
    pub(crate) fn from_proto(result: v1::UploadResult) -> Self {
        Self {
            object: ObjectStats::from_proto(result.object.unwrap_or_default()),
            outcome: Outcome::from_proto(result.outcome),
            crc32c: result.crc32c,
            plan: Plan::from_proto(result.plan),
            rounds: result.rounds.try_into().unwrap_or(0),
            exchanges: result.attempts.try_into().unwrap_or(0),
            bytes_resent: result.bytes_resent.try_into().unwrap_or(0),
            elapsed: result
                .elapsed
                .and_then(|elapsed| elapsed.try_into().ok())
                .unwrap_or_default(),
            attempts: 1,
            request_id: String::new(),
        }
    }
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What the gateway is doing.
    pub phase: Phase,
    /// Bytes of the object that were taken, each counted once.
    pub received_bytes: u64,
    /// Bytes that the store has acknowledged.
    pub stored_bytes: u64,
}

/// By what an upload can be gone on with later.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// For [`UploadOptions::resume_token`]; takes the place of earlier ones. A
    /// secret: keep it where only you can read it.
    ///
    /// [`UploadOptions::resume_token`]: crate::UploadOptions::resume_token
    pub token: Bytes,
    /// Bytes before this offset need not be sent again.
    pub offset: u64,
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// What became of an earlier upload.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UploadOutcome {
    /// What is known.
    pub outcome: Outcome,
    /// Whether the upload is still running; the outcome is unknown then.
    pub in_progress: bool,
    /// Its result, if the object was linked.
    pub result: Option<UploadResult>,
    /// How it failed, if it did.
    pub failure: Option<Error>,
}

/// A place to put an object at. Every field is as lakeFS sent it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct StagingLocation {
    /// Address of the object in its store, such as `s3://bucket/data/x`.
    pub physical_address: String,
    /// Token that old releases of lakeFS want back at the link.
    pub token: Option<String>,
    /// URL for one PUT of the bytes, if it was asked for. A secret.
    pub presigned_url: Option<String>,
    /// When `presigned_url` stops to work, where lakeFS tells.
    pub presigned_url_expiry: Option<SystemTime>,
}

impl StagingLocation {
    /// The location of this address, for bytes that were put there by other means.
    pub fn new(physical_address: impl Into<String>) -> Self {
        Self {
            physical_address: physical_address.into(),
            token: None,
            presigned_url: None,
            presigned_url_expiry: None,
        }
    }

    pub(crate) fn from_proto(location: v1::StagingLocation) -> Self {
        Self {
            physical_address: location.physical_address,
            token: location.token,
            presigned_url: location.presigned_url,
            presigned_url_expiry: location
                .presigned_url_expiry
                .and_then(|time| SystemTime::try_from(time).ok()),
        }
    }

    pub(crate) fn into_proto(self) -> v1::StagingLocation {
        v1::StagingLocation {
            physical_address: self.physical_address,
            token: self.token,
            presigned_url: self.presigned_url,
            presigned_url_expiry: self.presigned_url_expiry.map(Into::into),
        }
    }
}

impl fmt::Debug for StagingLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StagingLocation")
            .field("physical_address", &self.physical_address)
            .field("presigned_url_expiry", &self.presigned_url_expiry)
            .finish_non_exhaustive()
    }
}
