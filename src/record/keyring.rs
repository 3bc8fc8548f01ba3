//! Keyrings: the secrets that hash content and authenticate records, with rotation.
//!
//! # File format, version 1
//! One JSON object, to be kept readable by its owner only (mode 0600):
//!
//! ```json
//! {
//!   "format": "llm-audit-keyring",
//!   "version": 1,
//!   "keys": [
//!     {"id": "hash-01", "purpose": "hash", "created": "2026-11-22T10:00:00.000000000Z", "secret": "<64 hex>"},
//!     {"id": "mac-01", "purpose": "mac", "created": "2026-11-22T10:00:00.000000000Z", "secret": "<64 hex>"}
//!   ]
//! }
//! ```
//!
//! `retired` (an RFC 3339 instant) may stand beside `created`. The newest key of a purpose that is not retired is the
//! active one; retired keys stay for checking and look-ups. Key ids are unique over the whole ring.
//!
//! # Derivation (HKDF-SHA256, RFC 5869, no salt)
//! * hash key of a tenant: info = `"llm-audit/v1/hash/tenant/"` ‖ tenant (empty where there is none)
//! * record key: info = `"llm-audit/v1/mac"`

use std::fmt;
use std::str::FromStr;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::{HashField, HashForm, KeyId, KeyedHash, Mac, Timestamp, hex};

/// Why a text is no keyring, or a keyring cannot do what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// The text is not the JSON that a keyring file holds.
    #[error(
        "not a keyring file (line {line}, column {column}): make one with `llm-audit key generate`"
    )]
    Malformed {
        /// Line of the first fault, from 1.
        line: usize,
        /// Column of the first fault, from 1.
        column: usize,
    },
    /// The file is of a version that this program does not know.
    #[error("keyring version {found} where version {known} is known: use a newer llm-audit")]
    UnknownVersion {
        /// What the file says.
        found: u64,
        /// What is read here.
        known: u64,
    },
    /// One of the keys is not usable.
    #[error("key number {number} of the keyring: {fault}")]
    BadKey {
        /// Its place in the file, from 1.
        number: usize,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// No key of a purpose is active.
    #[error("the keyring has no active {purpose} key: add one with `llm-audit key generate`")]
    NoActiveKey {
        /// The purpose, `hash` or `mac`.
        purpose: &'static str,
    },
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyPurpose {
    /// Hashes of content and identities.
    Hash,
    /// Authentication codes of records.
    Mac,
}

impl KeyPurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Mac => "mac",
        }
    }
}

/// One key of a ring. Its secret is wiped from memory when it is dropped and is never shown.
pub struct Key {
    id: KeyId,
    purpose: KeyPurpose,
    created: Timestamp,
    retired: Option<Timestamp>,
    secret: Zeroizing<[u8; 32]>,
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn new(id: KeyId, purpose: KeyPurpose, created: Timestamp, secret: [u8; 32]) -> Self {
        Self {
            id,
            purpose,
            created,
            retired: None,
            secret: Zeroizing::new(secret),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> KeyPurpose {
        self.purpose
    }

    /// Since when it exists.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// Since when it makes nothing new, if it was retired.
    #[must_use]
    pub fn retired(&self) -> Option<Timestamp> {
        self.retired
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

/// A set of keys with exactly one active key for each purpose.
pub struct Keyring {
    keys: Vec<Key>,
    hash: usize,
    mac: usize,
    record_key: Hmac<Sha256>,
}

impl Keyring {
    /// Takes the keys, newest of a purpose active.
    ///
    /// # Errors
    /// [`KeyringError::BadKey`] where two keys share an id, [`KeyringError::NoActiveKey`] where a purpose has none.
    pub fn new(keys: Vec<Key>) -> Result<Self, KeyringError> {
        for (number, key) in keys.iter().enumerate() {
            if keys[..number].iter().any(|other| other.id == key.id) {
                return Err(KeyringError::BadKey {
                    number: number + 1,
                    fault: "its id is taken by a key before it",
                });
            }
        }
        let hash = active(&keys, KeyPurpose::Hash)?;
        let mac = active(&keys, KeyPurpose::Mac)?;
        let record_key = record_key(&keys[mac]);
        Ok(Self {
            keys,
            hash,
            mac,
            record_key,
        })
    }

    /// A ring with one new key for each purpose, named by `created`'s day.
    #[must_use]
    pub fn generate(created: Timestamp, secrets: [[u8; 32]; 2]) -> Self {
        let key = |purpose: KeyPurpose, secret| {
            let id = format!("{}-{}", purpose.as_str(), created.day())
                .parse()
                .expect("a purpose and a day fit a key id");
            Key::new(id, purpose, created, secret)
        };
        let keys = vec![
            key(KeyPurpose::Hash, secrets[0]),
            key(KeyPurpose::Mac, secrets[1]),
        ];
        Self::new(keys).expect("one key of each purpose is there")
    }

    /// All keys, in the order of the file.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Adds a key and retires the one that was active for its purpose.
    ///
    /// # Errors
    /// As [`Keyring::new`].
    pub fn rotate(mut self, key: Key) -> Result<Self, KeyringError> {
        let (purpose, now) = (key.purpose, key.created);
        for old in self
            .keys
            .iter_mut()
            .filter(|old| old.purpose == purpose && old.retired.is_none())
        {
            old.retired = Some(now);
        }
        self.keys.push(key);
        Self::new(self.keys)
    }

    /// The hashing key of a tenant (of no tenant: `None`).
    #[must_use]
    pub fn hasher(&self, tenant: Option<&str>) -> ContentHasher {
        let key = &self.keys[self.hash];
        ContentHasher {
            key: key.id,
            keyed: tenant_key(key, tenant.unwrap_or_default()),
        }
    }

    /// A hasher for each hash key of the ring, retired ones too, newest first: for look-ups.
    pub fn lookup_hashers(&self, tenant: Option<&str>) -> impl Iterator<Item = ContentHasher> {
        let keys = self
            .keys
            .iter()
            .rev()
            .filter(|key| key.purpose == KeyPurpose::Hash);
        keys.map(move |key| ContentHasher {
            key: key.id,
            keyed: tenant_key(key, tenant.unwrap_or_default()),
        })
    }

    /// Begins a record's authentication code with the active key; see [`MacWriter`].
    #[must_use]
    pub fn authenticate(&self) -> MacWriter {
        MacWriter {
            key: self.keys[self.mac].id,
            keyed: self.record_key.clone(),
        }
    }

    /// Name of the active key of authentication codes.
    #[must_use]
    pub fn mac_key(&self) -> &KeyId {
        self.keys[self.mac].id()
    }

    /// The value of the authentication code over a record's canonical bytes, made with [`mac_key`](Self::mac_key).
    #[must_use]
    pub fn code(&self, canonical: &[u8]) -> [u8; 32] {
        let mut keyed = self.record_key.clone();
        keyed.update(canonical);
        keyed.finalize().into_bytes().into()
    }

    /// Whether `mac` is what a key of this ring, retired or not, makes of `canonical`.
    #[must_use]
    pub fn verifies(&self, mac: &Mac, canonical: &[u8]) -> bool {
        let key = self
            .keys
            .iter()
            .find(|key| key.purpose == KeyPurpose::Mac && key.id == *mac.key());
        key.is_some_and(|key| {
            let mut keyed = record_key(key);
            keyed.update(canonical);
            keyed.verify_slice(mac.value()).is_ok()
        })
    }

    /// The file's text, ended by a newline. It holds the secrets.
    #[must_use]
    pub fn to_file_text(&self) -> Zeroizing<String> {
        let keys = self.keys.iter().map(KeyEntry::from).collect();
        let file = File {
            format: FORMAT.to_owned(),
            version: VERSION,
            keys,
        };
        let mut text = serde_json::to_string_pretty(&file).expect("a keyring has a JSON form");
        text.push('\n');
        Zeroizing::new(text)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let malformed = |error: serde_json::Error| KeyringError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let head: Head = serde_json::from_str(text).map_err(malformed)?;
        if head.format != FORMAT {
            return Err(KeyringError::Malformed { line: 1, column: 1 });
        }
        if head.version != VERSION {
            return Err(KeyringError::UnknownVersion {
                found: head.version,
                known: VERSION,
            });
        }
        let file: File = serde_json::from_str(text).map_err(malformed)?;
        let keys = file.keys.iter().enumerate().map(|(at, entry)| {
            entry.parse().map_err(|fault| KeyringError::BadKey {
                number: at + 1,
                fault,
            })
        });
        Self::new(keys.collect::<Result<_, _>>()?)
    }
}

/// Hashes content for one tenant with one key.
pub struct ContentHasher {
    key: KeyId,
    keyed: Hmac<Sha256>,
}

impl ContentHasher {
    /// The keyed hash of `bytes` in `field`.
    #[must_use]
    pub fn hash(&self, field: HashField, form: HashForm, bytes: &[u8]) -> KeyedHash {
        let mut keyed = self.keyed.clone();
        keyed.update(field.prefix());
        keyed.update(bytes);
        KeyedHash::new(form, &self.key, &keyed.finalize().into_bytes().into())
    }
}

impl fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentHasher")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Takes the canonical bytes of a record piece by piece and gives its authentication code.
pub struct MacWriter {
    key: KeyId,
    keyed: Hmac<Sha256>,
}

impl MacWriter {
    /// Goes on with `bytes`.
    pub fn update(&mut self, bytes: &[u8]) {
        self.keyed.update(bytes);
    }

    /// The code over all that was given.
    #[must_use]
    pub fn finish(self) -> Mac {
        Mac::new(self.key, self.keyed.finalize().into_bytes().into())
    }
}

fn active(keys: &[Key], purpose: KeyPurpose) -> Result<usize, KeyringError> {
    let candidates = keys
        .iter()
        .enumerate()
        .filter(|(_, key)| key.purpose == purpose && key.retired.is_none());
    let newest = candidates.max_by_key(|(at, key)| (key.created, *at));
    newest.map(|(at, _)| at).ok_or(KeyringError::NoActiveKey {
        purpose: purpose.as_str(),
    })
}

fn tenant_key(key: &Key, tenant: &str) -> Hmac<Sha256> {
    derive(key, &[b"llm-audit/v1/hash/tenant/", tenant.as_bytes()])
}

fn record_key(key: &Key) -> Hmac<Sha256> {
    derive(key, &[b"llm-audit/v1/mac"])
}

fn derive(key: &Key, info: &[&[u8]]) -> Hmac<Sha256> {
    let mut derived = Zeroizing::new([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, key.secret.as_slice());
    hkdf.expand_multi_info(info, derived.as_mut_slice())
        .expect("32 bytes are within what HKDF-SHA256 gives");
    Hmac::new_from_slice(derived.as_slice()).expect("HMAC takes keys of every length")
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    version: u64,
    keys: Vec<KeyEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: String,
    purpose: KeyPurpose,
    created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
    secret: String,
}

impl KeyEntry {
    fn parse(&self) -> Result<Key, &'static str> {
        let mut secret = Zeroizing::new([0; 32]);
        if !hex::decode(&self.secret, secret.as_mut_slice()) {
            return Err("its secret is not 64 lower-case hexadecimal digits");
        }
        let instant = |text: &str| {
            text.parse::<Timestamp>()
                .map_err(|_| "its dates are not RFC 3339 instants")
        };
        Ok(Key {
            id: self
                .id
                .parse()
                .map_err(|_| "its id is not 1 to 32 of A-Z a-z 0-9 . _ -")?,
            purpose: self.purpose,
            created: instant(&self.created)?,
            retired: self.retired.as_deref().map(instant).transpose()?,
            secret,
        })
    }
}

impl From<&Key> for KeyEntry {
    fn from(key: &Key) -> Self {
        Self {
            id: key.id.to_string(),
            purpose: key.purpose,
            created: key.created.to_string(),
            retired: key.retired.map(|time| time.to_string()),
            secret: hex::encode(key.secret.as_slice(), &mut [0; 64]).to_owned(),
        }
    }
}

impl Drop for KeyEntry {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

const FORMAT: &str = "llm-audit-keyring";
const VERSION: u64 = 1;

#[cfg(test)]
mod tests;
