//! Answers a question as it is written: `chat "Tell me a story."`

use std::io::Write;
use std::time::Duration;

use funland_client::{json, Client, Failure};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let question = if words.is_empty() {
        "Hello!".to_owned()
    } else {
        words.join(" ")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Err(failure) = runtime.block_on(answer(&question)) {
        eprintln!("{failure}");
        std::process::exit(1);
    }
}

async fn answer(question: &str) -> Result<(), Failure> {
    let request = json!({
        "messages": [{"role": "USER", "content": question}],
        "sampling": {"temperature": 0},
    });
    let client = Client::new(None);
    let mut messages = client
        .stream("/funland/v1/chat:stream", &request, Duration::from_secs(60))
        .await?;
    while let Some(message) = messages.next().await? {
        print!("{}", message["delta"]["text"].as_str().unwrap_or_default());
        if let Some(tokens) = message["finish"]["usage"]["completion_tokens"].as_i64() {
            print!("\n{tokens} tokens\n");
        }
        std::io::stdout().flush().expect("nobody reads");
    }
    Ok(())
}
