//! What is set in an environment and has no effect, or another than was meant. What is wrong with the rest is told by
//! whoever reads it.

use std::io::Write as _;

use super::Environment;

impl Environment {
    /// Says on standard error which variables are named like ours and mean nothing: another spelling may have been meant,
    /// and another policy holds without it.
    pub(crate) fn tell_unknown(&self) {
        for (name, why) in self.oddities() {
            if unknown(&name).is_some() && name.starts_with(PREFIX) {
                // Where nobody listens to it, `llm-audit doctor` says the same.
                let _ = writeln!(std::io::stderr().lock(), "llm-audit: {name} {why}");
            }
        }
    }

    /// Variables that are set and not understood, with why; no values, since they may be secrets.
    pub(crate) fn oddities(&self) -> Vec<(String, String)> {
        let mut oddities = Vec::new();
        for (name, value) in self.texts.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some(why) = unknown(name).or_else(|| Self::odd(name, value)) {
                oddities.push((name.clone(), why));
            }
        }
        // Where they are known, no auditor is built, or they are paths.
        let bytes = self.bytes.keys();
        oddities.extend(bytes.filter_map(|name| Some((name.clone(), unknown(name)?))));
        oddities
    }

    fn odd(name: &str, value: &str) -> Option<String> {
        match name {
            "LLM_AUDIT_DISABLED" if !is_switch(value) => {
                Some("is neither true nor false, and so switches nothing off".to_owned())
            }
            "OTEL_RESOURCE_ATTRIBUTES" => {
                let odd = Self::strict_pairs(value).err()?;
                Some(format!(
                    "member {} is not of the form key=value, and left out",
                    odd.member
                ))
            }
            "OTEL_SDK_DISABLED" if value.eq_ignore_ascii_case("true") => {
                Some("does not switch recording off: that is LLM_AUDIT_DISABLED=true".to_owned())
            }
            _ => None,
        }
    }
}

/// Why a variable has no effect, where that is told by its name.
fn unknown(name: &str) -> Option<String> {
    let ours = name.starts_with(PREFIX);
    let of_others = OF_OTHERS.iter().any(|others| name.starts_with(others));
    if ours && !of_others && !OURS.contains(&name) {
        return Some(format!("is none of {}", OURS.join(", ")));
    }
    if let Some(setting) = name.strip_prefix("OTEL_EXPORTER_OTLP_") {
        let of_signal = setting
            .strip_prefix("LOGS_")
            .or_else(|| setting.strip_prefix("TRACES_"));
        let others = setting.starts_with("METRICS_") || setting.starts_with("PROFILES_");
        let known = OTLP.contains(&of_signal.unwrap_or(setting));
        return (!known && !others).then(|| "is not known here".to_owned());
    }
    None
}

fn is_switch(value: &str) -> bool {
    ["true", "false"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

const PREFIX: &str = "LLM_AUDIT_";
const OURS: [&str; 5] = [
    "LLM_AUDIT_DATA_DIR",
    "LLM_AUDIT_DISABLED",
    "LLM_AUDIT_KEYRING",
    "LLM_AUDIT_LOG_BODY",
    "LLM_AUDIT_POLICY",
];
/// What the collector's configuration and its scripts read, and what tests do: how their variables begin.
const OF_OTHERS: [&str; 26] = [
    "LLM_AUDIT_BACKEND",
    "LLM_AUDIT_CACHE",
    "LLM_AUDIT_CLICKHOUSE",
    "LLM_AUDIT_COLLECTOR_",
    "LLM_AUDIT_DATADOG_",
    "LLM_AUDIT_ELASTIC",
    "LLM_AUDIT_EVENT_HUB",
    "LLM_AUDIT_EVERYTHING",
    "LLM_AUDIT_GATEWAY",
    "LLM_AUDIT_GRAFANA_",
    "LLM_AUDIT_HEALTH",
    "LLM_AUDIT_INGEST_TOKEN",
    "LLM_AUDIT_JAEGER",
    "LLM_AUDIT_KAFKA",
    "LLM_AUDIT_LISTEN",
    "LLM_AUDIT_LOKI",
    "LLM_AUDIT_NOTABLE",
    "LLM_AUDIT_OTLP_GRPC",
    "LLM_AUDIT_OTLP_HTTP",
    "LLM_AUDIT_PROMETHEUS",
    "LLM_AUDIT_S3_",
    "LLM_AUDIT_SPLUNK",
    "LLM_AUDIT_SYSLOG_",
    "LLM_AUDIT_TEMPO",
    "LLM_AUDIT_TEST_",
    "LLM_AUDIT_VICTORIA",
];
const OTLP: [&str; 9] = [
    "CERTIFICATE",
    "CLIENT_CERTIFICATE",
    "CLIENT_KEY",
    "COMPRESSION",
    "ENDPOINT",
    "HEADERS",
    "INSECURE",
    "PROTOCOL",
    "TIMEOUT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_effect_is_named_and_its_value_is_not() {
        let environment = Environment::from([
            ("LLM_AUDIT_DATADIR", "secret"),
            ("LLM_AUDIT_DISABLED", "1"),
            ("OTEL_EXPORTER_OTLP_LOGS_HEADER", "secret"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,secret"),
            ("OTEL_SDK_DISABLED", "true"),
        ]);
        let environment = environment
            .and_bytes("LLM_AUDIT_DIR", b"secret\xff")
            .and_bytes("LLM_AUDIT_DATA_DIR", b"secret\xff");
        let oddities = environment.oddities();
        assert_eq!(oddities.len(), 6, "{oddities:?}");
        assert!(!format!("{oddities:?}").contains("secret"), "{oddities:?}");
    }

    #[test]
    fn what_is_understood_is_not_odd() {
        let environment = Environment::from([
            ("LLM_AUDIT_DATA_DIR", "a"),
            ("LLM_AUDIT_DISABLED", "TRUE"),
            ("LLM_AUDIT_KEYRING", "b"),
            ("LLM_AUDIT_LOG_BODY", "cef"),
            ("LLM_AUDIT_CACHE", "c"),
            ("LLM_AUDIT_TEST_COLLECTOR", "c"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "c"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=d"),
            ("OTEL_SDK_DISABLED", "false"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
        ]);
        assert_eq!(environment.oddities(), []);
    }

    #[test]
    fn what_a_configuration_of_the_collector_reads_is_not_odd() {
        let mut directories = vec![format!("{}/collector-config", env!("CARGO_MANIFEST_DIR"))];
        let mut read = 0;
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.to_str().unwrap().to_owned();
                if path.is_dir() {
                    directories.push(name);
                } else if name.ends_with(".yaml") {
                    let text = std::fs::read_to_string(path).unwrap();
                    for variable in text.split("${env:").skip(1) {
                        let end = variable.find([':', '}']).unwrap();
                        let variable = &variable[..end];
                        let environment = Environment::from([(variable, "a")]);
                        assert_eq!(environment.oddities(), [], "{name}");
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 100, "{read}");
    }
}
