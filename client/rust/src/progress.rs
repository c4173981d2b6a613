//! How far an upload is, put together from both sides.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Phase, Progress};
use crate::options::OnProgress;
use crate::proto::v1;

const INTERVAL: Duration = Duration::from_millis(200);

/// Calls back with what the gateway tells and, between that, with what has been
/// sent: a slow store must not look like a standstill to the one who waits.
pub(crate) struct ProgressMeter {
    callback: Option<OnProgress>,
    state: Mutex<State>,
}

struct State {
    last: Progress,
    reported: Option<(Instant, Progress)>,
}

impl ProgressMeter {
    pub(crate) fn new(callback: Option<OnProgress>) -> Self {
        let last = Progress {
            phase: Phase::Unspecified,
            received_bytes: 0,
            stored_bytes: 0,
        };
        Self {
            callback,
            state: Mutex::new(State {
                last,
                reported: None,
            }),
        }
    }

    /// `bytes` of the object have been sent, each counted once.
    pub(crate) fn sent(&self, bytes: u64) {
        self.update(|last| {
            last.received_bytes = last.received_bytes.max(bytes);
            if last.phase == Phase::Unspecified {
                last.phase = Phase::Uploading;
            }
            false
        });
    }

    /// The gateway told this.
    pub(crate) fn told(&self, progress: &v1::UploadProgress) {
        let bytes = |number: i64| u64::try_from(number).unwrap_or(0);
        self.update(|last| {
            last.phase = Phase::from_proto(progress.phase);
            last.received_bytes = last.received_bytes.max(bytes(progress.received_bytes));
            last.stored_bytes = last.stored_bytes.max(bytes(progress.stored_bytes));
            true
        });
    }

    /// All `bytes` of the object are stored and linked.
    pub(crate) fn done(&self, bytes: u64) {
        self.update(|last| {
            last.phase = Phase::Linking;
            last.received_bytes = last.received_bytes.max(bytes);
            last.stored_bytes = last.stored_bytes.max(bytes);
            true
        });
    }

    /// Reports if `change` says so, or if it is time.
    fn update(&self, change: impl FnOnce(&mut Progress) -> bool) {
        let Some(callback) = &self.callback else {
            return;
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let at_once = change(&mut state.last);
        let progress = state.last;
        let due = match state.reported {
            None => true,
            Some((at, reported)) => {
                reported != progress && (at_once || now.duration_since(at) >= INTERVAL)
            }
        };
        if due {
            state.reported = Some((now, progress));
            callback(progress);
        }
    }
}
