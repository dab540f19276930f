//! What can be chosen about KuCoin.

use std::time::Duration;

/// Where KuCoin's books come from, and the limits of its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KucoinSettings {
    /// Where books come from.
    pub book: KucoinBook,
    /// Topics on one connection; each channel of each symbol is one. The venue says 400, older pages 300 (section 2.4).
    pub topics_max: usize,
    /// Symbols in one subscription, where it can have several.
    pub symbols_per_request: usize,
    /// Age at which a book on a snapshot of a hundred levels gets a fresh one, without going stale.
    pub renew_every: Duration,
}

impl Default for KucoinSettings {
    fn default() -> Self {
        Self {
            book: KucoinBook::default(),
            topics_max: 300,
            symbols_per_request: 100,
            renew_every: Duration::from_secs(5 * 60),
        }
    }
}

/// Where KuCoin's books come from.
///
/// A session has one connection, so the choice decides which of the venue's two feeds is spoken: the first three are of
/// the classic feed; with the last one trades and candles come from the unified feed too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KucoinBook {
    /// Pictures of the best fifty levels, ten a second (`level2Depth50`). Nothing can be missed for longer than until
    /// the next picture, and no key is needed.
    #[default]
    Pictures,
    /// Every change (`level2`) on a public snapshot of a hundred levels: right for the best fifty, renewed every few
    /// minutes.
    Changes,
    /// Every change on a snapshot of the whole book. The venue asks for a key there, which this program does not have:
    /// when the snapshot is refused, the public one is taken, and that is told. For recorded and simulated markets.
    AllChanges,
    /// Every change of the best 500 levels on a snapshot in the stream, with trades and candles from the unified feed.
    /// Less confirmed than the others (section 3): when the feed does not answer, pictures of the classic feed are
    /// taken for an hour, and that is told.
    Unified,
}

impl KucoinBook {
    /// Snapshots are fetched, and prove a book of which nothing is told.
    pub(crate) const fn has_snapshots(self) -> bool {
        matches!(self, Self::Changes | Self::AllChanges)
    }
}
