//! `/api/v1/news` and `/api/v1/calendar`: what the world said, what the engines say of it, and how it goes with who tells it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /api/v1/news?limit=50&before=..&kind=post&coin=BTC` | the newest articles and posts with their scores; `next` is the `before` of the page that follows |
//! | `GET /api/v1/calendar?from=..&to=..&importance=high` | releases by time, with what was expected, what came, and the difference; a week back and two ahead |
//! | `GET /api/v1/news/health` | sources, engines, and what the file holds |
//! | `POST /api/v1/news/try` with `{"text": ".."}` | what each engine that is on says of a text; 429 when asked too often |

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use news::{Content, Importance, Item, Kind, MacroEvent, Schedule, Value};
use sentiment::{Engine, NoOpinion, Opinion};
use serde::Deserialize;
use serde_json::json;
use store::StoreError;
use store::news::{NewsEntry, Wanted};
use types::Timestamp;
use types::time::NS_PER_DAY;
use wire::api::{
    Calendar, CalendarEvent, News, NewsAside, NewsEngine, NewsHealth, NewsItem, NewsReason, NewsScore, NewsSource,
    NewsTried,
};

use super::Site;
use super::accounts::number;
use super::form::Form;
use super::kept::{Refusal, text, time};
use crate::newsroom::{Newsroom, Scored, Sizes, number as number_of};

/// Items of a page.
const LIMIT: u16 = 50;
const LIMIT_MAX: u16 = 500;
/// Revisions that are looked at for one page: what is left over is told by `next`.
const LOOKED_AT_MAX: usize = 5_000;
/// Those that are looked at in one go.
const PART: usize = 200;
/// Longest text of an item, characters.
const TEXT_CHARS_MAX: usize = 1_000;
const TITLE_CHARS_MAX: usize = 300;
/// The calendar's usual ends, and its longest span, days.
const DAYS_BACK: i64 = 7;
const DAYS_AHEAD: i64 = 14;
const CALENDAR_DAYS_MAX: i64 = 400;
/// A row of a calendar was told so long before its day at most.
const TOLD_AHEAD_DAYS: i64 = 60;
/// Most events.
const EVENTS_MAX: usize = 2_000;
/// Revisions that are looked at for a calendar.
const EVENTS_LOOKED_AT_MAX: usize = 50_000;
/// What is told of things set aside, of a source.
const ASIDE: usize = 20;
/// Most of a text that is tried, bytes.
const TRY_BYTES_MAX: usize = 8_000;
/// Body of a try.
pub(super) const BODY_BYTES_MAX: usize = 64 << 10;
/// How long Ollama is waited for, real time.
const TRY_PATIENCE: Duration = Duration::from_secs(45);
/// Words that are told of the lexicon's reasons.
const REASONS: usize = 12;

/// `GET /api/v1/news`.
pub(super) async fn news(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let newsroom = site.inner.newsroom.clone();
    form.of_work(move || {
        let asked = Asked::of(&parameters)?;
        match &newsroom {
            Some(newsroom) => Ok(page(newsroom.store(), &asked)?),
            None => Ok(News { is_read: false, items: Vec::new(), next: None }),
        }
    })
    .await
}

/// Which items.
struct Asked {
    before: Cursor,
    kind: Option<Kind>,
    coin: Option<String>,
    limit: usize,
}

/// A place between two items: before this time, and of those of the nanosecond before it so many are told already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    to: Timestamp,
    told: usize,
}

impl Cursor {
    /// The place after one more item, of that time.
    fn after(self, at: Timestamp) -> Self {
        let to = Timestamp::from_nanos(at.as_nanos().saturating_add(1));
        Self { to, told: if to == self.to { self.told + 1 } else { 1 } }
    }
}

impl Asked {
    fn of(parameters: &HashMap<String, String>) -> Result<Self, Refusal> {
        let limit = number(parameters, "limit", LIMIT, LIMIT_MAX)?.into();
        let kind = match text(parameters, "kind") {
            None => None,
            Some("article") => Some(Kind::Article),
            Some("post") => Some(Kind::Post),
            Some(other) => return Err(Refusal::Bad(format!("kind: {other:?} is not one of article, post"))),
        };
        let coin = text(parameters, "coin").map(str::to_ascii_uppercase);
        if let Some(coin) = &coin
            && !news::Coins::known().any(|known| known == coin)
        {
            let known: Vec<&str> = news::Coins::known().collect();
            return Err(Refusal::Bad(format!("coin: {coin:?} is not looked for; known are {}", known.join(", "))));
        }
        let before = match text(parameters, "before").and_then(|text| text.split_once('~')) {
            Some((ns, told)) => {
                let place = ns.parse().ok().zip(told.parse().ok());
                let (ns, told) = place.ok_or_else(|| Refusal::Bad("before: not the `next` of a page".to_owned()))?;
                Cursor { to: Timestamp::from_nanos(ns), told }
            }
            None => Cursor { to: time(parameters, "before", Timestamp::MAX)?, told: 0 },
        };
        Ok(Self { before, kind, coin, limit })
    }
}

fn page(store: &store::News, asked: &Asked) -> Result<News, StoreError> {
    let mut found: Vec<(NewsEntry, Item)> = Vec::new();
    let (mut place, mut looked_at, mut is_end) = (asked.before, 0, false);
    // In parts: most pages are full soon, and what is kept may be large.
    while found.len() < asked.limit && looked_at < LOOKED_AT_MAX && !is_end {
        let wanted = Wanted {
            from: Timestamp::from_nanos(i64::MIN),
            to: place.to,
            kind: asked.kind.map(|kind| kind as u8),
            with_same: false,
            newest_first: true,
            limit: place.told + PART,
        };
        let entries = store.entries(&wanted)?;
        is_end = entries.len() < wanted.limit;
        let (all, mut seen) = (entries.len() - place.told.min(entries.len()), 0);
        for entry in entries.into_iter().skip(place.told) {
            (seen, looked_at) = (seen + 1, looked_at + 1);
            place = place.after(entry.usable_from);
            if let Some(item) = Item::from_bytes(&entry.item).ok().filter(|item| is_meant(item, asked)) {
                found.push((entry, item));
            }
            if found.len() == asked.limit {
                is_end &= seen == all;
                break;
            }
        }
    }
    let scores = store.scores_of(found.iter().map(|(entry, _)| (entry.name.as_str(), entry.revision)))?;
    let items = found.iter().zip(scores).map(|((entry, item), scores)| told(entry, item, &scores)).collect();
    let next = (!is_end).then(|| format!("{}~{}", place.to.as_nanos(), place.told));
    Ok(News { is_read: true, items, next })
}

fn is_meant(item: &Item, asked: &Asked) -> bool {
    item.kind() != Kind::Macro && asked.coin.as_ref().is_none_or(|coin| item.marks.coins.has(coin))
}

fn told(entry: &NewsEntry, item: &Item, scores: &[(u8, Vec<u8>)]) -> NewsItem {
    let short = |text: &str, most: usize| match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    };
    let (title, text, author, url) = match &item.content {
        Content::Article(article) => {
            let text = if article.summary.is_empty() { &article.body } else { &article.summary };
            (article.title.as_str(), text.as_str(), article.author.clone(), article.url.as_deref())
        }
        Content::Post(post) => {
            let said = post.text.as_deref().unwrap_or_default();
            (said.lines().next().unwrap_or_default(), said, Some(post.author.clone()), post.url.as_deref())
        }
        Content::Macro(event) => (event.full_name.as_str(), "", None, None),
    };
    // A page makes links of it: nothing that a browser would run.
    let url = url.filter(|url| url.starts_with("https://") || url.starts_with("http://")).map(str::to_owned);
    let scores = Engine::ALL.into_iter().filter_map(|engine| {
        let (_, bytes) = scores.iter().find(|(of, _)| *of == number_of(engine))?;
        let Scored { identity, opinion, .. } = Scored::from_bytes(bytes)?;
        Some(score(engine, &identity.model, &opinion))
    });
    NewsItem {
        name: entry.name.clone(),
        revision: entry.revision,
        kind: item.kind().name().to_owned(),
        source: item.source.clone(),
        usable_from_ms: entry.usable_from.as_millis(),
        published_at_ms: item.published_at.as_millis(),
        is_time_doubtful: item.time.is_suspicious || item.time.is_missing || item.time.is_day_only,
        title: short(title, TITLE_CHARS_MAX),
        text: short(text, TEXT_CHARS_MAX),
        author,
        url,
        coins: item.marks.coins.tickers().map(str::to_owned).collect(),
        is_crypto: item.marks.is_crypto,
        is_economic: item.marks.is_economic,
        scores: scores.collect(),
    }
}

fn score(engine: Engine, model: &str, opinion: &Opinion) -> NewsScore {
    let known = opinion.score();
    NewsScore {
        engine: engine.name().to_owned(),
        value: known.map(|score| score.value),
        label: known.map_or_else(String::new, |score| score.label.name().to_owned()),
        confidence: known.map(|score| score.confidence),
        why_none: match opinion {
            Opinion::Scored(_) => String::new(),
            Opinion::NoOpinion(why) => why.to_string(),
        },
        model: model.to_owned(),
    }
}

/// `GET /api/v1/calendar`.
pub(super) async fn calendar(
    State(site): State<Site>,
    form: Form,
    Query(parameters): Query<HashMap<String, String>>,
) -> Response {
    let (newsroom, now) = (site.inner.newsroom.clone(), site.inner.clock.now());
    form.of_work(move || {
        let days = |days: i64| Timestamp::from_nanos(now.as_nanos() + days * NS_PER_DAY);
        let from = time(&parameters, "from", days(-DAYS_BACK))?;
        let to = time(&parameters, "to", days(DAYS_AHEAD))?;
        if to.as_nanos().saturating_sub(from.as_nanos()) > CALENDAR_DAYS_MAX * NS_PER_DAY {
            return Err(Refusal::Bad(format!("from, to: more than {CALENDAR_DAYS_MAX} days")));
        }
        let least = match text(&parameters, "importance") {
            None => None,
            Some(word) => Some(
                IMPORTANCES
                    .iter()
                    .find(|(_, name)| *name == word)
                    .map(|(importance, _)| *importance)
                    .ok_or_else(|| Refusal::Bad(format!("importance: {word:?} is not one of low, medium, high")))?,
            ),
        };
        let events = match &newsroom {
            Some(newsroom) => events(newsroom.store(), from, to, least)?,
            None => Vec::new(),
        };
        Ok(Calendar { is_read: newsroom.is_some(), from_ms: from.as_millis(), to_ms: to.as_millis(), events })
    })
    .await
}

const IMPORTANCES: [(Importance, &str); 4] = [
    (Importance::Holiday, "holiday"),
    (Importance::Low, "low"),
    (Importance::Medium, "medium"),
    (Importance::High, "high"),
];

/// Events of a span, each as it was told last.
fn events(
    store: &store::News,
    from: Timestamp,
    to: Timestamp,
    least: Option<Importance>,
) -> Result<Vec<CalendarEvent>, StoreError> {
    let wanted = Wanted {
        from: Timestamp::from_nanos(from.as_nanos().saturating_sub(TOLD_AHEAD_DAYS * NS_PER_DAY)),
        to: Timestamp::MAX,
        kind: Some(Kind::Macro as u8),
        with_same: false,
        newest_first: false,
        limit: EVENTS_LOOKED_AT_MAX,
    };
    let mut newest: BTreeMap<String, (CalendarEvent, Option<i64>)> = BTreeMap::new();
    for entry in store.entries(&wanted)? {
        let Ok(item) = Item::from_bytes(&entry.item) else { continue };
        let Content::Macro(event) = &item.content else { continue };
        let is_meant = (from..to).contains(&event.scheduled_at)
            && least.is_none_or(|least| event.importance.is_some_and(|importance| importance >= least));
        if !is_meant {
            newest.remove(&entry.name);
            continue;
        }
        let known = newest.get(&entry.name).and_then(|(_, first)| *first);
        let actual_from = event.actual.as_ref().map(|_| known.unwrap_or(entry.usable_from.as_millis()));
        newest.insert(entry.name, (told_event(&item, event, actual_from), actual_from));
    }
    let mut events: Vec<CalendarEvent> = newest.into_values().map(|(event, _)| event).collect();
    events.sort_by(|a, b| (a.at_ms, &a.country, &a.name).cmp(&(b.at_ms, &b.country, &b.name)));
    events.truncate(EVENTS_MAX);
    Ok(events)
}

fn told_event(item: &Item, event: &MacroEvent, actual_from_ms: Option<i64>) -> CalendarEvent {
    let words = |value: &Option<Value>| value.as_ref().map(|value| value.text.clone());
    let importance = event.importance.and_then(|it| IMPORTANCES.iter().find(|(importance, _)| *importance == it));
    CalendarEvent {
        source: item.source.clone(),
        at_ms: event.scheduled_at.as_millis(),
        is_time_known: event.schedule == Schedule::Exact,
        country: event.country.clone(),
        name: event.full_name.clone(),
        importance: importance.map_or_else(String::new, |(_, name)| (*name).to_owned()),
        actual: words(&event.actual),
        consensus: words(&event.forecast),
        previous: words(&event.previous),
        surprise: surprise(event),
        actual_from_ms,
    }
}

/// What came minus what was expected, where both are plain numbers of one unit.
fn surprise(event: &MacroEvent) -> Option<f64> {
    let (actual, forecast) = (event.actual.as_ref()?, event.forecast.as_ref()?);
    let is_plain = |value: &Value| value.bound.is_none() && value.second.is_none();
    (actual.unit == forecast.unit && is_plain(actual) && is_plain(forecast)).then_some(())?;
    let difference = actual.number? - forecast.number?;
    // Decimals of the texts, not of their floats.
    Some((difference * 1e6).round() / 1e6)
}

/// `GET /api/v1/news/health`.
pub(super) async fn health(State(site): State<Site>, form: Form) -> Response {
    let newsroom = site.inner.newsroom.clone();
    form.of_work(move || match &newsroom {
        Some(newsroom) => Ok(standing(newsroom)?),
        None => Ok(NewsHealth {
            is_read: false,
            sources: Vec::new(),
            engines: Vec::new(),
            scorer: String::new(),
            mood_at_ms: None,
            items: 0,
            scores: 0,
            stored_bytes: 0,
            may_use_bytes: 0,
        }),
    })
    .await
}

fn standing(newsroom: &Newsroom) -> Result<NewsHealth, StoreError> {
    let store = newsroom.store();
    let mut sources = Vec::new();
    for source in newsroom.sources() {
        let aside = store.aside(&source.name)?.into_iter().take(ASIDE);
        let aside = aside.map(|aside| NewsAside { what: aside.what, first_at_ms: aside.first_at.as_millis() });
        sources.push(NewsSource {
            aside: aside.collect(),
            name: source.name,
            kind: source.kind.to_owned(),
            address: source.address,
            note: source.note,
            last_success_ms: source.last_success.map(Timestamp::as_millis),
            next_ms: source.next.map(Timestamp::as_millis),
            stopped: source.stopped.unwrap_or_default(),
            error: source.error,
            requests: source.counts.requests,
            unchanged: source.counts.unchanged,
            failures: source.counts.failures,
            new: source.counts.new,
            revised: source.counts.revised,
            same_as_others: source.counts.same_as_others,
            set_aside: source.counts.set_aside,
        });
    }
    let engines = Engine::ALL.into_iter().zip(newsroom.engines()).map(|(engine, it)| NewsEngine {
        engine: engine.name().to_owned(),
        is_on: it.is_on,
        model: it.model,
        state: if it.is_on { it.state } else { "off" }.to_owned(),
        error: it.error,
        queued: it.queued as u64,
        scored: it.scored,
        unscored: it.unscored,
        dropped: it.dropped,
        from_memory: it.from_memory,
    });
    let Sizes { items, scores, stored_bytes } = newsroom.sizes()?;
    Ok(NewsHealth {
        is_read: true,
        sources,
        engines: engines.collect(),
        scorer: newsroom.section().engine.engine().name().to_owned(),
        mood_at_ms: newsroom.mood_at().map(Timestamp::as_millis),
        items,
        scores,
        stored_bytes,
        may_use_bytes: u64::from(newsroom.section().keep_mb) << 20,
    })
}

/// What `POST /api/v1/news/try` takes.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tried {
    /// At most 8 000 bytes.
    text: String,
}

/// `POST /api/v1/news/try`.
pub(super) async fn try_text(State(site): State<Site>, form: Form, body: Bytes) -> Response {
    let Some(newsroom) = &site.inner.newsroom else {
        return Refusal::Unknown("the box reads no news: `news.enabled` is off".to_owned()).into_response();
    };
    let text = match serde_json::from_slice::<Tried>(&body) {
        Ok(Tried { text }) if text.len() > TRY_BYTES_MAX => {
            return Refusal::Bad(format!("text: {} bytes are more than {TRY_BYTES_MAX}", text.len())).into_response();
        }
        Ok(Tried { text }) => text,
        Err(error) => return Refusal::Bad(format!("the body: {error}")).into_response(),
    };
    let waited = site.inner.try_pace.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(Instant::now());
    if let Err(wait) = waited {
        let seconds = HeaderValue::from(wait.as_secs().max(1));
        let error = Json(json!({ "error": "texts are tried too often; wait a little" }));
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], error).into_response();
    }
    form.of(&tried(newsroom, text).await)
}

async fn tried(newsroom: &Newsroom, text: String) -> NewsTried {
    let (of_room, own) = (newsroom.clone(), text.clone());
    let quick = tokio::task::spawn_blocking(move || {
        let lexicon = of_room.lexicon();
        let mut scores = vec![score(Engine::Lexicon, &lexicon.identity(&own).model, &lexicon.score(&own))];
        if let Some(finbert) = of_room.finbert() {
            scores.push(score(Engine::Finbert, finbert.digest(), &finbert.score(&own)));
        }
        let reasons = lexicon.explain(&own).into_iter().take(REASONS);
        let reasons = reasons.map(|it| NewsReason { term: it.term, negative: it.negative, positive: it.positive });
        let coins = news::relevance::marks(&own, &[]).coins;
        (scores, reasons.collect(), coins.tickers().map(str::to_owned).collect())
    });
    // What panics in there is an engine's fault, not that of who asks.
    let (mut scores, reasons, coins) = quick.await.unwrap_or_default();
    if let Some(answer) = newsroom.ask_ollama(text) {
        let opinion = match tokio::time::timeout(TRY_PATIENCE, answer).await {
            Ok(Ok(opinion)) => opinion,
            Ok(Err(_)) => Opinion::NoOpinion(NoOpinion::Dropped),
            Err(_) => Opinion::NoOpinion(NoOpinion::TimedOut),
        };
        let [.., ollama] = newsroom.engines();
        scores.push(score(Engine::Ollama, &ollama.model, &opinion));
    }
    NewsTried { scores, coins, reasons }
}

#[cfg(test)]
mod tests {
    use news::read::{Format, Reading, Seen};

    use super::*;
    use crate::import::news::import;

    const SEEN: Timestamp = Timestamp::from_secs(1_790_300_000);

    fn kept(format: Format, text: &str, store: &store::News, seen: Timestamp) {
        let how = Reading { source: Some("test".to_owned()), ..Reading::new(Seen::At(seen)) };
        import("test", format, text.as_bytes(), &how, store).unwrap();
    }

    fn feed(store: &store::News, titles: &[&str]) {
        let items = titles.iter().enumerate().map(|(n, title)| {
            format!("<item><guid>{n}</guid><title>{title}</title><link>javascript:alert({n})</link></item>")
        });
        let feed =
            format!("<rss version=\"2.0\"><channel><title>T</title>{}</channel></rss>", items.collect::<String>());
        kept(Format::Feed, &feed, store, SEEN);
    }

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, Refusal> {
        Asked::of(&pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn pages_follow_each_other_though_all_items_are_of_one_moment() {
        let dir = tempfile::tempdir().unwrap();
        let store = store::News::open(dir.path()).unwrap();
        let titles: Vec<String> = (0..7).map(|n| format!("Bitcoin story of the number {n} told")).collect();
        feed(&store, &titles.iter().map(String::as_str).collect::<Vec<_>>());
        let (mut before, mut found) = (String::new(), Vec::new());
        for round in 0.. {
            let page = page(&store, &asked(&[("limit", "3"), ("before", &before)]).unwrap()).unwrap();
            assert!(round < 4);
            found.extend(page.items.into_iter().map(|item| item.title));
            match page.next {
                Some(next) => before = next,
                None => break,
            }
        }
        found.sort_unstable();
        assert_eq!(found, titles);
    }

    #[test]
    fn items_are_told_with_their_coins_and_without_links_that_run() {
        let dir = tempfile::tempdir().unwrap();
        let store = store::News::open(dir.path()).unwrap();
        feed(&store, &["Bitcoin rises a lot today", "Ethereum falls a lot today"]);
        let all = page(&store, &asked(&[("coin", "eth")]).unwrap()).unwrap();
        assert_eq!((all.items.len(), all.next.as_deref()), (1, None));
        let item = &all.items[0];
        assert_eq!(
            (item.title.as_str(), item.coins.as_slice(), &item.url),
            ("Ethereum falls a lot today", ["ETH".to_owned()].as_slice(), &None)
        );
        assert_eq!((item.usable_from_ms, item.scores.len(), item.is_time_doubtful), (SEEN.as_millis(), 0, true));
        assert!(asked(&[("coin", "nothing")]).is_err() && asked(&[("kind", "macro")]).is_err());
        assert!(asked(&[("before", "x~y")]).is_err() && asked(&[("limit", "0")]).is_err());
        assert_eq!(page(&store, &asked(&[("kind", "post")]).unwrap()).unwrap().items, []);
    }

    #[test]
    fn a_release_has_its_surprise_and_the_moment_from_which_it_was_known() {
        let dir = tempfile::tempdir().unwrap();
        let store = store::News::open(dir.path()).unwrap();
        let calendar = |actual: &str| {
            format!(
                "{{\"source\":\"manual_macro\",\"event_type\":\"cpi\",\"event_name\":\"CPI\",\"event_date\":\"2026-09-25\",\
                 \"event_time_utc\":\"2026-09-25T12:30:00Z\",\"actual\":{actual},\"forecast\":0.3,\"previous\":0.2,\
                 \"units\":\"percent\",\"extra\":{{}}}}\n"
            )
        };
        kept(Format::EventsJsonl, &calendar("null"), &store, SEEN);
        let (from, to) = (SEEN, Timestamp::from_nanos(SEEN.as_nanos() + 30 * NS_PER_DAY));
        let before = events(&store, from, to, None).unwrap();
        assert_eq!(
            (before.len(), before[0].actual.clone(), before[0].surprise, before[0].actual_from_ms),
            (1, None, None, None)
        );
        let later = Timestamp::from_nanos(SEEN.as_nanos() + 2 * NS_PER_DAY);
        kept(Format::EventsJsonl, &calendar("0.4"), &store, later);
        let after = events(&store, from, to, None).unwrap();
        assert_eq!((after.len(), after[0].surprise), (1, Some(0.1)));
        assert_eq!(after[0].actual_from_ms, Some(later.as_millis()));
        assert_eq!(events(&store, from, to, Some(Importance::High)).unwrap(), []);
        assert_eq!(events(&store, to, Timestamp::MAX, None).unwrap(), []);
    }
}
