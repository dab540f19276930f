//! A box in the home network: takes bundles, and tells what it wants to have trained.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use url::Url;

use super::{Place, Token};

/// A box that says nothing for so long is away. It runs a model's probes before it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A box by its address, `http://tickerbox.local:8080`. What stands after a `?` goes with each bundle: `symbols=BTC/USDT` for which markets it
/// is, `request=3` which request it answers.
pub struct Home {
    address: Url,
    client: Client,
    runtime: Runtime,
}

/// A request of a box for a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its number.
    pub id: u64,
    /// When it was made.
    pub at: String,
    /// Why.
    pub why: String,
    /// For which markets; empty for all.
    pub symbols: Vec<String>,
    /// Digest of the model that came for it; `None` while it waits.
    pub answered_by: Option<String>,
}

#[derive(Deserialize)]
struct Requests {
    requests: Vec<Request>,
}

impl Home {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// The address or the token is none.
    pub fn open(address: &str, token: Option<&Token>) -> anyhow::Result<Self> {
        let address: Url = address.parse().with_context(|| format!("{address:?} is not the address of a box"))?;
        // It may be installed already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut headers = HeaderMap::new();
        if let Some(Token(token)) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok().context("the token is none of a box")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = Client::builder().timeout(PATIENCE).no_proxy().default_headers(headers).build()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address, client, runtime })
    }

    /// What the box wants to have trained, the newest first.
    ///
    /// # Errors
    /// It does not answer, or not as a box does.
    pub fn requests(&self) -> anyhow::Result<Vec<Request>> {
        let ask = async {
            let answer = sound(self.client.get(self.at("/api/v1/retrain")).send().await?).await?;
            anyhow::Ok(serde_json::from_slice::<Requests>(&answer.bytes().await?)?.requests)
        };
        self.runtime.block_on(ask).with_context(|| self.name())
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.address.clone();
        url.set_path(path);
        url
    }
}

/// An answer that is none of the kind "no, because".
async fn sound(answer: Response) -> anyhow::Result<Response> {
    if answer.status() == StatusCode::OK {
        return Ok(answer);
    }
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    let status = answer.status();
    match serde_json::from_slice::<Refused>(&answer.bytes().await?) {
        Ok(Refused { error }) => bail!("{error}"),
        Err(_) => bail!("it answers {status}, not as a box does"),
    }
}

impl Place for Home {
    fn name(&self) -> String {
        self.address.origin().ascii_serialization()
    }

    /// A box gives no bundles away.
    fn list(&self, _: &str) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// The same; and it judges by itself whether it has a bundle already.
    fn get(&self, _: &str, _: u64) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// The card is in the bundle.
    fn put(&self, files: Vec<(String, Vec<u8>)>, _: &str) -> anyhow::Result<()> {
        for (_, container) in files.into_iter().filter(|(path, _)| path.ends_with(".tbx")) {
            let send = async {
                sound(self.client.post(self.at("/api/v1/models")).body(container).send().await?).await.map(drop)
            };
            self.runtime.block_on(send).with_context(|| self.name())?;
        }
        Ok(())
    }
}
