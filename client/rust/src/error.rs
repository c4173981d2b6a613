//! What is known about a call that failed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tonic::{Code, Status};

use crate::model::{Advice, ObjectStats, Outcome};
use crate::proto::{rpc, v1};

/// Any error, as the standard library boxes them.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

pub(crate) const GATEWAY_DOMAIN: &str = "lakefs.staging";
const CLIENT_DOMAIN: &str = "lakefs.staging.client";

/// A call that failed: what happened, what is known of the outcome, and what to do.
///
/// Errors come from the gateway, from this library (domain
/// `lakefs.staging.client`), or from the caller's own source; the last keep the
/// caller's error as their [`source`](StdError::source), and
/// [`kind`](Error::kind) tells them apart.
///
/// An error is cheap to clone, and never has an authorization, a token or a
/// presigned URL in it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    code: Code,
    reason: Cow<'static, str>,
    domain: Cow<'static, str>,
    message: String,
    outcome: Outcome,
    advice: Advice,
    retry_after: Option<Duration>,
    violations: Vec<FieldViolation>,
    resource: Option<Resource>,
    object: Option<ObjectStats>,
    metadata: BTreeMap<String, String>,
    request_id: String,
    attempts: u32,
    cause: Option<Arc<dyn StdError + Send + Sync>>,
    is_source: bool,
}

/// The kinds of errors that programs tell apart; [`Error::reason`] says more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Another's object is at the path, and `if_absent` was set.
    ObjectExists,
    /// What is at the path is not what `if_match` expects.
    ObjectChanged,
    /// No such repository or branch, or nothing is known of a `request_id`.
    NotFound,
    /// The credentials were refused, or do not suffice.
    PermissionDenied,
    /// The request, or a setting, is wrong.
    InvalidRequest,
    /// The bytes are not those that were announced: checksum or size differ.
    DataMismatch,
    /// The caller's own source failed; [`Error::source`](StdError::source) is its
    /// error.
    Source,
    /// The time was over, and nothing can have been linked.
    DeadlineExceeded,
    /// It could not be found out whether the object was linked.
    OutcomeUnknown,
    /// Anything else.
    Other,
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldViolation {
    /// Path of the field in the protocol, such as `header.object.path`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

/// What was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resource {
    /// What it is, such as `repository`.
    pub resource_type: String,
    /// Its name.
    pub name: String,
}

impl Error {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        let inner = &*self.0;
        if inner.is_source {
            return ErrorKind::Source;
        }
        match &*inner.reason {
            "OBJECT_EXISTS" => ErrorKind::ObjectExists,
            "OBJECT_CHANGED" => ErrorKind::ObjectChanged,
            "NOT_FOUND" => ErrorKind::NotFound,
            "PERMISSION_DENIED" | "CREDENTIALS_REJECTED" => ErrorKind::PermissionDenied,
            "INVALID_REQUEST" => ErrorKind::InvalidRequest,
            "CHECKSUM_MISMATCH" | "SIZE_MISMATCH" => ErrorKind::DataMismatch,
            _ if inner.outcome == Outcome::Unknown => ErrorKind::OutcomeUnknown,
            "DEADLINE_EXCEEDED" => ErrorKind::DeadlineExceeded,
            _ => ErrorKind::Other,
        }
    }

    /// The code of gRPC.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The cause in one word, such as `LINK_CONFLICT`, for programs to match on.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// Whose word `reason` is: the gateway's `lakefs.staging`, or
    /// `lakefs.staging.client`.
    pub fn domain(&self) -> &str {
        &self.0.domain
    }

    /// What happened, for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What is known of the upload or link; unspecified for calls that change
    /// nothing.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// What to do.
    pub fn advice(&self) -> Advice {
        self.0.advice
    }

    /// How long to wait before the same call again, if the gateway said so.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// All that is wrong with the request.
    pub fn violations(&self) -> &[FieldViolation] {
        &self.0.violations
    }

    /// What was not found.
    pub fn resource(&self) -> Option<&Resource> {
        self.0.resource.as_ref()
    }

    /// The object that stands in the way.
    pub fn object(&self) -> Option<&ObjectStats> {
        self.0.object.as_ref()
    }

    /// More about the cause; `callId` is that of the gateway's log.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The `request_id` of the upload, for [`Client::outcome`]; empty where there
    /// is none.
    ///
    /// [`Client::outcome`]: crate::Client::outcome
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Calls of the gateway that were made for it; 0 where none was.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Whether the advice is to repeat: the same call, or from the beginning.
    pub fn retryable(&self) -> bool {
        matches!(self.0.advice, Advice::RetryCall | Advice::Restart)
    }

    /// Whether it is certain that nothing was linked.
    pub fn nothing_linked(&self) -> bool {
        self.0.outcome == Outcome::NotCommitted
    }
}

/// How this library makes its own errors.
impl Error {
    pub(crate) fn new(code: Code, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            code,
            reason: Cow::Borrowed(reason),
            domain: Cow::Borrowed(CLIENT_DOMAIN),
            message: message.into(),
            outcome: Outcome::NotCommitted,
            advice: Advice::RetryCall,
            retry_after: None,
            violations: Vec::new(),
            resource: None,
            object: None,
            metadata: BTreeMap::new(),
            request_id: String::new(),
            attempts: 0,
            cause: None,
            is_source: false,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn outcome_is(self, outcome: Outcome) -> Self {
        self.with(|inner| inner.outcome = outcome)
    }

    pub(crate) fn advise(self, advice: Advice) -> Self {
        self.with(|inner| inner.advice = advice)
    }

    pub(crate) fn caused_by(self, cause: impl Into<BoxError>) -> Self {
        self.with(|inner| inner.cause = Some(Arc::from(cause.into())))
    }

    /// Of a call that changes nothing.
    pub(crate) fn without_outcome(self) -> Self {
        self.with(|inner| {
            inner.outcome = Outcome::Unspecified;
            inner.advice = Advice::Unspecified;
        })
    }

    /// Of a call that changes nothing, unless the gateway said otherwise.
    pub(crate) fn unless_told(self) -> Self {
        if self.0.domain == CLIENT_DOMAIN {
            self.without_outcome()
        } else {
            self
        }
    }

    pub(crate) fn of_upload(self, request_id: &str, attempts: u32) -> Self {
        self.with(|inner| {
            inner.request_id = request_id.to_owned();
            inner.attempts = attempts;
        })
    }

    /// Says in words, too, how to find out what is not known.
    pub(crate) fn say_how_to_know(self) -> Self {
        if self.0.outcome != Outcome::Unknown {
            return self;
        }
        self.with(|inner| {
            let ask = match &*inner.request_id {
                "" => "look at its path".to_owned(),
                id => format!("ask for the outcome of request_id {id}"),
            };
            inner.message = format!(
                "{}; whether the object was linked is not known: {ask}",
                inner.message
            );
        })
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, "INVALID_REQUEST", message).advise(Advice::FixRequest)
    }

    pub(crate) fn source_failed(cause: impl Into<BoxError>) -> Self {
        let cause = cause.into();
        Self::new(
            Code::Unknown,
            "SOURCE_UNREADABLE",
            format!("the source failed: {cause}"),
        )
        .advise(Advice::FixRequest)
        .caused_by(cause)
        .with(|inner| inner.is_source = true)
    }

    pub(crate) fn source_changed(message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, "SOURCE_CHANGED", message).advise(Advice::Restart)
    }

    pub(crate) fn size_mismatch(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, "SIZE_MISMATCH", message).advise(Advice::FixRequest)
    }

    pub(crate) fn unreachable(gateway: &str, why: Option<BoxError>) -> Self {
        let words = why.as_deref().map(|why| format!(" ({})", chain(why)));
        let error = Self::new(
            Code::Unavailable,
            "GATEWAY_UNREACHABLE",
            format!(
                "no gateway answers at {gateway}{}",
                words.unwrap_or_default()
            ),
        );
        match why {
            Some(why) => error.caused_by(why),
            None => error,
        }
    }

    pub(crate) fn deadline(gateway: &str, outcome: Outcome) -> Self {
        Self::new(
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
            format!("the gateway at {gateway} did not finish in time"),
        )
        .outcome_is(outcome)
    }

    pub(crate) fn no_result(gateway: &str, outcome: Outcome) -> Self {
        Self::bad_reply(gateway, "ended the call without a result")
            .outcome_is(outcome)
            .advise(Advice::GiveUp)
    }

    pub(crate) fn bad_reply(gateway: &str, what: &str) -> Self {
        Self::new(
            Code::Internal,
            "BAD_REPLY",
            format!("the gateway at {gateway} {what}"),
        )
    }

    /// The error that a call ended with: the gateway's own words and details, or,
    /// where the answer carries none, what can be said without them. `outcome` is
    /// what holds if the gateway tells none.
    pub(crate) fn from_status(status: Status, gateway: &str, outcome: Outcome) -> Self {
        if let Some(told) = Self::from_details(status.code(), status.message(), status.details()) {
            return told;
        }
        if has_cause::<tonic::ConnectError>(&status) {
            return Self::unreachable(gateway, Some(Undetailed::of(&status).into()));
        }
        let timed_out = has_cause::<tonic::TimeoutExpired>(&status);
        let code = match status.code() {
            _ if timed_out => Code::DeadlineExceeded,
            // Not a status of the server, but what the connection ended with.
            _ if status.source().is_some() => Code::Unavailable,
            code => code,
        };
        let error = match code {
            Code::Unavailable => Self::new(
                code,
                "GATEWAY_CONNECTION_LOST",
                format!("the connection to the gateway at {gateway} was lost"),
            ),
            Code::Cancelled => Self::new(code, "CANCELLED", "the call was cancelled"),
            Code::DeadlineExceeded => Self::deadline(gateway, outcome),
            Code::Unimplemented => {
                return Self::new(
                    code,
                    "NOT_A_GATEWAY",
                    format!("the server at {gateway} does not offer this call"),
                )
                .advise(Advice::FixRequest);
            }
            code => Self::bad_reply(gateway, &format!("answered: {}", status.message()))
                .with(|inner| inner.code = code),
        };
        error.outcome_is(outcome).caused_by(Undetailed::of(&status))
    }

    /// The error that a `google.rpc.Status` tells, if it names a reason.
    pub(crate) fn from_details(code: Code, message: &str, details: &[u8]) -> Option<Self> {
        let status = rpc::Status::decode(details).ok()?;
        let mut named = false;
        let mut error = Self::new(code, "", message).without_outcome();
        let inner = Arc::make_mut(&mut error.0);
        for any in &status.details {
            match any.type_url.rsplit('/').next().unwrap_or_default() {
                "google.rpc.ErrorInfo" => {
                    if let Ok(info) = rpc::ErrorInfo::decode(&*any.value) {
                        named = !info.reason.is_empty();
                        inner.reason = Cow::Owned(info.reason);
                        inner.domain = Cow::Owned(info.domain);
                        inner.metadata = info.metadata;
                    }
                }
                "lakefs.staging.v1.UploadFailure" => {
                    if let Ok(failure) = v1::UploadFailure::decode(&*any.value) {
                        inner.take_failure(failure);
                    }
                }
                "google.rpc.BadRequest" => {
                    if let Ok(bad) = rpc::BadRequest::decode(&*any.value) {
                        inner.violations = bad
                            .field_violations
                            .into_iter()
                            .map(|violation| FieldViolation {
                                field: violation.field,
                                description: violation.description,
                            })
                            .collect();
                    }
                }
                "google.rpc.RetryInfo" => {
                    if let Ok(retry) = rpc::RetryInfo::decode(&*any.value) {
                        inner.retry_after =
                            retry.retry_delay.and_then(|delay| delay.try_into().ok());
                    }
                }
                "google.rpc.ResourceInfo" => {
                    if let Ok(resource) = rpc::ResourceInfo::decode(&*any.value) {
                        inner.resource = Some(Resource {
                            resource_type: resource.resource_type,
                            name: resource.resource_name,
                        });
                    }
                }
                _ => {}
            }
        }
        named.then_some(error)
    }

    /// How an earlier upload failed, as `GetUploadOutcome` tells it; that names
    /// no code, so it is the one that usually goes with the reason.
    pub(crate) fn from_failure(
        failure: v1::UploadFailure,
        reason: String,
        message: String,
    ) -> Self {
        let code = match &*reason {
            "OBJECT_EXISTS" => Code::AlreadyExists,
            "OBJECT_CHANGED" | "LINK_CONFLICT" | "SOURCE_CHANGED" => Code::Aborted,
            "NOT_FOUND" => Code::NotFound,
            "PERMISSION_DENIED" | "SOURCE_REFUSED" | "RESUME_REFUSED" => Code::PermissionDenied,
            "CREDENTIALS_REJECTED" => Code::Unauthenticated,
            "INVALID_REQUEST" | "BAD_FRAME_ORDER" | "INCOMPLETE_UPLOAD" | "CHECKSUM_MISMATCH"
            | "SIZE_MISMATCH" | "UPSTREAM_REJECTED" => Code::InvalidArgument,
            "LINK_ADDRESS_EXPIRED"
            | "REPOSITORY_IN_DELETION"
            | "OBJECT_TOO_LARGE"
            | "RESUME_EXPIRED"
            | "UPSTREAM_INTERCEPTED"
            | "STORE_REJECTED" => Code::FailedPrecondition,
            "UPSTREAM_THROTTLED" | "TOO_MANY_UPLOADS" | "SPOOL_FULL" => Code::ResourceExhausted,
            "BRANCH_LOCKED"
            | "UPSTREAM_UNAVAILABLE"
            | "UPSTREAM_UNREACHABLE"
            | "UPSTREAM_CONNECTION_LOST"
            | "DRAINING" => Code::Unavailable,
            "UPSTREAM_INTERNAL" | "INTERNAL" => Code::Internal,
            "UPSTREAM_UNIMPLEMENTED" => Code::Unimplemented,
            "DEADLINE_EXCEEDED" => Code::DeadlineExceeded,
            "CANCELLED" => Code::Cancelled,
            _ => Code::Unknown,
        };
        Self::new(code, "", message).with(|inner| {
            inner.reason = Cow::Owned(reason);
            inner.domain = Cow::Borrowed(GATEWAY_DOMAIN);
            inner.take_failure(failure);
        })
    }
}

impl Inner {
    fn take_failure(&mut self, failure: v1::UploadFailure) {
        self.outcome = Outcome::from_proto(failure.outcome);
        self.advice = Advice::from_proto(failure.advice);
        self.object = failure.object.map(ObjectStats::from_proto);
    }
}

/// What the transport said of a call without details, in words: what it keeps
/// otherwise may hold more than should be printed.
#[derive(Debug)]
struct Undetailed(String);

impl Undetailed {
    fn of(status: &Status) -> Self {
        Self(match status.source() {
            Some(source) => chain(source),
            None => format!("{:?}: {}", status.code(), status.message()),
        })
    }
}

impl fmt::Display for Undetailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Undetailed {}

fn chain(error: &dyn StdError) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_words = cause.to_string();
        if !words.ends_with(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        next = cause.source();
    }
    words
}

fn has_cause<E: StdError + 'static>(status: &Status) -> bool {
    let mut next = status.source();
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = error.source();
    }
    false
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}: {}", inner.reason, inner.message)?;
        if inner.outcome != Outcome::Unspecified {
            write!(f, " ({})", inner.outcome)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("code", &inner.code)
            .field("reason", &inner.reason)
            .field("domain", &inner.domain)
            .field("message", &inner.message)
            .field("outcome", &inner.outcome)
            .field("advice", &inner.advice)
            .field("retry_after", &inner.retry_after)
            .field("violations", &inner.violations)
            .field("resource", &inner.resource)
            .field("object", &inner.object)
            .field("metadata", &inner.metadata)
            .field("request_id", &inner.request_id)
            .field("attempts", &inner.attempts)
            .field("cause", &inner.cause)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let cause = self.0.cause.as_deref()?;
        Some(cause)
    }
}

/// So that a [`Writer`](crate::Writer) can be used where `std::io` is spoken; the
/// [`Error`] is the inner error.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match error.kind() {
            ErrorKind::ObjectExists => Io::AlreadyExists,
            ErrorKind::NotFound => Io::NotFound,
            ErrorKind::PermissionDenied => Io::PermissionDenied,
            ErrorKind::InvalidRequest => Io::InvalidInput,
            ErrorKind::DataMismatch => Io::InvalidData,
            ErrorKind::DeadlineExceeded => Io::TimedOut,
            _ => Io::Other,
        };
        std::io::Error::new(kind, error)
    }
}
