//! From the configuration to the channels: secrets are read from their files here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use notify::channel::{discord, mail, ntfy, telegram, webhook};
use notify::{Channel, Endpoint, Level, Quiet, Secret, Settings};

use super::section::{MailTls, NotifySection, ToldFrom};

/// Largest file of a secret, bytes.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// What the configuration comes to.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) settings: Settings,
    /// Channels that can be used, and the least that is told there.
    pub(crate) endpoints: Vec<(Endpoint, Level)>,
    /// Channels that were meant and cannot be used; why.
    pub(crate) broken: BTreeMap<Channel, String>,
}

impl Places {
    /// Reads what the configuration names. A channel that cannot be used does not keep the box from its work: it is told.
    pub(crate) fn of(section: &NotifySection) -> Self {
        let quiet = match (&section.quiet_from, &section.quiet_to) {
            (Some(from), Some(to)) => Quiet::parse(from, to, &section.time_zone).ok(),
            _ => None,
        };
        let settings = Settings {
            settle: Duration::from_secs(section.settle_s.into()),
            gather: Duration::from_secs(section.gather_s.into()),
            quiet,
            link: section.link.clone(),
        };
        let mut places = Self { settings, endpoints: Vec::new(), broken: BTreeMap::new() };
        let levels = [
            (Channel::Discord, section.discord.level),
            (Channel::Webhook, section.webhook.level),
            (Channel::Ntfy, section.ntfy.level),
            (Channel::Telegram, section.telegram.level),
            (Channel::Mail, section.mail.level),
        ];
        for (channel, level) in levels {
            let level = match level {
                ToldFrom::Off => continue,
                ToldFrom::Info => Level::Info,
                ToldFrom::Warning => Level::Warning,
                ToldFrom::Urgent => Level::Urgent,
            };
            match section.endpoint(channel) {
                Ok(Some(endpoint)) => places.endpoints.push((endpoint, level)),
                Ok(None) => {}
                Err(error) => drop(places.broken.insert(channel, format!("notify.{channel}: {error:#}"))),
            }
        }
        places
    }
}

impl NotifySection {
    /// The endpoint of a channel; nothing where none is configured.
    fn endpoint(&self, channel: Channel) -> anyhow::Result<Option<Endpoint>> {
        Ok(match channel {
            Channel::Discord => {
                let Some(url) = secret(self.discord.webhook.as_ref(), self.discord.webhook_file.as_deref())? else {
                    return Ok(None);
                };
                Some(Endpoint::Discord(discord::Discord::new(&url)?))
            }
            Channel::Webhook => {
                let section = &self.webhook;
                let Some(url) = &section.url else { return Ok(None) };
                let secret = secret(section.secret.as_ref(), section.secret_file.as_deref())?;
                let secret = secret.context("secret: is missing")?;
                Some(Endpoint::Webhook(webhook::Webhook::new(url, &secret, section.allow_private)?))
            }
            Channel::Ntfy => {
                let section = &self.ntfy;
                let Some(topic) = &section.topic else { return Ok(None) };
                let login = match (&section.user, secret(section.token.as_ref(), section.token_file.as_deref())?) {
                    (None, None) => ntfy::Login::None,
                    (None, Some(token)) => ntfy::Login::Token(token),
                    (Some(user), Some(password)) => ntfy::Login::User(user.clone(), password),
                    (Some(_), None) => bail!("token: is missing, the password of user"),
                };
                Some(Endpoint::Ntfy(ntfy::Ntfy::new(&section.server, topic, login, section.allow_private)?))
            }
            Channel::Telegram => {
                let section = &self.telegram;
                let Some(token) = secret(section.token.as_ref(), section.token_file.as_deref())? else {
                    return Ok(None);
                };
                let chat = section.chat.as_deref().context("chat: is missing")?;
                Some(Endpoint::Telegram(telegram::Telegram::new(&section.base, &token, chat)?))
            }
            Channel::Mail => {
                let section = &self.mail;
                let Some(host) = &section.host else { return Ok(None) };
                let password = secret(section.password.as_ref(), section.password_file.as_deref())?;
                let server = mail::Server {
                    host: host.clone(),
                    port: section.port,
                    tls: match section.tls {
                        MailTls::Starttls => mail::Tls::Starttls,
                        MailTls::Implicit => mail::Tls::Implicit,
                    },
                    user: section.user.clone().unwrap_or_default(),
                    password: password.unwrap_or_default(),
                };
                let from = section.from.as_deref().context("from: is missing")?;
                Some(Endpoint::Mail(mail::Mailbox::new(from, &section.to, server)?))
            }
        })
    }
}

/// The secret itself, or what its file holds without the ends of lines.
fn secret(own: Option<&Secret>, file: Option<&Path>) -> anyhow::Result<Option<Secret>> {
    match (own, file) {
        (Some(_), Some(file)) => {
            bail!("{}: the secret stands in the configuration too; one of them has to go", file.display())
        }
        (Some(secret), None) => Ok(Some(secret.clone())),
        (None, None) => Ok(None),
        (None, Some(file)) => {
            let read = || {
                let bytes = std::fs::metadata(file)?.len();
                ensure!(
                    bytes <= SECRET_BYTES_MAX,
                    "larger than {} KiB: not a file of a secret",
                    SECRET_BYTES_MAX >> 10
                );
                let text = String::from_utf8(std::fs::read(file)?).ok().context("not a text file")?;
                let text = text.trim();
                ensure!(!text.is_empty(), "is empty");
                ensure!(!text.contains(char::is_control), "has more than one line");
                Ok(Secret::new(text))
            };
            read().map(Some).with_context(|| file.display().to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn places(text: &str) -> Places {
        Places::of(&Config::parse(text).expect("it is right").notify)
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where_to() {
        let none = places("");
        assert!(none.endpoints.is_empty() && none.broken.is_empty() && none.settings.quiet.is_none());
        let off = places("[notify.discord]\nwebhook = 'https://discord.com/api/webhooks/1/t'\nlevel = 'off'");
        assert!(off.endpoints.is_empty());
    }

    #[test]
    fn channels_are_as_configured_and_secrets_come_from_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        std::fs::write(&file, "123:SECRET\n").unwrap();
        let all = places(&format!(
            "[notify]\nquiet_from = '22:00'\nquiet_to = '07:00'\ntime_zone = 'Europe/Berlin'\n\
             [notify.discord]\nwebhook = 'https://discord.com/api/webhooks/1/t'\nlevel = 'info'\n\
             [notify.webhook]\nurl = 'http://nas.lan/hook'\nsecret = '0123456789abcdef'\nallow_private = true\n\
             [notify.ntfy]\ntopic = 'box_1'\nlevel = 'urgent'\n\
             [notify.telegram]\ntoken_file = '{}'\nchat = '-100'\n\
             [notify.mail]\nhost = 'smtp.x.org'\nfrom = 'a@x.org'\nto = ['b@x.org']\nuser = 'a'\npassword = 'p'\n",
            file.display()
        ));
        assert_eq!(all.broken, BTreeMap::new());
        let found: Vec<(Channel, Level)> = all.endpoints.iter().map(|(it, level)| (it.channel(), *level)).collect();
        let (info, warning, urgent) = (Level::Info, Level::Warning, Level::Urgent);
        let [discord, webhook, ntfy, telegram, mail] = Channel::ALL;
        assert_eq!(found, [(discord, info), (webhook, warning), (ntfy, urgent), (telegram, warning), (mail, warning)]);
        assert!(all.settings.quiet.is_some());
    }

    #[test]
    fn what_is_half_configured_is_told_and_tells_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let lines = dir.path().join("lines");
        std::fs::write(&lines, "SECRET\nSECRET\n").unwrap();
        for (text, channel, why) in [
            (
                "[notify.webhook]\nurl = 'https://x.org/SECRET'".to_owned(),
                Channel::Webhook,
                "notify.webhook: secret: is missing",
            ),
            (
                "[notify.webhook]\nurl = 'http://x.org/SECRET'\nsecret = '0123456789abcdef'".to_owned(),
                Channel::Webhook,
                "https://",
            ),
            (
                "[notify.discord]\nwebhook_file = '/nowhere/x'".to_owned(),
                Channel::Discord,
                "notify.discord: /nowhere/x: ",
            ),
            (
                format!("[notify.discord]\nwebhook_file = '{}'", lines.display()),
                Channel::Discord,
                "has more than one line",
            ),
            ("[notify.telegram]\ntoken = '1:SECRET'".to_owned(), Channel::Telegram, "chat: is missing"),
            ("[notify.ntfy]\ntopic = 'SECRET'\nuser = 'me'".to_owned(), Channel::Ntfy, "token: is missing"),
            ("[notify.mail]\nhost = 'x.org'\npassword = 'SECRET'".to_owned(), Channel::Mail, "from: is missing"),
        ] {
            let places = places(&text);
            let told = &places.broken[&channel];
            assert!(told.contains(why) && !told.contains("SECRET"), "{told}");
            assert!(places.endpoints.is_empty());
        }
    }
}
