//! The names of prices in a LiteLLM price map.
//!
//! ```text
//! name = what [ "_above_" number [ "k" ] "_tokens" ] [ "_" class ]
//! ```
//!
//! where the class may also stand before `_above_`, `what` is in a table below, and `class` is `batches` or a service tier.

use crate::pricing::Item;

/// What a name says that its price is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key<'a> {
    pub(super) item: Item,
    pub(super) class: Class<'a>,
    /// The context that the price is above.
    pub(super) above: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class<'a> {
    Batch,
    Standard,
    Tier(&'a str),
}

impl<'a> Key<'a> {
    /// Reads a name; none where it is no price of an item.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (rest, class) = split_class(name);
        let (rest, above) = split_threshold(rest)?;
        let (what, class) = match class {
            Class::Standard => split_class(rest),
            said => (rest, said),
        };
        let (_, item) = ITEMS.iter().find(|(known, _)| what == *known)?;
        Some(Self {
            item: *item,
            class,
            above,
        })
    }
}

fn split_class(name: &str) -> (&str, Class<'_>) {
    let Some((rest, word)) = name.rsplit_once('_') else {
        return (name, Class::Standard);
    };
    match word {
        "batches" => (rest, Class::Batch),
        _ if TIERS.contains(&word) => (rest, Class::Tier(word)),
        _ => (name, Class::Standard),
    }
}

/// The name before a threshold, and the threshold; none where it is no number of tokens.
fn split_threshold(name: &str) -> Option<(&str, Option<u64>)> {
    let Some(rest) = name.strip_suffix("_tokens") else {
        return Some((name, None));
    };
    let (what, number) = rest.rsplit_once("_above_")?;
    let tokens: u64 = match number.strip_suffix('k') {
        Some(thousands) => thousands.parse::<u64>().ok()?.checked_mul(1000)?,
        None => number.parse().ok()?,
    };
    Some((what, Some(tokens)))
}

const TIERS: [&str; 5] = ["balanced", "decisions", "flex", "priority", "ultrafast"];

/// Prices of one unit. Of lengths of audio only those of transcriptions are such.
const ITEMS: [(&str, Item); 19] = [
    ("cache_creation_input_token_cost", Item::CacheWrite),
    (
        "cache_creation_input_token_cost_above_12hr",
        Item::CacheWrite12h,
    ),
    (
        "cache_creation_input_token_cost_above_1hr",
        Item::CacheWrite1h,
    ),
    ("cache_read_input_audio_token_cost", Item::AudioCacheRead),
    ("cache_read_input_image_token_cost", Item::ImageCacheRead),
    ("cache_read_input_token_cost", Item::CacheRead),
    ("citation_cost_per_token", Item::Citation),
    ("input_cost_per_audio_token", Item::AudioInput),
    ("input_cost_per_image", Item::Image),
    ("input_cost_per_image_token", Item::ImageInput),
    ("input_cost_per_query", Item::SearchUnit),
    ("input_cost_per_request", Item::Request),
    ("input_cost_per_second", Item::AudioTime),
    ("input_cost_per_token", Item::Input),
    ("input_cost_per_video_token", Item::VideoInput),
    ("output_cost_per_audio_token", Item::AudioOutput),
    ("output_cost_per_image_token", Item::ImageOutput),
    ("output_cost_per_reasoning_token", Item::Reasoning),
    ("output_cost_per_token", Item::Output),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_item_class_and_threshold() {
        let key = |item, class, above| Some(Key { item, class, above });
        for (name, expected) in [
            (
                "input_cost_per_token",
                key(Item::Input, Class::Standard, None),
            ),
            (
                "input_cost_per_token_batches",
                key(Item::Input, Class::Batch, None),
            ),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                key(Item::CacheWrite1h, Class::Standard, Some(200_000)),
            ),
            (
                "output_cost_per_token_above_272k_tokens_flex",
                key(Item::Output, Class::Tier("flex"), Some(272_000)),
            ),
            (
                "output_cost_per_token_priority_above_128_tokens",
                key(Item::Output, Class::Tier("priority"), Some(128)),
            ),
            ("input_cost_per_token_cache_hit", None),
            ("input_cost_per_token_above_xk_tokens", None),
            ("max_input_tokens", None),
            ("batches", None),
            ("", None),
        ] {
            assert_eq!(Key::parse(name), expected, "{name}");
        }
    }
}
