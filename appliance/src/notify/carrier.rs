//! Sends what a channel wrote, and tells what came of it.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::{Answer, Endpoint, HttpRequest, Outgoing};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Url};

use super::smtp;
use crate::log::without_secrets;
use crate::venue::Network;

/// Longest time of a request, real time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time of a mail, real time: servers make strangers wait.
const MAIL_TIMEOUT: Duration = Duration::from_secs(60);
/// Most of an answer that is read, bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Most redirects, all within one host.
const REDIRECTS_MAX: usize = 3;

/// The way to the services. A request or a mail never shows in a log, nor in what is told here.
pub(crate) struct Carrier {
    /// Reaches public addresses alone.
    public: Client,
    /// Reaches the home network too.
    any: Client,
    network: Network,
    mail_timeout: Duration,
}

impl Carrier {
    /// # Errors
    /// When the HTTP library refuses the settings.
    pub(crate) fn new(network: &Network) -> anyhow::Result<Self> {
        Self::with_patience(network, TIMEOUT, MAIL_TIMEOUT)
    }

    pub(super) fn with_patience(network: &Network, timeout: Duration, mail_timeout: Duration) -> anyhow::Result<Self> {
        let builder = || {
            Ok::<_, anyhow::Error>(network.http()?.timeout(timeout).referer(false).redirect(Policy::custom(redirect)))
        };
        let mut public = builder()?;
        if !network.has_proxy() {
            // A proxy looks up names itself; its own address is one of the home network often enough.
            public = public.dns_resolver(Arc::new(PublicOnly));
        }
        Ok(Self {
            public: public.build().context("HTTP client")?,
            any: builder()?.build().context("HTTP client")?,
            network: network.clone(),
            mail_timeout,
        })
    }

    /// Sends, and waits for what comes of it, not for ever.
    pub(crate) async fn send(&self, endpoint: &Endpoint, outgoing: Outgoing) -> Answer {
        match (outgoing, endpoint) {
            (Outgoing::Http(request), _) => self.post(request).await,
            (Outgoing::Mail(mail), Endpoint::Mail(mailbox)) => {
                let sending = smtp::send(&self.network, &mailbox.server, &mail);
                let late = || Answer::Nothing(format!("the server took longer than {} s", self.mail_timeout.as_secs()));
                tokio::time::timeout(self.mail_timeout, sending).await.unwrap_or_else(|_| late())
            }
            (Outgoing::Mail(_), _) => Answer::Nothing("a mail for a channel that takes none".to_owned()),
        }
    }

    async fn post(&self, request: HttpRequest) -> Answer {
        let Ok(url) = request.url.expose().parse::<Url>() else {
            return Answer::Forbidden("the address is none".to_owned());
        };
        if !request.may_be_private && literal(&url).is_some_and(is_private) {
            return Answer::Forbidden(PRIVATE.to_owned());
        }
        let client = if request.may_be_private { &self.any } else { &self.public };
        let mut call = client.post(url).body(request.body);
        for (name, value) in &request.headers {
            call = call.header(*name, value.expose());
        }
        match read(call).await {
            Ok(answer) => answer,
            Err(error) => Answer::Nothing(words(error)),
        }
    }
}

const PRIVATE: &str =
    "the address is one of a home network or of this machine: set allow_private = true where that is meant";

async fn read(call: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let mut response = call.send().await?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let mut body = Vec::new();
    while body.len() < BODY_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(bytes)) => body.extend_from_slice(&bytes[..bytes.len().min(BODY_BYTES_MAX - body.len())]),
            Ok(None) => break,
            // The status is what counts: what was said with it is not worth sending a message twice.
            Err(_) if status < 300 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(Answer::Http { status, headers, body })
}

/// An error with its reasons, on one line; the address is a secret.
fn words(error: reqwest::Error) -> String {
    without_secrets(&format!("{:#}", anyhow::Error::from(error.without_url())))
}

/// Within one host, and only where the request stays what it is: by other redirects it would be a `GET` that says nothing.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let is_same = attempt.previous().last().is_some_and(|before| place(before) == place(attempt.url()));
    let stays = matches!(attempt.status().as_u16(), 307 | 308);
    if is_same && stays && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
}

/// Looks up names, and leaves out addresses of home networks: no name of a stranger leads into this one.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<_> = found.filter(|address| !is_private(address.ip())).collect();
            if public.is_empty() {
                return Err(PRIVATE.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn literal(url: &Url) -> Option<IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Whether an address is not one of the public internet.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || is_local(v6),
    }
}

fn is_local(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    // fc00::/7 within a site, fe80::/10 within a link; 64:ff9b::/96 stands for any address of version 4.
    first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80 || first == 0x64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_home_networks_are_known() {
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.9.9",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fd00::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(is_private(private.parse().unwrap()), "{private}");
        }
        for public in ["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:1.1.1.1"] {
            assert!(!is_private(public.parse().unwrap()), "{public}");
        }
    }
}
