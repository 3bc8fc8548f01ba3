//! What is paid for, and in which unit.

use std::fmt;

/// What is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Item {
    /// Audio that was read from the cache.
    AudioCacheRead,
    /// Audio input that was not read from the cache.
    AudioInput,
    /// Audio output.
    AudioOutput,
    /// Audio that was transcribed, by its length.
    AudioTime,
    /// Input read from the cache.
    CacheRead,
    /// Input written to the cache, for five minutes or as long as the provider likes.
    CacheWrite,
    /// Input written to the cache for twelve hours.
    CacheWrite12h,
    /// Input written to the cache for one hour.
    CacheWrite1h,
    /// Tokens of cited sources.
    Citation,
    /// A prompt that was answered with searches of the web, however many.
    GroundedPrompt,
    /// A picture that was embedded.
    Image,
    /// Images that were read from the cache.
    ImageCacheRead,
    /// Image input that was not read from the cache.
    ImageInput,
    /// Image output.
    ImageOutput,
    /// Input that none of the others is.
    Input,
    /// Output that none of the others is.
    Output,
    /// Output spent on reasoning, where it has a price of its own.
    Reasoning,
    /// The call itself.
    Request,
    /// A unit of ranking documents.
    SearchUnit,
    /// Video input.
    VideoInput,
    /// A search of the web.
    WebSearch,
}

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unit {
    /// Thousandths of a second. Tables say prices of them per second.
    Millisecond,
    /// Pieces, of whatever the item is. Tables say the price of one.
    Piece,
    /// Tokens. Tables say prices of them per million.
    Token,
}

impl Item {
    /// All items, in the order of their names.
    pub const ALL: [Self; 21] = [
        Self::AudioCacheRead,
        Self::AudioInput,
        Self::AudioOutput,
        Self::AudioTime,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite12h,
        Self::CacheWrite1h,
        Self::Citation,
        Self::GroundedPrompt,
        Self::Image,
        Self::ImageCacheRead,
        Self::ImageInput,
        Self::ImageOutput,
        Self::Input,
        Self::Output,
        Self::Reasoning,
        Self::Request,
        Self::SearchUnit,
        Self::VideoInput,
        Self::WebSearch,
    ];

    /// Its name, as in price tables: `input`, `cache_write_1h`, ….
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AudioCacheRead => "audio_cache_read",
            Self::AudioInput => "audio_input",
            Self::AudioOutput => "audio_output",
            Self::AudioTime => "audio_time",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::CacheWrite12h => "cache_write_12h",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Citation => "citation",
            Self::GroundedPrompt => "grounded_prompt",
            Self::Image => "image",
            Self::ImageCacheRead => "image_cache_read",
            Self::ImageInput => "image_input",
            Self::ImageOutput => "image_output",
            Self::Input => "input",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
            Self::Request => "request",
            Self::SearchUnit => "search_unit",
            Self::VideoInput => "video_input",
            Self::WebSearch => "web_search",
        }
    }

    /// The item of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item| item.as_str() == name)
    }

    /// What its quantity counts.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::AudioTime => Unit::Millisecond,
            Self::GroundedPrompt
            | Self::Image
            | Self::Request
            | Self::SearchUnit
            | Self::WebSearch => Unit::Piece,
            _ => Unit::Token,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Unit {
    /// Its name: `millisecond`, `piece` or `token`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Millisecond => "millisecond",
            Self::Piece => "piece",
            Self::Token => "token",
        }
    }

    /// How many of the unit the price in a table is for, as a power of ten.
    pub(super) const fn power_of_price(self) -> u32 {
        match self {
            Self::Millisecond => 3,
            Self::Piece => 0,
            Self::Token => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_in_the_order_of_their_names_and_found_by_them() {
        assert!(Item::ALL.is_sorted() && Item::ALL.is_sorted_by_key(|item| item.as_str()));
        for item in Item::ALL {
            assert_eq!(Item::from_name(item.as_str()), Some(item));
        }
        assert_eq!(Item::from_name("inputs"), None);
    }
}
