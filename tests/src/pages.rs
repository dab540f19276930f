//! The pages of the dashboard, and how they are looked at.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::browser::Browser;

/// Pages, and what they are called in file names.
pub const PAGES: [(&str, &str); 13] = [
    ("/", "home"),
    ("/market", "market"),
    ("/forecasts", "forecasts"),
    ("/trading", "trading"),
    ("/risk", "risk"),
    ("/arbitrage", "arbitrage"),
    ("/data", "data"),
    ("/replay", "replay"),
    ("/models", "models"),
    ("/system", "system"),
    ("/settings?section=engine.risk", "settings"),
    ("/access", "access"),
    ("/more", "more"),
];
/// Links of a page that are followed.
const LINKS: usize = 5;
/// A laptop and a phone, CSS pixels.
pub const SIZES: [(u32, u32); 2] = [(1440, 1000), (390, 844)];
/// Both looks.
pub const THEMES: [&str; 2] = ["dark", "light"];

/// All that people read or hear on a page, each once: texts and the attributes that are read out. What says that it is English is left out.
pub async fn texts(browser: &Browser) -> BTreeSet<String> {
    let script = "const all = new Set(); const walk = node => { for (const it of node.childNodes) {\
          if (it.nodeType === 3) { all.add(it.nodeValue.trim()); continue }\
          if (it.nodeType !== 1 || it.lang === 'en' || it.tagName === 'SCRIPT') continue;\
          for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'data-label']) all.add(it.getAttribute(name) ?? '');\
          walk(it) } };\
        walk(document.body); return [...all].filter(it => it)";
    let texts = browser.script(script).await;
    texts.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// [`texts`] of all pages of a box, and of what a few of their links lead to.
pub async fn walk(browser: &Browser, address: SocketAddr) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (path, _) in PAGES {
        let mut paths = vec![path.to_owned()];
        let mut at = 0;
        while let Some(path) = paths.get(at) {
            browser.open(&format!("http://{address}{path}")).await;
            // A page asks the box for what it shows and draws it.
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            all.extend(texts(browser).await);
            if at == 0 {
                let script =
                    "return [...document.querySelectorAll('main a[href*=\"?\"]')].map(it => it.getAttribute('href'))";
                let links = browser.script(script).await;
                let links = links.as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned));
                paths.extend(links.take(LINKS));
            }
            at += 1;
        }
    }
    all
}
