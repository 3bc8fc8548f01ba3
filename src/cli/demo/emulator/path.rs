//! What the path of a request says beside its body.

/// How the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As a stream of one JSON array, which is Gemini's other form.
    Array,
    Stream,
    Whole,
}

/// Who says how the answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deliver {
    As(Delivery),
    /// The body; as a stream where it does not say.
    StreamUnlessTold,
    /// The body; as a whole where it does not say.
    WholeUnlessTold,
}

impl Deliver {
    pub(super) fn in_body(self, stream: Option<bool>) -> Delivery {
        match (self, stream) {
            (Self::As(delivery), _) => delivery,
            (Self::StreamUnlessTold, None) | (_, Some(true)) => Delivery::Stream,
            (Self::WholeUnlessTold, None) | (_, Some(false)) => Delivery::Whole,
        }
    }
}

/// What a path says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) model: Option<String>,
    pub(super) delivery: Deliver,
    /// What stands for a credential where none is asked for.
    pub(super) credential: Option<&'static str>,
}

impl Told {
    pub(super) fn by(path: &str, query: &str) -> Self {
        let mut told = Self {
            model: None,
            delivery: Deliver::WholeUnlessTold,
            credential: None,
        };
        let mut names = path.split('/').skip(1);
        match (names.next(), names.next(), names.next(), names.next()) {
            (Some("api"), ..) => {
                told.delivery = Deliver::StreamUnlessTold;
                told.credential = Some("none is asked for");
            }
            (Some("model"), Some(model), Some(method), _) => {
                told.model = Some(model.replace("%3A", ":"));
                told.delivery = Deliver::As(match method {
                    "converse-stream" => Delivery::Stream,
                    _ => Delivery::Whole,
                });
            }
            (Some("v1beta"), _, Some(call), _) => {
                let (model, method) = call.rsplit_once(':').unwrap_or((call, ""));
                told.model = Some(model.to_owned());
                let sent = query.split('&').any(|pair| pair == "alt=sse");
                told.delivery = Deliver::As(match method {
                    "streamGenerateContent" if sent => Delivery::Stream,
                    "streamGenerateContent" => Delivery::Array,
                    _ => Delivery::Whole,
                });
            }
            _ => {}
        }
        told
    }
}
