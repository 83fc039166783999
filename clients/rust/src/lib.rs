//! Calls Funland over native REST: requests and answers are the contract's messages in JSON, by the
//! contract's names. What fails is a [`Failure`] with the contract's reason.

mod again;
mod client;
mod failure;

pub use again::again;
pub use client::{Client, Messages};
pub use failure::Failure;
pub use hyper::Method;
pub use serde_json::{json, Value};
