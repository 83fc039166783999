//! What can go wrong.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A call that failed. `reason` is for programs, `message` for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Failure {
    /// The canonical status code by its name, such as `NOT_FOUND`.
    pub code: String,
    /// A name of the contract's `ErrorReason`; empty if nobody told one.
    pub reason: String,
    pub message: String,
    /// The reason's details, such as the `model`.
    pub metadata: BTreeMap<String, String>,
    /// The paths of the fields that are wrong, such as `messages[0].role`.
    pub fields: Vec<String>,
    /// How long the server asks to wait before another try.
    pub retry_delay: Option<Duration>,
    /// The call's id in the server's log; empty if no server answered.
    pub request_id: String,
}

impl Failure {
    /// Whether the same call may succeed a little later.
    pub fn retryable(&self) -> bool {
        self.code == "UNAVAILABLE" || self.retry_delay.is_some()
    }

    /// Reads the value of `{"error": {...}}`.
    pub(crate) fn of(error: &Value) -> Failure {
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        let pairs = error["metadata"].as_object().into_iter().flatten();
        let violations = error["field_violations"].as_array().into_iter().flatten();
        Failure {
            code: text("code"),
            reason: text("reason"),
            message: text("message"),
            metadata: pairs
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            fields: violations
                .filter_map(|each| Some(each["field"].as_str()?.to_owned()))
                .collect(),
            retry_delay: error["retry_delay"].as_str().and_then(seconds),
            request_id: text("request_id"),
        }
    }

    pub(crate) fn unreachable(message: impl fmt::Display) -> Failure {
        Failure::new("UNAVAILABLE", "SERVER_UNREACHABLE", message)
    }

    pub(crate) fn late() -> Failure {
        Failure::new(
            "DEADLINE_EXCEEDED",
            "DEADLINE_PASSED",
            "The timeout passed.",
        )
    }

    pub(crate) fn foreign(message: impl fmt::Display) -> Failure {
        Failure::new("UNKNOWN", "", message)
    }

    fn new(code: &str, reason: &str, message: impl fmt::Display) -> Failure {
        Failure {
            code: code.to_owned(),
            reason: reason.to_owned(),
            message: message.to_string(),
            ..Failure::default()
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Failure {}

fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(number).ok()
}
