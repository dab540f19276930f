//! Messages to the owner.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// Answer of `POST /api/v1/notify/test?channel=NAME`: what came of a test message by each channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NotifyTest {
    /// By name of the channel.
    pub channels: Vec<ChannelTest>,
}

/// What came of a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct ChannelTest {
    /// `discord`, `webhook`, `ntfy`, `telegram` or `mail`.
    pub channel: String,
    /// Whether the service took it.
    pub arrived: bool,
    /// What it answered, or why it could not be asked.
    pub told: String,
}
