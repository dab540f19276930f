//! The dashboard in a real browser, on the demo's own market.

use std::path::Path;

use tickerbox_tests::browser::Browser;
use tickerbox_tests::demo::Demo;

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
    keep(&browser.picture().await, "home-wide.png");
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
