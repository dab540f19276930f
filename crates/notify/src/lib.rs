//! Messages to the owner: alerts in; requests, mails and waiting times out.
//!
//! Nothing here reads a clock, a socket or a file: whoever has alerts, sends requests and keeps the state tells the time.
//!
//! ```text
//! Alert ─► Outbox: one queue per channel ──► request(at) ─► who sends it
//!            settles, gathers, keeps quiet                     │
//!            ▲                                                 │
//!            └────────────── answered(at, channel, Answer) ◄───┘
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`alert`] | what happened: key, level, state and words, all of bounded length |
//! | [`message`] | what one channel sends at once: one alert, or several and how many more |
//! | [`outbox`] | the queues: what is told, when, how often, and what came of it |
//! | [`quiet`] | the hours in which only what is urgent is told |
//! | [`channel`] | Discord, signed webhooks, ntfy, Telegram and e-mail: how a message is written, and what an answer means |
//! | [`secret`] | texts that are not shown |
//! | [`text`] | cutting texts to the limits of others |

pub mod alert;
pub mod channel;
pub mod message;
pub mod outbox;
pub mod quiet;
pub mod secret;
pub mod text;

pub use alert::{Alert, Level, State};
pub use channel::{Answer, Channel, Endpoint, HttpRequest, Mail, Outgoing, Verdict};
pub use message::{Message, Told};
pub use outbox::{Counts, Effect, Input, Kept, Outbox, Settings};
pub use quiet::Quiet;
pub use secret::Secret;
