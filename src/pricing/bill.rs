//! The bill of one call.

use super::model::{ModelPrices, Tariff};
use super::{Item, Located, NoPrice, PriceContext, PriceLine, PriceTable, Priced, PricedOperation};
use crate::record::{CostSource, Usage, UsageExtras, Usd, UsdSum};

impl PriceTable {
    /// The price of a call, by the rules of the module.
    ///
    /// `provider` is its `gen_ai.provider.name` or another name of it, `model` the name of the model that answered.
    ///
    /// ```
    /// use llm_audit::pricing::{PriceContext, PriceTable, Priced};
    /// use llm_audit::record::Usage;
    /// let usage = Usage { input_tokens: Some(1_000), output_tokens: Some(500), ..Usage::default() };
    /// let table = PriceTable::builtin();
    /// let priced = table.price("openai", "gpt-4o-2024-11-20", &usage, &PriceContext::default());
    /// let Priced::Known { exact, lines, .. } = priced else { panic!("the built-in table has this model") };
    /// assert_eq!((exact.to_string().as_str(), lines.len()), ("0.0075", 2));
    /// let unknown = table.price("openai", "gpt-99", &usage, &PriceContext::default());
    /// assert!(matches!(unknown, Priced::Unknown { reason } if reason.as_str() == "unknown_model"));
    /// ```
    #[must_use]
    pub fn price(
        &self,
        provider: &str,
        model: &str,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Priced {
        if let Some(exact) = context.extras().stated_cost {
            return Priced::Known {
                exact,
                source: CostSource::Provider,
                lines: Vec::new(),
            };
        }
        match self.bill(self.locate(provider, model), usage, context) {
            Ok((exact, lines)) => Priced::Known {
                exact,
                source: CostSource::Local,
                lines,
            },
            Err(reason) => Priced::Unknown { reason },
        }
    }

    /// The sum of [`price`](Self::price), without its lines, where it is known where the prices stand.
    pub(crate) fn total(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Result<(Usd, CostSource), NoPrice> {
        if let Some(exact) = context.extras().stated_cost {
            return Ok((exact, CostSource::Provider));
        }
        let mut sum = UsdSum::default();
        self.itemise(located, usage, context, |_, quantity, unit_price| {
            sum.add(unit_price, quantity);
            Ok(())
        })?;
        let exact = match sum.finish() {
            Some(exact) => exact,
            None => self.bill(located, usage, context)?.0,
        };
        Ok((exact, CostSource::Local))
    }

    fn bill(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Result<(Usd, Vec<PriceLine>), NoPrice> {
        let (mut exact, mut lines) = (Usd::ZERO, Vec::new());
        self.itemise(located, usage, context, |item, quantity, unit_price| {
            let line = PriceLine::new(item, quantity, unit_price)?;
            exact = exact.plus(line.amount).ok_or(NoPrice::OutOfRange)?;
            lines.push(line);
            Ok(())
        })?;
        Ok((exact, lines))
    }

    /// Gives every item of which there is any to `take`, with the price of one unit.
    fn itemise(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
        mut take: impl FnMut(Item, u64, Usd) -> Result<(), NoPrice>,
    ) -> Result<(), NoPrice> {
        let prices = self.find(located, context)?;
        let extras = context.extras();
        let totals = Totals::of(prices, usage, context)?;
        let tariff = prices.tariff(context, totals.input)?;
        let input = input_items(usage, extras, &totals)?;
        let output = output_items(usage, extras, &totals, &tariff)?;
        let others = other_items(extras, &totals, &tariff)?;
        for (item, quantity) in input.into_iter().chain(output).chain(others) {
            if quantity > 0 {
                take(item, quantity, tariff.price(item)?)?;
            }
        }
        Ok(())
    }
}

impl PriceLine {
    fn new(item: Item, quantity: u64, unit_price: Usd) -> Result<Self, NoPrice> {
        let amount = unit_price.times(quantity).ok_or(NoPrice::OutOfRange)?;
        Ok(Self {
            item,
            quantity,
            unit_price,
            amount,
        })
    }
}

/// How much there is to pay for.
#[derive(Clone, Copy)]
struct Totals {
    input: u64,
    output: u64,
    /// Where a length of audio is billed and its tokens are not.
    audio_milliseconds: u64,
    /// Where units of ranking are billed.
    search_units: u64,
}

impl Totals {
    /// Tokens that are not said are unknown and leave a call without a price, but where something else is billed instead,
    /// or where they cost nothing.
    fn of(
        prices: &ModelPrices,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Result<Self, NoPrice> {
        let extras = context.extras();
        let price = |item| prices.standard.base(item);
        let by_time = extras.audio_milliseconds.filter(|_| {
            let tokens = usage.input_tokens.is_some() && price(Item::Input).is_some();
            price(Item::AudioTime).is_some() && !tokens
        });
        if let Some(audio_milliseconds) = by_time {
            return Ok(Self {
                input: 0,
                output: 0,
                audio_milliseconds,
                search_units: 0,
            });
        }
        let ranked = extras.search_units;
        let by_unit =
            ranked.filter(|_| price(Item::SearchUnit).is_some() || usage.input_tokens.is_none());
        if price(Item::SearchUnit).is_some() && ranked.is_none() {
            return Err(NoPrice::NoUsage);
        }
        let total = extras.total_tokens;
        let without_output = context.operation != PricedOperation::Generation
            || price(Item::Output) == Some(Usd::ZERO);
        let input = (usage.input_tokens)
            .or(total.filter(|_| without_output && by_unit.is_none()))
            .or(by_unit.map(|_| 0))
            .ok_or(NoPrice::NoUsage)?;
        let none = without_output || by_unit.is_some() || total == Some(input);
        let output = usage.output_tokens.or(none.then_some(0));
        Ok(Self {
            input,
            output: output.ok_or(NoPrice::NoUsage)?,
            audio_milliseconds: 0,
            search_units: by_unit.unwrap_or(0),
        })
    }
}

fn input_items(
    usage: &Usage,
    extras: &UsageExtras,
    totals: &Totals,
) -> Result<[(Item, u64); 9], NoPrice> {
    if totals.audio_milliseconds > 0 {
        return Ok([(Item::Input, 0); 9]);
    }
    let read = usage.cache_read_input_tokens.unwrap_or(0);
    let hour = usage.cache_write_1h_input_tokens.unwrap_or(0);
    let half_day = extras.cache_write_12h_input_tokens.unwrap_or(0);
    let long = hour
        .checked_add(half_day)
        .ok_or(NoPrice::InconsistentUsage)?;
    let written = usage.cache_write_input_tokens.unwrap_or(long);
    let rest = part(part(totals.input, read)?, written)?;
    let short = part(written, long)?;
    // What was read from the cache is text first, where nobody says more.
    let audio_read = extras.audio_cache_read_input_tokens.unwrap_or(0).min(read);
    let image_read = extras.image_cache_read_input_tokens.unwrap_or(0);
    let image_read = image_read.min(read - audio_read);
    let unread = |all: Option<u64>, read: u64| {
        let all = all.unwrap_or(0);
        part(totals.input, all)?;
        Ok(all.saturating_sub(read))
    };
    let audio = unread(usage.audio_input_tokens, audio_read)?.min(rest);
    let image = unread(extras.image_input_tokens, image_read)?.min(rest - audio);
    let video = unread(extras.video_input_tokens, 0)?.min(rest - audio - image);
    Ok([
        (Item::Input, rest - audio - image - video),
        (Item::AudioInput, audio),
        (Item::ImageInput, image),
        (Item::VideoInput, video),
        (Item::CacheRead, read - audio_read - image_read),
        (Item::AudioCacheRead, audio_read),
        (Item::ImageCacheRead, image_read),
        (Item::CacheWrite, short),
        (Item::CacheWrite1h, hour),
    ])
}

fn output_items(
    usage: &Usage,
    extras: &UsageExtras,
    totals: &Totals,
    tariff: &Tariff<'_>,
) -> Result<[(Item, u64); 4], NoPrice> {
    if totals.output == 0 {
        return Ok([(Item::Output, 0); 4]);
    }
    let own = |item: Item, tokens: Option<u64>| {
        let Some(tokens) = tokens.filter(|tokens| *tokens > 0) else {
            return Ok(0);
        };
        let priced = match item {
            Item::Reasoning => tariff.prices_reasoning(),
            _ => tariff.own_price(item)?.is_some(),
        };
        Ok(if priced { tokens } else { 0 })
    };
    let audio = own(Item::AudioOutput, usage.audio_output_tokens)?;
    let image = own(Item::ImageOutput, extras.image_output_tokens)?;
    let reasoning = own(Item::Reasoning, usage.reasoning_output_tokens)?;
    let plain = part(part(part(totals.output, audio)?, image)?, reasoning)?;
    Ok([
        (Item::Output, plain),
        (Item::AudioOutput, audio),
        (Item::ImageOutput, image),
        (Item::Reasoning, reasoning),
    ])
}

/// What is paid for beside the totals of tokens, and cache writes that only some providers have.
fn other_items(
    extras: &UsageExtras,
    totals: &Totals,
    tariff: &Tariff<'_>,
) -> Result<[(Item, u64); 7], NoPrice> {
    let searches = extras.web_searches.unwrap_or(0);
    let search = if searches > 0 && tariff.own_price(Item::GroundedPrompt)?.is_some() {
        (Item::GroundedPrompt, 1)
    } else {
        (Item::WebSearch, searches)
    };
    // Who has no price for citations gives them away.
    let citations = extras.citation_tokens.unwrap_or(0);
    let cited = citations > 0 && tariff.own_price(Item::Citation)?.is_some();
    let by_request = tariff.own_price(Item::Request)?.is_some();
    let writes = extras.cache_write_12h_input_tokens.unwrap_or(0);
    Ok([
        (Item::CacheWrite12h, writes),
        (Item::Citation, if cited { citations } else { 0 }),
        search,
        (Item::Image, extras.images.unwrap_or(0)),
        (Item::Request, u64::from(by_request)),
        (Item::SearchUnit, totals.search_units),
        (Item::AudioTime, totals.audio_milliseconds),
    ])
}

/// What a total leaves without one of its parts.
fn part(total: u64, part: u64) -> Result<u64, NoPrice> {
    total.checked_sub(part).ok_or(NoPrice::InconsistentUsage)
}

#[cfg(test)]
mod tests;
