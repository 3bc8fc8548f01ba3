//! What is set in an environment and has no effect, or another than was meant. What is wrong with the rest is told by
//! whoever reads it.

use super::Environment;

impl Environment {
    /// Variables that are set and not understood, with why; no values, since they may be secrets.
    pub(crate) fn oddities(&self) -> Vec<(String, String)> {
        let mut oddities = Vec::new();
        for (name, value) in self.0.iter().filter(|(_, value)| !value.is_empty()) {
            if let Some(why) = self.odd(name, value) {
                oddities.push((name.clone(), why));
            }
        }
        oddities
    }

    fn odd(&self, name: &str, value: &str) -> Option<String> {
        let ours = name.starts_with("LLM_AUDIT_") && !name.starts_with("LLM_AUDIT_TEST_");
        if ours && !OURS.contains(&name) {
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

fn is_switch(value: &str) -> bool {
    ["true", "false"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

const OURS: [&str; 3] = [
    "LLM_AUDIT_DATA_DIR",
    "LLM_AUDIT_DISABLED",
    "LLM_AUDIT_KEYRING",
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
        let oddities = environment.oddities();
        assert_eq!(oddities.len(), 5, "{oddities:?}");
        assert!(!format!("{oddities:?}").contains("secret"), "{oddities:?}");
    }

    #[test]
    fn what_is_understood_is_not_odd() {
        let environment = Environment::from([
            ("LLM_AUDIT_DATA_DIR", "a"),
            ("LLM_AUDIT_DISABLED", "TRUE"),
            ("LLM_AUDIT_KEYRING", "b"),
            ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "c"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b,c=d"),
            ("OTEL_SDK_DISABLED", "false"),
            ("OTEL_TRACES_SAMPLER", "always_off"),
        ]);
        assert_eq!(environment.oddities(), []);
    }
}
