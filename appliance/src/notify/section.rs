//! The configuration of messages to the owner.

use std::path::PathBuf;

use notify::Secret;
use serde::{Deserialize, Serialize};

/// Messages to the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifySection {
    /// When the night begins, such as `22:30`: until its end only what is urgent is told, all else waits for one message in the
    /// morning. No night where this or its end is left out.
    pub quiet_from: Option<String>,
    /// When the night ends, such as `07:00`.
    pub quiet_to: Option<String>,
    /// Time zone of the night, such as `Europe/Berlin`.
    pub time_zone: String,
    /// What is over again within this time is not told, seconds.
    pub settle_s: u32,
    /// One message about the same kind of thing in this time, seconds; more are gathered into the next.
    pub gather_s: u32,
    /// Address of the dashboard as a phone reaches it, such as `http://tickerbox.local`; messages that can have a link lead there.
    pub link: Option<String>,
    /// Discord, by an incoming webhook.
    pub discord: DiscordSection,
    /// A program of your own, which gets signed JSON.
    pub webhook: WebhookSection,
    /// ntfy, on ntfy.sh or a server at home.
    pub ntfy: NtfySection,
    /// Telegram, by a bot.
    pub telegram: TelegramSection,
    /// E-mail.
    pub mail: MailSection,
}

impl Default for NotifySection {
    fn default() -> Self {
        Self {
            quiet_from: None,
            quiet_to: None,
            time_zone: "UTC".to_owned(),
            settle_s: 30,
            gather_s: 60,
            link: None,
            discord: DiscordSection::default(),
            webhook: WebhookSection::default(),
            ntfy: NtfySection::default(),
            telegram: TelegramSection::default(),
            mail: MailSection::default(),
        }
    }
}

/// What is told by a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToldFrom {
    /// Nothing.
    Off,
    /// All of it.
    Info,
    /// What is wrong.
    #[default]
    Warning,
    /// What cannot wait for the morning.
    Urgent,
}

/// Discord.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiscordSection {
    /// Least that is told there: `off` for nothing, `info`, `warning` or `urgent`.
    pub level: ToldFrom,
    /// Address of the webhook, which is a secret: who has it can write there.
    pub webhook: Option<Secret>,
    /// File that holds the address of the webhook, instead of `webhook`.
    pub webhook_file: Option<PathBuf>,
}

/// A program of the owner's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSection {
    /// Least that is told there: `off` for nothing, `info`, `warning` or `urgent`.
    pub level: ToldFrom,
    /// Where to, `https://..`; kept as a secret, because many addresses hold a key.
    pub url: Option<Secret>,
    /// What messages are signed with, at least 16 characters that the receiver knows too.
    pub secret: Option<Secret>,
    /// File that holds the secret, instead of `secret`.
    pub secret_file: Option<PathBuf>,
    /// Whether the address may be one of the home network or of this machine, also without encryption.
    pub allow_private: bool,
}

/// ntfy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NtfySection {
    /// Least that is told there: `off` for nothing, `info`, `warning` or `urgent`.
    pub level: ToldFrom,
    /// The server.
    pub server: String,
    /// Name of the topic. On a public server everybody who knows it reads along: take one that nobody guesses.
    pub topic: Option<Secret>,
    /// Name of the server's user that publishes; without it `token` is an access token, or nobody has to say who he is.
    pub user: Option<String>,
    /// Access token `tk_..`, or the password of `user`.
    pub token: Option<Secret>,
    /// File that holds the token or the password, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Whether the server may be one of the home network or of this machine, also without encryption.
    pub allow_private: bool,
}

impl Default for NtfySection {
    fn default() -> Self {
        Self {
            level: ToldFrom::default(),
            server: notify::channel::ntfy::SERVER.to_owned(),
            topic: None,
            user: None,
            token: None,
            token_file: None,
            allow_private: false,
        }
    }
}

/// Telegram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelegramSection {
    /// Least that is told there: `off` for nothing, `info`, `warning` or `urgent`.
    pub level: ToldFrom,
    /// Token of the bot, as BotFather told it.
    pub token: Option<Secret>,
    /// File that holds the token, instead of `token`.
    pub token_file: Option<PathBuf>,
    /// Number of the chat, or `@name` of a public channel.
    pub chat: Option<String>,
    /// Address of the bot server.
    pub base: String,
}

impl Default for TelegramSection {
    fn default() -> Self {
        let base = notify::channel::telegram::BASE.to_owned();
        Self { level: ToldFrom::default(), token: None, token_file: None, chat: None, base }
    }
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// In clear at first, and encrypted before anything is said.
    #[default]
    Starttls,
    /// Encrypted from the beginning.
    Implicit,
}

/// E-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSection {
    /// Least that is told there: `off` for nothing, `info`, `warning` or `urgent`.
    pub level: ToldFrom,
    /// Name of the server that takes mails.
    pub host: Option<String>,
    /// Its port, mostly 587 with `starttls`, or 465 with `implicit`.
    pub port: u16,
    /// How the connection is encrypted: `starttls` or `implicit`. A server that does neither gets nothing.
    pub tls: MailTls,
    /// Who sends there.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// File that holds the password, instead of `password`.
    pub password_file: Option<PathBuf>,
    /// Address that mails come from.
    pub from: Option<String>,
    /// Addresses that mails go to, ten at most.
    pub to: Vec<String>,
}

impl Default for MailSection {
    fn default() -> Self {
        Self {
            level: ToldFrom::default(),
            host: None,
            port: 587,
            tls: MailTls::default(),
            user: None,
            password: None,
            password_file: None,
            from: None,
            to: Vec::new(),
        }
    }
}
