//! The dashboard in a real browser, on the demo's own market.

use std::collections::BTreeSet;
use std::path::Path;

use tickerbox_tests::browser::Browser;
use tickerbox_tests::chart::{drag, import_minutes, key, shown, shown_when, wheel};
use tickerbox_tests::demo::{Demo, get, send};
use tickerbox_tests::pages::{texts, walk};
use words::Words;

/// Pictures are kept for people where this names a folder.
fn keep(picture: &[u8], name: &str) {
    if let Some(folder) = std::env::var_os("TICKERBOX_PICTURES") {
        std::fs::write(Path::new(&folder).join(name), picture).expect("the folder for pictures is writable");
    }
}

#[tokio::test]
async fn home_is_alive_on_a_wide_screen() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "20"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/")).await;

    let sentence = browser.wait_for("sentence", |text| text.contains("live and proven")).await;
    assert!(sentence.contains("Trading on paper"), "{sentence}");
    browser.wait_for("lamp", |text| text == "Healthy").await;
    let equity = browser.text("equity-value").await;
    assert!(equity.contains('$') && equity.contains("10"), "{equity}");
    assert_eq!(browser.count("feed").await, 4, "four venues");
    assert!(browser.text("demo").await.contains("built-in market"));
    browser.wait_for("forecast-bps", |text| text.chars().any(|c| c.is_ascii_digit())).await;
    assert_eq!(browser.count("forecast-bps").await, 3, "three horizons");
    // However the market goes, the verdict is one of three words.
    let verdict = browser.text("verdict").await;
    assert!(["worse", "not proven", "better"].contains(&verdict.as_str()), "{verdict}");

    browser.click("trading").await;
    browser.click("trading-confirm").await;
    browser.wait_for("sentence", |text| text.contains("Trading is switched off")).await;
    browser.wait_for("lamp", |text| text == "Trading paused").await;
    keep(&browser.picture().await, "home-wide.png");
    browser.assert_quiet().await;
    browser.close().await;
}

/// What the box says of itself comes twice a second: whoever selects a text or has the focus somewhere must not lose it.
#[tokio::test]
async fn what_home_shows_stays_itself_while_its_numbers_change() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "60"]);
    browser.open(&format!("http://{}/", demo.address())).await;
    // The market decides when the rule trades for the first time.
    let began = std::time::Instant::now();
    while browser.count("event").await == 0 {
        assert!(began.elapsed() < std::time::Duration::from_secs(120), "nothing ever happens");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    browser.wait_for("equity", |text| text.contains("min")).await;
    browser
        .script(
            "const of = id => document.querySelector(`[data-testid=${id}]`);\
             const marked = { equity: of('equity'), value: of('equity-value').firstChild, event: of('event'),\
               sentence: of('sentence'), path: document.querySelector('.curve path') };\
             of('equity').dataset.mark = 1; of('event').dataset.mark = 1; of('trading').focus();\
             getSelection().selectAllChildren(of('event'));\
             window.kept = { marked, text: of('event').textContent, changes: 0, made: 0 };\
             new MutationObserver(all => { for (const it of all) { window.kept.changes++;\
               window.kept.made += [...it.addedNodes].filter(node => node.dataset?.testid == 'equity').length; } })\
               .observe(of('equity').parentNode, { subtree: true, childList: true, characterData: true, attributes: true });",
        )
        .await;
    let clock = browser.text("clock").await;
    browser.wait_for("clock", |text| text != clock).await;
    let changes = "return window.kept.changes";
    let began = std::time::Instant::now();
    while browser.script(changes).await.as_i64() < Some(3) {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "the account's cards never change");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    let kept = browser
        .script(
            "const { marked, text, made } = window.kept;\
             const event = document.querySelector('[data-testid=event][data-mark]');\
             return [Object.entries(marked).filter(([, node]) => !node.isConnected).map(([name]) => name).join(),\
               document.querySelector('[data-testid=equity]').dataset.mark, event?.textContent == text,\
               document.activeElement?.dataset.testid, getSelection().toString().trim().length > 0, made]",
        )
        .await;
    assert_eq!(kept, serde_json::json!(["", "1", true, "trading", true, 0]));
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn the_market_page_lives_on_a_phone() {
    let Some(browser) = Browser::start(390, 844).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "20"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/market")).await;

    let first = browser.wait_for("price", |text| text.chars().any(|c| c.is_ascii_digit())).await;
    browser.wait_for("price", |text| text != first).await;
    browser.wait_for("trade", |text| !text.is_empty()).await;
    let overflow = browser.script("return document.documentElement.scrollWidth - window.innerWidth").await;
    assert!(overflow.as_i64() <= Some(0), "the page scrolls sideways by {overflow} pixels");
    let share = browser
        .script(
            "const c = document.querySelector('[data-testid=candles]').getBoundingClientRect();\
             return Math.round(100 * c.height / window.innerHeight)",
        )
        .await;
    assert!(share.as_i64() >= Some(40), "the chart takes {share} % of the height");
    keep(&browser.picture().await, "market-phone.png");
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn a_page_finds_its_way_back_after_the_box_was_killed() {
    let Some(browser) = Browser::start(1280, 800).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--speed", "5"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/")).await;
    browser.wait_for("link", |text| text.contains("Live")).await;
    demo.kill();
    browser.wait_for("link", |text| !text.contains("Live")).await;
    let again = Demo::start_at(dir.path(), address, &["--speed", "5"]);
    browser.wait_for("link", |text| text.contains("Live")).await;
    again.kill();
    browser.close().await;
}

/// Every page that is data shows some, on a wide screen and on a phone, without scrolling sideways.
async fn pages_show_data(width: u32, height: u32) {
    let Some(browser) = Browser::start(width, height).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "30"]);
    let address = demo.address();
    // Until forecasts are on the card, the page says that there are none.
    let began = std::time::Instant::now();
    while !get(address, "/api/v1/skill?symbol=kraken:BTC/USD").1.contains("starter") {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "no forecast was kept");
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    let expected = [
        ("forecasts", "skill", "starter"),
        ("trading", "accounts", "arbitrage"),
        ("risk", "limits", "Drawdown"),
        ("arbitrage", "between", ""),
        ("data", "ledger", "Kraken BTC/USD"),
        ("replay", "days", "20"),
        ("models", "versions", "starter"),
        ("system", "stages", "engine"),
        ("settings?section=engine.risk", "setting-list", "daily_loss_max_ppm"),
        ("access", "standing-here", "This box is open"),
    ];
    for (page, section, words) in expected {
        browser.open(&format!("http://{address}/{page}")).await;
        browser.wait_for(section, |text| !text.is_empty() && text.contains(words)).await;
        let overflow = browser.script("return document.documentElement.scrollWidth - window.innerWidth").await;
        assert!(overflow.as_i64() <= Some(0), "/{page} scrolls sideways by {overflow} pixels");
        keep(&browser.picture().await, &format!("{}-{width}.png", page.split('?').next().unwrap_or(page)));
    }
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn pages_show_data_on_a_wide_screen() {
    pages_show_data(1440, 1000).await;
}

#[tokio::test]
async fn pages_show_data_on_a_phone() {
    pages_show_data(390, 844).await;
}

#[tokio::test]
async fn trading_is_paused_and_a_setting_is_changed_and_checked() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "20"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/trading")).await;
    browser.wait_for("stops", |text| text.contains("Trading on paper")).await;
    browser.click("pause").await;
    browser.wait_for("ask", |text| text.contains("Pause paper trading?")).await;
    browser.click("ask-confirm").await;
    browser.wait_for("stops", |text| text.contains("Paused")).await;

    let key = "engine.risk.daily_loss_max_ppm";
    browser.open(&format!("http://{address}/settings?section=engine.risk&key={key}")).await;
    let change = async |value: &str| {
        browser.wait_for("setting", |text| text.contains("Loss since 00:00 UTC")).await;
        browser.click("setting-change").await;
        browser.type_into("ask-text", value).await;
        browser.click("ask-confirm").await;
    };
    change("9000000").await;
    browser.wait_for("said", |text| text.contains(key) && text.contains("1000000")).await;
    change("40000").await;
    browser.wait_for("said", |text| text.contains("stored")).await;
    browser.wait_for("settings-state", |text| text.contains("wait for a restart")).await;
    let stored = std::fs::read_to_string(dir.path().join("settings.toml")).expect("a file of changes");
    assert!(stored.contains("40000"), "{stored}");
    browser.close().await;
}

#[tokio::test]
async fn replay_backup_verification_and_a_wish_for_training_are_a_click_away() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "30"]);
    let address = demo.address();
    let act = async |page: &str, action: &str| {
        browser.open(&format!("http://{address}/{page}")).await;
        browser.wait_for(action, |text| !text.is_empty()).await;
        browser.click(action).await;
    };
    act("replay", "replay-begin").await;
    browser.click("ask-confirm").await;
    browser.wait_for("replay", |text| text.contains(": 0 of ")).await;
    act("data", "backup").await;
    browser.click("ask-confirm").await;
    browser.wait_for("said", |text| text.contains("compared: equal")).await;
    browser.wait_for("backups", |text| text.contains("Last proven restore")).await;
    act("forecasts", "verify").await;
    browser.click("ask-confirm").await;
    browser.wait_for("verified", |text| text.contains("Sound")).await;
    act("models", "retrain").await;
    browser.type_into("ask-text", "worse & older").await;
    browser.click("ask-confirm").await;
    browser.wait_for("wishes", |text| text.contains("worse & older") && text.contains("waits for a trainer")).await;
    browser.close().await;
}

#[tokio::test]
async fn a_new_box_is_claimed_and_asks_for_its_password() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "20", "--login"]);
    let address = demo.address();
    let code = std::fs::read_to_string(dir.path().join("claim-code.txt")).expect("a claim code");
    browser.visit(&format!("http://{address}/")).await;
    let claim = async |code: &str| {
        browser.wait_for("door", |text| text.contains("This box is new")).await;
        browser.type_into("door-code", code).await;
        browser.type_into("door-password", "correct horse").await;
        browser.click("door-enter").await;
    };
    claim("AAAA-AAAA").await;
    browser.wait_for("door-fault", |text| text.contains("wrong claim code")).await;
    browser.visit(&format!("http://{address}/")).await;
    claim(code.trim()).await;
    browser.wait_for("welcome-step", |text| text.contains("Step 1 of 3")).await;
    browser.click("welcome-later").await;
    browser.wait_for("sentence", |text| !text.is_empty()).await;

    browser.visit(&format!("http://{address}/access")).await;
    browser.wait_for("tokens", |text| text.contains("None")).await;
    browser.click("token-read").await;
    browser.type_into("ask-text", "laptop").await;
    browser.click("ask-confirm").await;
    browser.wait_for("secret", |text| text.contains("tbx_")).await;
    browser.wait_for("audit", |text| text.contains("refused") && text.contains("tokens")).await;
    browser.click("logout").await;
    browser.click("ask-confirm").await;
    browser.wait_for("door", |text| text.contains("needs its password")).await;
    // On a slow machine the tries are further apart, and it takes more of them.
    let is_held_up = |text: &str| text.contains("wait") || text.contains("again");
    for _ in 0..20 {
        browser.type_into("door-password", "wrong password").await;
        browser.click("door-enter").await;
        let fault = browser.wait_for("door-fault", |text| !text.is_empty()).await;
        if is_held_up(&fault) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    browser.wait_for("door-fault", is_held_up).await;
    browser.close().await;
}

#[tokio::test]
async fn a_claimed_box_is_set_up_in_three_steps_and_its_first_chart_is_alive() {
    let Some(browser) = Browser::start(390, 844).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    // It starts again, at the same address.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let demo = Demo::start_at(dir.path(), free, &["--seed", "3", "--speed", "20", "--login"]);
    let address = demo.address();
    let code = std::fs::read_to_string(dir.path().join("claim-code.txt")).expect("a claim code");
    browser.visit(&format!("http://{address}/")).await;
    browser.wait_for("door", |text| text.contains("This box is new")).await;
    browser.type_into("door-code", code.trim()).await;
    browser.type_into("door-password", "correct horse").await;
    browser.click("door-enter").await;

    // The venues list more than is watched, one after the other.
    browser.wait_for("welcome-step", |text| text.contains("Step 1 of 3")).await;
    browser.wait_for("watched", |text| text.contains("BTC/USD") && !text.contains("has not told")).await;
    assert_eq!(browser.count("watched").await, 4);
    let press = async |testid: &str, label: &str| {
        let script = format!(
            "[...document.querySelectorAll('[data-testid={testid}]')].find(b => b.textContent.startsWith('{label}')).click()"
        );
        browser.script(&script).await;
    };
    press("pick-coin", "ETH").await;
    press("pick-venue", "KuCoin").await;
    browser.wait_for("watched", |text| text.contains("BTC/USD") && !text.contains("ETH")).await;
    assert_eq!(browser.count("watched").await, 3);
    // By the hand: it is the first one.
    browser.click("pick-coin").await;
    browser.wait_for("welcome-fault", |text| text.contains("at least one coin")).await;
    press("pick-coin", "BTC").await;
    keep(&browser.picture().await, "welcome-narrow.png");
    browser.click("welcome-next").await;
    browser.wait_for("welcome-step", |text| text.contains("Step 2 of 3")).await;
    press("pick-profile", "Careful").await;
    browser.click("welcome-next").await;
    press("pick-language", "Deutsch").await;
    press("pick-clock", "UTC").await;
    assert_told(&german(), &texts(&browser).await);
    browser.click("welcome-next").await;

    browser.wait_for("price", |text| text.chars().any(|c| c.is_ascii_digit())).await;
    assert!(browser.text("clock").await.ends_with("UTC"));
    browser.visit(&format!("http://{address}/settings?section=engine.risk&key=engine.risk.daily_loss_max_ppm")).await;
    browser.wait_for("setting", |text| text.contains("20\u{202f}000")).await;
    browser.visit(&format!("http://{address}/")).await;
    browser.wait_for("sentence", |text| text.contains("sind live und belegt")).await;
    assert_eq!(browser.count("feed").await, 3, "KuCoin was left");
    browser.close().await;
}

fn german() -> Words {
    let list = tickerbox_tests::root().join("frontend/web/words/de.txt");
    Words::read(&std::fs::read_to_string(list).expect("committed")).expect("a good list")
}

/// All but a few texts have their words: not each state of the market can be waited for, and machines have names.
fn assert_told(words: &Words, texts: &BTreeSet<String>) {
    let untold: BTreeSet<String> =
        texts.iter().filter(|text| !words.knows(text)).map(|text| words.template(text)).collect();
    assert!(
        untold.len() * 50 <= texts.len(),
        "{} of {} texts without a translation (cargo xtask untold frontend/web/words/de.txt): {untold:#?}",
        untold.len(),
        texts.len()
    );
}

#[tokio::test]
async fn every_page_can_be_told_in_german_and_is() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "30", "--log", "error"]);
    let address = demo.address();
    // Until there are forecasts with outcomes, orders and an hour of prices.
    tokio::time::sleep(std::time::Duration::from_secs(30)).await;
    let words = german();
    let texts = walk(&browser, address).await;
    assert!(texts.len() > 500, "{} texts", texts.len());
    assert_told(&words, &texts);

    let body = br#"{"changes": {"page.language": "de"}}"#;
    assert_eq!(send(address, "POST", "/api/v1/settings", body).0, 200);
    browser.open(&format!("http://{address}/")).await;
    browser.wait_for("sentence", |text| text.contains("belegt")).await;
    assert_eq!(browser.script("return document.documentElement.lang").await, "de");
    // What changes later is told too, and numbers are in the language's form.
    browser.open(&format!("http://{address}/market/kraken/btc-usd")).await;
    let first = browser.wait_for("mid", |text| text.contains(',')).await;
    browser.wait_for("mid", |text| text != first && text.contains(',') && !text.contains('.')).await;
    keep(&browser.picture().await, "market-german.png");
    let labels = "return [...document.querySelectorAll('nav a')].map(it => it.textContent.trim()).join()";
    let labels = browser.script(labels).await;
    assert!(labels.as_str().is_some_and(|it| it.contains("Übersicht") && it.contains("Einstellungen")), "{labels}");
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn a_recorded_day_is_gone_through_by_a_slider() {
    let Some(browser) = Browser::start(390, 844).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "30"]);
    let address = demo.address();
    demo.wait_until("some minutes are over", |health| health["model"]["answers"].as_u64().is_some_and(|n| n > 100));
    browser.open(&format!("http://{address}/replay")).await;
    let read = async || browser.text("slider-read").await;
    browser.wait_for("slider-read", |text| text.contains(':')).await;
    let last = read().await;
    let move_to = async |place: &str| {
        let script = format!(
            "const it = document.querySelector('[data-testid=moment]'); it.value = {place}; it.dispatchEvent(new Event('input'))"
        );
        browser.script(&script).await;
    };
    move_to("0").await;
    browser.wait_for("slider-read", |text| text != last).await;
    browser.wait_for("course-orders", |text| text.contains("None until then")).await;
    let price = async || browser.text("course").await;
    let first = price().await;
    move_to("it.max").await;
    browser.wait_for("course", |text| text != first && text.contains("Price")).await;
    keep(&browser.picture().await, "replay-narrow.png");
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn a_page_finds_its_box_again_after_it_was_killed() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    let demo = Demo::start(dir.path(), &["--seed", "3", "--speed", "20"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/risk")).await;
    browser.wait_for("limits", |text| text.contains("Drawdown")).await;
    demo.kill();
    browser.wait_for("link", |text| !text.contains("Live")).await;
    browser.wait_for("as-of", |text| text.contains("does not answer")).await;
    let demo = Demo::start_at(dir.path(), address, &["--seed", "3", "--speed", "20"]);
    browser.wait_for("link", |text| text.contains("Live")).await;
    browser.wait_until_gone("as-of").await;
    assert!(browser.script("return location.pathname").await == "/risk", "it stays where it was");
    demo.kill();
    browser.close().await;
}

#[tokio::test]
async fn the_chart_goes_back_over_weeks_of_minutes_by_wheel_keys_and_drag() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    import_minutes(dir.path(), 60 * 1_440);
    let demo = Demo::start(&dir.path().join("data"), &["--seed", "3", "--speed", "5"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/market/kraken/btc-usd")).await;

    let first = shown_when(&browser, "the past is fetched", |now| now.past > 1_000).await;
    assert_eq!(first.length, "1m");
    wheel(&browser, 8).await;
    let wide = shown_when(&browser, "the wheel zooms out", |now| now.span() > 3 * first.span()).await;
    wheel(&browser, -4).await;
    let near = shown_when(&browser, "the wheel zooms in", |now| now.span() < wide.span() / 2).await;
    drag(&browser, 300).await;
    let back = shown_when(&browser, "a drag shows what was before", |now| now.left < near.left).await;
    key(&browser, "ArrowLeft").await;
    let further = shown_when(&browser, "a key does", |now| now.left < back.left).await;
    key(&browser, "+").await;
    shown_when(&browser, "a key zooms", |now| now.span() < further.span()).await;
    let before = browser.text("readout").await;
    // Two months of minutes are drawn of longer candles, and fetched as far as there are any.
    for _ in 0..40 {
        wheel(&browser, 2).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let all = shown_when(&browser, "two months", |now| {
        now.span() > 50 * 86_400_000 && now.past > 4_000 && now.candles > 3_000
    })
    .await;
    assert!(["5m", "15m"].contains(&all.length.as_str()), "{}", all.length);
    assert!(all.candles < 13_000, "{}", all.candles);
    assert!(browser.text("readout").await.contains(&all.length) && !before.contains(&all.length));
    key(&browser, "Home").await;
    shown_when(&browser, "home again", |now| now.span() < 2 * first.span() && now.right >= first.right).await;
    browser.assert_quiet().await;
    browser.close().await;
}

#[tokio::test]
async fn indicators_and_past_forecasts_are_chosen_told_and_remembered() {
    let Some(browser) = Browser::start(1440, 1000).await else { return };
    let dir = tempfile::tempdir().expect("temporary folder");
    import_minutes(dir.path(), 3 * 1_440);
    let demo = Demo::start(&dir.path().join("data"), &["--seed", "3", "--speed", "30"]);
    let address = demo.address();
    browser.open(&format!("http://{address}/market/kraken/btc-usd")).await;
    shown(&browser).await;
    let pick = async |label: &str| {
        let script = format!(
            "const found = [...document.querySelectorAll('.picks button')].find(b => b.textContent.includes('{label}'));\
             found?.click(); return !!found"
        );
        let began = std::time::Instant::now();
        while browser.script(&script).await != true {
            assert!(began.elapsed() < std::time::Duration::from_secs(60), "{label} is not offered");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    browser.click("indicators").await;
    for label in ["EMA 20", "RSI 14", "5 min ahead"] {
        pick(label).await;
    }
    let warm = |text: &str| {
        let told = |name: &str| {
            text.split(name).nth(1).is_some_and(|rest| rest.trim_start().starts_with(|c: char| c.is_ascii_digit()))
        };
        told("EMA 20") && told("RSI 14")
    };
    browser.wait_for("readout", warm).await;
    shown_when(&browser, "forecasts met their outcome", |now| now.forecasts > 0).await;
    browser.open(&format!("http://{address}/market/kraken/btc-usd")).await;
    browser.wait_for("readout", warm).await;
    shown_when(&browser, "past forecasts are remembered", |now| now.forecasts > 0).await;
    assert!(browser.text("indicators").await.contains("· 3"));
    keep(&browser.picture().await, "market-indicators.png");
    browser.assert_quiet().await;
    browser.close().await;
}
