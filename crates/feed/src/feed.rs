//! One venue's feed: the machine behind a closed enum.

use types::{Timestamp, Venue};

use crate::io::{FeedInput, FeedOutput};
use crate::settings::{FeedSettings, SettingsError};
use crate::status::FeedStatus;

/// One venue's protocol as a machine without I/O: everything enters through [`Feed::handle`].
#[derive(Debug)]
pub struct Feed {
    settings: FeedSettings,
}

impl Feed {
    /// A feed that has not connected yet.
    ///
    /// # Errors
    /// [`SettingsError`] when the settings cannot work.
    pub fn new(settings: FeedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self { settings })
    }

    /// Takes one input; appends to `out` what follows from it, in order. `at` is the time of the input and must not
    /// decrease between calls.
    pub fn handle(&mut self, at: Timestamp, input: FeedInput<'_>, out: &mut Vec<FeedOutput>) {
        let _ = (at, input, out);
    }

    /// When [`FeedInput::Deadline`] is wanted next, if nothing else happens before.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        None
    }

    /// How the feed is doing.
    #[must_use]
    pub fn status(&self) -> FeedStatus {
        FeedStatus {
            venue: self.settings.venue,
            is_connected: false,
            connected_at: None,
            connections: 0,
            is_venue_online: true,
            frames: 0,
            last_frame_at: None,
            rejected: crate::status::Rejected::default(),
            venue_ahead_ns: None,
            requests_blocked_until: None,
            instruments: Vec::new(),
        }
    }

    /// Path of the WebSocket on the venue's base, with the leading slash.
    #[must_use]
    pub fn socket_path(&self) -> String {
        match self.settings.venue {
            Venue::Kraken => "/v2".to_owned(),
            _ => "/stream".to_owned(),
        }
    }
}
