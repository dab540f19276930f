//! What a text is about: the economy, crypto, which coins, or nothing.
//!
//! Words are whole words. Names that mean only a coin count by themselves; names that are words of other languages too (near,
//! optimism, link) count only in capitals as tickers or in a text that is about crypto for another reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::item::Marks;
use crate::text;

/// A coin and how texts call it.
#[derive(Debug)]
struct Coin {
    ticker: &'static str,
    /// Lower case, words with one blank between.
    names: &'static [&'static str],
    /// Names that other things have too.
    shared_names: &'static [&'static str],
    /// The ticker is a word or an abbreviation of something else.
    is_shared_ticker: bool,
}

const fn coin(
    ticker: &'static str,
    names: &'static [&'static str],
    shared_names: &'static [&'static str],
    is_shared_ticker: bool,
) -> Coin {
    Coin { ticker, names, shared_names, is_shared_ticker }
}

/// The places are on disk: coins are only appended. MATIC was renamed to POL in September 2024.
const COINS: [Coin; 25] = [
    coin("BTC", &["bitcoin", "bitcoins", "xbt"], &[], false),
    coin("ETH", &["ethereum", "ether"], &[], false),
    coin("BNB", &["binance coin"], &[], false),
    coin("SOL", &["solana"], &[], true),
    coin("XRP", &["xrpl"], &["ripple"], false),
    coin("ADA", &["cardano"], &[], true),
    coin("AVAX", &[], &["avalanche"], false),
    coin("DOGE", &["dogecoin"], &[], true),
    coin("LINK", &["chainlink"], &[], true),
    coin("LTC", &["litecoin"], &[], true),
    coin("UNI", &["uniswap"], &[], true),
    coin("SHIB", &["shiba inu", "shibainu"], &[], false),
    coin("ETC", &["ethereum classic"], &[], true),
    coin("AAVE", &["aave"], &[], false),
    coin("ATOM", &[], &["cosmos"], true),
    coin("NEAR", &["near protocol"], &[], true),
    coin("ICP", &["internet computer"], &[], true),
    coin("FIL", &["filecoin"], &[], true),
    coin("APT", &["aptos"], &[], true),
    coin("ARB", &["arbitrum"], &[], true),
    coin("OP", &[], &["optimism"], true),
    coin("SUI", &[], &["sui"], true),
    coin("PEPE", &["pepecoin"], &["pepe"], true),
    coin("MATIC", &["matic"], &["polygon", "pol"], true),
    coin("XMR", &["monero"], &[], false),
];

const CRYPTO: [&str; 27] = [
    "crypto",
    "cryptocurrency",
    "cryptocurrencies",
    "blockchain",
    "blockchains",
    "stablecoin",
    "stablecoins",
    "defi",
    "altcoin",
    "altcoins",
    "nft",
    "nfts",
    "web3",
    "memecoin",
    "memecoins",
    "digital asset",
    "digital assets",
    "usdt",
    "usdc",
    "tether",
    "binance",
    "coinbase",
    "kraken",
    "kucoin",
    "bitcoiner",
    "bitcoiners",
    "satoshi",
];

const ECONOMY: [&str; 79] = [
    "economy",
    "economic",
    "economics",
    "economist",
    "economists",
    "inflation",
    "inflationary",
    "deflation",
    "recession",
    "gdp",
    "cpi",
    "ppi",
    "pce",
    "fomc",
    "fed",
    "federal reserve",
    "powell",
    "warsh",
    "interest rate",
    "interest rates",
    "rate cut",
    "rate cuts",
    "rate hike",
    "rate hikes",
    "rate decision",
    "discount rate",
    "central bank",
    "central banks",
    "ecb",
    "boj",
    "monetary policy",
    "bond",
    "bonds",
    "treasury",
    "treasuries",
    "yield",
    "yields",
    "deficit",
    "debt ceiling",
    "national debt",
    "payroll",
    "payrolls",
    "unemployment",
    "jobless",
    "jobs report",
    "jobs numbers",
    "tariff",
    "tariffs",
    "trade deal",
    "trade war",
    "trade deficit",
    "trade agreement",
    "imports",
    "exports",
    "sanctions",
    "stock market",
    "stock markets",
    "stocks",
    "stock",
    "dow",
    "nasdaq",
    "s p 500",
    "wall street",
    "401k",
    "401 k",
    "dollar",
    "dollars",
    "tax",
    "taxes",
    "tax cuts",
    "stimulus",
    "oil",
    "opec",
    "gas prices",
    "gasoline",
    "energy prices",
    "mortgage",
    "housing market",
    "retail sales",
];

/// Coins of a fixed table, in its order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coins(u32);

impl Coins {
    /// None.
    pub const NONE: Self = Self(0);

    /// All that are known, in the order of the table.
    pub fn known() -> impl Iterator<Item = &'static str> {
        COINS.iter().map(|coin| coin.ticker)
    }

    /// Their tickers.
    pub fn tickers(self) -> impl Iterator<Item = &'static str> {
        COINS.iter().enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, coin)| coin.ticker)
    }

    /// Whether a coin is among them.
    #[must_use]
    pub fn has(self, ticker: &str) -> bool {
        self.tickers().any(|of_these| of_these == ticker)
    }

    /// True when there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }
}

/// What a text is about. `tags` are the source's own, where they say more than the text: `BTC`, `Ethereum`.
#[must_use]
pub fn marks(text: &str, tags: &[String]) -> Marks {
    let words = Words::of(text);
    let of_tags: Vec<String> = tags.iter().flat_map(|tag| tag.split('|')).map(text::key).collect();
    let mut coins = Coins::NONE;
    for (place, coin) in COINS.iter().enumerate() {
        let tagged = |tag: &String| *tag == coin.ticker.to_ascii_lowercase() || coin.names.contains(&tag.as_str());
        let is_named = coin.names.iter().any(|name| words.has(name))
            || words.signed.contains(coin.ticker)
            || (!coin.is_shared_ticker && words.upper.contains(coin.ticker))
            || of_tags.iter().any(tagged);
        if is_named {
            coins.add(place);
        }
    }
    let general = |name: &&str| words.has(name) || of_tags.iter().any(|tag| tag == name);
    let is_crypto = !coins.is_empty() || CRYPTO.iter().any(general);
    if is_crypto {
        for (place, coin) in COINS.iter().enumerate() {
            // In a text that shouts, capitals say nothing.
            let by_ticker = coin.is_shared_ticker && !words.is_shouted && words.upper.contains(coin.ticker);
            if by_ticker || coin.shared_names.iter().any(|name| words.has(name)) {
                coins.add(place);
            }
        }
    }
    // "Ethereum Classic" is not about Ethereum, unless that is named beside it.
    let classic = words.count("ethereum classic");
    if classic > 0 && !words.upper.contains("ETH") && words.count("ethereum") == classic && !words.has("ether") {
        coins.0 &= !0b10;
    }
    Marks {
        is_economic: ECONOMY.iter().any(|name| words.has(name)),
        is_crypto,
        is_low_information: is_low_information(text),
        coins,
    }
}

/// Whether a text says nothing that could be read: empty, `[Video]`, only an address, somebody else's post.
#[must_use]
pub fn is_low_information(text: &str) -> bool {
    let text = text.trim();
    let without = text::without_links(text);
    let without = without.replace("[Video]", "").replace("[Image]", "").replace("[Photo]", "");
    is_repost(text) || text::words(&without).next().is_none()
}

/// Whether a text begins as somebody else's post passed on.
#[must_use]
pub fn is_repost(text: &str) -> bool {
    let text = text.trim_start();
    ["RT:", "RT @", "RT: @"].iter().any(|sign| text.starts_with(sign)) || text == "RT"
}

struct Words {
    /// Lower case, one blank between, at both ends too.
    joined: String,
    /// Words of capitals and digits, possessive endings left out.
    upper: BTreeSet<String>,
    /// Words after `$` or `#`, in capitals.
    signed: BTreeSet<String>,
    is_shouted: bool,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut upper = BTreeSet::new();
        let mut signed = BTreeSet::new();
        let (mut shouted, mut spoken) = (0u32, 0u32);
        let mut sign = None;
        for word in text.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let end = word.chars().next_back().filter(|c| !c.is_alphanumeric());
            let letters = word.strip_suffix(|c: char| !c.is_alphanumeric()).unwrap_or(word);
            if !letters.is_empty() {
                if letters.len() <= 8 && sign.is_some_and(|sign| matches!(sign, '$' | '#')) {
                    signed.insert(letters.to_uppercase());
                }
                if letters.chars().all(|c| c.is_uppercase() || c.is_ascii_digit()) {
                    shouted += u32::from(letters.len() > 1);
                    if letters.len() <= 8 {
                        upper.insert(letters.to_owned());
                    }
                } else {
                    spoken += 1;
                }
            }
            sign = end;
        }
        let joined = format!(" {} ", text::key(text));
        Self { joined, upper, signed, is_shouted: shouted >= 4 && shouted > spoken }
    }

    fn has(&self, name: &str) -> bool {
        self.count(name) > 0
    }

    fn count(&self, name: &str) -> usize {
        let bounded = |(at, _): &(usize, &str)| {
            self.joined.as_bytes()[at - 1] == b' ' && self.joined.as_bytes()[at + name.len()] == b' '
        };
        self.joined.match_indices(name).filter(bounded).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn coins(text: &str, expected: &[&str]) {
        let found: Vec<_> = marks(text, &[]).coins.tickers().collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_table_fits_and_has_no_name_twice() {
        let mut names = BTreeSet::new();
        for coin in &COINS {
            assert!(names.insert(coin.ticker.to_ascii_lowercase()), "{}", coin.ticker);
            for name in coin.names.iter().chain(coin.shared_names) {
                assert_eq!(text::key(name), **name);
                assert!(names.insert((*name).to_owned()) || name.eq_ignore_ascii_case(coin.ticker), "{name}");
            }
        }
        for name in CRYPTO.iter().chain(&ECONOMY) {
            assert_eq!(text::key(name), **name);
        }
    }

    #[test]
    fn coins_are_whole_words() {
        coins("Bitcoin slides below $83,000", &["BTC"]);
        coins("BITCOIN’S day; $sol and #NEAR", &["BTC", "SOL", "NEAR"]);
        coins("Solana validators approve proposal to accelerate SOL disinflation", &["SOL"]);
        coins("Bitcoinish ethereal method solanas", &[]);
        coins("The avalanche was near; optimism about the link, etc", &[]);
        coins("Crypto traders see optimism in Avalanche and NEAR", &["AVAX", "NEAR", "OP"]);
        coins("WE ARE NEAR A GREAT TRADE DEAL WITH CHINA ETC", &[]);
        coins("Ethereum Classic is attacked", &["ETC"]);
        coins("Ethereum Classic leaves Ethereum behind", &["ETH", "ETC"]);
        coins("Ada Lovelace lives in Sol", &[]);
        coins("XRP and ripple effects", &["XRP"]);
        coins("ripple effects", &[]);
    }

    #[test]
    fn tags_of_the_source_count() {
        let tagged = marks("Guy makes a lot", &["Smart Contracts".to_owned(), "ETH|Blockchain".to_owned()]);
        assert!(tagged.is_crypto && tagged.coins.has("ETH") && !tagged.coins.has("BTC"));
    }

    #[test]
    fn the_economy_is_seen() {
        let check = |text: &str, expected: bool| assert_eq!(marks(text, &[]).is_economic, expected, "{text}");
        check("TARIFFS are the greatest thing", true);
        check("The Fed must cut", true);
        check("Federalist papers, a fedora, boilerplate", false);
        check("The S&P 500 is up", true);
        check("I just inspected the construction", false);
    }

    #[test]
    fn nothing_said_is_seen() {
        let check = |text: &str, expected: bool| assert_eq!(is_low_information(text), expected, "{text}");
        check("", true);
        check(" [Video] ", true);
        check("[Image]", true);
        check("https://x.y/z https://a.b", true);
        check("RT: something", true);
        check("RT @somebody: x", true);
        check("🇺🇸", true);
        check("MAGA!", false);
        check("look https://x.y", false);
        check("RTX cards", false);
        check("Привет", false);
    }
}
