//! What the targets share: bytes as the life of a venue session.

use std::time::Duration;

use feed::{Feed, FeedInput, FeedOutput, FeedSettings, LinkId, RequestId, Target, Wanted};
use types::{InstrumentId, Timestamp, Venue};

/// Lives through a session of `venue` as `bytes` tell it, a line a step:
///
/// | line | step |
/// |---|---|
/// | `{...` or anything not below | a frame |
/// | `r...` | the answer to the latest request, status 200, with this body |
/// | `e<3 digits>...` | the same with another status |
/// | `f` | the latest request failed |
/// | `c`, `d`, `p` | connected, disconnected, a pong |
/// | `t<digits>` | so many milliseconds pass, at most an hour |
///
/// The second connection is meant where such a line is written in capitals. What the session asks for is not carried out:
/// a driver may be late or absent, the session has to bear it.
pub fn session(venue: Venue, symbols: [&str; 2], bytes: &[u8]) {
    let wanted =
        symbols.iter().zip(0..).map(|(symbol, id)| Wanted { id: InstrumentId(id), symbol: (*symbol).to_owned() });
    let mut life = Life {
        feed: Feed::new(FeedSettings::new(venue, wanted.collect())).expect("settings that work"),
        at: Timestamp::from_secs(1_700_000_000),
        asked: None,
        out: Vec::new(),
    };
    life.step(FeedInput::Deadline);
    for line in bytes.split(|byte| *byte == b'\n') {
        life.line(line);
    }
}

struct Life {
    feed: Feed,
    at: Timestamp,
    asked: Option<RequestId>,
    out: Vec<FeedOutput>,
}

impl Life {
    fn line(&mut self, line: &[u8]) {
        let Some((kind, rest)) = line.split_first() else { return self.step(FeedInput::Deadline) };
        let link = LinkId::ALL[usize::from(kind.is_ascii_uppercase())];
        match (kind.to_ascii_lowercase(), self.asked) {
            (b'r', Some(request)) => self.answer(request, 200, rest),
            (b'e', Some(request)) => {
                let (status, body) = rest.split_at(rest.len().min(3));
                self.answer(request, number(status).unwrap_or(429) as u16, body);
            }
            (b'f', Some(request)) => self.step(FeedInput::Failed { request }),
            (b'c', _) => self.step(FeedInput::Connected(link)),
            (b'd', _) => self.step(FeedInput::Disconnected(link)),
            (b'p', _) => self.step(FeedInput::Pong(link)),
            (b't', _) => {
                let ms = number(rest).unwrap_or(1_000).min(3_600_000);
                self.at = self.at.plus(Duration::from_millis(ms));
                self.step(FeedInput::Deadline);
            }
            _ => self.step(FeedInput::Frame(LinkId::FIRST, line)),
        }
    }

    fn answer(&mut self, request: RequestId, status: u16, body: &[u8]) {
        self.step(FeedInput::Response { request, status, retry_after: None, body });
    }

    fn step(&mut self, input: FeedInput<'_>) {
        self.feed.handle(self.at, input, &mut self.out);
        for output in self.out.drain(..) {
            match output {
                FeedOutput::Request(request) => self.asked = Some(request.id),
                FeedOutput::Connect(_, Target { path, .. }) => assert!(path.starts_with('/'), "{path:?}"),
                _ => {}
            }
        }
        let status = self.feed.status();
        assert_eq!(status.instruments.len(), 2, "an instrument was lost");
        let _ = self.feed.deadline();
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
