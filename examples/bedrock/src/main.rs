//! Calls of Amazon Bedrock by the AWS SDK, audited by an interceptor: nothing beside a call says so.
//!
//! Run it with `cargo run` in this directory; it asserts what it shows, against a server of its own on loopback.

mod interceptor;
#[path = "../../rig/src/records.rs"]
mod records;
mod server;

use std::time::Duration;

use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, Message};
use aws_sdk_bedrockruntime::{Client, Config};
use llm_audit::Auditor;
use llm_audit::http::{AuditHttp, Caller};

use interceptor::AuditInterceptor;

const MODEL: &str = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let builder = Auditor::builder()
        .service("bedrock-example")
        .data_dir(directory.path());
    let audit = builder
        .generate_keyring()
        .without_sender()
        .json_lines()
        .build()?;

    let endpoint = server::start().await?;
    // Needed for an endpoint of one's own alone: those of AWS are known.
    let hook = AuditHttp::new(&audit).base_url(&endpoint, "aws.bedrock")?;
    let hook = hook.caller(Caller::default().user("anna"));
    let client = client(&endpoint, hook);

    let answer = client
        .converse()
        .model_id(MODEL)
        .messages(question()?)
        .send()
        .await?;
    println!("{:?}", answer.stop_reason());
    let mut answer = client
        .converse_stream()
        .model_id(MODEL)
        .messages(question()?)
        .send()
        .await?;
    let mut events = 0;
    while let Some(event) = answer.stream.recv().await? {
        events += 1;
        drop(event);
    }
    println!("{events} events");
    let forbidden = client
        .converse()
        .model_id("forbidden")
        .messages(question()?);
    assert!(forbidden.send().await.is_err());

    let nobody = AuditHttp::new(&audit).base_url("http://127.0.0.1:9", "aws.bedrock")?;
    let nobody = self::client("http://127.0.0.1:9", nobody);
    assert!(
        nobody
            .converse()
            .model_id(MODEL)
            .messages(question()?)
            .send()
            .await
            .is_err()
    );

    audit.shutdown(Duration::from_secs(5));
    // What cannot be recorded any more is not sent.
    let refused = client
        .converse()
        .model_id(MODEL)
        .messages(question()?)
        .send()
        .await;
    assert!(refused.is_err());

    let calls = records::calls(directory.path())?;
    // Whether there is a price is a matter of the price table.
    let lines = records::outline(&calls);
    let lines: Vec<_> = lines.iter().map(|line| line.replace(" cost ", " - ")).collect();
    for line in &lines {
        println!("{line}");
    }
    assert_eq!(
        lines,
        [
            "chat success 12 4 - input",
            "chat success 12 4 - input",
            "chat error - - - input",
            "chat error - - - input",
        ]
    );
    assert_eq!(calls[0]["gen_ai.request.model"], MODEL);
    assert_eq!(calls[0]["user.id"], "anna");
    assert_eq!(calls[0]["llm_audit.action"], "converse.create");
    assert_eq!(calls[1]["llm_audit.action"], "converse.stream");
    assert_eq!(
        calls[0]["llm_audit.output.hash"],
        calls[1]["llm_audit.output.hash"]
    );
    // Every request is signed anew, but by the same access key.
    assert_eq!(
        calls[0]["llm_audit.credential.hash"],
        calls[1]["llm_audit.credential.hash"]
    );
    assert!(calls[0]["llm_audit.credential.hash"].is_string());
    Ok(())
}

fn client(endpoint: &str, hook: AuditHttp) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(
            "AKIAEXAMPLE",
            "secret",
            None,
            None,
            "example",
        ))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .interceptor(AuditInterceptor::new(hook));
    Client::from_conf(config.build())
}

fn question() -> Result<Message, aws_sdk_bedrockruntime::error::BuildError> {
    Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text(
            "What is the capital of France?".to_owned(),
        ))
        .build()
}
