//! What can be subscribed on either feed.

/// A topic of one symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    /// Every trade.
    Match,
    /// The running minute.
    Candles,
    Ticker,
    /// The tickers of all symbols in one topic.
    AllTickers,
    /// The best prices.
    Level1,
    /// The best levels, 5 or 50 of each side.
    Depth(usize),
    /// Every change of the book.
    Level2,
    UnifiedTrade,
    UnifiedCandles,
    UnifiedTicker,
    /// The best levels, 1, 5 or 50 of each side.
    UnifiedBook(usize),
    /// The best 500 levels, then what changes.
    UnifiedIncrements,
}

/// Classic topics by what stands before the colon; candles have their length behind the symbol.
const CLASSIC: [(&str, Topic); 7] = [
    ("/market/match", Topic::Match),
    ("/market/candles", Topic::Candles),
    ("/market/ticker", Topic::Ticker),
    ("/spotMarket/level1", Topic::Level1),
    ("/spotMarket/level2Depth5", Topic::Depth(5)),
    ("/spotMarket/level2Depth50", Topic::Depth(50)),
    ("/market/level2", Topic::Level2),
];

/// Why a topic cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadTopic {
    /// Its text is not one of a topic.
    Invalid,
    /// There is no such topic.
    NotFound,
}

impl Topic {
    /// The topic of a text like `/market/match:BTC-USDT,ETH-USDT` and its symbols, which may not exist.
    pub(super) fn parse(text: &str) -> Result<(Self, Vec<&str>), BadTopic> {
        // Checked strictly since February 2026: no space behind the colon, nothing empty.
        let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        let (name, symbols) = text.split_once(':').ok_or(BadTopic::NotFound)?;
        let topic = CLASSIC.iter().find(|(known, _)| *known == name).map(|(_, topic)| *topic);
        let topic = topic.ok_or(BadTopic::NotFound)?;
        let symbols: Vec<&str> = symbols.split(',').collect();
        if !is_clean || symbols.iter().any(|symbol| symbol.is_empty()) {
            return Err(BadTopic::Invalid);
        }
        match topic {
            Self::Ticker if symbols == ["all"] => Ok((Self::AllTickers, Vec::new())),
            Self::Candles => {
                let names = symbols.iter().map(|text| text.strip_suffix("_1min"));
                Ok((topic, names.collect::<Option<_>>().ok_or(BadTopic::Invalid)?))
            }
            _ => Ok((topic, symbols)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_strictly() {
        let check = |text: &str, expected| assert_eq!(Topic::parse(text), expected, "{text}");
        check("/market/match:BTC-USDT,ETH-USDT", Ok((Topic::Match, vec!["BTC-USDT", "ETH-USDT"])));
        check("/market/candles:BTC-USDT_1min", Ok((Topic::Candles, vec!["BTC-USDT"])));
        check("/market/candles:BTC-USDT_1week", Err(BadTopic::Invalid));
        check("/market/ticker:all", Ok((Topic::AllTickers, vec![])));
        check("/spotMarket/level2Depth50:BTC-USDT", Ok((Topic::Depth(50), vec!["BTC-USDT"])));
        check("/market/match: BTC-USDT", Err(BadTopic::Invalid));
        check("/market/match:BTC-USDT,", Err(BadTopic::Invalid));
        check("/market/match", Err(BadTopic::NotFound));
        check("/market/xyz:BTC-USDT", Err(BadTopic::NotFound));
        proptest::proptest!(|(text: String)| { let _ = Topic::parse(&text); });
    }
}
