//! How an upload is to be made.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use crate::error::Error;
use crate::model::{Checkpoint, Progress};
use crate::proto::v1;
use crate::target::Target;

const DEFAULT_ATTEMPTS: u32 = 5;

pub(crate) type OnProgress = Arc<dyn Fn(Progress) + Send + Sync>;
pub(crate) type OnCheckpoint = Arc<dyn Fn(Checkpoint) + Send + Sync>;

/// What an upload, a writer or an object of many takes beside its bytes and its
/// target.
///
/// ```
/// # use lakefs_staging::UploadOptions;
/// let options = UploadOptions::new()
///     .content_type("text/csv")
///     .if_absent(true)
///     .timeout(std::time::Duration::from_secs(60));
/// ```
#[derive(Clone, Default)]
pub struct UploadOptions {
    content_type: String,
    user_metadata: BTreeMap<String, String>,
    if_absent: bool,
    if_match: Option<String>,
    force: bool,
    mtime: Option<SystemTime>,
    request_id: Option<String>,
    attempt: u32,
    attempts: Option<u32>,
    sha256: Option<Bytes>,
    md5: Option<Bytes>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) progress: Option<OnProgress>,
    pub(crate) checkpoint: Option<OnCheckpoint>,
    pub(crate) resume_token: Bytes,
}

impl UploadOptions {
    /// The defaults: overwrite, five attempts, no limit of time but the gateway's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Media type, at most 256 bytes. Default: lakeFS's, `application/octet-stream`.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Adds an entry of metadata to store with the object. At most 64 entries and
    /// 8 KiB in all.
    #[must_use]
    pub fn user_metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.user_metadata.insert(key.into(), value.into());
        self
    }

    /// Create only: fail with `OBJECT_EXISTS` where the path has an object.
    #[must_use]
    pub fn if_absent(mut self, if_absent: bool) -> Self {
        self.if_absent = if_absent;
        self
    }

    /// Compare and swap: fail with `OBJECT_CHANGED` where the path does not have an
    /// object of this checksum, as [`ObjectStats::checksum`] shows it. For servers
    /// that implement `If-Match`; excludes `if_absent`.
    ///
    /// [`ObjectStats::checksum`]: crate::ObjectStats::checksum
    #[must_use]
    pub fn if_match(mut self, checksum: impl Into<String>) -> Self {
        self.if_match = Some(checksum.into());
        self
    }

    /// Write even to a read-only repository.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Time of modification to record, cut to whole seconds. Default: now.
    #[must_use]
    pub fn mtime(mut self, mtime: SystemTime) -> Self {
        self.mtime = Some(mtime);
        self
    }

    /// Idempotency key, 1 to 128 bytes of printable ASCII: repeated calls with the
    /// same one do no second upload. It shows in the object's user metadata.
    ///
    /// Default: one that the client makes. The empty string switches it off, and
    /// with it every repetition after which the outcome could be unknown.
    #[must_use]
    pub fn request_id(mut self, request_id: impl Into<String>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// Which call with this `request_id` the first one is, from 1 on; the client
    /// counts on from it. A first one is a request cheaper. Default: not known.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// How many calls may be made for it, 1 or more. Default: 5.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The time for all of it: reading the source, repetitions and finding out the
    /// outcome included. Default: no limit but the gateway's own.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// SHA-256 of the whole, if it is known; the gateway compares. Not for
    /// `upload_many` and `upload_file`.
    #[must_use]
    pub fn sha256(mut self, digest: [u8; 32]) -> Self {
        self.sha256 = Some(Bytes::copy_from_slice(&digest));
        self
    }

    /// MD5 of the whole, if it is known; the gateway compares. Not for
    /// `upload_many` and `upload_file`.
    #[must_use]
    pub fn md5(mut self, digest: [u8; 16]) -> Self {
        self.md5 = Some(Bytes::copy_from_slice(&digest));
        self
    }

    /// Is told how far the upload is, a few times a second, never backwards, and at
    /// its end the final number. Called by the task of the upload, so it must not
    /// block; if it panics, the upload is cancelled and the panic goes on.
    /// Not for `upload_many`.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Is told the newest token by which the upload can be gone on with after a
    /// crash, of this side or of the gateway; it must not block. Objects that go to
    /// the store at once, as small ones, have none. Needs a `request_id` of the
    /// caller's. Not for `upload_many` and `upload_file`.
    #[must_use]
    pub fn checkpoint(mut self, checkpoint: impl Fn(Checkpoint) + Send + Sync + 'static) -> Self {
        self.checkpoint = Some(Arc::new(checkpoint));
        self
    }

    /// The token of a [`Checkpoint`] to go on with. Target, options, `request_id`
    /// and source have to be those of the call that was told it. Bytes that are
    /// stored are read again, for the checksum of the whole, and not sent.
    #[must_use]
    pub fn resume_token(mut self, token: impl Into<Bytes>) -> Self {
        self.resume_token = token.into();
        self
    }

    pub(crate) fn max_attempts(&self) -> u32 {
        self.attempts.unwrap_or(DEFAULT_ATTEMPTS).max(1)
    }

    /// Whether the whole has to come as a stream, however small it is: one message
    /// has no place for digests, and resumes nothing.
    pub(crate) fn needs_stream(&self) -> bool {
        self.sha256.is_some() || self.md5.is_some() || !self.resume_token.is_empty()
    }

    pub(crate) fn digests(&self) -> (Option<Bytes>, Option<Bytes>) {
        (self.sha256.clone(), self.md5.clone())
    }

    /// What the gateway has no place for in one message.
    pub(crate) fn check_for_one_message(&self, call: &str) -> Result<(), Error> {
        let excess = if self.needs_stream() {
            "a digest or a resume_token"
        } else if self.checkpoint.is_some() {
            "checkpoint"
        } else {
            return Ok(());
        };
        Err(Error::invalid_request(format!("{call} takes no {excess}")))
    }

    /// The header of all attempts, but for what belongs to each.
    pub(crate) fn freeze(&self, target: &Target) -> Result<Header, Error> {
        let goes_on = self.checkpoint.is_some() || !self.resume_token.is_empty();
        let own_id = self.request_id.is_none();
        if goes_on && self.request_id.as_deref().unwrap_or_default().is_empty() {
            return Err(Error::invalid_request(
                "checkpoint and resume_token need a request_id of the caller's",
            ));
        }
        let request_id = match &self.request_id {
            Some(request_id) => request_id.clone(),
            None => make_request_id()?,
        };
        Ok(Header {
            first_attempt: if own_id { 1 } else { self.attempt },
            message: v1::UploadHeader {
                object: Some(target.to_proto()),
                content_type: self.content_type.clone(),
                user_metadata: self.user_metadata.clone(),
                if_absent: self.if_absent,
                if_match: self.if_match.clone(),
                force: self.force,
                mtime: self.mtime.map(whole_seconds),
                request_id,
                sha256_follows: self.sha256.is_some(),
                md5_follows: self.md5.is_some(),
                ..Default::default()
            },
        })
    }
}

impl fmt::Debug for UploadOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadOptions")
            .field("content_type", &self.content_type)
            .field("user_metadata", &self.user_metadata)
            .field("if_absent", &self.if_absent)
            .field("if_match", &self.if_match)
            .field("force", &self.force)
            .field("mtime", &self.mtime)
            .field("request_id", &self.request_id)
            .field("attempts", &self.max_attempts())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A header that stays the same for all attempts of an upload.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) message: v1::UploadHeader,
    first_attempt: u32,
}

impl Header {
    pub(crate) fn request_id(&self) -> &str {
        &self.message.request_id
    }

    /// The header of the `number`th attempt, from 1 on.
    pub(crate) fn of_attempt(&self, number: u32) -> v1::UploadHeader {
        let mut header = self.message.clone();
        if self.first_attempt > 0 {
            header.attempt = self.first_attempt.saturating_add(number - 1);
        }
        header
    }
}

fn whole_seconds(time: SystemTime) -> prost_types::Timestamp {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
            -seconds - i64::from(before.subsec_nanos() > 0)
        }
    };
    prost_types::Timestamp { seconds, nanos: 0 }
}

/// A UUID, version 4.
fn make_request_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Error::new(
            tonic::Code::Internal,
            "INTERNAL",
            "no random bytes for a request_id",
        )
        .caused_by(error)
    })?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut id = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            id.push('-');
        }
        id.push_str(&format!("{byte:02x}"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_clients_is_a_uuid_and_counts_from_one() {
        let target = Target::new("repo", "main", "a");
        let header = UploadOptions::new().freeze(&target).unwrap();
        let id = header.request_id();
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
        assert_eq!(header.of_attempt(1).attempt, 1);
        assert_eq!(header.of_attempt(3).attempt, 3);
        let other = UploadOptions::new().freeze(&target).unwrap();
        assert_ne!(other.request_id(), id);
    }

    #[test]
    fn an_id_of_the_callers_is_counted_only_if_he_says_from_where() {
        let target = Target::new("repo", "main", "a");
        let options = UploadOptions::new().request_id("mine");
        assert_eq!(options.freeze(&target).unwrap().of_attempt(2).attempt, 0);
        let options = options.attempt(4);
        assert_eq!(options.freeze(&target).unwrap().of_attempt(2).attempt, 5);
        let off = UploadOptions::new().request_id("").freeze(&target).unwrap();
        assert_eq!((off.request_id(), off.of_attempt(2).attempt), ("", 0));
    }

    #[test]
    fn times_are_cut_to_whole_seconds() {
        let at = |millis: i64| {
            let span = Duration::from_millis(millis.unsigned_abs());
            whole_seconds(if millis < 0 {
                UNIX_EPOCH - span
            } else {
                UNIX_EPOCH + span
            })
            .seconds
        };
        assert_eq!([at(0), at(1999), at(-1), at(-1000)], [0, 1, -1, -1]);
    }

    #[test]
    fn going_on_needs_a_request_id() {
        let target = Target::new("repo", "main", "a");
        for options in [
            UploadOptions::new().checkpoint(|_| {}),
            UploadOptions::new().resume_token("token"),
            UploadOptions::new().resume_token("token").request_id(""),
        ] {
            let error = options.freeze(&target).err().unwrap();
            assert_eq!(error.reason(), "INVALID_REQUEST");
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let printed = format!("{:?}", UploadOptions::new().resume_token("hush"));
        assert!(!printed.contains("hush"), "{printed}");
    }
}
