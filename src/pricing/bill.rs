//! The bill of one call.

use super::rates::Tariff;
use super::{Item, Located, NoPrice, PriceContext, PriceLine, PriceTable, Priced, PricedOperation};
use crate::record::{Usage, Usd, UsdSum};

impl PriceTable {
    /// The price of a call, by the rules of the module.
    ///
    /// `provider` is its `gen_ai.provider.name`, `model` the name of the model that answered.
    ///
    /// ```
    /// use llm_audit::pricing::{PriceContext, PriceTable, Priced};
    /// use llm_audit::record::Usage;
    /// let usage = Usage { input_tokens: Some(1_000), output_tokens: Some(500), ..Usage::default() };
    /// let table = PriceTable::builtin();
    /// let Priced::Known { exact, lines } = table.price("openai", "gpt-4o-2024-11-20", &usage, &PriceContext::default())
    /// else { panic!("the built-in table has this model") };
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
        match self.bill(self.locate(provider, model), usage, context) {
            Ok((exact, lines)) => Priced::Known { exact, lines },
            Err(reason) => Priced::Unknown { reason },
        }
    }

    /// The sum of [`price`](Self::price), without its lines, where it is known where the prices stand.
    pub(crate) fn total(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Result<Usd, NoPrice> {
        let mut sum = UsdSum::default();
        self.itemise(located, usage, context, |_, tokens, unit_price| {
            sum.add(unit_price, tokens);
            Ok(())
        })?;
        match sum.finish() {
            Some(exact) => Ok(exact),
            None => self.bill(located, usage, context).map(|(exact, _)| exact),
        }
    }

    fn bill(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
    ) -> Result<(Usd, Vec<PriceLine>), NoPrice> {
        let (mut exact, mut lines) = (Usd::ZERO, Vec::new());
        self.itemise(located, usage, context, |item, tokens, unit_price| {
            let line = PriceLine::new(item, tokens, unit_price)?;
            exact = exact.plus(line.amount).ok_or(NoPrice::OutOfRange)?;
            lines.push(line);
            Ok(())
        })?;
        Ok((exact, lines))
    }

    /// Gives every item that has tokens to `take`, with its price a token.
    fn itemise(
        &self,
        located: Option<Located>,
        usage: &Usage,
        context: &PriceContext<'_>,
        mut take: impl FnMut(Item, u64, Usd) -> Result<(), NoPrice>,
    ) -> Result<(), NoPrice> {
        let prices = self.find(located, context)?;
        let input = usage.input_tokens.ok_or(NoPrice::NoUsage)?;
        let output = match (usage.output_tokens, context.operation) {
            (Some(output), _) => output,
            (None, PricedOperation::Embeddings) => 0,
            (None, PricedOperation::Generation) => return Err(NoPrice::NoUsage),
        };
        let tariff = prices.tariff(context, input)?;
        let input = input_items(usage, input)?;
        let output = output_items(usage, output, &tariff)?;
        for (item, tokens) in input.into_iter().chain(output) {
            if tokens > 0 {
                take(item, tokens, tariff.price(item)?)?;
            }
        }
        Ok(())
    }
}

impl PriceLine {
    fn new(item: Item, tokens: u64, unit_price: Usd) -> Result<Self, NoPrice> {
        let amount = unit_price.times(tokens).ok_or(NoPrice::OutOfRange)?;
        Ok(Self {
            item,
            tokens,
            unit_price,
            amount,
        })
    }
}

fn input_items(usage: &Usage, total: u64) -> Result<[(Item, u64); 5], NoPrice> {
    let read = usage.cache_read_input_tokens.unwrap_or(0);
    let long = usage.cache_write_1h_input_tokens.unwrap_or(0);
    let written = usage.cache_write_input_tokens.unwrap_or(long);
    let audio = usage.audio_input_tokens.unwrap_or(0);
    let plain = total
        .checked_sub(read)
        .and_then(|rest| rest.checked_sub(written));
    let plain = plain.ok_or(NoPrice::InconsistentUsage)?;
    let short = written
        .checked_sub(long)
        .ok_or(NoPrice::InconsistentUsage)?;
    if audio > total {
        return Err(NoPrice::InconsistentUsage);
    }
    // How much of the cached input was audio, no provider says.
    let audio = audio.min(plain);
    Ok([
        (Item::Input, plain - audio),
        (Item::AudioInput, audio),
        (Item::CacheRead, read),
        (Item::CacheWrite, short),
        (Item::CacheWrite1h, long),
    ])
}

fn output_items(
    usage: &Usage,
    total: u64,
    tariff: &Tariff<'_>,
) -> Result<[(Item, u64); 3], NoPrice> {
    let own = |item: Item, tokens: Option<u64>| {
        let priced = tariff.own_price(item)?.is_some();
        Ok(tokens.filter(|_| priced).unwrap_or(0))
    };
    let audio = own(Item::AudioOutput, usage.audio_output_tokens)?;
    let reasoning = own(Item::Reasoning, usage.reasoning_output_tokens)?;
    let plain = total
        .checked_sub(audio)
        .and_then(|rest| rest.checked_sub(reasoning));
    let plain = plain.ok_or(NoPrice::InconsistentUsage)?;
    Ok([
        (Item::Output, plain),
        (Item::AudioOutput, audio),
        (Item::Reasoning, reasoning),
    ])
}
