//! What Raspberry Pi Imager wrote to the card, as the few files that the image makes of it.
//!
//! Imager writes `user-data` (cloud-init: host name, time zone, keys) and `network-config` (netplan: wireless networks) to the boot
//! partition. The image has neither cloud-init nor netplan: it wants a name, a zone, keys and networks, and all else is told as left
//! out. Nothing that can be written on that partition keeps the box from starting.
//!
//! | file | from |
//! |---|---|
//! | `hostname` | `hostname`, or `fqdn` up to its first dot |
//! | `timezone` | `timezone` |
//! | `authorized_keys` | `ssh_authorized_keys` of `users` and of the whole |
//! | `wpa_supplicant.conf` | `wifis.*.access-points`, `regulatory-domain` |

mod cloud;
mod wifi;

pub use wifi::{Network, Secret};

/// Most bytes of a file that are looked at.
pub const FILE_MAX: usize = 64 * 1024;

/// What was asked for, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// A name by RFC 1123.
    pub hostname: Option<String>,
    /// A name of the time zone database, `Europe/Vienna`.
    pub timezone: Option<String>,
    /// Public keys, one a line.
    pub ssh_keys: Vec<String>,
    /// Two letters of ISO 3166.
    pub country: Option<String>,
    /// Wireless networks to join.
    pub networks: Vec<Network>,
}

/// Wishes, and what was left out and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// What can be done.
    pub wishes: Wishes,
    /// One line for each thing that cannot.
    pub problems: Vec<String>,
}

/// Reads both files; one that is not there says nothing.
#[must_use]
pub fn read(user_data: Option<&str>, network_config: Option<&str>) -> Read {
    let mut read = Read::default();
    for (name, text, take) in [
        ("user-data", user_data, cloud::take as fn(&serde_json::Value, &mut Read)),
        ("network-config", network_config, wifi::take),
    ] {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
        if text.len() > FILE_MAX {
            read.problems.push(format!("{name}: has {} bytes, more than {FILE_MAX}", text.len()));
            continue;
        }
        match serde_saphyr::from_str::<serde_json::Value>(text) {
            Ok(tree) if tree.is_object() => take(&tree, &mut read),
            // A file of comments alone.
            Ok(serde_json::Value::Null) => {}
            Ok(_) => read.problems.push(format!("{name}: is not a list of keys and values")),
            Err(error) => {
                let line = error.to_string().lines().next().unwrap_or_default().to_owned();
                read.problems.push(format!("{name}: {line}"));
            }
        }
    }
    read
}

impl Wishes {
    /// The files and their content; what was not asked for is not there.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let line = |text: &String| format!("{text}\n");
        let mut files = Vec::new();
        files.extend(self.hostname.as_ref().map(|name| ("hostname", line(name))));
        files.extend(self.timezone.as_ref().map(|zone| ("timezone", line(zone))));
        if !self.ssh_keys.is_empty() {
            files.push(("authorized_keys", self.ssh_keys.iter().map(line).collect()));
        }
        if !self.networks.is_empty() {
            files.push(("wpa_supplicant.conf", wifi::supplicant(self.country.as_deref(), &self.networks)));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Imager 1.8 writes it for a box with everything filled in.
    const USER_DATA: &str = "#cloud-config
hostname: kitchen
manage_etc_hosts: true
packages:
- avahi-daemon
apt:
  conf: |
    Acquire {
      Check-Date \"false\";
    };

users:
- name: pi
  groups: users,adm,dialout,audio,netdev,video,plugdev,cdrom,games,input,gpio,spi,i2c,render,sudo
  shell: /bin/bash
  lock_passwd: false
  passwd: $5$salt$hash
  ssh_authorized_keys:
    - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0x0 me@pc
  sudo: ALL=(ALL) NOPASSWD:ALL

timezone: Europe/Vienna
runcmd:
- localectl set-x11-keymap \"at\" pc105
";
    const NETWORK: &str = "version: 2
wifis:
  renderer: networkd
  wlan0:
    dhcp4: true
    optional: true
    regulatory-domain: AT
    access-points:
      \"Home: \\\"sweet\\\" home\":
        password: \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"
        hidden: true
";

    #[test]
    fn a_card_with_everything() {
        let read = read(Some(USER_DATA), Some(NETWORK));
        let files = read.wishes.files();
        let names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["hostname", "timezone", "authorized_keys", "wpa_supplicant.conf"]);
        assert_eq!(files[0].1, "kitchen\n");
        assert_eq!(files[1].1, "Europe/Vienna\n");
        assert_eq!(files[2].1, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0x0 me@pc\n");
        assert_eq!(
            files[3].1,
            "# Made at every start of what Raspberry Pi Imager wrote to the boot partition.\n\
             country=AT\n\
             network={\n\tssid=486f6d653a202273776565742220686f6d65\n\tscan_ssid=1\n\
             \tpsk=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n\tkey_mgmt=WPA-PSK\n}\n"
        );
        assert_eq!(
            read.problems,
            ["user-data: users: `pi` and its password are not made: keys are for the user `admin`"]
        );
    }

    #[track_caller]
    fn check(user_data: &str, network: &str, problems: &[&str]) -> Wishes {
        let read = read(Some(user_data), Some(network));
        assert_eq!(read.problems, problems);
        read.wishes
    }

    #[test]
    fn what_cannot_be_is_left_out_and_the_rest_is_taken() {
        let wishes = check(
            "hostname: -bad-\ntimezone: ../../etc/passwd\nssh_authorized_keys: [\"no key\", \"ssh-rsa AAAA\\nx\", ssh-rsa AAAAB3 x]",
            "wifis:\n  wlan0:\n    regulatory-domain: Austria\n    access-points:\n      a: {password: short}\n      open: {}\n      b: {password: longenough}",
            &[
                "user-data: hostname: `-bad-` is no host name",
                "user-data: timezone: `../../etc/passwd` is no time zone",
                "user-data: ssh_authorized_keys: entry 1 is no public key",
                "user-data: ssh_authorized_keys: entry 2 is no public key",
                "network-config: regulatory-domain: `Austria` is no country of two letters",
                "network-config: `a`: a password has 8 to 63 letters, digits and signs of ASCII",
            ],
        );
        assert_eq!(wishes.ssh_keys, ["ssh-rsa AAAAB3 x"]);
        assert_eq!(wishes.networks.len(), 2);
        assert_eq!(wishes.networks[0].secret, Secret::Passphrase("longenough".into()));
        assert_eq!(wishes.networks[1].secret, Secret::None);
        let file = &wishes.files()[1].1;
        assert!(file.contains("psk=\"longenough\"") && file.contains("sae_password=\"longenough\""), "{file}");
    }

    #[test]
    fn newer_imager_wraps_the_networks() {
        let wishes = check(
            "",
            "network:\n  version: 2\n  wifis:\n    wlan0:\n      access-points:\n        x: {auth: {key-management: psk, password: twelve chars}}",
            &[],
        );
        assert_eq!(wishes.networks[0].secret, Secret::Passphrase("twelve chars".into()));
    }

    #[test]
    fn an_untouched_card_asks_for_nothing() {
        assert_eq!(read(None, None), Read::default());
        assert_eq!(check("#cloud-config\n", "\n", &[]), Wishes::default());
        assert!(Wishes::default().files().is_empty());
    }

    #[test]
    fn what_is_no_yaml_is_named() {
        let read = read(Some("a: [1"), Some("- 1\n- 2"));
        assert!(read.problems[0].starts_with("user-data: "), "{:?}", read.problems);
        assert_eq!(read.problems[1], "network-config: is not a list of keys and values");
        let large = "#".repeat(FILE_MAX + 1);
        assert_eq!(super::read(Some(&large), None).problems, ["user-data: has 65537 bytes, more than 65536"]);
    }

    proptest! {
        /// Whoever can write to the card must not be able to write more lines into a file than it asked for.
        #[test]
        fn no_name_or_password_breaks_out_of_its_line(ssid in ".{1,40}", password in ".{0,70}") {
            let json = serde_json::json!({"wifis": {"w": {"access-points": {ssid: {"password": password}}}}});
            let read = read(None, Some(&json.to_string()));
            for (_, file) in read.wishes.files() {
                let fits = |line: &str| ["#", "network={", "\tssid=", "\tpsk=\"", "\tsae_password=\"", "\tkey_mgmt=", "\tieee80211w=1", "\tpsk=", "}"]
                    .iter().any(|start| line.starts_with(start));
                prop_assert!(file.lines().all(fits) && file.lines().count() <= 8, "{}", file);
            }
        }

        #[test]
        fn anything_is_read(text in any::<String>()) {
            let _ = read(Some(&text), Some(&text));
        }
    }
}
