//! The shelf as people and the page see it.

use types::Timestamp;
use types::input::ModelRole;
use wire::api::{ModelEvent, ModelVersion, Seat, TrainingWish};

use super::shelf::{Event, Place, Request, Version};

/// A time of the registry, which keeps them as text.
fn at_ms(text: &str) -> Option<i64> {
    Timestamp::parse_rfc3339(text.as_bytes()).map(Timestamp::as_millis)
}

pub(super) fn seat(place: &Place) -> Seat {
    let role = match place.role {
        ModelRole::Active => "active",
        ModelRole::Shadow => "shadow",
    };
    Seat { model: place.model.clone(), role: role.to_owned(), symbols: place.symbols.clone() }
}

pub(super) fn version(version: &Version) -> ModelVersion {
    ModelVersion {
        model: version.model.clone(),
        name: version.name.clone(),
        revision: version.revision,
        architecture: version.architecture.clone(),
        created: version.created.clone(),
        timeframe_min: version.timeframe_min,
        horizons_min: version.horizons_min.clone(),
        added_at_ms: at_ms(&version.added_at),
        bytes: version.bytes,
    }
}

pub(super) fn event(event: &Event) -> ModelEvent {
    ModelEvent {
        at_ms: at_ms(&event.at).unwrap_or(0),
        model: event.model.clone(),
        what: event.what.name().to_owned(),
        why: event.why.clone(),
    }
}

pub(super) fn wish(request: &Request) -> TrainingWish {
    TrainingWish {
        id: request.id,
        at_ms: at_ms(&request.at).unwrap_or(0),
        why: request.why.clone(),
        symbols: request.symbols.clone(),
        answered_by: request.answered_by.clone(),
    }
}
