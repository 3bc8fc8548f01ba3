//! The body of the log records that an auditor sends.

use super::{AuditorBuilder, BuildError};
use crate::emit::otlp::LogBody;

impl AuditorBuilder {
    /// What the body of a log record is: a line for people, or the record in the format of a SIEM, which a collector can then
    /// forward without a transformation; `LLM_AUDIT_LOG_BODY`, else [`LogBody::Text`]. It is made on the sender's thread;
    /// JSON lines, spans, attributes and authentication codes are the same under every body.
    pub fn log_body(mut self, body: LogBody) -> Self {
        self.log_body = Some(body);
        self
    }

    /// The body that holds.
    pub(super) fn chosen_log_body(&self) -> Result<LogBody, BuildError> {
        if let Some(body) = self.log_body {
            return Ok(body);
        }
        self.environment.check(&[VARIABLE])?;
        let Some(word) = self.environment.get(VARIABLE) else {
            return Ok(LogBody::Text);
        };
        let body = word.trim().to_ascii_lowercase().parse::<LogBody>();
        body.map_err(|error| BuildError::Setting {
            setting: VARIABLE,
            fault: error.to_string(),
        })
    }
}

const VARIABLE: &str = "LLM_AUDIT_LOG_BODY";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::environment::Environment;

    fn builder(environment: Environment) -> AuditorBuilder {
        let mut builder = AuditorBuilder::new();
        builder.environment = environment;
        builder
    }

    #[test]
    fn the_code_wins_over_the_environment_and_that_over_the_default() {
        let chosen = |builder: AuditorBuilder| builder.chosen_log_body().unwrap();
        let set = || builder(Environment::from([(VARIABLE, " OCSF ")]));
        assert_eq!(chosen(builder(Environment::default())), LogBody::Text);
        assert_eq!(chosen(set()), LogBody::Ocsf);
        assert_eq!(chosen(set().log_body(LogBody::Leef)), LogBody::Leef);
        let empty = builder(Environment::from([(VARIABLE, "")]));
        assert_eq!(chosen(empty), LogBody::Text);
    }

    #[test]
    fn a_variable_that_is_not_understood_is_an_error_that_names_the_choices() {
        let error = |environment| builder(environment).chosen_log_body().unwrap_err();
        assert_eq!(
            error(Environment::from([(VARIABLE, "json")])).to_string(),
            "LLM_AUDIT_LOG_BODY: \"json\" is not one of text, ocsf, ecs, cef, leef"
        );
        let bytes = Environment::default().and_bytes(VARIABLE, b"cef\xff");
        assert_eq!(
            error(bytes).to_string(),
            "LLM_AUDIT_LOG_BODY: its value is not UTF-8"
        );
    }
}
