//! Makes the steps of clients/scenario.json, told where that is, and names each that went as expected.
//! docs/clients.md says what the calls are.

mod calls;

use std::error::Error;

use funland_client::{Client, Value};

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args()
        .nth(1)
        .ok_or("say where scenario.json is")?;
    let scenario: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = Client::new(None);
    for step in scenario["steps"].as_array().ok_or("there are no steps")? {
        let name = step["name"].as_str().unwrap_or_default();
        if let Err(problem) = runtime.block_on(calls::make(&client, step)) {
            return Err(format!("{name}: {problem}").into());
        }
        println!("ok {name}");
    }
    Ok(())
}
