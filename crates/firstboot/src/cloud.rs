//! `user-data`: the keys of cloud-init that Imager writes.

use serde_json::Value;

use crate::Read;

/// Most keys that are taken.
const KEYS_MAX: usize = 32;
/// How public keys begin (`sshd(8)`, "AUTHORIZED_KEYS FILE FORMAT"); options before them are not taken.
const KEY_TYPES: [&str; 4] = ["ssh-ed25519 ", "ssh-rsa ", "ecdsa-sha2-", "sk-"];

pub(crate) fn take(tree: &Value, read: &mut Read) {
    let text = |key: &str| tree.get(key).and_then(Value::as_str);
    let fqdn = text("fqdn").and_then(|name| name.split('.').next());
    let mut problems = Vec::new();
    read.wishes.hostname = checked(text("hostname").or(fqdn), is_hostname, |name| {
        problems.push(format!("user-data: hostname: `{name}` is no host name"));
    });
    read.wishes.timezone = checked(text("timezone"), is_zone, |zone| {
        problems.push(format!("user-data: timezone: `{zone}` is no time zone"));
    });
    read.problems.append(&mut problems);
    keys(tree, read);
    for user in tree.get("users").and_then(Value::as_array).into_iter().flatten() {
        keys(user, read);
        if let Some(name) = user.get("name").and_then(Value::as_str) {
            let text = "and its password are not made: keys are for the user `admin`";
            read.problems.push(format!("user-data: users: `{}` {text}", name.escape_debug()));
        }
    }
}

fn checked(text: Option<&str>, is_good: fn(&str) -> bool, mut refused: impl FnMut(&str)) -> Option<String> {
    let text = text?;
    if !is_good(text) {
        refused(&text.escape_debug().to_string());
        return None;
    }
    Some(text.to_owned())
}

/// RFC 1123, section 2.1, without dots.
fn is_hostname(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Names as of the time zone database; whether there is such a zone is seen where the files are.
fn is_zone(zone: &str) -> bool {
    let is_part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    zone.len() <= 64 && zone.split('/').all(is_part)
}

fn keys(tree: &Value, read: &mut Read) {
    let list = tree.get("ssh_authorized_keys").or_else(|| tree.get("ssh-authorized-keys"));
    for (index, key) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
        let key = key.as_str().unwrap_or_default().trim();
        let is_key = KEY_TYPES.iter().any(|kind| key.starts_with(kind))
            && key.contains(' ')
            && key.len() <= 8_192
            && !key.contains(char::is_control);
        if !is_key {
            read.problems.push(format!("user-data: ssh_authorized_keys: entry {} is no public key", index + 1));
        } else if read.wishes.ssh_keys.len() < KEYS_MAX {
            read.wishes.ssh_keys.push(key.to_owned());
        } else {
            read.problems.push(format!("user-data: ssh_authorized_keys: entry {} is one too many", index + 1));
        }
    }
}
