//! The calls of the steps. What is not as expected is an error.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Debug;
use std::time::{Duration, Instant};

use funland_client::{again, json, Client, Failure, Messages, Method, Value};

type Outcome = Result<(), Box<dyn Error>>;

const CHAT: &str = "/funland/v1/chat";
const STREAM: &str = "/funland/v1/chat:stream";

/// Makes a step.
pub async fn make(client: &Client, step: &Value) -> Outcome {
    let call = step["call"].as_str().unwrap_or_default();
    let made = match call {
        "list_models" => list_models(client, step).await,
        "chat" => chat(client, step).await,
        "stream" => stream(client, step).await,
        "leave" => leave(client, step).await,
        "embed" => embed(client, step).await,
        "session" => session(client, step).await,
        "crowd" => crowd(client, step).await,
        _ => Err(format!("there is no call {call}").into()),
    };
    match step.get("expect_error") {
        Some(expected) if call != "crowd" => fails(made, expected),
        _ => made,
    }
}

async fn list_models(client: &Client, step: &Value) -> Outcome {
    let mut listed = Vec::new();
    let mut path = "/funland/v1/models".to_owned();
    loop {
        let page = client.call(Method::GET, &path, None, limit(step)).await?;
        let models = page["models"].as_array().into_iter().flatten();
        listed.extend(models.map(|model| model["model_id"].clone()));
        match page["next_page_token"].as_str() {
            Some("") | None => break,
            Some(token) => path = format!("/funland/v1/models?page_token={token}"),
        }
    }
    for id in step["expect"]["model_ids"].as_array().into_iter().flatten() {
        same("that it is listed", &listed.contains(id), &true)?;
    }
    Ok(())
}

async fn chat(client: &Client, step: &Value) -> Outcome {
    let answer = post(client, CHAT, &step["chat"], limit(step)).await?;
    let expected = &step["expect"];
    same("the text", &answer["message"]["content"], &expected["text"])?;
    same("the model", &answer["model"], &expected["model"])?;
    same(
        "the reason",
        &answer["finish_reason"],
        &expected["finish_reason"],
    )?;
    same(
        "the tokens",
        &answer["usage"]["completion_tokens"],
        &expected["completion_tokens"],
    )
}

async fn stream(client: &Client, step: &Value) -> Outcome {
    let (mut text, mut pieces) = (String::new(), 0);
    let (mut model, mut finish) = (Value::Null, Value::Null);
    let mut messages = client.stream(STREAM, &step["chat"], limit(step)).await?;
    while let Some(mut message) = messages.next().await? {
        if let Some(piece) = message["delta"]["text"].as_str() {
            text += piece;
            pieces += 1;
        }
        if message.get("start").is_some() {
            model = message["start"]["model"].take();
        }
        finish = message["finish"].take();
    }
    let expected = &step["expect"];
    same("the text", &Value::from(text), &expected["text"])?;
    same(
        "that it came in pieces",
        &(Some(pieces) >= expected["least_pieces"].as_i64()),
        &true,
    )?;
    same("the model", &model, &expected["model"])?;
    same("the reason", &finish["reason"], &expected["finish_reason"])?;
    same(
        "the tokens",
        &finish["usage"]["completion_tokens"],
        &expected["completion_tokens"],
    )
}

async fn leave(client: &Client, step: &Value) -> Outcome {
    let left = begin(client, &step["chat"]).await?;
    same(
        "that nothing is written",
        &(loaded(client).await?["active_sequences"] == 0),
        &false,
    )?;
    drop(left);
    let end = Instant::now() + limit(step);
    loop {
        let loaded = loaded(client).await?;
        let mut counts = step["expect"].as_object().into_iter().flatten();
        if counts.all(|(name, count)| loaded[name] == *count) {
            return Ok(());
        }
        same(
            "that the slot is still held",
            &(Instant::now() > end),
            &false,
        )?;
    }
}

async fn embed(client: &Client, step: &Value) -> Outcome {
    let answer = post(client, "/funland/v1/embed", &step["embed"], limit(step)).await?;
    let expected = &step["expect"];
    let vectors = answer["embeddings"]
        .as_array()
        .ok_or("there are no vectors")?;
    same(
        "the vectors",
        &Value::from(vectors.len()),
        &expected["vectors"],
    )?;
    for vector in vectors {
        let values: Vec<f64> = vector["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_f64)
            .collect();
        let length = values.iter().map(|value| value * value).sum::<f64>().sqrt();
        same(
            "the dimensions",
            &Value::from(values.len()),
            &expected["dimensions"],
        )?;
        let apart = (length - expected["length"].as_f64().ok_or("no length")?).abs();
        same("that the length is right", &(apart < 1e-3), &true)?;
    }
    Ok(())
}

async fn session(client: &Client, step: &Value) -> Outcome {
    let made = post(
        client,
        "/funland/v1/sessions",
        &step["session"],
        limit(step),
    )
    .await?;
    let path = format!(
        "/funland/v1/sessions/{}",
        made["session_id"].as_str().ok_or("no id")?
    );
    let mut answer = Value::Null;
    for said in step["says"].as_array().into_iter().flatten() {
        let message = json!({ "content": said });
        answer = post(client, &format!("{path}/messages"), &message, limit(step)).await?;
    }
    client
        .call(Method::DELETE, &path, None, limit(step))
        .await?;
    same(
        "the text",
        &answer["answer"]["message"]["content"],
        &step["expect"]["text"],
    )
}

async fn crowd(client: &Client, step: &Value) -> Outcome {
    let crowd = Cell::new(Some(begin(client, &step["crowd"]).await?));
    let ask = || post(client, CHAT, &step["chat"], limit(step));
    fails(
        ask().await.map(|_| ()).map_err(Into::into),
        &step["expect_error"],
    )?;
    let answer = again(9, || async {
        let answered = ask().await;
        if answered.is_err() {
            drop(crowd.take());
        }
        answered
    })
    .await?;
    same("that it was refused", &crowd.take().is_none(), &true)?;
    same(
        "the text",
        &answer["message"]["content"],
        &step["expect"]["text"],
    )
}

/// Streams up to the first piece of text.
async fn begin(client: &Client, chat: &Value) -> Result<Messages, Box<dyn Error>> {
    let mut messages = client.stream(STREAM, chat, Duration::from_secs(60)).await?;
    while let Some(message) = messages.next().await? {
        if message["delta"]["text"].as_str().unwrap_or_default() != "" {
            return Ok(messages);
        }
    }
    Err("nothing was written".into())
}

async fn loaded(client: &Client) -> Result<Value, Failure> {
    let path = "/funland/v1/models/funland-tiny";
    let mut model = client
        .call(Method::GET, path, None, Duration::from_secs(60))
        .await?;
    Ok(model["loaded"].take())
}

async fn post(
    client: &Client,
    path: &str,
    body: &Value,
    limit: Duration,
) -> Result<Value, Failure> {
    client.call(Method::POST, path, Some(body), limit).await
}

fn limit(step: &Value) -> Duration {
    Duration::from_secs_f64(step["timeout_seconds"].as_f64().unwrap_or(60.0))
}

fn fails(made: Outcome, expected: &Value) -> Outcome {
    let failure = match made {
        Ok(()) => return Err("the call was to fail".into()),
        Err(problem) => *problem.downcast::<Failure>()?,
    };
    same("the code", &Value::from(failure.code), &expected["code"])?;
    same(
        "the reason",
        &Value::from(failure.reason),
        &expected["reason"],
    )?;
    for (name, value) in expected["metadata"].as_object().into_iter().flatten() {
        same(
            name,
            &failure.metadata.get(name).map(String::as_str),
            &value.as_str(),
        )?;
    }
    let fields = expected.get("fields").cloned().unwrap_or_else(|| json!([]));
    same("the fields", &Value::from(failure.fields), &fields)?;
    let delayed = expected["retry_delay"].as_bool().unwrap_or_default();
    same(
        "that it may be tried again",
        &failure.retry_delay.is_some(),
        &delayed,
    )
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what} is {found:?}, not {expected:?}").into())
}
