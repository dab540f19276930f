//! What must not stand in a log. The program does not log secrets; a message of a library, or of a venue that quotes what it was sent,
//! might.

/// Words that are followed by a secret, after `=`.
const NAMES: [&str; 7] = ["token", "password", "passphrase", "secret", "signature", "apikey", "api_key"];

/// Puts stars in the place of names and passwords in addresses (`scheme://who:secret@host`), and of values of parameters that are called
/// like a secret (`token=..`).
pub(crate) fn without_secrets(text: &str) -> String {
    without_parameters(&without_logins(text))
}

fn without_logins(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + 3);
        told.push_str(scheme);
        let end = after.find(|c: char| c.is_whitespace() || "/?#\"'<>()".contains(c)).unwrap_or(after.len());
        match after[..end].rfind('@') {
            Some(sign) => {
                told.push_str("***");
                rest = &after[sign..];
            }
            None => rest = after,
        }
    }
    told.push_str(rest);
    told
}

fn without_parameters(text: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('=') {
        let (name, value) = rest.split_at(at + 1);
        told.push_str(name);
        let name = name[..at].to_ascii_lowercase();
        rest = value;
        if NAMES.iter().any(|secret| name.ends_with(secret)) {
            let end = value.find(|c: char| c.is_whitespace() || "&\"',;)".contains(c)).unwrap_or(value.len());
            if end > 0 {
                told.push_str("***");
            }
            rest = &value[end..];
        }
    }
    told.push_str(rest);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(without_secrets(text), expected);
    }

    #[test]
    fn secrets_become_stars_and_all_else_stays() {
        check("through http://me:pa55@proxy.lan:3128 to x", "through http://***@proxy.lan:3128 to x");
        check("socks5://me:a@b@tor", "socks5://***@tor");
        check("\"https://u:p@h/a?b=1\"", "\"https://***@h/a?b=1\"");
        check("wss://x/?token=abc%20d&connectId=7", "wss://x/?token=***&connectId=7");
        check("accessToken=abc, PASSWORD=x y", "accessToken=***, PASSWORD=*** y");
        check("https://api.kraken.com/0/public/Depth?pair=XBTUSD", "https://api.kraken.com/0/public/Depth?pair=XBTUSD");
        check("mail me@home about https://a/b@c token= x", "mail me@home about https://a/b@c token= x");
        check("", "");
    }
}
