//! What holds for a signal, out of what the code and the environment say.

use std::path::PathBuf;
use std::time::Duration;

use super::{Compression, Destination, Protocol};
use crate::emit::builder::BuildError;
use crate::emit::environment::{Environment, NotPairs};
use crate::emit::sender::{
    Certificates, ClientCertificate, Endpoint, Header, Reach, Scheme, TargetConfig,
};
use crate::semconv::Signal;

/// Destinations that the code sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Destinations {
    pub(crate) both: Destination,
    pub(crate) logs: Destination,
    pub(crate) traces: Destination,
}

/// A setting under all its names.
struct Setting {
    /// In the code.
    code: &'static str,
    both: &'static str,
    logs: &'static str,
    traces: &'static str,
}

/// A value of the environment.
#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    name: &'static str,
    value: &'a str,
    reach: Reach,
}

/// All that is known of one signal.
struct Choice<'a> {
    signal: Signal,
    both: &'a Destination,
    own: &'a Destination,
    environment: &'a Environment,
}

impl Destinations {
    /// What holds for a signal.
    pub(crate) fn target(
        &self,
        signal: Signal,
        environment: &Environment,
    ) -> Result<TargetConfig, BuildError> {
        let choice = Choice {
            signal,
            both: &self.both,
            own: match signal {
                Signal::Logs => &self.logs,
                Signal::Traces => &self.traces,
            },
            environment,
        };
        choice.check()?;
        let protocol = choice.protocol()?;
        Ok(TargetConfig {
            endpoint: choice.endpoint(protocol)?,
            protocol,
            headers: choice.headers()?,
            timeout: choice.timeout()?,
            compression: choice.compression()?,
            certificates: choice.certificates()?,
        })
    }
}

impl<'a> Choice<'a> {
    /// Whether all that the environment says can be read; paths always can.
    fn check(&self) -> Result<(), BuildError> {
        let settings = [COMPRESSION, ENDPOINT, HEADERS, INSECURE, PROTOCOL, TIMEOUT];
        settings.iter().try_for_each(|setting| {
            self.environment
                .check(&[self.name_of_own(setting), setting.both])
        })
    }

    fn protocol(&self) -> Result<Protocol, BuildError> {
        if let Some(protocol) = self.own.protocol.or(self.both.protocol) {
            return Ok(protocol);
        }
        self.word(
            &PROTOCOL,
            &[
                ("grpc", Protocol::Grpc),
                ("http/protobuf", Protocol::HttpProtobuf),
            ],
            Protocol::Grpc,
        )
    }

    fn compression(&self) -> Result<Compression, BuildError> {
        if let Some(compression) = self.own.compression.or(self.both.compression) {
            return Ok(compression);
        }
        self.word(
            &COMPRESSION,
            &[("gzip", Compression::Gzip), ("none", Compression::None)],
            Compression::None,
        )
    }

    fn endpoint(&self, protocol: Protocol) -> Result<Endpoint, BuildError> {
        let in_code = |destination: &'a Destination, reach| {
            let value = destination.endpoint.as_deref()?;
            Some(Given {
                name: ENDPOINT.code,
                value,
                reach,
            })
        };
        let given = in_code(self.own, Reach::One)
            .or_else(|| in_code(self.both, Reach::All))
            .or_else(|| self.given(&ENDPOINT))
            .unwrap_or(Given {
                name: ENDPOINT.code,
                value: match protocol {
                    Protocol::Grpc => "http://localhost:4317",
                    Protocol::HttpProtobuf => "http://localhost:4318",
                },
                reach: Reach::All,
            });
        let schemes = [("true", Scheme::Http), ("false", Scheme::Https)];
        let without_scheme = self.word(&INSECURE, &schemes, Scheme::Https)?;
        Endpoint::parse(
            given.value,
            protocol,
            self.signal,
            given.reach,
            without_scheme,
        )
        .map_err(|error| fault(given.name, error.to_string()))
    }

    fn headers(&self) -> Result<Vec<Header>, BuildError> {
        let in_code = match self.own.headers.as_slice() {
            [] => self.both.headers.as_slice(),
            own => own,
        };
        let mut headers = Vec::new();
        for (name, value) in in_code {
            let header = Header::parse(name, value);
            headers.push(header.map_err(|error| fault(HEADERS.code, error.to_string()))?);
        }
        let Some(given) = self.given(&HEADERS) else {
            return Ok(headers);
        };
        let pairs = Environment::strict_pairs(given.value);
        let pairs = pairs.map_err(|NotPairs { member }| {
            let what = format!(
                "member {member} is not of the form key=value, with key=value,key=value allowed"
            );
            fault(given.name, what)
        })?;
        for (name, value) in pairs {
            if !in_code
                .iter()
                .any(|(set, _)| set.eq_ignore_ascii_case(&name))
            {
                let header = Header::parse(&name, &value);
                headers.push(header.map_err(|error| fault(given.name, error.to_string()))?);
            }
        }
        Ok(headers)
    }

    fn timeout(&self) -> Result<Duration, BuildError> {
        let (name, timeout, shown) =
            match (self.own.timeout.or(self.both.timeout), self.given(&TIMEOUT)) {
                (Some(timeout), _) => (TIMEOUT.code, Some(timeout), format!("{timeout:?}")),
                (None, None) => return Ok(TIMEOUT_DEFAULT),
                (None, Some(given)) => {
                    let millis = given.value.parse().ok().map(Duration::from_millis);
                    (given.name, millis, format!("{:?}", given.value))
                }
            };
        timeout
            .filter(|timeout| (TIMEOUT_LEAST..=TIMEOUT_MOST).contains(timeout))
            .ok_or_else(|| {
                fault(
                    name,
                    format!("{shown} is not a time from 1 to 3600000 milliseconds"),
                )
            })
    }

    fn certificates(&self) -> Result<Certificates, BuildError> {
        let path = |setting| self.path(setting).map(|(_, path)| path);
        let own = self.own.ca_certificates.clone();
        let authorities = own
            .or_else(|| self.both.ca_certificates.clone())
            .or_else(|| path(&CERTIFICATE));
        let in_code = self.own.client_certificate.as_ref();
        let in_code = in_code.or(self.both.client_certificate.as_ref());
        let client = match in_code {
            Some((chain, key)) => Some((chain.clone(), key.clone())),
            None => match (self.path(&CLIENT_CERTIFICATE), self.path(&CLIENT_KEY)) {
                (None, None) => None,
                (Some((_, chain)), Some((_, key))) => Some((chain, key)),
                (Some((name, chain)), None) => {
                    let what = format!("{chain:?} has no key: set {} too", CLIENT_KEY.both);
                    return Err(fault(name, what));
                }
                (None, Some((name, key))) => {
                    let other = CLIENT_CERTIFICATE.both;
                    let what = format!("{key:?} has no certificate: set {other} too");
                    return Err(fault(name, what));
                }
            },
        };
        Ok(Certificates {
            authorities,
            client: client.map(|(chain, key)| ClientCertificate { chain, key }),
        })
    }

    /// The value of a setting that is one of a few words.
    fn word<T: Copy>(
        &self,
        setting: &Setting,
        words: &[(&str, T)],
        default: T,
    ) -> Result<T, BuildError> {
        let Some(given) = self.given(setting) else {
            return Ok(default);
        };
        let found = words
            .iter()
            .find(|(word, _)| given.value.trim().eq_ignore_ascii_case(word));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let what = format!("{:?} is not one of {}", given.value, allowed.join(", "));
            fault(given.name, what)
        })
    }

    fn given(&self, setting: &Setting) -> Option<Given<'a>> {
        let environment: &'a Environment = self.environment;
        let get = |name: &'static str, reach| {
            environment
                .get(name)
                .map(|value| Given { name, value, reach })
        };
        get(self.name_of_own(setting), Reach::One).or_else(|| get(setting.both, Reach::All))
    }

    /// The path of a setting, and the variable that has it.
    fn path(&self, setting: &Setting) -> Option<(&'static str, PathBuf)> {
        let get = |name: &'static str| self.environment.path(name).map(|path| (name, path));
        get(self.name_of_own(setting)).or_else(|| get(setting.both))
    }

    /// The variable that sets it for this signal alone.
    fn name_of_own(&self, setting: &Setting) -> &'static str {
        match self.signal {
            Signal::Logs => setting.logs,
            Signal::Traces => setting.traces,
        }
    }
}

fn fault(setting: &'static str, fault: String) -> BuildError {
    BuildError::Setting { setting, fault }
}

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);
const TIMEOUT_LEAST: Duration = Duration::from_millis(1);
const TIMEOUT_MOST: Duration = Duration::from_secs(3600);

const CERTIFICATE: Setting = Setting {
    code: "ca_certificates",
    both: "OTEL_EXPORTER_OTLP_CERTIFICATE",
    logs: "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
};
const CLIENT_CERTIFICATE: Setting = Setting {
    code: "client_certificate",
    both: "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    logs: "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
};
const CLIENT_KEY: Setting = Setting {
    code: "client_certificate",
    both: "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    logs: "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
    traces: "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY",
};
const COMPRESSION: Setting = Setting {
    code: "compression",
    both: "OTEL_EXPORTER_OTLP_COMPRESSION",
    logs: "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
    traces: "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
};
const ENDPOINT: Setting = Setting {
    code: "endpoint",
    both: "OTEL_EXPORTER_OTLP_ENDPOINT",
    logs: "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    traces: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
};
const HEADERS: Setting = Setting {
    code: "header",
    both: "OTEL_EXPORTER_OTLP_HEADERS",
    logs: "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    traces: "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
};
const INSECURE: Setting = Setting {
    code: "endpoint",
    both: "OTEL_EXPORTER_OTLP_INSECURE",
    logs: "OTEL_EXPORTER_OTLP_LOGS_INSECURE",
    traces: "OTEL_EXPORTER_OTLP_TRACES_INSECURE",
};
const PROTOCOL: Setting = Setting {
    code: "protocol",
    both: "OTEL_EXPORTER_OTLP_PROTOCOL",
    logs: "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    traces: "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
};
const TIMEOUT: Setting = Setting {
    code: "timeout",
    both: "OTEL_EXPORTER_OTLP_TIMEOUT",
    logs: "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    traces: "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT",
};
