//! Drives a feed in virtual time and sorts what comes out.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod binance_us;
pub(crate) mod kraken;

use std::time::Duration;

use feed::{
    BookState, Feed, FeedInput, FeedOutput, FeedSettings, InstrumentStatus, LinkId, ReconnectReason, RejectReason,
    Rejection, Request, Target, Wanted,
};
use types::market::{StaleReason, Ticker, VenueCandle};
use types::{BookTop, Input, Instrument, InstrumentId, QualityMinute, Timestamp, Trade, TradingStatus, Venue};

pub(crate) struct Rig {
    pub(crate) feed: Feed,
    pub(crate) at: Timestamp,
    out: Vec<FeedOutput>,
    /// Rows of the quality ledger so far; they come by time alone.
    pub(crate) minutes: Vec<QualityMinute>,
}

pub(crate) fn wanted(symbols: &[&str]) -> Vec<Wanted> {
    symbols.iter().zip(0..).map(|(symbol, id)| Wanted { id: InstrumentId(id), symbol: (*symbol).to_owned() }).collect()
}

impl Rig {
    pub(crate) fn new(venue: Venue, symbols: &[&str], change: impl FnOnce(&mut FeedSettings)) -> Self {
        let mut settings = FeedSettings::new(venue, wanted(symbols));
        change(&mut settings);
        let feed = Feed::new(settings).expect("settings that work");
        Self { feed, at: Timestamp::from_secs(1_800_000_000), out: Vec::new(), minutes: Vec::new() }
    }

    pub(crate) fn give(&mut self, input: FeedInput<'_>) {
        self.feed.handle(self.at, input, &mut self.out);
        let pings = self.take(|output| match output {
            FeedOutput::Ping(link) => Some(*link),
            _ => None,
        });
        for link in pings {
            self.feed.handle(self.at, FeedInput::Pong(link), &mut self.out);
        }
        let minutes = self.events(|input| match input {
            Input::Quality(minute) => Some(minute.clone()),
            _ => None,
        });
        self.minutes.extend(minutes);
    }

    /// Waits until the feed asks for a connection and gives it one; says where it goes.
    pub(crate) fn connect(&mut self) -> Target {
        let due = self.feed.deadline().expect("a feed without a connection waits for one");
        self.pass(due.since(self.at));
        let target = self.targets().pop().expect("asked for when it is due");
        self.connected();
        target
    }

    pub(crate) fn connected(&mut self) {
        self.give(FeedInput::Connected(LinkId::FIRST));
    }

    pub(crate) fn disconnect(&mut self) {
        self.give(FeedInput::Disconnected(LinkId::FIRST));
    }

    /// A message on the first connection. `NOW_MS` in it becomes the present time.
    pub(crate) fn frame(&mut self, text: &str) {
        self.frame_on(LinkId::FIRST, text);
    }

    pub(crate) fn frame_on(&mut self, link: LinkId, text: &str) {
        let text = text.replace("NOW_MS", &self.at.as_millis().to_string());
        self.give(FeedInput::Frame(link, text.as_bytes()));
    }

    pub(crate) fn respond(&mut self, request: &Request, status: u16, body: &str) {
        let body = body.as_bytes();
        self.give(FeedInput::Response { request: request.id, status, retry_after: None, body });
    }

    /// Lets time pass, with a deadline input whenever the feed asked for one.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.at.plus(time);
        let mut turns = 0;
        while let Some(due) = self.feed.deadline().filter(|due| *due <= end) {
            self.at = self.at.max(due);
            self.give(FeedInput::Deadline);
            turns += 1;
            assert!(turns < 10_000, "the feed asks for a deadline again and again");
        }
        self.at = end;
    }

    /// Lets time pass with a heartbeat every second.
    pub(crate) fn pass_with(&mut self, seconds: u64, heartbeat: &str) {
        for _ in 0..seconds {
            self.pass(Duration::from_secs(1));
            self.frame(heartbeat);
        }
    }

    fn take<T>(&mut self, pick: impl Fn(&FeedOutput) -> Option<T>) -> Vec<T> {
        let mut taken = Vec::new();
        self.out.retain(|output| match pick(output) {
            Some(item) => {
                taken.push(item);
                false
            }
            None => true,
        });
        taken
    }

    fn events<T>(&mut self, pick: impl Fn(&Input) -> Option<T>) -> Vec<T> {
        self.take(|output| match output {
            FeedOutput::Event(input) => pick(input),
            _ => None,
        })
    }

    pub(crate) fn sent(&mut self) -> Vec<String> {
        self.take(|output| match output {
            FeedOutput::Send(_, text) => Some(text.clone()),
            _ => None,
        })
    }

    pub(crate) fn targets(&mut self) -> Vec<Target> {
        self.connects().into_iter().map(|(_, target)| target).collect()
    }

    pub(crate) fn connects(&mut self) -> Vec<(LinkId, Target)> {
        self.take(|output| match output {
            FeedOutput::Connect(link, target) => Some((*link, target.clone())),
            _ => None,
        })
    }

    pub(crate) fn requests(&mut self) -> Vec<Request> {
        self.take(|output| match output {
            FeedOutput::Request(request) => Some(request.clone()),
            _ => None,
        })
    }

    pub(crate) fn reconnects(&mut self) -> Vec<ReconnectReason> {
        self.take(|output| match output {
            FeedOutput::Reconnect(_, reason) => Some(*reason),
            _ => None,
        })
    }

    pub(crate) fn closes(&mut self) -> Vec<(LinkId, ReconnectReason)> {
        self.take(|output| match output {
            FeedOutput::Reconnect(link, reason) => Some((*link, *reason)),
            _ => None,
        })
    }

    pub(crate) fn rejections(&mut self) -> Vec<Rejection> {
        self.take(|output| match output {
            FeedOutput::Rejected(rejection) => Some(rejection.clone()),
            _ => None,
        })
    }

    pub(crate) fn reasons(&mut self) -> Vec<RejectReason> {
        self.rejections().into_iter().map(|rejection| rejection.reason).collect()
    }

    pub(crate) fn instruments(&mut self) -> Vec<Instrument> {
        self.events(|input| match input {
            Input::Instrument(instrument) => Some(instrument.clone()),
            _ => None,
        })
    }

    pub(crate) fn statuses(&mut self) -> Vec<(InstrumentId, TradingStatus)> {
        self.events(|input| match input {
            Input::Status { instrument, status } => Some((*instrument, *status)),
            _ => None,
        })
    }

    pub(crate) fn books(&mut self) -> Vec<BookTop> {
        self.events(|input| match input {
            Input::Book(book) => Some(book.clone()),
            _ => None,
        })
    }

    pub(crate) fn stale(&mut self) -> Vec<(u16, StaleReason)> {
        self.events(|input| match input {
            Input::BookStale { instrument, reason } => Some((instrument.0, *reason)),
            _ => None,
        })
    }

    pub(crate) fn trades(&mut self) -> Vec<Trade> {
        self.events(|input| match input {
            Input::Trade(trade) => Some(trade.clone()),
            _ => None,
        })
    }

    pub(crate) fn candles(&mut self) -> Vec<VenueCandle> {
        self.events(|input| match input {
            Input::Candle(candle) => Some(candle.clone()),
            _ => None,
        })
    }

    pub(crate) fn tickers(&mut self) -> Vec<Ticker> {
        self.events(|input| match input {
            Input::Ticker(ticker) => Some(ticker.clone()),
            _ => None,
        })
    }

    /// Nothing came out that the test did not look at.
    #[track_caller]
    pub(crate) fn nothing_else(&self) {
        assert!(self.out.is_empty(), "{:#?}", self.out);
    }

    pub(crate) fn forget(&mut self) {
        self.out.clear();
    }

    pub(crate) fn instrument(&self, index: usize) -> InstrumentStatus {
        self.feed.status().instruments[index].clone()
    }

    pub(crate) fn book_state(&self, index: usize) -> BookState {
        self.instrument(index).book
    }
}
