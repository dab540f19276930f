//! The kinds of faults.

use std::time::Duration;

/// What goes wrong. Kinds with `lasts` go on for so long; the others happen once each time they are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server closes the connection.
    Close {
        /// WebSocket close code.
        code: u16,
    },
    /// The connection breaks without a close frame: reset, or cut in the middle of a frame.
    Abort,
    /// The connection stays open and nothing comes through any more, until the client leaves it.
    HalfOpen(Direction),
    /// Handshakes are refused.
    Refuse {
        /// HTTP status of the answer.
        status: u16,
        /// For so long.
        lasts: Duration,
    },
    /// The venue's name does not resolve, or its certificate is wrong, or nobody is there: neither handshakes nor requests
    /// are answered. Open connections stay.
    Unreachable {
        /// For so long.
        lasts: Duration,
    },
    /// The server says something out of the blue.
    Say {
        /// The message.
        text: String,
    },
    /// Frames are lost.
    Drop {
        /// How many in the scope.
        frames: u32,
    },
    /// All frames in the scope are lost.
    Silence {
        /// For so long.
        lasts: Duration,
    },
    /// A frame comes more than once.
    Duplicate {
        /// How often more.
        copies: u32,
    },
    /// When the venue is connected to next, the newest frames in the scope come again before the first new one.
    Replay {
        /// Sent in the last so long before the connection.
        back: Duration,
    },
    /// A frame comes after later ones.
    Swap {
        /// How many in the scope overtake it.
        behind: u32,
    },
    /// A frame comes late; the others do not wait for it.
    Late {
        /// How late.
        by: Duration,
    },
    /// A frame comes late and all that follow wait behind it, as when a packet is lost and sent again.
    Hold {
        /// How late.
        by: Duration,
    },
    /// The line is slow.
    Slow {
        /// How slow.
        bytes_per_s: u32,
        /// For so long.
        lasts: Duration,
    },
    /// The client does not read. The server's queue fills up; when it is full, the server drops what comes (KuCoin) or
    /// closes the connection (the others).
    Stall {
        /// For so long.
        lasts: Duration,
        /// Frames that the server's queue takes.
        queue: usize,
    },
    /// Every frame comes many times at once.
    Burst {
        /// How often more.
        copies: u32,
        /// For so long.
        lasts: Duration,
    },
    /// The first quantity in a book frame has another last digit; a checksum stays that of the original.
    WrongValue,
    /// The checksum of a book frame is wrong.
    WrongChecksum,
    /// A book frame has a level more.
    Level(OddLevel),
    /// A frame is not what the protocol says.
    Malform(Malformed),
    /// The answer to a subscription is odd.
    Ack(OddAck),
    /// A candle is odd.
    Candle(OddCandle),
    /// Requests are answered with the venue's word for too many of them.
    Limit {
        /// HTTP status; Kraken says it in the body of a 200.
        status: u16,
        /// The header `Retry-After`, seconds.
        retry_after_s: Option<u32>,
        /// For so long.
        lasts: Duration,
    },
    /// The answer to a request is odd.
    Answer(OddAnswer),
    /// The venue tells other rules of the instruments in the scope.
    Rules {
        /// Which.
        change: RuleChange,
        /// For so long.
        lasts: Duration,
    },
    /// The venue is in maintenance, each venue in its own way.
    Maintenance {
        /// For so long.
        lasts: Duration,
    },
}

/// Which way a half-open connection is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Nothing in either direction.
    Both,
    /// The client hears nothing; the server still hears the client.
    ToClient,
    /// The server hears nothing; the client still hears the server.
    ToServer,
}

/// A level that should not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddLevel {
    /// A bid far above every ask.
    Crossed,
    /// The removal of a level that nobody has.
    AbsentRemoval,
    /// A price below zero.
    NegativePrice,
    /// A price of zero. On KuCoin that is no level but a sign that only the sequence went on.
    ZeroPrice,
    /// A quantity below zero.
    NegativeQty,
    /// A price between two ticks.
    OffTick,
    /// Ten thousand removals of levels that nobody has.
    Many,
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Its second half is missing.
    Cut,
    /// Not UTF-8; such a message can only come as a binary one.
    InvalidUtf8,
    /// A number where a string should be, or the other way round.
    WrongType,
    /// `null` where a value should be.
    Null,
    /// A field has another name.
    MissingField,
    /// A field more than is documented; to be ignored.
    ExtraField,
    /// A message of an unknown kind comes before it; to be ignored and counted.
    UnknownType,
    /// An empty message comes before it.
    Empty,
    /// It comes as a binary message.
    Binary,
    /// A message of 33 MiB comes before it: more than any socket has to take.
    Huge,
    /// A message of ten thousand nested lists comes before it.
    DeepNesting,
    /// Its first field comes twice.
    DuplicateKey,
    /// `NaN` where a number should be.
    NotANumber,
    /// A number written with an exponent.
    Exponent,
    /// A number that no integer takes.
    Overflow,
}

impl Malformed {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Cut,
        Self::InvalidUtf8,
        Self::WrongType,
        Self::Null,
        Self::MissingField,
        Self::ExtraField,
        Self::UnknownType,
        Self::Empty,
        Self::Binary,
        Self::Huge,
        Self::DeepNesting,
        Self::DuplicateKey,
        Self::NotANumber,
        Self::Exponent,
        Self::Overflow,
    ];
}

/// What is odd about the answer to a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddAck {
    /// It bears another request's number.
    WrongId,
    /// It says that the subscription stands already (Kraken).
    Already,
    /// It says no, though data comes.
    Refused,
}

/// What is odd about a candle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddCandle {
    /// The mark of a closed minute is missing (Binance.US).
    NoFinalMark,
    /// It tells another volume, and the right one comes some time later.
    Corrected {
        /// How much later.
        after: Duration,
    },
}

/// What is odd about the answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddAnswer {
    /// Another status, with the venue's own kind of body.
    Status(u16),
    /// Another status, with a page for people.
    Html(u16),
    /// The second half of the body is missing.
    Cut,
    /// It takes long.
    Slow(Duration),
    /// There is none: the connection breaks.
    None,
    /// It is empty.
    Empty,
    /// A book with the number of a much older one.
    Old,
    /// Candles with other volumes than the stream told.
    OtherVolume,
}

/// What the venue says of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// Trading is halted; nothing is heard of it.
    Halt,
    /// It is not listed, and nothing is heard of it.
    Delist,
    /// Its tick is five times as large.
    Tick,
}

impl Kind {
    /// Short name, as `tickerbox sim --faults` and the log know it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Close { .. } => "close",
            Self::Abort => "abort",
            Self::HalfOpen(_) => "half-open",
            Self::Refuse { .. } => "refuse",
            Self::Unreachable { .. } => "unreachable",
            Self::Say { .. } => "say",
            Self::Drop { .. } => "drop",
            Self::Silence { .. } => "silence",
            Self::Duplicate { .. } => "duplicate",
            Self::Replay { .. } => "replay",
            Self::Swap { .. } => "swap",
            Self::Late { .. } => "late",
            Self::Hold { .. } => "hold",
            Self::Slow { .. } => "slow",
            Self::Stall { .. } => "stall",
            Self::Burst { .. } => "burst",
            Self::WrongValue => "wrong-value",
            Self::WrongChecksum => "wrong-checksum",
            Self::Level(_) => "level",
            Self::Malform(_) => "malform",
            Self::Ack(_) => "ack",
            Self::Candle(_) => "candle",
            Self::Limit { .. } => "limit",
            Self::Answer(_) => "answer",
            Self::Rules { .. } => "rules",
            Self::Maintenance { .. } => "maintenance",
        }
    }

    /// How long it goes on; `None` for what happens once.
    pub(crate) const fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Refuse { lasts, .. }
            | Self::Unreachable { lasts }
            | Self::Silence { lasts }
            | Self::Burst { lasts, .. }
            | Self::Limit { lasts, .. }
            | Self::Rules { lasts, .. }
            | Self::Maintenance { lasts } => Some(*lasts),
            _ => None,
        }
    }

    /// What it happens to.
    pub(crate) const fn concerns(&self) -> Concern {
        match self {
            Self::Close { .. }
            | Self::Abort
            | Self::HalfOpen(_)
            | Self::Say { .. }
            | Self::Hold { .. }
            | Self::Slow { .. }
            | Self::Stall { .. } => Concern::Connection,
            Self::Refuse { .. } => Concern::Handshake,
            Self::Limit { .. } | Self::Answer(_) => Concern::Request,
            Self::Unreachable { .. } | Self::Rules { .. } | Self::Maintenance { .. } => Concern::Venue,
            _ => Concern::Frame,
        }
    }
}

/// What a kind of fault happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Concern {
    /// Whole connections, or the next frame when its scope is narrow.
    Connection,
    /// Frames.
    Frame,
    /// Handshakes.
    Handshake,
    /// Requests.
    Request,
    /// More than one of them.
    Venue,
}
