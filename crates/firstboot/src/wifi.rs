//! `network-config`: the wireless networks of a netplan file, and wpa_supplicant's configuration for them.

use std::fmt::Write as _;

use serde_json::Value;

use crate::Read;

/// Most networks that are taken.
const NETWORKS_MAX: usize = 16;

/// A wireless network to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name: 1 to 32 bytes of anything.
    pub ssid: Vec<u8>,
    /// What it asks for.
    pub secret: Secret,
    /// Whether it does not tell its name.
    pub is_hidden: bool,
}

/// What a network asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Nothing.
    None,
    /// 8 to 63 printable characters of ASCII.
    Passphrase(String),
    /// What WPA2 makes of name and passphrase, 64 hexadecimal digits. WPA3 cannot be joined with it.
    Hash(String),
}

pub(crate) fn take(tree: &Value, read: &mut Read) {
    let tree = tree.get("network").unwrap_or(tree);
    for (interface, settings) in tree.get("wifis").and_then(Value::as_object).into_iter().flatten() {
        // `renderer` stands among the interfaces.
        let Some(settings) = settings.as_object() else { continue };
        if let Some(country) = settings.get("regulatory-domain").and_then(Value::as_str) {
            if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                read.wishes.country = Some(country.to_owned());
            } else {
                let country = country.escape_debug();
                read.problems
                    .push(format!("network-config: regulatory-domain: `{country}` is no country of two letters"));
            }
        }
        if settings.contains_key("addresses") {
            let text = "fixed addresses are not taken; let the router give the box one";
            read.problems.push(format!("network-config: `{}`: {text}", interface.escape_debug()));
        }
        for (ssid, point) in settings.get("access-points").and_then(Value::as_object).into_iter().flatten() {
            match network(ssid, point) {
                Ok(_) if read.wishes.networks.len() == NETWORKS_MAX => {
                    read.problems.push(format!("network-config: `{}`: one network too many", ssid.escape_debug()));
                }
                Ok(network) => read.wishes.networks.push(network),
                Err(error) => read.problems.push(format!("network-config: `{}`: {error}", ssid.escape_debug())),
            }
        }
    }
}

fn network(ssid: &str, point: &Value) -> Result<Network, &'static str> {
    if !(1..=32).contains(&ssid.len()) {
        return Err("a name has 1 to 32 bytes");
    }
    let password = point.get("password").or_else(|| point.pointer("/auth/password"));
    let secret = match password {
        None => Secret::None,
        // Digits alone are a number to YAML; those of a passphrase may begin with zeros, which are lost then.
        Some(password) => secret(password.as_str().ok_or("a password that is a number has to stand in quotes")?)?,
    };
    let is_hidden = point.get("hidden").and_then(Value::as_bool).unwrap_or_default();
    Ok(Network { ssid: ssid.as_bytes().to_owned(), secret, is_hidden })
}

fn secret(password: &str) -> Result<Secret, &'static str> {
    if password.len() == 64 && password.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Secret::Hash(password.to_owned()));
    }
    // IEEE 802.11, annex J.4.1: 8 to 63 characters from 32 to 126.
    if (8..=63).contains(&password.len()) && password.bytes().all(|byte| (32..=126).contains(&byte)) {
        return Ok(Secret::Passphrase(password.to_owned()));
    }
    Err("a password has 8 to 63 letters, digits and signs of ASCII")
}

/// `wpa_supplicant.conf(5)`. Names are written in hexadecimal, and a passphrase reaches to the last quote of its line, so that
/// nothing needs to be escaped.
pub(crate) fn supplicant(country: Option<&str>, networks: &[Network]) -> String {
    let mut text = "# Made at every start of what Raspberry Pi Imager wrote to the boot partition.\n".to_owned();
    let mut line = |content: std::fmt::Arguments<'_>| writeln!(text, "{content}").expect("a string takes everything");
    if let Some(country) = country {
        line(format_args!("country={country}"));
    }
    for network in networks {
        line(format_args!("network={{"));
        let ssid: String = network.ssid.iter().map(|byte| format!("{byte:02x}")).collect();
        line(format_args!("\tssid={ssid}"));
        if network.is_hidden {
            line(format_args!("\tscan_ssid=1"));
        }
        match &network.secret {
            Secret::None => line(format_args!("\tkey_mgmt=NONE")),
            Secret::Hash(hash) => {
                line(format_args!("\tpsk={hash}"));
                line(format_args!("\tkey_mgmt=WPA-PSK"));
            }
            Secret::Passphrase(passphrase) => {
                line(format_args!("\tpsk=\"{passphrase}\""));
                line(format_args!("\tsae_password=\"{passphrase}\""));
                line(format_args!("\tkey_mgmt=WPA-PSK SAE"));
                line(format_args!("\tieee80211w=1"));
            }
        }
        line(format_args!("}}"));
    }
    text
}
