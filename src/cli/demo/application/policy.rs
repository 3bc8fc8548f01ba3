//! A call that the application's own policy stops before it is made, by the guard API.

use crate::{Auditor, CallStart};

/// Records that the call was asked for and blocked. Nothing is sent, so there is no answer.
pub(super) fn refuse(
    audit: &Auditor,
    user: &str,
    model: &str,
    prompt: &str,
) -> anyhow::Result<String> {
    let start = CallStart::new("chat").provider("openai").model(model);
    let mut call = audit.start(start.user(user))?;
    call.input(&[prompt])?;
    call.block("policy")?;
    Ok(String::new())
}
