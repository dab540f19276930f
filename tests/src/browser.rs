//! A real browser, driven through WebDriver.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};

/// Longest time the page may take for anything before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Chromium with a driver and a profile of its own; all gone when dropped.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    _profile: tempfile::TempDir,
    client: Client,
}

impl Browser {
    /// Starts it, or says that it is not installed and gives `None`: the caller returns.
    ///
    /// # Panics
    /// When it is installed and does not start.
    pub async fn start(width: u32, height: u32) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(driver) = driver else {
            eprintln!("skipped: no chromedriver (cargo xtask test installs it, or says how)");
            return None;
        };
        let profile = tempfile::tempdir().expect("temporary folder");
        let options = json!({
            "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                format!("--user-data-dir={}", profile.path().display()),
                format!("--window-size={},{}", width.max(500), height),
            ],
            // A headless window is at least 500 pixels wide: a phone has to be emulated.
            "mobileEmulation": (width < 500).then(|| json!({
                "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true },
            })),
        });
        let mut options = options.as_object().expect("an object").clone();
        options.retain(|_, value| !value.is_null());
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".to_owned(), Value::Object(options));
        capabilities.insert("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" }));
        let address = format!("http://127.0.0.1:{port}");
        let began = Instant::now();
        let client = loop {
            let mut builder = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new());
            match builder.capabilities(capabilities.clone()).connect(&address).await {
                Ok(client) => break client,
                Err(error) => assert!(began.elapsed() < PATIENCE, "the driver does not answer: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        Some(Self { driver, _profile: profile, client })
    }

    /// The driver's process; the browser's are its children.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.driver.id()
    }

    /// Opens a page and waits until it has drawn its first data.
    ///
    /// # Panics
    /// When it never does.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
        let began = Instant::now();
        loop {
            let marks = self.script("return performance.getEntriesByName('first-data').length").await;
            if marks.as_u64() > Some(0) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no data was drawn; {}", self.log().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a page without waiting for data.
    ///
    /// # Panics
    /// When it does not open.
    pub async fn visit(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    /// Writes into the first field with this test id, in place of what is there, once it is there.
    ///
    /// # Panics
    /// When it never is.
    pub async fn type_into(&self, testid: &str, text: &str) {
        let css = format!("[data-testid={testid}]");
        let field = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(&css)).await;
        let field = field.unwrap_or_else(|error| panic!("{testid}: {error}"));
        field.clear().await.unwrap_or_else(|error| panic!("{testid}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{testid}: {error}"));
    }

    /// Waits until no element with this test id is there.
    ///
    /// # Panics
    /// When one stays.
    pub async fn wait_until_gone(&self, testid: &str) {
        let began = Instant::now();
        while self.count(testid).await > 0 {
            assert!(began.elapsed() < PATIENCE, "{testid} stays; {}", self.log().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs JavaScript in the page and gives what it returns.
    ///
    /// # Panics
    /// When it throws.
    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text of the first element with this test id; empty when there is none.
    pub async fn text(&self, testid: &str) -> String {
        match self.client.find(Locator::Css(&format!("[data-testid={testid}]"))).await {
            Ok(element) => element.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// How many elements with this test id there are.
    pub async fn count(&self, testid: &str) -> usize {
        self.client.find_all(Locator::Css(&format!("[data-testid={testid}]"))).await.map_or(0, |all| all.len())
    }

    /// Clicks the first element with this test id, the new one where the page draws it anew just then.
    ///
    /// # Panics
    /// When there is none, or something lies over it.
    pub async fn click(&self, testid: &str) {
        let css = format!("[data-testid={testid}]");
        let began = Instant::now();
        loop {
            let element =
                self.client.find(Locator::Css(&css)).await.unwrap_or_else(|error| panic!("{testid}: {error}"));
            match element.click().await {
                Ok(()) => return,
                Err(error) if error.is_stale_element_reference() && began.elapsed() < PATIENCE => {}
                Err(error) => panic!("{testid}: {error}"),
            }
        }
    }

    /// Asks again and again until `holds` is true for the text of `testid`, and gives it.
    ///
    /// # Panics
    /// With the last text when it never is.
    pub async fn wait_for(&self, testid: &str, holds: impl Fn(&str) -> bool) -> String {
        let began = Instant::now();
        loop {
            let text = self.text(testid).await;
            if holds(&text) {
                return text;
            }
            assert!(began.elapsed() < PATIENCE, "{testid} stays {text:?}; {}", self.log().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the browser's console says at levels that nobody should see.
    ///
    /// # Panics
    /// When something severe is in it.
    pub async fn assert_quiet(&self) {
        let log = self.log().await;
        assert!(!log.contains("SEVERE"), "{log}");
    }

    /// A picture of the page, PNG.
    ///
    /// # Panics
    /// When the browser gives none.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a picture")
    }

    /// The same of all that can be scrolled to.
    ///
    /// # Panics
    /// When the browser gives none.
    pub async fn whole_picture(&self) -> Vec<u8> {
        let size = self.script("const e = document.documentElement; return [e.clientWidth, e.scrollHeight]").await;
        let clip = json!({ "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1 });
        let parameters = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.tools("Page.captureScreenshot", parameters).await;
        base64(answer["data"].as_str().expect("a picture"))
    }

    /// Runs JavaScript that ends when it calls its last argument, and gives what it says.
    ///
    /// # Panics
    /// When it throws or never says anything.
    pub async fn wait_for_script(&self, script: &str) -> Value {
        self.client.execute_async(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script:.200}: {error}"))
    }

    /// Asks Chromium's own tools.
    ///
    /// # Panics
    /// When they do not answer.
    pub async fn tools(&self, command: &'static str, parameters: Value) -> Value {
        let answer = self.client.issue_cmd(DevTools { command, parameters }).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn log(&self) -> String {
        let command = LogCommand;
        match self.client.issue_cmd(command).await {
            Ok(entries) => entries.to_string(),
            Err(error) => format!("no log: {error}"),
        }
    }

    /// Ends it in order.
    pub async fn close(mut self) {
        self.client.clone().close().await.ok();
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// The bytes of a text in base 64 (RFC 4648, section 4).
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(text.len() / 4 * 3), 0u32, 0u32);
    for six in text.bytes().filter_map(value) {
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    bytes
}

/// A command of Chromium's own tools.
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.command, "params": self.parameters }).to_string()))
    }

    fn is_new_session(&self) -> bool {
        false
    }

    fn is_legacy(&self) -> bool {
        false
    }
}

/// Chromium's own WebDriver extension that reads the console.
#[derive(Debug)]
struct LogCommand;

impl fantoccini::wd::WebDriverCompatibleCommand for LogCommand {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }

    fn is_new_session(&self) -> bool {
        false
    }

    fn is_legacy(&self) -> bool {
        false
    }
}
