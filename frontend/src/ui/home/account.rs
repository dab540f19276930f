//! The paper account in four cards.

use leptos::prelude::*;
use wire::Account;

use super::super::panel::{Content, LimitBar, Panel, ViewError};
use super::super::store::Store;
use super::when_known;
use crate::chart::shape;
use crate::format;

/// The cards.
#[component]
pub(super) fn Cards() -> impl IntoView {
    let store = Store::of_page();
    let account = Memo::new(move |_| store.overview(|o| o.account.clone()));
    view! {
        <div class="cards">
            <Equity account />
            <Today account />
            <Drawdown account />
            <Open account />
        </div>
    }
}

fn number(
    account: Memo<Option<Account>>,
    read: impl Fn(&Account) -> i64 + Send + Sync + Copy + 'static,
) -> impl Fn() -> i64 + Send + Sync + Copy {
    move || account.with(|a| a.as_ref().map_or(0, read))
}

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 72.0;

/// Path data of the equity curve, the area below it, and of buy and hold.
fn curves(account: &Account) -> (String, String, String) {
    let points = &account.curve;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Default::default();
    };
    let values = points.iter().flat_map(|p| [p.1 as f64, p.2 as f64]);
    let Some((low, high)) = shape::extent(values) else { return Default::default() };
    // A change below a hundredth of a percent is drawn as flat.
    let air = ((low + high) / 2.0 * 1e-4 - (high - low)).max(0.0) / 2.0;
    let y = shape::upright((low - air, high + air), HEIGHT, 3.0);
    let span = (last.0 - first.0).max(1) as f64;
    let x = |at_ms: i64| (at_ms - first.0) as f64 / span * WIDTH;
    let equity: Vec<_> = points.iter().map(|p| (x(p.0), y.at(p.1 as f64))).collect();
    let floor = [(0.0, HEIGHT), (WIDTH, HEIGHT)];
    let hold = shape::line(points.iter().map(|p| (x(p.0), y.at(p.2 as f64))));
    (shape::line(equity.iter().copied()), shape::area(&equity, &floor), hold)
}

/// How far the curve reaches back.
fn curve_title(account: Option<&Account>) -> String {
    let span_ms = account.and_then(|a| Some(a.curve.last()?.0 - a.curve.first()?.0)).unwrap_or(0);
    if span_ms < 60_000 { "Equity".into() } else { format!("Equity, {}", format::duration(span_ms as u64 / 1_000)) }
}

fn gain(now: i64, start: i64) -> f64 {
    if start == 0 { 0.0 } else { (now as f64 / start as f64 - 1.0) * 1e6 }
}

#[component]
fn Equity(account: Memo<Option<Account>>) -> impl IntoView {
    let store = Store::of_page();
    let title = move || account.with(|a| curve_title(a.as_ref()));
    let equity = number(account, |a| a.equity);
    let gained = move || account.with(|a| a.as_ref().map_or(0.0, |a| gain(a.equity, a.start)));
    let hold = move || {
        account.with(|a| {
            let (first, last) = (a.as_ref()?.curve.first()?.2, a.as_ref()?.curve.last()?.2);
            Some(format!("dashed: buy and hold {}", format::signed_percent(gain(last, first), 2)))
        })
    };
    let paths = Memo::new(move |_| account.with(|a| a.as_ref().map(curves).unwrap_or_default()));
    view! {
        <Panel kind="equity" title=title content=when_known(store) note=view! { <span class="note">{hold}</span> }.into_any()>
            <p class="figure">
                <b data-testid="equity-value">{move || format::cash(equity())}</b>
                <span class=move || format!("side {}", format::sign_class(&format::signed_percent(gained(), 2)))>
                    {move || format::signed_percent(gained(), 2)} <span class="unit">" since start"</span>
                </span>
            </p>
            <Show
                when=move || !paths.read().0.is_empty()
                fallback=|| view! { <p class="quiet chart-room">"The curve starts with the second full minute."</p> }
            >
                <svg class="curve" viewBox="0 0 320 72" preserveAspectRatio="none" role="img" aria-label="Equity in quote currency; dashed: buy and hold">
                    <path class="fill-accent" d=move || paths.read().1.clone() />
                    <path class="control" d=move || paths.read().2.clone() />
                    <path class="line-accent" d=move || paths.read().0.clone() />
                </svg>
            </Show>
        </Panel>
    }
}

#[component]
fn Today(account: Memo<Option<Account>>) -> impl IntoView {
    let store = Store::of_page();
    let today = number(account, |a| a.today);
    let trades = number(account, |a| i64::from(a.trades_today));
    let fees = number(account, |a| a.fees_today);
    let loss = move || account.with(|a| a.as_ref().map_or(0, |a| a.daily_loss_ppm));
    let limit = move || account.with(|a| a.as_ref().map_or(1, |a| a.daily_loss_max_ppm));
    view! {
        <Panel kind="today" title="Today" content=when_known(store) note=view! { <span class="note wide-only">"since 00:00 UTC"</span> }.into_any()>
            <p class="figure">
                <b class=move || format::sign_class(&format::signed_cash(today())) data-testid="today-value">{move || format::signed_cash(today())}</b>
            </p>
            <p class="secondary">
                {move || format::count(trades() as u64)} {move || if trades() == 1 { " trade" } else { " trades" }} " · fees "
                {move || format::cash(fees())}
            </p>
            <LimitBar value=Signal::derive(loss) limit=Signal::derive(limit) label="Daily loss" />
            <p class="secondary">
                "daily loss " {move || format::percent(f64::from(loss()), 1)} " of " {move || format::percent(f64::from(limit()), 0)}
            </p>
        </Panel>
    }
}

#[component]
fn Drawdown(account: Memo<Option<Account>>) -> impl IntoView {
    let store = Store::of_page();
    let fall = move || account.with(|a| a.as_ref().map_or(0, |a| a.drawdown_ppm));
    let limit = move || account.with(|a| a.as_ref().map_or(1, |a| a.drawdown_max_ppm));
    let breaker = move || account.with(|a| a.as_ref().is_some_and(|a| a.breaker_open));
    view! {
        <Panel kind="drawdown" title="Drawdown" content=when_known(store)>
            <p class="figure"><b data-testid="drawdown-value">{move || format::percent(f64::from(fall()), 1)}</b></p>
            <p class="secondary">"below the peak · limit " {move || format::percent(f64::from(limit()), 0)}</p>
            <LimitBar value=Signal::derive(fall) limit=Signal::derive(limit) label="Drawdown" />
            <p class="secondary" class:warning=breaker>
                {move || if breaker() { "breaker open: trading stopped" } else { "no breaker open" }}
            </p>
        </Panel>
    }
}

#[component]
fn Open(account: Memo<Option<Account>>) -> impl IntoView {
    let store = Store::of_page();
    let count = Memo::new(move |_| account.with(|a| a.as_ref().map(|a| a.positions.len())));
    let content = Signal::derive(move || match count.get() {
        None => Content::Loading,
        Some(_) => Content::Ready,
    });
    let indices = move || 0..count.get().unwrap_or(0).min(POSITIONS_SHOWN);
    let rest = move || count.get().unwrap_or(0).saturating_sub(POSITIONS_SHOWN);
    view! {
        <Panel kind="positions" title="Open" content=content>
            <p class="figure">
                <b data-testid="positions-count">{move || count.get().unwrap_or(0)}</b>
                <span class="unit">{move || if count.get() == Some(1) { " position" } else { " positions" }}</span>
            </p>
            <ul class="holdings">
                <For each=indices key=|index| *index let:index>{move || position(store, account, index)}</For>
            </ul>
            <Show when=move || { rest() > 0 }><p class="secondary">"and " {rest} " more"</p></Show>
            <Show when=move || count.get() == Some(0)><p class="secondary">"All in cash."</p></Show>
        </Panel>
    }
}

/// Most positions in the card.
const POSITIONS_SHOWN: usize = 4;

fn position(store: Store, account: Memo<Option<Account>>, index: usize) -> Result<impl IntoView, ViewError> {
    let row = account.with(|a| a.as_ref().and_then(|a| a.positions.get(index).cloned()));
    let row = row.ok_or_else(|| ViewError("a position has just been closed".into()))?;
    let instrument = store.instrument(row.instrument).ok_or_else(|| {
        ViewError(format!("a position in instrument {}, which the box has not named", row.instrument))
    })?;
    let qty = format::quantity(row.qty.unsigned_abs(), instrument.qty_decimals);
    let pnl = format::signed_cash(row.pnl);
    let class = format::sign_class(&pnl);
    let sign = if row.qty < 0 { "\u{2212}" } else { "" };
    Ok(view! {
        <li data-testid="position">
            <span>{instrument.pair} " " <span class="secondary">{sign}{qty}</span></span>
            <span class=class>{pnl}</span>
        </li>
    })
}
