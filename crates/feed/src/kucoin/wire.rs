//! Which of the venue's two feeds is spoken.

use super::messages::Message;
use super::settings::KucoinBook;
use super::{classic, unified};
use crate::decode::DecodeError;

/// What a symbol is subscribed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Book,
    Trades,
    Candles,
    Tickers,
}

impl Channel {
    pub(crate) const ALL: [Self; 4] = [Self::Book, Self::Trades, Self::Candles, Self::Tickers];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Trades => "trades",
            Self::Candles => "candles",
            Self::Tickers => "tickers",
        }
    }
}

/// Whether a channel is to begin or to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Subscribe,
    Unsubscribe,
}

impl Action {
    const fn name(self) -> &'static str {
        match self {
            Self::Subscribe => "subscribe",
            Self::Unsubscribe => "unsubscribe",
        }
    }
}

/// The wire format of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Reached with a token (protocol section 2).
    Classic {
        /// The topic that books come from.
        book: &'static str,
        /// Whether one request can name several symbols for it.
        has_lists: bool,
    },
    /// Reached without (section 3).
    Unified,
}

impl Wire {
    /// The one on which books come from this source.
    pub(crate) const fn of(source: KucoinBook) -> Self {
        match source {
            KucoinBook::Pictures => Self::Classic { book: "/spotMarket/level2Depth50", has_lists: false },
            KucoinBook::Changes | KucoinBook::AllChanges => Self::Classic { book: "/market/level2", has_lists: true },
            KucoinBook::Unified => Self::Unified,
        }
    }

    pub(crate) fn decode(self, text: &str) -> Result<Message<'_>, DecodeError> {
        match self {
            Self::Classic { .. } => classic::decode(text),
            Self::Unified => unified::decode(text),
        }
    }

    /// Whether one request can name several symbols.
    pub(crate) const fn has_lists(self, channel: Channel) -> bool {
        match (self, channel) {
            (Self::Classic { .. }, Channel::Trades | Channel::Tickers) => true,
            (Self::Classic { has_lists, .. }, Channel::Book) => has_lists,
            (Self::Classic { .. }, Channel::Candles) | (Self::Unified, _) => false,
        }
    }

    /// The request for a channel; more than one symbol only where the channel [`Wire::has_lists`].
    pub(crate) fn request(self, id: u64, action: Action, channel: Channel, symbols: &[&str]) -> String {
        let symbols = symbols.join(",");
        let action = action.name();
        match (self, channel) {
            (Self::Classic { book, .. }, Channel::Book) => classic::request(id, action, &format!("{book}:{symbols}")),
            (Self::Classic { .. }, Channel::Trades) => {
                classic::request(id, action, &format!("/market/match:{symbols}"))
            }
            (Self::Classic { .. }, Channel::Candles) => {
                classic::request(id, action, &format!("/market/candles:{symbols}_1min"))
            }
            (Self::Classic { .. }, Channel::Tickers) => {
                classic::request(id, action, &format!("/market/ticker:{symbols}"))
            }
            (Self::Unified, Channel::Book) => {
                let parameters = r#","depth":"increment@10ms","rpiFilter":0"#;
                unified::request(id, action, "obu", &symbols, parameters)
            }
            (Self::Unified, Channel::Tickers) => unified::request(id, action, "ticker", &symbols, ""),
            (Self::Unified, Channel::Trades) => unified::request(id, action, "trade", &symbols, ""),
            (Self::Unified, Channel::Candles) => {
                unified::request(id, action, "kline", &symbols, r#","interval":"1min""#)
            }
        }
    }

    /// The sign of life, the same in both.
    pub(crate) fn ping(id: u64) -> String {
        format!(r#"{{"id":"{id}","type":"ping"}}"#)
    }
}
