//! Where a call is served, as far as the price depends on it, told by the host that it was sent to.
//!
//! Google asks more in a region than at its global endpoint, OpenAI asks more for processing in a named region; both have
//! hosts of their own for it.

/// What a host says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    /// The location at Vertex AI: `global`, `us-east5`, `eu`, ….
    pub(crate) vertex_location: Option<&'a str>,
    /// The region that data stays in, at OpenAI: `eu`, `us`.
    pub(crate) data_residency: Option<&'a str>,
}

impl<'a> Place<'a> {
    /// What a host says; nothing where it is none of those.
    pub(crate) fn of_host(host: &'a str) -> Self {
        let vertex_location = match host.strip_suffix("aiplatform.googleapis.com") {
            Some("") => Some("global"),
            Some(region) => region.strip_suffix('-'),
            // Multi-regions: `aiplatform.eu.rep.googleapis.com`.
            None => host
                .strip_prefix("aiplatform.")
                .and_then(|rest| rest.strip_suffix(".rep.googleapis.com")),
        };
        Self {
            vertex_location,
            data_residency: host.strip_suffix(".api.openai.com"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_say_where_a_call_is_served() {
        for (host, vertex_location, data_residency) in [
            ("aiplatform.googleapis.com", Some("global"), None),
            ("us-east5-aiplatform.googleapis.com", Some("us-east5"), None),
            ("aiplatform.eu.rep.googleapis.com", Some("eu"), None),
            ("eu.api.openai.com", None, Some("eu")),
            ("api.openai.com", None, None),
            ("generativelanguage.googleapis.com", None, None),
            ("localhost", None, None),
        ] {
            let expected = Place {
                vertex_location,
                data_residency,
            };
            assert_eq!(Place::of_host(host), expected, "{host}");
        }
    }
}
