//! Results and errors in the words of tests/clients/DRIVERS.md.

use std::error::Error as _;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use lakefs_staging::{
    Code, Error, ErrorKind, ObjectStats, StagingLocation, UploadOutcome, UploadResult,
};
use serde_json::{Value, json};

use crate::source::Own;

fn seconds(time: SystemTime) -> Value {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => json!(since.as_secs()),
        Err(before) => json!(-before.duration().as_secs_f64()),
    }
}

pub fn object(object: &ObjectStats) -> Value {
    json!({
        "path": object.path,
        "physical_address": object.physical_address,
        "checksum": object.checksum,
        "size_bytes": object.size_bytes,
        "content_type": object.content_type,
        "user_metadata": object.user_metadata,
        "mtime": object.mtime.map(seconds),
    })
}

pub fn upload(result: &UploadResult) -> Value {
    let mut told = json!({
        "outcome": result.outcome.to_string(),
        "plan": result.plan.to_string(),
        "object": object(&result.object),
        "attempts": result.attempts,
    });
    if let Some(crc32c) = result.crc32c {
        told["crc32c"] = json!(crc32c);
    }
    told
}

pub fn outcome(told: &UploadOutcome) -> Value {
    json!({
        "outcome": told.outcome.to_string(),
        "in_progress": told.in_progress,
        "result": told.result.as_ref().map(upload),
        "failure_reason": told.failure.as_ref().map_or("", |failure| failure.reason()),
    })
}

pub fn location(location: &StagingLocation) -> Value {
    json!({
        "physical_address": location.physical_address,
        "token": location.token,
        "presigned_url": location.presigned_url,
        "presigned_url_expiry": location.presigned_url_expiry.map(seconds),
    })
}

pub fn error(error: &Error) -> Value {
    if let Some(source) = error.source() {
        let inner = source
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        if source.is::<Own>() || inner.is_some_and(|inner| inner.is::<Own>()) {
            return json!({"own": true, "message": Own.to_string()});
        }
    }
    let violations: Vec<_> = error
        .violations()
        .iter()
        .map(|violation| [&violation.field, &violation.description])
        .collect();
    let mut told = json!({
        "class": format!("{:?}", error.kind()),
        "code": code(error.code()),
        "reason": error.reason(),
        "domain": error.domain(),
        "message": error.message(),
        "outcome": error.outcome().to_string(),
        "advice": error.advice().to_string(),
        "retry_after": error.retry_after().map(|wait| wait.as_secs_f64()),
        "violations": violations,
        "resource": error.resource().map(|what| [&what.resource_type, &what.name]),
        "object": error.object().map(object),
        "metadata": error.metadata(),
        "request_id": error.request_id(),
        "attempts": error.attempts(),
        "retryable": error.retryable(),
        "nothing_linked": error.nothing_linked(),
        "printed": format!("{error}\n{error:?}"),
    });
    if error.kind() == ErrorKind::DeadlineExceeded {
        told["timeout"] = json!(true);
    }
    told
}

/// The name of the protocol: `NOT_FOUND` of `NotFound`.
fn code(code: Code) -> String {
    let mut name = String::new();
    for letter in format!("{code:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

pub fn status() -> Value {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let of_status = |name: &str| {
        let status = read("/proc/self/status");
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok())
    };
    let descriptors = std::fs::read_dir("/proc/self/fd").map_or(0, |folder| folder.count());
    json!({
        "rss_kib": of_status("VmRSS:"),
        "threads": of_status("Threads:"),
        "descriptors": descriptors,
        "tasks": tokio::runtime::Handle::current().metrics().num_alive_tasks(),
    })
}
