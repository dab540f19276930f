//! Currencies that have another name now. A new name is a new instrument: histories are linked by this table, not spliced.

use crate::time::Timestamp;

/// A currency's change of name, one for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rename {
    /// What it was called.
    pub old: &'static str,
    /// What it is called since.
    pub new: &'static str,
    /// When the venues followed, the first of them.
    pub since: Timestamp,
}

/// All known changes of name.
///
/// MATIC became POL one for one; Binance lists POLUSDT since 2024-09-13, others followed from 2024-09-10 on.
pub const RENAMES: [Rename; 1] = [Rename { old: "MATIC", new: "POL", since: Timestamp::from_date(2024, 9, 10) }];

/// What a currency is called now, if that is another name.
#[must_use]
pub fn renamed(currency: &str) -> Option<&'static Rename> {
    RENAMES.iter().find(|rename| rename.old == currency)
}

/// What a currency was called before, if it has been renamed.
#[must_use]
pub fn formerly(currency: &str) -> Option<&'static Rename> {
    RENAMES.iter().find(|rename| rename.new == currency)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_each_other() {
        assert_eq!(renamed("MATIC").map(|rename| rename.new), Some("POL"));
        assert_eq!(formerly("POL").map(|rename| rename.old), Some("MATIC"));
        assert_eq!((renamed("BTC"), formerly("BTC"), renamed("POL")), (None, None, None));
    }
}
