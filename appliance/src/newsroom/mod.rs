//! What the world said, in the running box.

mod section;

pub(crate) use section::SOURCES_MAX;
pub use section::{FinbertSection, NewsSection, OllamaSection, ScoresOf, SourceRow};
