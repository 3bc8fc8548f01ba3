//! What is found: classes of personal data and of secrets.

use std::fmt;
use std::str::FromStr;

/// A name is no class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no class of personal data or secrets")]
pub struct UnknownClass {
    name: String,
}

macro_rules! classes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $upper:literal $use:ident,)*) => {
        /// A class of personal data or of secrets. Its name is that of the count in the record
        /// (`llm_audit.sanitization.<class>`), in capitals that of the placeholder (`<EMAIL_1>`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Class {
            $($(#[$doc])* $variant,)*
        }

        impl Class {
            /// All classes, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name: `email`, `us_ssn`, …
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The name in a placeholder.
            pub(super) const fn in_capitals(self) -> &'static str {
                match self {
                    $(Self::$variant => $upper,)*
                }
            }

            /// Whether it is looked for unless somebody says otherwise.
            #[must_use]
            pub const fn is_default(self) -> bool {
                match self {
                    $(Self::$variant => classes!(@$use),)*
                }
            }

            /// What the gate writes in its place.
            pub(super) const fn masked(self) -> &'static str {
                if matches!(self, Self::Secret) {
                    return "<masked>";
                }
                match self {
                    $(Self::$variant => concat!("<masked:", $name, ">"),)*
                }
            }
        }
    };
    (@default) => { true };
    (@on_demand) => { false };
}

#[rustfmt::skip]
classes! {
    /// A key of a cloud, model, payment or source hosting provider, by its prefix.
    ApiKey "api_key" "API_KEY" default,
    /// An Australian tax file number.
    AuTfn "au_tfn" "AU_TFN" default,
    /// User and password in base64, after `Basic`.
    BasicAuth "basic_auth" "BASIC_AUTH" default,
    /// A token after `Bearer`.
    Bearer "bearer" "BEARER" default,
    /// A Brazilian taxpayer number (CPF).
    BrCpf "br_cpf" "BR_CPF" default,
    /// A Canadian social insurance number.
    CaSin "ca_sin" "CA_SIN" default,
    /// A password or key among the settings of a connection string.
    ConnectionString "connection_string" "CONNECTION_STRING" default,
    /// The number of a payment card.
    CreditCard "credit_card" "CREDIT_CARD" default,
    /// A date that is said to be one of birth.
    DateOfBirth "date_of_birth" "DATE_OF_BIRTH" default,
    /// A German tax identification number.
    DeTaxId "de_tax_id" "DE_TAX_ID" default,
    /// An e-mail address.
    Email "email" "EMAIL" default,
    /// A Spanish tax number (NIF, NIE).
    EsNif "es_nif" "ES_NIF" default,
    /// A French social security number (NIR).
    FrNir "fr_nir" "FR_NIR" default,
    /// An international bank account number.
    Iban "iban" "IBAN" default,
    /// An Indian Aadhaar number.
    InAadhaar "in_aadhaar" "IN_AADHAAR" default,
    /// An IP address, version 4 or 6, that is not of the machine itself.
    IpAddress "ip_address" "IP_ADDRESS" default,
    /// An Italian codice fiscale of a person.
    ItCodiceFiscale "it_codice_fiscale" "IT_CODICE_FISCALE" default,
    /// A JSON web token.
    Jwt "jwt" "JWT" default,
    /// A hardware address.
    MacAddress "mac_address" "MAC_ADDRESS" default,
    /// A Dutch citizen service number.
    NlBsn "nl_bsn" "NL_BSN" default,
    /// The name of a person after a title or "my name is". Weak: most names are not found.
    PersonName "person_name" "PERSON_NAME" on_demand,
    /// A telephone number.
    Phone "phone" "PHONE" default,
    /// A Polish PESEL number.
    PlPesel "pl_pesel" "PL_PESEL" default,
    /// A private key in PEM.
    PrivateKey "private_key" "PRIVATE_KEY" default,
    /// A value whose name says that it is secret: `password=…`.
    Secret "secret" "SECRET" default,
    /// A house number with its street, or a state with its ZIP code. Weak: the forms of the United States only.
    StreetAddress "street_address" "STREET_ADDRESS" on_demand,
    /// A British National Health Service number.
    UkNhs "uk_nhs" "UK_NHS" default,
    /// A British national insurance number.
    UkNino "uk_nino" "UK_NINO" default,
    /// The password in a URL.
    UrlCredentials "url_credentials" "URL_CREDENTIALS" default,
    /// A United States individual taxpayer number.
    UsItin "us_itin" "US_ITIN" default,
    /// A United States social security number.
    UsSsn "us_ssn" "US_SSN" default,
    /// The secret part of a webhook's address.
    WebhookUrl "webhook_url" "WEBHOOK_URL" default,
}

impl Class {
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let at = Self::ALL.binary_search_by(|class| class.as_str().as_bytes().cmp(name));
        at.ok().map(|at| Self::ALL[at])
    }

    pub(super) fn in_capitals_named(name: &[u8]) -> Option<Self> {
        let at = Self::ALL.binary_search_by(|class| class.in_capitals().as_bytes().cmp(name));
        at.ok().map(|at| Self::ALL[at])
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(name: &str) -> Result<Self, UnknownClass> {
        Self::named(name.as_bytes()).ok_or_else(|| UnknownClass {
            name: name.chars().take(64).collect(),
        })
    }
}

/// A set of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClassSet(u64);

impl ClassSet {
    pub(super) const NONE: Self = Self(0);

    /// What is looked for unless somebody says otherwise.
    pub(super) const DEFAULT: Self = {
        let mut set = Self::NONE;
        let mut at = 0;
        while at < Class::ALL.len() {
            if Class::ALL[at].is_default() {
                set = set.with(Class::ALL[at]);
            }
            at += 1;
        }
        set
    };

    pub(super) const fn with(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u32)
    }

    pub(super) const fn without(self, class: Class) -> Self {
        Self(self.0 & !(1 << class as u32))
    }

    #[inline]
    pub(super) const fn has(self, class: Class) -> bool {
        self.0 & 1 << class as u32 != 0
    }

    pub(super) fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL
            .iter()
            .copied()
            .filter(move |class| self.has(*class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_in_the_order_of_their_names_in_both_cases() {
        assert!(Class::ALL.is_sorted_by_key(|class| class.as_str()));
        assert!(Class::ALL.is_sorted_by_key(|class| class.in_capitals()));
        for class in Class::ALL {
            assert_eq!(class.as_str().parse(), Ok(*class));
            assert_eq!(class.in_capitals().to_ascii_lowercase(), class.as_str());
        }
    }

    #[test]
    fn no_class_has_the_name_of_another_attribute() {
        for name in ["count", "rules", "status"] {
            assert!(name.parse::<Class>().is_err());
        }
    }
}
