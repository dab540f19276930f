//! Which trades are new.

/// Lets every trade pass once. Venues number the trades of an instrument upwards, so the highest number seen is all
/// that has to be remembered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TradeGate {
    highest: Option<u64>,
}

/// What the gate says about a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// New, and the next in sequence (or the first).
    Next,
    /// New, but numbers before it are missing.
    AfterGap,
    /// Seen before: not to be used again.
    Doubled,
}

impl TradeGate {
    pub(crate) fn pass(&mut self, id: u64) -> Passed {
        match self.highest {
            Some(highest) if id <= highest => Passed::Doubled,
            Some(highest) if id - highest > 1 => {
                self.highest = Some(id);
                Passed::AfterGap
            }
            _ => {
                self.highest = Some(id);
                Passed::Next
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trade_passes_once() {
        let mut gate = TradeGate::default();
        let answers: Vec<_> = [7, 8, 8, 11, 9, 11, 12].into_iter().map(|id| gate.pass(id)).collect();
        use Passed::{AfterGap, Doubled, Next};
        assert_eq!(answers, [Next, Next, Doubled, AfterGap, Doubled, Doubled, Next]);
        assert_eq!(gate.pass(u64::MAX), AfterGap);
    }
}
