//! From fields back to the record: the inverse of its walk.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::attribute::{self, Attribute, Role};
use super::fields::{AuditRecord, Body};
use super::{
    Access, Actor, Call, Change, ContentHashes, Cost, Delivery, DisclosedContent, Envelope, Label,
    Mac, Outcome, Request, Response, Sanitization, SanitizationStatus, StreamPosition, System,
    TraceContext, Usage,
};

/// Fields do not make up a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// A field that every record of its kind has is absent.
    #[error("the record has no {name}")]
    Missing {
        /// Name of the attribute.
        name: &'static str,
    },
    /// A field holds what it cannot hold.
    #[error("the record's {name} is not what the attribute table (schema {schema}) asks for", schema = attribute::VERSION)]
    Invalid {
        /// Name of the attribute.
        name: &'static str,
    },
    /// The bytes are no record of any version.
    #[error("not a record: byte {offset} of {length} cannot be read")]
    Malformed {
        /// Where reading stopped.
        offset: usize,
        /// How many bytes there are.
        length: usize,
    },
}

/// A value that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum OwnedValue {
    Double(f64),
    Flag(bool),
    Int(i64),
    Text(String),
    Texts(Vec<String>),
}

/// Fields that were read, by name.
#[derive(Debug, Default)]
pub(crate) struct Fields(BTreeMap<String, OwnedValue>);

/// What fields make up.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) record: AuditRecord,
    pub(crate) mac: Option<Mac>,
    /// Names of the fields that are in no row of the table.
    pub(crate) unknown: Vec<String>,
}

impl Fields {
    /// Adds a field; of a repeated name the last one counts.
    pub(crate) fn insert(&mut self, name: impl Into<String>, value: OwnedValue) {
        self.0.insert(name.into(), value);
    }

    /// The record that the fields make up. Derived fields are dropped, they are worked out again.
    pub(crate) fn into_record(mut self) -> Result<Parsed, RecordError> {
        for row in attribute::TABLE
            .iter()
            .filter(|row| row.role == Role::Derived)
        {
            self.0.remove(row.name);
        }
        let schema = self.required(&attribute::SCHEMA, Self::int)?;
        if schema != attribute::VERSION {
            return Err(RecordError::Invalid {
                name: attribute::SCHEMA.name,
            });
        }
        let kind: String = self.required(&attribute::KIND, Self::text)?;
        let mac = self.text(&attribute::MAC)?;
        let envelope = self.envelope()?;
        let body = match kind.as_str() {
            "access" => Body::Access(self.access()?),
            "call" => Body::Call(Box::new(self.call()?)),
            "change" => Body::Change(self.change()?),
            "system" => Body::System(self.system()?),
            _ => {
                return Err(RecordError::Invalid {
                    name: attribute::KIND.name,
                });
            }
        };
        Ok(Parsed {
            record: AuditRecord { envelope, body },
            mac,
            unknown: self.0.into_keys().collect(),
        })
    }

    fn envelope(&mut self) -> Result<Envelope, RecordError> {
        let stream = self.text(&attribute::STREAM_ID)?;
        let seq = self.int(&attribute::STREAM_SEQ)?;
        let position = match (stream, seq) {
            (Some(stream), Some(seq)) => Some(StreamPosition { stream, seq }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(RecordError::Missing {
                    name: attribute::STREAM_SEQ.name,
                });
            }
            (None, Some(_)) => {
                return Err(RecordError::Missing {
                    name: attribute::STREAM_ID.name,
                });
            }
        };
        Ok(Envelope {
            record_id: self.required(&attribute::RECORD_ID, Self::text)?,
            time: super::Timestamp::from_unix_nanos(self.required(&attribute::TIME, Self::int)?),
            position,
            service: self.text(&attribute::SERVICE_NAME)?,
            actor: Actor {
                user_id: self.text(&attribute::USER_ID)?,
                user_hash: self.text(&attribute::USER_HASH)?,
                session: self.text(&attribute::SESSION_ID)?,
                conversation: self.text(&attribute::CONVERSATION_ID)?,
                tenant: self.text(&attribute::TENANT)?,
                credential_hash: self.text(&attribute::CREDENTIAL_HASH)?,
                client_address: self.text(&attribute::CLIENT_ADDRESS)?,
            },
            trace: self.trace()?,
            metadata: self.text(&attribute::METADATA)?,
        })
    }

    fn trace(&mut self) -> Result<Option<TraceContext>, RecordError> {
        let parent_span_id = self.text(&attribute::PARENT_SPAN_ID)?;
        match (
            self.text(&attribute::TRACE_ID)?,
            self.text(&attribute::SPAN_ID)?,
        ) {
            (Some(trace_id), Some(span_id)) => Ok(Some(TraceContext {
                trace_id,
                span_id,
                parent_span_id,
            })),
            (None, None) if parent_span_id.is_none() => Ok(None),
            (_, Some(_)) => Err(RecordError::Missing {
                name: attribute::TRACE_ID.name,
            }),
            (_, None) => Err(RecordError::Missing {
                name: attribute::SPAN_ID.name,
            }),
        }
    }

    fn access(&mut self) -> Result<Access, RecordError> {
        Ok(Access {
            operation: self.required(&attribute::ACCESS_OPERATION, Self::text)?,
            resource: self.text(&attribute::ACCESS_RESOURCE)?,
            outcome: self.required(&attribute::ACCESS_OUTCOME, Self::text)?,
        })
    }

    fn change(&mut self) -> Result<Change, RecordError> {
        Ok(Change {
            action: self.required(&attribute::ACTION, Self::text)?,
            table_name: self.required(&attribute::CHANGE_TABLE_NAME, Self::text)?,
            object_id: self.required(&attribute::CHANGE_OBJECT_ID, Self::text)?,
            before_value: self.text(&attribute::CHANGE_BEFORE_VALUE)?,
            updated_values: self.text(&attribute::CHANGE_UPDATED_VALUES)?,
            changed_by_api_key: self.text(&attribute::CHANGE_API_KEY)?,
        })
    }

    fn system(&mut self) -> Result<System, RecordError> {
        Ok(System {
            event: self.required(&attribute::SYSTEM_EVENT, Self::text)?,
            detail: self.text(&attribute::SYSTEM_DETAIL)?,
        })
    }

    fn call(&mut self) -> Result<Call, RecordError> {
        let port = self
            .int(&attribute::SERVER_PORT)?
            .map(u16::try_from)
            .transpose();
        Ok(Call {
            operation: self.required(&attribute::OPERATION_NAME, Self::text)?,
            action: self.required(&attribute::ACTION, Self::text)?,
            provider: self.text(&attribute::PROVIDER_NAME)?,
            server_address: self.text(&attribute::SERVER_ADDRESS)?,
            server_port: port.map_err(|_| RecordError::Invalid {
                name: attribute::SERVER_PORT.name,
            })?,
            request: self.request()?,
            response: self.response()?,
            outcome: Outcome {
                status: self.required(&attribute::STATUS, Self::text)?,
                reason: self.text(&attribute::STATUS_REASON)?,
                error_type: self.text(&attribute::ERROR_TYPE)?,
                error_message: self.text(&attribute::ERROR_MESSAGE)?,
            },
            duration_ns: self.int(&attribute::DURATION_NS)?,
            hashes: ContentHashes {
                system_prompt: self.text(&attribute::SYSTEM_PROMPT_HASH)?,
                input: self.text(&attribute::INPUT_HASH)?,
                output: self.text(&attribute::OUTPUT_HASH)?,
                tools: self.text(&attribute::TOOLS_HASH)?,
            },
            disclosed: DisclosedContent {
                system_prompt: self.text(&attribute::SYSTEM_INSTRUCTIONS)?,
                input: self.text(&attribute::INPUT_MESSAGES)?,
                output: self.text(&attribute::OUTPUT_MESSAGES)?,
                tools: self.text(&attribute::TOOL_DEFINITIONS)?,
            },
            usage: self.usage()?,
            usage_source: self.required(&attribute::USAGE_SOURCE, Self::text)?,
            cost: self.cost()?,
            sanitization: self.sanitization()?,
        })
    }

    fn request(&mut self) -> Result<Request, RecordError> {
        Ok(Request {
            model: self.text(&attribute::REQUEST_MODEL)?,
            max_tokens: self.int(&attribute::REQUEST_MAX_TOKENS)?,
            temperature: self.double(&attribute::REQUEST_TEMPERATURE)?,
            top_p: self.double(&attribute::REQUEST_TOP_P)?,
            delivery: match self.0.remove(attribute::REQUEST_STREAM.name) {
                None | Some(OwnedValue::Flag(false)) => Delivery::Whole,
                Some(OwnedValue::Flag(true)) => Delivery::Stream,
                Some(_) => {
                    return Err(RecordError::Invalid {
                        name: attribute::REQUEST_STREAM.name,
                    });
                }
            },
        })
    }

    fn response(&mut self) -> Result<Response, RecordError> {
        let finish_reasons = match self.0.remove(attribute::RESPONSE_FINISH_REASONS.name) {
            None => Vec::new(),
            Some(OwnedValue::Texts(texts)) => {
                let labels = texts
                    .iter()
                    .map(|text| text.parse::<Label>())
                    .collect::<Result<_, _>>();
                labels.map_err(|_| RecordError::Invalid {
                    name: attribute::RESPONSE_FINISH_REASONS.name,
                })?
            }
            Some(_) => {
                return Err(RecordError::Invalid {
                    name: attribute::RESPONSE_FINISH_REASONS.name,
                });
            }
        };
        Ok(Response {
            id: self.text(&attribute::RESPONSE_ID)?,
            model: self.text(&attribute::RESPONSE_MODEL)?,
            finish_reasons,
            service_tier: self.text(&attribute::SERVICE_TIER)?,
            time_to_first_chunk_ns: self.int(&attribute::TIME_TO_FIRST_CHUNK_NS)?,
        })
    }

    fn usage(&mut self) -> Result<Usage, RecordError> {
        Ok(Usage {
            input_tokens: self.int(&attribute::INPUT_TOKENS)?,
            output_tokens: self.int(&attribute::OUTPUT_TOKENS)?,
            cache_read_input_tokens: self.int(&attribute::CACHE_READ_INPUT_TOKENS)?,
            cache_write_input_tokens: self.int(&attribute::CACHE_WRITE_INPUT_TOKENS)?,
            cache_write_1h_input_tokens: self.int(&attribute::CACHE_WRITE_1H_INPUT_TOKENS)?,
            reasoning_output_tokens: self.int(&attribute::REASONING_OUTPUT_TOKENS)?,
            audio_input_tokens: self.int(&attribute::AUDIO_INPUT_TOKENS)?,
            audio_output_tokens: self.int(&attribute::AUDIO_OUTPUT_TOKENS)?,
        })
    }

    fn cost(&mut self) -> Result<Cost, RecordError> {
        let source: String = self.required(&attribute::COST_SOURCE, Self::text)?;
        if source == "none" {
            return Ok(Cost::Unknown {
                reason: self.required(&attribute::COST_REASON, Self::text)?,
            });
        }
        Ok(Cost::Known {
            exact: self.required(&attribute::COST_EXACT, Self::text)?,
            source: source.parse().map_err(|_| RecordError::Invalid {
                name: attribute::COST_SOURCE.name,
            })?,
            price_table: self.text(&attribute::COST_PRICE_TABLE)?,
        })
    }

    fn sanitization(&mut self) -> Result<Sanitization, RecordError> {
        let status: SanitizationStatus =
            self.required(&attribute::SANITIZATION_STATUS, Self::text)?;
        let count = self.int(&attribute::SANITIZATION_COUNT)?;
        let rules = self.text(&attribute::SANITIZATION_RULES)?;
        let invalid = || RecordError::Invalid {
            name: attribute::SANITIZATION_CLASS.name,
        };
        let fields = std::mem::take(&mut self.0).into_iter();
        let (ours, others): (BTreeMap<_, _>, _) =
            fields.partition(|(name, _)| name.starts_with(attribute::SANITIZATION_PREFIX));
        self.0 = others;
        let class = |(name, value): (String, OwnedValue)| {
            let class = name[attribute::SANITIZATION_PREFIX.len()..].parse().ok()?;
            Some((class, whole(&value)?))
        };
        let classes = ours
            .into_iter()
            .map(|entry| class(entry).ok_or_else(invalid))
            .collect::<Result<_, _>>()?;
        Ok(Sanitization {
            status,
            count,
            classes,
            rules,
        })
    }

    fn required<T>(
        &mut self,
        row: &Attribute,
        read: impl FnOnce(&mut Self, &Attribute) -> Result<Option<T>, RecordError>,
    ) -> Result<T, RecordError> {
        read(self, row)?.ok_or(RecordError::Missing { name: row.name })
    }

    fn text<T: FromStr>(&mut self, row: &Attribute) -> Result<Option<T>, RecordError> {
        let invalid = RecordError::Invalid { name: row.name };
        match self.0.remove(row.name) {
            None => Ok(None),
            Some(OwnedValue::Text(text)) => text.parse().map(Some).map_err(|_| invalid),
            Some(_) => Err(invalid),
        }
    }

    fn int(&mut self, row: &Attribute) -> Result<Option<u64>, RecordError> {
        let Some(value) = self.0.remove(row.name) else {
            return Ok(None);
        };
        whole(&value)
            .map(Some)
            .ok_or(RecordError::Invalid { name: row.name })
    }

    fn double(&mut self, row: &Attribute) -> Result<Option<f64>, RecordError> {
        match self.0.remove(row.name) {
            None => Ok(None),
            Some(OwnedValue::Double(number)) => Ok(Some(number)),
            #[expect(
                clippy::cast_precision_loss,
                reason = "JSON writes 1.0 as 1; what has a fraction never comes here"
            )]
            Some(OwnedValue::Int(number)) => Ok(Some(number as f64)),
            Some(_) => Err(RecordError::Invalid { name: row.name }),
        }
    }
}

/// A whole number, which the canonical form writes as text beyond 2^53.
fn whole(value: &OwnedValue) -> Option<u64> {
    match value {
        OwnedValue::Int(number) => u64::try_from(*number).ok(),
        OwnedValue::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The fields of the canonical form.
pub(crate) fn fields_of_json(text: &str) -> Result<Fields, RecordError> {
    let malformed = || RecordError::Malformed {
        offset: 0,
        length: text.len(),
    };
    let serde_json::Value::Object(map) = super::strict_json::parse(text).ok_or_else(malformed)?
    else {
        return Err(malformed());
    };
    let mut fields = Fields::default();
    for (name, value) in map {
        fields.insert(name, owned(value).ok_or_else(malformed)?);
    }
    Ok(fields)
}

fn owned(value: serde_json::Value) -> Option<OwnedValue> {
    use serde_json::Value as Json;
    Some(match value {
        Json::Bool(flag) => OwnedValue::Flag(flag),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => OwnedValue::Int(whole),
            None => OwnedValue::Double(number.as_f64()?),
        },
        Json::String(text) => OwnedValue::Text(text),
        Json::Array(items) => {
            let texts = items.into_iter().map(|item| match item {
                Json::String(text) => Some(text),
                _ => None,
            });
            OwnedValue::Texts(texts.collect::<Option<_>>()?)
        }
        Json::Null | Json::Object(_) => return None,
    })
}
