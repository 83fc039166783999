//! Calls, whole and streamed.

use std::future::Future;
use std::time::Duration;

use hyper::body::{self, HttpBody};
use hyper::client::HttpConnector;
use hyper::{Body, Method, Request, Response};
use serde_json::Value;
use tokio::time::{timeout_at, Instant};

use crate::Failure;

/// A connection to a Funland server's gateway, over plain HTTP: for this machine.
pub struct Client {
    http: hyper::Client<HttpConnector>,
    url: String,
}

impl Client {
    /// Makes a client; the first call connects. Without a URL it is the environment's FUNLAND_URL,
    /// else `http://127.0.0.1:8000`.
    pub fn new(url: Option<&str>) -> Client {
        let named = url
            .map(str::to_owned)
            .or_else(|| std::env::var("FUNLAND_URL").ok());
        let url = named.unwrap_or_else(|| "http://127.0.0.1:8000".to_owned());
        Client {
            http: hyper::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
        }
    }

    /// Makes a call that answers once, in `timeout` or never.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<Value, Failure> {
        let end = Instant::now() + timeout;
        within(end, async {
            let response = self
                .send(method, path, body, "application/json", timeout)
                .await?;
            let bytes = body::to_bytes(response.into_body())
                .await
                .map_err(cut_off)?;
            serde_json::from_slice(&bytes).map_err(Failure::foreign)
        })
        .await
    }

    /// Makes a call that streams. Who drops the messages leaves the stream: the server stops writing.
    pub async fn stream(
        &self,
        path: &str,
        body: &Value,
        timeout: Duration,
    ) -> Result<Messages, Failure> {
        let end = Instant::now() + timeout;
        let sent = self.send(
            Method::POST,
            path,
            Some(body),
            "application/x-ndjson",
            timeout,
        );
        Ok(Messages {
            body: within(end, sent).await?.into_body(),
            rest: Vec::new(),
            over: false,
            end,
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        accept: &str,
        timeout: Duration,
    ) -> Result<Response<Body>, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("accept", accept)
            .header("content-type", "application/json")
            .header("x-request-timeout", timeout.as_secs_f64().to_string())
            .body(body.map_or_else(Body::empty, |json| Body::from(json.to_string())))
            .map_err(Failure::foreign)?;
        let response = self
            .http
            .request(request)
            .await
            .map_err(Failure::unreachable)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = body::to_bytes(response.into_body())
            .await
            .map_err(cut_off)?;
        let told: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        Err(match &told["error"] {
            error @ Value::Object(_) => Failure::of(error),
            _ => Failure::foreign(format!("The answer is none of Funland's: {status}")),
        })
    }
}

/// The messages of a stream.
pub struct Messages {
    body: Body,
    rest: Vec<u8>,
    over: bool,
    end: Instant,
}

impl Messages {
    /// The next message; `None` at the end, which each stream has: without it, it was cut off.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        while !self.over {
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=at).collect();
                let mut message: Value = serde_json::from_slice(&line).map_err(Failure::foreign)?;
                self.over = message.get("end").is_some() || message.get("error").is_some();
                return match message.get_mut("error") {
                    Some(error) => Err(Failure::of(error)),
                    None if self.over => Ok(None),
                    None => Ok(Some(message)),
                };
            }
            match timeout_at(self.end, self.body.data()).await {
                Ok(Some(Ok(part))) => self.rest.extend_from_slice(&part),
                Ok(Some(Err(lost))) => return Err(cut_off(lost)),
                Ok(None) => return Err(cut_off("it ended early")),
                Err(_) => return Err(Failure::late()),
            }
        }
        Ok(None)
    }
}

async fn within<T>(
    end: Instant,
    call: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout_at(end, call)
        .await
        .unwrap_or_else(|_| Err(Failure::late()))
}

fn cut_off(why: impl std::fmt::Display) -> Failure {
    Failure::unreachable(format!("The answer was cut off: {why}"))
}
