//! Personal data and secrets: taken out of prompts before they are sent, and out of whatever becomes part of a record.
//!
//! * [`Sanitizer`] is what an application calls: texts, JSON messages, streams; placeholders (`<EMAIL_1>`) that a
//!   [`Restorer`] turns back in the answer; a report for the record.
//! * [`mask_secrets`], [`mask_secrets_in_text`] and [`mask_repeated_content`] are what the gate calls for change values, names
//!   and error texts. They write `<masked>` where a name gave a value away, and `<masked:CLASS>` where its shape did. What
//!   they mask cannot be restored.
//!
//! All are pure, take linear time, find the same with the same rules, and find nothing in what they wrote.
//!
//! # What is found
//! Detection is best-effort. What each class asks for:
//!
//! | class | found | not found |
//! |---|---|---|
//! | `credit_card`, `iban`, `us_ssn`, `us_itin`, `uk_nhs`, `uk_nino`, `in_aadhaar`, `br_cpf`, `de_tax_id`, `fr_nir`, `es_nif`, `it_codice_fiscale`, `pl_pesel`, `nl_bsn`, `ca_sin`, `au_tfn` | the forms in which people write them, where checksum and structure fit; where one of ten random numbers would fit, only with a word about it (`BSN …`) | numbers with a wrong digit; numbers without a word, where one is asked for; numbers behind words about orders, tickets and the like |
//! | `email` | addresses with a host name | quoted local parts, `anna at example dot com` |
//! | `phone` | international numbers; North American and European national forms; any digits behind words of telephoning | local numbers without such words |
//! | `ip_address`, `mac_address` | both versions; not the machine itself, not behind `version` | hardware addresses without separators |
//! | `date_of_birth` | dates behind words of birth in some ten languages | any other date |
//! | `api_key`, `jwt`, `private_key`, `webhook_url`, `bearer`, `basic_auth`, `url_credentials` | their shape, wherever they stand | keys without a known prefix |
//! | `connection_string`, `secret` | what stands behind a name that says so (`password=…`, `my PIN is …`) | secrets under names that say nothing |
//! | `person_name`, `street_address` | on demand: names behind titles and introductions, streets of two languages | most names and addresses |
//!
//! Look-alikes are seen through: full-width letters and digits, digits of other scripts, invisible characters, blanks and
//! dashes of any kind.
//!
//! # Rules of the application
//! ```json
//! {
//!   "version": 1,
//!   "rules": [
//!     {"class": "employee_id", "pattern": "EMP-\\d{6}"},
//!     {"class": "contract", "pattern": "\\d{4}/\\d{5}", "context": ["contract", "vertrag"]},
//!     {"class": "project", "words": ["Bluebird", "Black Swan"], "ignore_case": true}
//!   ]
//! }
//! ```
//!
//! A class is lower-case letters, digits and `_`, at most 32, beginning with a letter, and none that is built in. A rule has
//! a `pattern` or `words`. With `context`, it counts only where one of these words, lower case, stands in the sentence or is
//! the name of the field. Patterns are a small part of what regular expressions are: letters as they are, `\d`, `\w`, `\s`,
//! `.`, `[a-f0-9]`, `[^ ]`, `(a|b)`, `?`, `*`, `+`, `{3}`, `{2,5}`. One begins and ends where a word does and takes the longest
//! match.

mod address;
mod anchor;
mod birth;
mod class;
mod context;
mod email;
mod identity;
mod json;
mod network;
mod number;
mod overlap;
mod pattern;
mod person;
mod phone;
mod placeholder;
mod reference;
mod restorer;
mod rules;
mod sanitizer;
mod scan;
mod secret_names;
mod secret_pairs;
mod secret_shapes;
mod secret_text;
mod secrets;
mod spoken;
mod stream;
mod view;

pub use self::class::{Class, UnknownClass};
pub use self::json::SanitizedJson;
pub use self::overlap::{REPEATED_CHARS, mask_repeated_content};
pub use self::pattern::PatternError;
pub use self::restorer::Restorer;
pub use self::rules::RulesError;
pub use self::sanitizer::{Finding, Sanitized, Sanitizer, SanitizerBuilder};
pub use self::secret_text::mask_secrets_in_text;
pub use self::secrets::{Masked, mask_secrets};
pub use self::stream::SanitizeStream;
