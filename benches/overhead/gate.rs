//! (g) What a whole call through the gate costs: scanned, hashed, priced, spooled.

use std::process::Command;

use llm_audit::sanitize::Sanitizer;
use llm_audit::{AuditSpanExt as _, Provider};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tracing::info_span;

use crate::figures::{median, microseconds, thread_cpu_nanos};
use crate::peers::{Ours, Pipeline};
use crate::sink::SinkProcess;

pub(crate) fn measure() {
    println!(
        "(g) a call with a prompt of 4 KiB, scanned for personal data and hashed, and an answer of 1.5 KiB, read, hashed and priced; caller's CPU, microseconds; median of {ROUNDS} rounds of {CALLS} calls"
    );
    let sink = SinkProcess::start();
    let sanitizer = Sanitizer::default();
    let (prompt, answer) = (prose(4 << 10), answer(&prose(1 << 10)));
    for (name, pipeline) in [
        ("llm-audit", Ours::start(sink.endpoint(), 8 << 30)),
        (
            "llm-audit with a mapped spool",
            Ours::mapped(sink.endpoint(), 8 << 30),
        ),
    ] {
        let calls = || (0..CALLS).for_each(|_| call(&sanitizer, &prompt, &answer));
        let ours = pipeline.run(|| {
            calls();
            (0..ROUNDS).map(|_| cpu(&calls)).collect()
        });
        println!("    {name:<54} {:>10}", microseconds(median(ours)));
        pipeline.finish();
    }
    let name = "Python: two plain SHA-256, a cost, a line appended";
    match python(&prompt, answer.get()) {
        Some(nanos) => println!("    {name:<54} {:>10}", microseconds(nanos)),
        None => println!("    {name:<54} python3 is not there"),
    }
    println!();
}

fn call(sanitizer: &Sanitizer, prompt: &str, answer: &RawValue) {
    let span = info_span!(
        "chat",
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = "openai",
        gen_ai.request.model = "gpt-4o",
        user.id = "anna@example.com",
        session.id = "session-0123456789",
        llm_audit.tenant = "acme",
    );
    span.in_scope(|| {
        let prompt = sanitizer.sanitize(prompt);
        let messages: Value = json!([{ "role": "user", "content": &*prompt }]);
        let told = || {
            span.audit_sanitization(&prompt)?;
            span.audit_input(&messages)?;
            span.audit_response(Provider::OpenAi, answer)
        };
        told().expect("the span is audited");
    });
}

fn cpu(work: &dyn Fn()) -> f64 {
    let started = thread_cpu_nanos();
    work();
    (thread_cpu_nanos() - started) / CALLS as f64
}

/// An answer of a provider, with this text.
fn answer(text: &str) -> Box<RawValue> {
    let answer = json!({
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1_741_569_952,
        "model": "gpt-4o-2024-08-06",
        "choices": [{ "index": 0, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": text, "refusal": null, "annotations": [] } }],
        "usage": { "prompt_tokens": 1019, "completion_tokens": 310, "total_tokens": 1329,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0 } },
        "service_tier": "default", "system_fingerprint": "fp_44709d6fcb"
    });
    serde_json::value::to_raw_value(&answer).expect("a value is JSON")
}

/// English of about this length.
fn prose(bytes: usize) -> String {
    let sentence = "The committee met on Tuesday to hear what the regional offices had done about the delays, and asked \
        for a plan that names who does what by when, without any further travel. ";
    sentence.chars().cycle().take(bytes).collect()
}

/// The time of a logger that does less, in nanoseconds a call.
fn python(prompt: &str, answer: &str) -> Option<f64> {
    let script = "\
import hashlib, json, sys, tempfile, time
prompt, answer = json.load(sys.stdin)
path = tempfile.mkdtemp() + '/audit.jsonl'
def call(number):
    usage = json.loads(answer)['usage']
    cost = usage['prompt_tokens'] * 2.5e-6 + usage['completion_tokens'] * 1e-5
    line = json.dumps({'id': number, 'time': time.time(), 'user': 'anna', 'model': 'gpt-4o', 'cost': cost,
        'input': hashlib.sha256(prompt.encode()).hexdigest(), 'output': hashlib.sha256(answer.encode()).hexdigest()})
    with open(path, 'a') as log:
        log.write(line + '\\n')
for number in range(500):
    call(number)
begun = time.thread_time()
for number in range(3000):
    call(number)
print((time.thread_time() - begun) / 3000 * 1e9)
";
    let mut python = Command::new("python3")
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .ok()?;
    serde_json::to_writer(python.stdin.take()?, &(prompt, answer)).ok()?;
    let output = python.wait_with_output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

const ROUNDS: usize = 7;
const CALLS: u64 = 2_000;
