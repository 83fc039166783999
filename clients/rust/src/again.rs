//! Which calls are made again after a failure, and when.

use std::future::Future;
use std::time::Duration;

use crate::Failure;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);
/// Who is told to wait longer had better decide themselves.
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Makes a call, and again up to `retries` times when it failed for what may pass: after what the
/// server asks for, else after half a second, one, two and so on. It is for what may be done twice:
/// chats, embeddings, and all that is asked for by GET.
pub async fn again<T, F, C>(retries: u32, mut call: C) -> Result<T, Failure>
where
    C: FnMut() -> F,
    F: Future<Output = Result<T, Failure>>,
{
    for made in 0.. {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        match pause(&failure, made) {
            Some(wait) if made < retries => tokio::time::sleep(wait).await,
            _ => return Err(failure),
        }
    }
    unreachable!("there is always another number")
}

fn pause(failure: &Failure, made: u32) -> Option<Duration> {
    if !failure.retryable() {
        return None;
    }
    match failure.retry_delay {
        Some(asked) => Some(asked).filter(|asked| *asked <= LONGEST_ASKED),
        None => Some(FIRST.saturating_mul(1 << made.min(10)).min(LONGEST)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: &str, retry_delay: Option<u64>) -> Failure {
        Failure {
            code: code.to_owned(),
            retry_delay: retry_delay.map(Duration::from_secs),
            ..Failure::default()
        }
    }

    #[test]
    fn the_wait_grows_or_is_what_the_server_asks_for() {
        let lost = failed("UNAVAILABLE", None);
        let waits = [0, 1, 99].map(|made| pause(&lost, made).map(|wait| wait.as_millis()));

        assert_eq!(waits, [Some(500), Some(1000), Some(8000)]);
        assert_eq!(
            pause(&failed("RESOURCE_EXHAUSTED", Some(2)), 5),
            Some(Duration::from_secs(2))
        );
    }

    #[test]
    fn what_no_short_wait_helps_is_the_last_word() {
        for failure in [
            failed("INVALID_ARGUMENT", None),
            failed("RESOURCE_EXHAUSTED", None),
            failed("UNAVAILABLE", Some(31)),
        ] {
            assert_eq!(pause(&failure, 0), None);
        }
    }
}
