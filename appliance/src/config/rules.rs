//! What each key may hold: the one table behind checking, suggestions and the ranges told in the default file.

use std::fmt;
use std::net::SocketAddr;
use std::sync::LazyLock;

use notify::channel::discord::Discord;
use notify::{Secret, quiet};
use toml::de::{DeTable, DeValue};
use tracing_subscriber::EnvFilter;
use types::fee::ROWS_MAX;
use types::settings::RIVALS_MAX;
use types::{Date, Venue};
use wire::api::SettingKind;

use super::sources;
use super::suggest::nearest;
use crate::bucket;
use crate::venue::Network;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// `true` or `false`.
    Switch,
    /// A whole number in a range, both ends allowed.
    Range(i64, i64),
    /// One of some whole numbers.
    OneOf(&'static [i64]),
    /// One of some words.
    Word(&'static [&'static str]),
    /// `ADDR:PORT`.
    Address,
    /// An address with one of these schemes, without a path.
    Base(&'static [&'static str]),
    /// An address of a file on a web server.
    FileLink,
    /// An address of a proxy.
    Proxy,
    /// An address of a bucket.
    Bucket,
    /// A path of a file or folder.
    Path,
    /// Paths of files.
    Paths,
    /// Symbols as the venue spells them, none twice.
    Symbols,
    /// Host names without scheme and port.
    Hosts,
    /// Hosts with their ports.
    Brokers,
    /// What a name of Kafka may have.
    Topic,
    /// What the log filter takes.
    LogLevel,
    /// A calendar date.
    Date,
    /// Words for people.
    Text,
    /// What is shown nowhere.
    Secret,
    /// The address of a webhook of Discord, which is shown nowhere.
    DiscordWebhook,
    /// An address for people, with a path or without.
    Link,
    /// A time of the day.
    TimeOfDay,
    /// A time zone by its name.
    TimeZone,
    /// Addresses of e-mail.
    Addresses,
    /// Dated fees, oldest first.
    Fees,
    /// Recorded times in microseconds.
    Times,
    /// Strategies beside the first one.
    Rivals,
    /// What news are read from.
    Sources,
    /// The name of such a source.
    SourceName,
    /// An address of such a source, or a folder.
    Place,
    /// A time zone.
    Zone,
    /// The name of a model as Ollama has it.
    ModelName,
}

/// Most recorded times in a list.
const TIMES_MAX: usize = 10_000;
const PPM: Rule = Rule::Range(0, 1_000_000);
const VOLUME: Rule = Rule::Range(0, 4_000_000_000);
/// Keys of a row of fees, and whether one may be left out.
pub(super) const FEE_ROW: [(&str, Rule, bool); 6] = [
    ("valid_from", Rule::Date, false),
    ("volume_min", VOLUME, true),
    ("maker_ppm", Rule::Range(0, 100_000), false),
    ("taker_ppm", Rule::Range(0, 100_000), false),
    ("confirmed", Rule::Switch, true),
    ("source", Rule::Text, true),
];
/// A pin of the 40-pin header, or none.
const PIN: Rule = Rule::Range(-1, 27);
const WEBSOCKET: Rule = Rule::Base(&["wss", "ws"]);
const HTTP: Rule = Rule::Base(&["https", "http"]);
const TOLD_FROM: Rule = Rule::Word(&["off", "info", "warning", "urgent"]);
/// Longest secret, bytes.
const SECRET_BYTES_MAX: usize = 4_096;

/// Every key with its rule. A test holds it against the configuration tree.
pub(super) static RULES: LazyLock<Vec<(String, Rule)>> = LazyLock::new(|| {
    let own = PLAIN.iter().map(|(path, rule)| ((*path).to_owned(), *rule));
    own.chain(Venue::ALL.into_iter().flat_map(of_feed)).collect()
});

const PLAIN: &[(&str, Rule)] = &[
    ("feeds.kucoin-book", Rule::Word(&["pictures", "changes", "unified"])),
    ("server.listen", Rule::Address),
    ("server.allowed_hosts", Rule::Hosts),
    ("server.tls", Rule::Switch),
    ("server.connections_max", Rule::Range(16, 10_000)),
    ("access.mode", Rule::Word(&["owner", "open"])),
    ("access.session_days", Rule::Range(1, 3_650)),
    ("page.clock", Rule::Word(&["local", "utc"])),
    ("page.language", Rule::Word(&["auto", "en", "de"])),
    ("page.set_up", Rule::Switch),
    ("store.data_dir", Rule::Path),
    ("store.block_interval_s", Rule::Range(1, 60)),
    ("store.checkpoint_interval_min", Rule::Range(1, 1_440)),
    ("store.budget_mb", Rule::Range(64, 16_000_000)),
    ("store.reserve_mb", Rule::Range(0, 1_000_000)),
    ("store.raw_days", Rule::Range(2, 10_000)),
    ("store.minute_days", Rule::Range(2, 10_000)),
    ("store.backup_dir", Rule::Path),
    ("store.backups_kept", Rule::Range(0, 366)),
    ("network.proxy", Rule::Proxy),
    ("network.ca_file", Rule::Path),
    ("model.enabled", Rule::Switch),
    ("model.bundle", Rule::Path),
    ("model.trusted_keys", Rule::Paths),
    ("model.budget_ms", Rule::Range(1, 60_000)),
    ("model.keep_mb", Rule::Range(1, 10_000)),
    ("model.auto_promote", Rule::Switch),
    ("model.auto_rollback", Rule::Switch),
    ("model.retrain_on_alarm", Rule::Switch),
    ("engine.signal.rule", Rule::Word(&["off", "forecast", "reversion", "policy"])),
    ("engine.signal.horizon_min", Rule::OneOf(&[5, 10, 30])),
    ("engine.signal.edge_min_cbps", Rule::Range(0, 1_000_000)),
    ("engine.signal.sizing", Rule::Word(&["fixed", "volatility", "kelly", "model", "parity", "mean-variance"])),
    ("engine.signal.size_ppm", Rule::Range(1, 1_000_000)),
    ("engine.signal.size_max_ppm", Rule::Range(1, 1_000_000)),
    ("engine.signal.volatility_ppm", Rule::Range(1, 1_000_000)),
    ("engine.signal.kelly_ppm", Rule::Range(1, 1_000_000)),
    ("engine.signal.hold_max_min", Rule::Range(1, 1_440)),
    ("engine.rivals", Rule::Rivals),
    ("engine.risk.trading", Rule::Switch),
    ("engine.risk.start_cash", Rule::Range(1, 1_000_000_000)),
    ("engine.risk.order_max_ppm", PPM),
    ("engine.risk.position_max_ppm", PPM),
    ("engine.risk.venue_max_ppm", PPM),
    ("engine.risk.cash_reserve_ppm", PPM),
    ("engine.risk.stop_loss_ppm", Rule::Range(1, 1_000_000)),
    ("engine.risk.take_profit_ppm", Rule::Range(0, 100_000_000)),
    ("engine.risk.trailing_stop_ppm", PPM),
    ("engine.risk.age_max_min", Rule::Range(0, 1_000_000)),
    ("engine.risk.drawdown_max_ppm", Rule::Range(1, 1_000_000)),
    ("engine.risk.daily_loss_max_ppm", Rule::Range(1, 1_000_000)),
    ("engine.risk.weekly_loss_max_ppm", Rule::Range(1, 1_000_000)),
    ("engine.risk.correlation_max_ppm", PPM),
    ("engine.risk.correlated_max_ppm", PPM),
    ("engine.risk.value_at_risk_max_ppm", PPM),
    ("engine.risk.orders_per_min_max", Rule::Range(1, 600)),
    ("engine.risk.breakers.cool_down_s", Rule::Range(1, 86_400)),
    ("engine.risk.breakers.release_ppm", Rule::Range(1, 1_000_000)),
    ("engine.risk.breakers.jump_ppm", PPM),
    ("engine.risk.breakers.spread_max_cbps", Rule::Range(0, 1_000_000)),
    ("engine.risk.breakers.depth_min", Rule::Range(0, 1_000_000_000)),
    ("engine.risk.breakers.losses_max", Rule::Range(0, 10_000)),
    ("engine.risk.breakers.skill_below_max", Rule::Range(0, 10_000)),
    ("engine.risk.breakers.answer_max_ms", Rule::Range(0, 60_000)),
    ("engine.paper.latency_ms", Rule::Range(0, 60_000)),
    ("engine.paper.response_ms", Rule::Range(0, 60_000)),
    ("engine.paper.book_lag_ms", Rule::Range(0, 60_000)),
    ("engine.paper.entry_us", Rule::Times),
    ("engine.paper.answer_us", Rule::Times),
    ("engine.paper.seed", Rule::Range(0, 4_294_967_295)),
    ("engine.paper.queue", Rule::Word(&["risk-averse", "power"])),
    ("engine.paper.queue_power", Rule::Range(1, 8)),
    ("engine.paper.depth_share_ppm", Rule::Range(1, 1_000_000)),
    ("engine.paper.impact_ppm", PPM),
    ("engine.arbitrage.enabled", Rule::Switch),
    ("engine.arbitrage.net_min_cbps", Rule::Range(0, 1_000_000)),
    ("engine.arbitrage.book_age_max_ms", Rule::Range(100, 600_000)),
    ("engine.arbitrage.gap_max_ms", Rule::Range(0, 60_000)),
    ("engine.arbitrage.usd_with_usdt", Rule::Switch),
    ("engine.arbitrage.trade", Rule::Switch),
    ("engine.fees.kraken", Rule::Fees),
    ("engine.fees.binance-us", Rule::Fees),
    ("engine.fees.coinbase", Rule::Fees),
    ("engine.fees.kucoin", Rule::Fees),
    ("news.enabled", Rule::Switch),
    ("news.engine", Rule::Word(&["lexicon", "finbert", "ollama"])),
    ("news.keep_days", Rule::Range(2, 10_000)),
    ("news.keep_mb", Rule::Range(16, 1_000_000)),
    ("news.ollama.enabled", Rule::Switch),
    ("news.ollama.base", HTTP),
    ("news.ollama.model", Rule::ModelName),
    ("news.finbert.enabled", Rule::Switch),
    ("news.finbert.dir", Rule::Path),
    ("news.sources", Rule::Sources),
    ("export.dir", Rule::Path),
    ("export.bucket", Rule::Bucket),
    ("export.endpoint", HTTP),
    ("export.region", Rule::Text),
    ("export.credentials_file", Rule::Path),
    ("export.csv", Rule::Switch),
    ("export.parquet", Rule::Switch),
    ("kafka.brokers", Rule::Brokers),
    ("kafka.topic_prefix", Rule::Topic),
    ("kafka.spool_hours", Rule::Range(1, 10_000)),
    ("panel.board", Rule::Word(&["simulated", "auto", "rppal", "gpiocdev"])),
    ("panel.chip", Rule::Path),
    ("panel.lamp_pin", PIN),
    ("panel.green_pin", PIN),
    ("panel.amber_pin", PIN),
    ("panel.red_pin", PIN),
    ("panel.buzzer_pin", PIN),
    ("panel.buzzer", Rule::Word(&["active", "passive", "pwm"])),
    ("panel.button_pin", PIN),
    ("panel.active_low", Rule::Switch),
    ("panel.cool_down_min", Rule::Range(0, 1_440)),
    ("panel.shutdown_file", Rule::Path),
    ("notify.quiet_from", Rule::TimeOfDay),
    ("notify.quiet_to", Rule::TimeOfDay),
    ("notify.time_zone", Rule::TimeZone),
    ("notify.settle_s", Rule::Range(0, 3_600)),
    ("notify.gather_s", Rule::Range(0, 86_400)),
    ("notify.link", Rule::Link),
    ("notify.discord.level", TOLD_FROM),
    ("notify.discord.webhook", Rule::DiscordWebhook),
    ("notify.discord.webhook_file", Rule::Path),
    ("notify.webhook.level", TOLD_FROM),
    ("notify.webhook.url", Rule::Secret),
    ("notify.webhook.secret", Rule::Secret),
    ("notify.webhook.secret_file", Rule::Path),
    ("notify.webhook.allow_private", Rule::Switch),
    ("notify.ntfy.level", TOLD_FROM),
    ("notify.ntfy.server", HTTP),
    ("notify.ntfy.topic", Rule::Secret),
    ("notify.ntfy.user", Rule::Text),
    ("notify.ntfy.token", Rule::Secret),
    ("notify.ntfy.token_file", Rule::Path),
    ("notify.ntfy.allow_private", Rule::Switch),
    ("notify.telegram.level", TOLD_FROM),
    ("notify.telegram.token", Rule::Secret),
    ("notify.telegram.token_file", Rule::Path),
    ("notify.telegram.chat", Rule::Text),
    ("notify.telegram.base", HTTP),
    ("notify.mail.level", TOLD_FROM),
    ("notify.mail.host", Rule::Text),
    ("notify.mail.port", Rule::Range(1, 65_535)),
    ("notify.mail.tls", Rule::Word(&["starttls", "implicit"])),
    ("notify.mail.user", Rule::Text),
    ("notify.mail.password", Rule::Secret),
    ("notify.mail.password_file", Rule::Path),
    ("notify.mail.from", Rule::Text),
    ("notify.mail.to", Rule::Addresses),
    ("update.trusted_keys", Rule::Paths),
    ("update.confirm_min", Rule::Range(0, 1_440)),
    ("update.url", Rule::FileLink),
    ("update.every_h", Rule::Range(1, 1_000)),
    ("update.auto", Rule::Switch),
    ("log.level", Rule::LogLevel),
];

/// What a key may hold, for programs and as the end of "must be ..."; `None` for a key that there is not.
pub(crate) fn kind_and_words(key: &str) -> Option<(SettingKind, String)> {
    let (_, rule) = RULES.iter().find(|(known, _)| known == key)?;
    Some((rule.kind(), rule.to_string()))
}

/// Whether nothing of a key's value may be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    RULES.iter().any(|(known, rule)| known == key && matches!(rule, Rule::Secret | Rule::DiscordWebhook))
}

/// Keys in the section of a venue.
fn of_feed(venue: Venue) -> impl Iterator<Item = (String, Rule)> {
    let book_depth = match venue {
        Venue::Kraken => Rule::OneOf(&[10, 25, 100, 500, 1_000]),
        _ => Rule::Range(1, 5_000),
    };
    let rules = [
        ("enabled", Rule::Switch),
        ("symbols", Rule::Symbols),
        ("ws_base", WEBSOCKET),
        ("rest_base", HTTP),
        ("book_depth", book_depth),
        ("publish_depth", Rule::Range(1, 1_000)),
        ("publish_interval_ms", Rule::Range(0, 60_000)),
        ("history_min", Rule::Range(0, 10_000)),
        ("keepalive_s", Rule::Range(1, 3_600)),
        ("silent_s", Rule::Range(1, 3_600)),
        ("connection_age_max_min", Rule::Range(0, 65_535)),
        ("limits.request_weight", Rule::Range(1, 1_000_000)),
        ("limits.request_window_s", Rule::Range(1, 3_600)),
        ("limits.request_spacing_ms", Rule::Range(0, 60_000)),
        ("limits.connects", Rule::Range(1, 10_000)),
        ("limits.connect_window_s", Rule::Range(1, 3_600)),
        ("limits.pause_s", Rule::Range(1, 3_600)),
    ];
    rules.into_iter().map(move |(key, rule)| (format!("feeds.{}.{key}", venue.slug()), rule))
}

impl Rule {
    fn kind(self) -> SettingKind {
        match self {
            Self::Switch => SettingKind::Switch,
            Self::Range(min, max) => SettingKind::Number { min, max },
            Self::OneOf(choices) => SettingKind::NumberOf(choices.to_vec()),
            Self::Word(words) => SettingKind::Word(words.iter().map(|word| (*word).to_owned()).collect()),
            Self::Paths | Self::Symbols | Self::Hosts | Self::Brokers | Self::Addresses => SettingKind::Texts,
            Self::Times => SettingKind::Numbers,
            Self::Fees | Self::Rivals | Self::Sources => SettingKind::Rows,
            Self::Address
            | Self::Base(_)
            | Self::FileLink
            | Self::Proxy
            | Self::Bucket
            | Self::Path
            | Self::Topic
            | Self::LogLevel
            | Self::Date
            | Self::Secret
            | Self::DiscordWebhook
            | Self::Link
            | Self::TimeOfDay
            | Self::TimeZone
            | Self::SourceName
            | Self::Place
            | Self::Zone
            | Self::ModelName
            | Self::Text => SettingKind::Text,
        }
    }

    /// What is wrong with a value, as the end of a sentence that begins with its key.
    pub(super) fn check(self, value: &DeValue<'_>) -> Result<(), String> {
        match self {
            Self::Switch => value.as_bool().map(drop).ok_or_else(|| self.mismatch(value)),
            Self::Range(low, high) => match self.integer(value)? {
                number if (low..=high).contains(&number) => Ok(()),
                number => Err(format!("{number} is not in {low} to {high}")),
            },
            Self::OneOf(choices) => match self.integer(value)? {
                number if choices.contains(&number) => Ok(()),
                number => Err(format!("{number} is not one of {}", list(choices))),
            },
            Self::Word(words) => match self.text(value)? {
                text if words.contains(&text) => Ok(()),
                text => Err(format!("{text:?} is not one of {}", list(words))),
            },
            Self::Address => match self.text(value)?.parse::<SocketAddr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(format!(
                    "{value:?} is not an address and port such as 127.0.0.1:8080",
                    value = self.text(value)?
                )),
            },
            Self::Base(schemes) => check_base(self.text(value)?, schemes),
            Self::FileLink => check_file_link(self.text(value)?),
            Self::Proxy => Network::check_proxy(self.text(value)?).map_err(|error| format!("{error:#}")),
            Self::Bucket => bucket::check(self.text(value)?).map_err(|error| format!("{error:#}")),
            Self::Path => match self.text(value)? {
                "" => Err("is empty".to_owned()),
                _ => Ok(()),
            },
            Self::Paths => self.each(value, |text| if text.is_empty() { Err("is empty".to_owned()) } else { Ok(()) }),
            Self::Symbols => {
                self.each(value, check_symbol)?;
                check_doubled(value)
            }
            Self::Hosts => self.each(value, check_host),
            Self::Brokers => self.each(value, check_broker),
            Self::Topic => check_topic(self.text(value)?),
            Self::LogLevel => match self.text(value)? {
                "" => Err("is empty".to_owned()),
                text => EnvFilter::try_new(text).map(drop).map_err(|_| {
                    format!("{text:?} is not a log level such as info, or directives such as tickerbox=debug,warn")
                }),
            },
            Self::Date => {
                let text = self.text(value)?;
                text.parse::<Date>().map(drop).map_err(|e| format!("{text:?} is {e}"))
            }
            Self::Text => self.text(value).map(drop),
            Self::Secret => check_secret(self.text(value)?),
            Self::DiscordWebhook => {
                let text = self.text(value)?;
                check_secret(text)?;
                Discord::new(&Secret::new(text)).map(drop).map_err(|error| error.0)
            }
            Self::Link => check_link(self.text(value)?),
            Self::TimeOfDay => quiet::minute(self.text(value)?).map(drop).map_err(|error| error.to_string()),
            Self::TimeZone => quiet::time_zone(self.text(value)?).map(drop).map_err(|error| error.to_string()),
            Self::Addresses => self.each(value, check_mail_address),
            Self::Fees => self.fees(value),
            Self::Times => self.times(value),
            Self::Rivals => self.rivals(value),
            Self::Sources => sources::check(self, value),
            Self::SourceName => sources::check_name(self.text(value)?),
            Self::Place => sources::check_place(self.text(value)?),
            Self::Zone => match self.text(value)? {
                text if text.parse::<news::Zone>().is_ok() => Ok(()),
                text => Err(format!("{text:?} is not a time zone such as America/New_York, -04:00 or UTC")),
            },
            Self::ModelName => match self.text(value)? {
                text if (1..=200).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()) => Ok(()),
                text => Err(format!("{text:?} is not the name of a model such as gemma3:1b")),
            },
        }
    }

    pub(super) fn mismatch(self, value: &DeValue<'_>) -> String {
        let found = value.type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        format!("must be {self}, not {article} {found}")
    }

    fn integer(self, value: &DeValue<'_>) -> Result<i64, String> {
        let integer = value.as_integer().ok_or_else(|| self.mismatch(value))?;
        i64::from_str_radix(integer.as_str(), integer.radix()).map_err(|_| format!("{integer} is too large"))
    }

    fn text<'v>(self, value: &'v DeValue<'_>) -> Result<&'v str, String> {
        value.as_str().ok_or_else(|| self.mismatch(value))
    }

    fn each(self, value: &DeValue<'_>, check: impl Fn(&str) -> Result<(), String>) -> Result<(), String> {
        for item in value.as_array().ok_or_else(|| self.mismatch(value))? {
            check(item.get_ref().as_str().ok_or_else(|| self.mismatch(item.get_ref()))?)?;
        }
        Ok(())
    }
}

impl Rule {
    fn times(self, value: &DeValue<'_>) -> Result<(), String> {
        let times = value.as_array().ok_or_else(|| self.mismatch(value))?;
        if times.len() > TIMES_MAX {
            return Err(format!("has {} times: must be at most {TIMES_MAX}", times.len()));
        }
        times.iter().try_for_each(|time| Self::Range(0, 60_000_000).check(time.get_ref()))
    }

    /// Strategies with a name of their own and the keys of the first one's.
    fn rivals(self, value: &DeValue<'_>) -> Result<(), String> {
        let rivals = value.as_array().ok_or_else(|| self.mismatch(value))?;
        if rivals.len() > RIVALS_MAX {
            return Err(format!("has {}: must be at most {RIVALS_MAX}", rivals.len()));
        }
        let mut names = vec!["lead", "hold", "random", "flat", "all"];
        for (number, rival) in (1..).zip(rivals.iter()) {
            let rival = rival.get_ref().as_table().ok_or_else(|| self.mismatch(rival.get_ref()))?;
            let told = |what: String| format!("rival {number}: {what}");
            let name = rival.get("name").ok_or_else(|| told("name is missing".to_owned()))?;
            let name = Self::Text.text(name.get_ref()).map_err(|what| told(format!("name: {what}")))?;
            let is_short = (1..=32).contains(&name.len());
            if !is_short || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
                return Err(told(format!("name: {name:?} must be 1 to 32 letters, digits, - and _")));
            }
            if names.contains(&name) {
                return Err(told(format!("name: {name:?} is taken")));
            }
            names.push(name);
            if let Some((key, _)) = rival.iter().find(|(key, _)| !["name", "signal"].contains(&key.get_ref().as_ref()))
            {
                return Err(told(format!("{}: unknown key; known are name, signal", key.get_ref())));
            }
            if let Some(signal) = rival.get("signal") {
                let signal = signal.get_ref().as_table().ok_or_else(|| told("signal: must be a section".to_owned()))?;
                check_signal(signal).map_err(|what| told(format!("signal: {what}")))?;
            }
        }
        Ok(())
    }

    /// The rows of a venue's fees by date, and of one date by volume, from zero on.
    fn fees(self, value: &DeValue<'_>) -> Result<(), String> {
        let rows = value.as_array().ok_or_else(|| self.mismatch(value))?;
        if !(1..=ROWS_MAX).contains(&rows.len()) {
            return Err(format!("has {} rows: must be 1 to {ROWS_MAX}", rows.len()));
        }
        let mut before: Option<(Date, i64)> = None;
        for (number, row) in (1..).zip(rows.iter()) {
            let row = row.get_ref().as_table().ok_or_else(|| self.mismatch(row.get_ref()))?;
            let (date, volume) = check_fee_row(row).map_err(|what| format!("row {number}: {what}"))?;
            let is_same_date = before.is_some_and(|(before, _)| before == date);
            if before.is_some_and(|(before, _)| before > date) {
                return Err(format!("row {number}: valid_from: {date} is earlier than the row before it"));
            }
            if is_same_date && before.is_some_and(|(_, before)| before >= volume) {
                return Err(format!(
                    "row {number}: volume_min: {volume} is not more than in the row before it, which is of the same date"
                ));
            }
            if !is_same_date && volume > 0 {
                return Err(format!("row {number}: volume_min: must be 0 in the first row of a date, for everybody"));
            }
            before = Some((date, volume));
        }
        Ok(())
    }
}

/// The keys of a rival's strategy are those of the first one's.
fn check_signal(signal: &DeTable<'_>) -> Result<(), String> {
    let known = || RULES.iter().filter_map(|(path, rule)| Some((path.strip_prefix("engine.signal.")?, *rule)));
    for (key, value) in signal {
        let key = key.get_ref();
        let rule = known().find(|(known, _)| known == key).map(|(_, rule)| rule).ok_or_else(|| {
            match nearest(key, known().map(|(key, _)| key)) {
                Some(near) => format!("{key}: unknown key; did you mean {near}?"),
                None => format!("{key}: unknown key"),
            }
        })?;
        rule.check(value.get_ref()).map_err(|what| format!("{key}: {what}"))?;
    }
    Ok(())
}

/// Checks one row of fees and tells its date and volume.
fn check_fee_row(row: &DeTable<'_>) -> Result<(Date, i64), String> {
    let known = || FEE_ROW.iter().map(|(key, ..)| *key);
    if let Some((key, _)) = row.iter().find(|(key, _)| !known().any(|known| known == key.get_ref())) {
        let key = key.get_ref();
        return Err(match nearest(key, known()) {
            Some(near) => format!("{key}: unknown key; did you mean {near}?"),
            None => format!("{key}: unknown key; known are {}", list(&known().collect::<Vec<_>>())),
        });
    }
    for (key, rule, is_optional) in FEE_ROW {
        match row.get(key) {
            Some(value) => rule.check(value.get_ref()).map_err(|what| format!("{key}: {what}"))?,
            None if is_optional => {}
            None => return Err(format!("{key} is missing")),
        }
    }
    let date = row.get("valid_from").and_then(|value| value.get_ref().as_str()).and_then(|text| text.parse().ok());
    let volume = row.get("volume_min").map_or(Ok(0), |value| VOLUME.integer(value.get_ref()))?;
    Ok((date.expect("its rule holds"), volume))
}

/// What is wanted, for "must be ...".
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch => f.write_str("true or false"),
            Self::Range(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::OneOf(choices) => write!(f, "one of {}", list(choices)),
            Self::Word(words) => write!(f, "one of {}", list(words)),
            Self::Address => f.write_str("a text such as \"127.0.0.1:8080\""),
            Self::Base(schemes) => write!(f, "a text such as \"{}://host\"", schemes[0]),
            Self::FileLink => f.write_str("a text such as \"https://host/file\""),
            Self::Proxy => f.write_str("a text such as \"socks5://host:1080\""),
            Self::Bucket => f.write_str("a text such as \"s3://bucket/folder\""),
            Self::Path
            | Self::LogLevel
            | Self::Text
            | Self::Topic
            | Self::Secret
            | Self::SourceName
            | Self::Place
            | Self::Zone
            | Self::ModelName => f.write_str("a text"),
            Self::DiscordWebhook => f.write_str("a text such as \"https://discord.com/api/webhooks/ID/TOKEN\""),
            Self::Link => f.write_str("a text such as \"http://tickerbox.local\""),
            Self::TimeOfDay => f.write_str("a text such as \"22:30\""),
            Self::TimeZone => f.write_str("a text such as \"Europe/Berlin\""),
            Self::Addresses => f.write_str("a list of texts such as \"me@example.org\""),
            Self::Date => f.write_str("a text such as \"2025-11-01\""),
            Self::Fees => f.write_str("a list of rows by date, and of one date by volume"),
            Self::Times => f.write_str("a list of whole numbers from 0 to 60000000"),
            Self::Rivals => f.write_str("a list of strategies with a name each"),
            Self::Sources => f.write_str("a list of sources with name, kind and address"),
            Self::Paths | Self::Symbols | Self::Hosts | Self::Brokers => f.write_str("a list of texts"),
        }
    }
}

pub(super) fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}

fn check_base(text: &str, schemes: &[&str]) -> Result<(), String> {
    let host = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)?.strip_prefix("://"));
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    match host {
        Some(host) if !host.is_empty() && host.chars().all(is_host) => Ok(()),
        _ => Err(format!("{text:?} is not an address such as {}://host, without a path", schemes[0])),
    }
}

/// What is wrong with a secret is told without it.
fn check_secret(text: &str) -> Result<(), String> {
    match text.len() {
        0 => Err("is empty".to_owned()),
        len if len > SECRET_BYTES_MAX => Err(format!("has {len} bytes: must be at most {SECRET_BYTES_MAX}")),
        _ if text.contains(char::is_control) => {
            Err("has more than one line, or a character that nobody can type".to_owned())
        }
        _ if text.contains("***") => Err("holds *** in its place: tell it whole".to_owned()),
        _ => Ok(()),
    }
}

fn check_link(text: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(text).ok();
    match url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host() && text.len() <= 500) {
        Some(url) if url.username().is_empty() && url.password().is_none() => Ok(()),
        _ => Err(format!("{text:?} is not an address such as http://tickerbox.local")),
    }
}

fn check_mail_address(text: &str) -> Result<(), String> {
    match text.parse::<lettre::Address>() {
        Ok(_) if text.is_ascii() => Ok(()),
        _ => Err(format!("{text:?} is not an address such as me@example.org")),
    }
}

fn check_file_link(text: &str) -> Result<(), String> {
    let is_link = text.parse::<axum::http::Uri>().is_ok_and(|it| {
        matches!(it.scheme_str(), Some("https" | "http"))
            && it.host().is_some_and(|host| !host.is_empty())
            && it.path().len() > 1
    });
    if is_link { Ok(()) } else { Err(format!("{text:?} is not an address of a file such as https://host/file")) }
}

fn check_broker(text: &str) -> Result<(), String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
        _ => Err(format!("{text:?} is not a host and port such as kafka.lan:9092")),
    }
}

fn check_topic(text: &str) -> Result<(), String> {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text {
        text if !text.is_empty() && text.len() <= 200 && text.chars().all(is_legal) => Ok(()),
        _ => Err(format!("{text:?} is not a name that Kafka takes")),
    }
}

/// Symbols are put into messages and paths as they are, so only what venues use is allowed.
fn check_symbol(text: &str) -> Result<(), String> {
    let is_symbol = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'/' | b'-' | b'.' | b'_');
    if (1..=32).contains(&text.len()) && text.bytes().all(is_symbol) {
        Ok(())
    } else {
        Err(format!("{text:?} is not a venue's symbol such as BTC/USD or BTCUSDT"))
    }
}

fn check_doubled(value: &DeValue<'_>) -> Result<(), String> {
    let symbols: Vec<&str> =
        value.as_array().into_iter().flat_map(|a| a.iter()).filter_map(|s| s.get_ref().as_str()).collect();
    match symbols.iter().enumerate().find(|(n, symbol)| symbols[..*n].contains(symbol)) {
        Some((_, symbol)) => Err(format!("{symbol:?} stands there twice")),
        None => Ok(()),
    }
}

fn check_host(text: &str) -> Result<(), String> {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    if (1..=253).contains(&text.len()) && text.bytes().all(is_host) {
        Ok(())
    } else {
        Err(format!("{text:?} is not a host name such as box.example.org"))
    }
}
