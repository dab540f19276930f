//! The outcome of a run.

use core::fmt;

use types::Venue;

/// How much of the truth was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// How many there are.
    pub truth: u64,
    /// How many of them were told as they are.
    pub equal: u64,
}

impl Score {
    /// Whether all of them were.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.truth == self.equal
    }

    pub(crate) const fn add(&mut self, other: Self) {
        self.truth += other.truth;
        self.equal += other.equal;
    }
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The venues taken part.
    pub venues: Vec<Venue>,
    /// Faults that happened.
    pub faults_injected: u64,
    /// Instruments, and those whose book is live and right at the end.
    pub books: Score,
    /// Trades.
    pub trades: Score,
    /// Closed minutes.
    pub candles: Score,
    /// Books that were published as live and wrong, or left standing as live when they had not been right for long.
    pub wrong_live: u64,
    /// Rules of the venues that our side broke.
    pub limits_broken: u64,
    /// Trades told twice or made up.
    pub wrong_trades: u64,
    /// Trades that the venue gives nobody who was away when they happened. They are not among [`Report::trades`].
    pub out_of_reach: u64,
    /// Books compared on the way.
    pub books_checked: u64,
    /// Books that were wrong where the venue's protocol lets nobody know it at once (see
    /// [`Knowable`](crate::judge::Knowable)).
    pub unknowable: u64,
    /// Examples of what went wrong, for people.
    pub findings: Vec<String>,
}

impl Report {
    /// Whether everything is as it should be.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.books.is_full()
            && self.trades.is_full()
            && self.candles.is_full()
            && self.wrong_live == 0
            && self.limits_broken == 0
            && self.wrong_trades == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |score: Score| format!("{} of {}", score.equal, score.truth);
        writeln!(f, "faults injected   {}", self.faults_injected)?;
        writeln!(f, "books right       {} at the end, {} compared on the way", of(self.books), self.books_checked)?;
        let (wrong, lost) = (self.wrong_trades, self.out_of_reach);
        writeln!(f, "trades right      {}, {wrong} told twice or made up, {lost} out of reach", of(self.trades))?;
        writeln!(f, "minutes right     {}", of(self.candles))?;
        writeln!(f, "wrong books live  {}, and {} where nobody could know", self.wrong_live, self.unknowable)?;
        writeln!(f, "limits broken     {}", self.limits_broken)?;
        self.findings.iter().try_for_each(|finding| writeln!(f, "  {finding}"))
    }
}
