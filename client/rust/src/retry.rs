//! Whether, and when, a call is made once more.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, GATEWAY_DOMAIN};
use crate::model::{Advice, Outcome};

const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

/// The budget of one logical upload.
#[derive(Clone)]
pub(crate) struct Attempts {
    made: u32,
    max: u32,
    deadline: Option<Instant>,
    /// Whether one may have linked something without anybody knowing.
    unknown: bool,
}

impl Attempts {
    pub(crate) fn new(max: u32, deadline: Option<Instant>) -> Self {
        Self {
            made: 0,
            max,
            deadline,
            unknown: false,
        }
    }

    /// Counts the one that begins now, from 1 on.
    pub(crate) fn begin(&mut self) -> u32 {
        self.made += 1;
        self.made
    }

    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The error of an attempt, as that of the upload: what an earlier attempt left
    /// unknown stays so until one comes to a gateway that has looked at the path.
    pub(crate) fn judge(&mut self, error: Error, request_id: &str) -> Error {
        let mut error = error.of_upload(request_id, self.made);
        if self.unknown && error.nothing_linked() && !has_looked(&error) {
            error = error.outcome_is(Outcome::Unknown);
        }
        self.unknown = error.outcome() == Outcome::Unknown;
        error
    }

    /// How long to wait before the same call again, if it may be made: the source
    /// is `repeatable`, and nothing can be linked twice by it.
    pub(crate) fn next_wait(&self, error: &Error, repeatable: bool) -> Option<Duration> {
        let safe = error.nothing_linked()
            || error.outcome() == Outcome::Unknown && !error.request_id().is_empty();
        if !error.retryable() || !safe || !repeatable || self.made >= self.max {
            return None;
        }
        let wait = backoff(self.made).max(error.retry_after().unwrap_or_default());
        match self.deadline {
            Some(deadline) if Instant::now() + wait >= deadline => None,
            _ => Some(wait),
        }
    }
}

/// One that refuses a call, and says to make it again, has not.
fn has_looked(error: &Error) -> bool {
    error.domain() == GATEWAY_DOMAIN && error.advice() != Advice::RetryCall
}

/// After the `made`th attempt: doubled each time, less a random half.
fn backoff(made: u32) -> Duration {
    let doubled = FIRST_BACKOFF.saturating_mul(1 << made.saturating_sub(1).min(16));
    doubled.min(LONGEST_BACKOFF).mul_f64(1.0 - random() / 2.0)
}

/// From 0 to 1; where the system has no random bytes, always 0.
fn random() -> f64 {
    let number = getrandom::u32().unwrap_or(0);
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Error {
        Error::new(tonic::Code::Unavailable, "GATEWAY_CONNECTION_LOST", "lost")
    }

    fn after_one(max: u32, deadline: Option<Instant>) -> Attempts {
        let mut attempts = Attempts::new(max, deadline);
        attempts.begin();
        attempts
    }

    #[test]
    fn waits_double_up_to_five_seconds_less_a_random_half() {
        for (made, most) in [(1, 100), (2, 200), (4, 800), (7, 5000), (40, 5000)] {
            let most = Duration::from_millis(most);
            for _ in 0..50 {
                let wait = backoff(made);
                assert!(wait >= most / 2 && wait <= most, "{made}: {wait:?}");
            }
        }
        let waits: Vec<_> = (0..20).map(|_| backoff(7)).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]));
    }

    #[test]
    fn what_the_gateway_asks_for_is_waited_in_full() {
        let error = Error::from_details(tonic::Code::Unavailable, "", &draining()).unwrap();
        let error = error
            .outcome_is(Outcome::NotCommitted)
            .advise(Advice::RetryCall);
        let wait = after_one(5, None).next_wait(&error, true).unwrap();
        assert_eq!(wait, Duration::from_secs(7));
    }

    fn draining() -> Vec<u8> {
        use crate::proto::rpc;
        use prost::Message as _;
        let any = |name: &str, value: Vec<u8>| prost_types::Any {
            type_url: format!("type.googleapis.com/google.rpc.{name}"),
            value,
        };
        let info = rpc::ErrorInfo {
            reason: "DRAINING".into(),
            domain: GATEWAY_DOMAIN.into(),
            ..Default::default()
        };
        let retry = rpc::RetryInfo {
            retry_delay: Some(prost_types::Duration {
                seconds: 7,
                nanos: 0,
            }),
        };
        rpc::Status {
            code: 14,
            message: String::new(),
            details: vec![
                any("ErrorInfo", info.encode_to_vec()),
                any("RetryInfo", retry.encode_to_vec()),
            ],
        }
        .encode_to_vec()
    }

    #[test]
    fn only_what_is_safe_and_advised_is_repeated() {
        let once = after_one(5, None);
        assert!(once.next_wait(&lost(), true).is_some());
        assert!(once.next_wait(&lost(), false).is_none());
        for advice in [Advice::FixRequest, Advice::GiveUp, Advice::Unspecified] {
            assert!(once.next_wait(&lost().advise(advice), true).is_none());
        }
        let unknown = lost().outcome_is(Outcome::Unknown);
        assert!(once.next_wait(&unknown, true).is_none());
        assert!(once.next_wait(&unknown.of_upload("id", 1), true).is_some());
    }

    #[test]
    fn doubt_stays_until_a_gateway_has_looked() {
        let mut attempts = after_one(5, None);
        let told = |advice| {
            Error::from_details(tonic::Code::Unavailable, "", &draining())
                .unwrap()
                .outcome_is(Outcome::NotCommitted)
                .advise(advice)
        };
        assert!(
            attempts
                .judge(told(Advice::RetryCall), "id")
                .nothing_linked()
        );
        attempts.judge(lost().outcome_is(Outcome::Unknown), "id");
        for error in [told(Advice::RetryCall), lost()] {
            let judged = attempts.judge(error, "id");
            assert_eq!(judged.outcome(), Outcome::Unknown);
        }
        assert!(attempts.judge(told(Advice::Restart), "id").nothing_linked());
        assert!(
            attempts
                .judge(told(Advice::RetryCall), "id")
                .nothing_linked()
        );
    }

    #[test]
    fn the_budget_is_of_attempts_and_of_time() {
        assert!(after_one(1, None).next_wait(&lost(), true).is_none());
        let soon = Some(Instant::now() + Duration::from_millis(10));
        assert!(after_one(5, soon).next_wait(&lost(), true).is_none());
    }
}
