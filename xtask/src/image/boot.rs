//! `cargo xtask image-test`: the image on an emulated board, from the first start to the pulled plug.
//!
//! | start | what is tried |
//! |---|---|
//! | 1, as shipped, on a larger card | page, growth, journal, names, hardening, watchdog, crashes up to safe mode |
//! | 2, with Imager's files and the built-in market | name, ssh, what was kept, recording; lamp and button on pins that the kernel simulates |
//! | N more | the plug pulled while recording; nothing that was told as written is gone |
//! | last, without a data partition | the page is still there |
//!
//! The board is QEMU's `virt` with the image's own kernel and initrd: everything but the firmware, the SD controller, the wireless
//! chip and the pins of a real one. Two things are given from outside, on the kernel's command line: a shell on a second console,
//! and the order to use the built-in market (the box has no internet there).

use std::fs::{self, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::serial::{Machine, Start};
use super::steps::Steps;
use super::{BOOT_MIB, DATA_MIB, ROOT_MIB, name};
use crate::process::{self, run};
use crate::tools;

const MIB: u64 = 1 << 20;
/// The card, MiB: larger than the image, so that there is something to grow.
const CARD_MIB: u64 = 4_096;
/// From power to page. On a board it is seconds; emulation on a busy machine needs minutes.
const BOOT_MAX: Duration = Duration::from_mins(15);
/// Until systemd has seen, ended and started again what hangs: 30 s of silence, and the start.
const AGAIN_MAX: Duration = Duration::from_mins(5);
/// `tickerbox.service` on the built-in market, with everything else as it is.
const DEMO: &str = "[Service]\nExecStart=\nExecStart=/usr/bin/tickerbox launch --updates /data/tickerbox/updates -- demo --listen [::]:80 --data-dir /data/tickerbox --log info\n";
/// What Imager would write.
const USER_DATA: &str = "#cloud-config\nhostname: kitchen\nusers:\n- name: pi\n  ssh_authorized_keys:\n  - \
     ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmLXvSDNLOPMB2bLLTKhfXnBGHN1UEEmvXgqfXKrFJX test\ntimezone: Europe/Vienna\n";
const NETWORK_CONFIG: &str = "version: 2\nwifis:\n  wlan0:\n    regulatory-domain: AT\n    dhcp4: true\n    access-points:\n      \
     \"Home\": {password: \"not my password\"}\n";

/// Arguments of `cargo xtask image-test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder that `cargo xtask image` wrote to; `image` in the target directory without it.
    #[arg(long, value_name = "DIR")]
    image: Option<PathBuf>,
    /// How many times the plug is pulled.
    #[arg(long, value_name = "N", default_value_t = 3)]
    plugs: u32,
    /// Which moments it is pulled at.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Where the board's console goes; `image/test.log` in the target directory without it.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        tools::on_path(&[("qemu-system-aarch64", "qemu-system-arm"), ("mcopy", "mtools")])?;
        let folder = self.image.clone().unwrap_or_else(|| process::target_dir().join("image"));
        let work = process::target_dir().join("image/work");
        let log = self.log.clone().unwrap_or_else(|| process::target_dir().join("image/test.log"));
        let image = folder.join(format!("{}.img", name()));
        ensure!(image.is_file(), "there is no {}; make it with: cargo xtask image", image.display());
        fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
        let scratch = tempfile::tempdir_in(&work)?;
        let card = Card { disk: scratch.path().join("card.img"), work, log };
        card.make(&image)?;

        let mut steps = Steps::default();
        first_start(&card, &mut steps);
        let demo = format!(
            "systemd.set_credential_binary=systemd.unit-dropin.tickerbox.service:{}",
            BASE64_STANDARD.encode(DEMO)
        );
        second_start(&card, &mut steps, &demo);
        plugs(&card, &mut steps, &demo, self.plugs, self.seed);
        no_data(&card, &mut steps);
        eprintln!("the board's console is in {}", card.log.display());
        steps.finish()
    }
}

/// What the board has for a card.
struct Card {
    disk: PathBuf,
    work: PathBuf,
    log: PathBuf,
}

impl Card {
    fn make(&self, image: &Path) -> Result<()> {
        run(Command::new("cp").arg("--sparse=always").arg(image).arg(&self.disk))?;
        Ok(OpenOptions::new().write(true).open(&self.disk)?.set_len(CARD_MIB * MIB)?)
    }

    fn start(&self, options: &str) -> Result<Machine> {
        // Devices appear late where everything is slow.
        let options = format!("systemd.default_device_timeout_sec=600 {options}");
        Machine::start(&Start { work: &self.work, disk: &self.disk, options: &options, log: &self.log })
    }

    /// Puts a file on the boot partition, as a PC would.
    fn put(&self, name: &str, content: &str) -> Result<()> {
        let file = self.disk.with_file_name(name);
        fs::write(&file, content)?;
        let place = format!("{}@@4M", self.disk.display());
        run(Command::new("mcopy").args(["-o", "-i", &place]).arg(&file).arg(format!("::{name}")))
    }

    /// Fills the data partition with what is no file system.
    fn spoil(&self) -> Result<()> {
        let mut disk = OpenOptions::new().write(true).open(&self.disk)?;
        let start = 4 + BOOT_MIB + ROOT_MIB;
        disk.seek(SeekFrom::Start(start * MIB))?;
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..DATA_MIB {
            let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(MIB as usize).collect();
            disk.write_all(&noise)?;
        }
        Ok(())
    }
}

/// Starts a board and waits for its page.
fn page(steps: &mut Steps, name: &str, card: &Card, options: &str) -> Option<Machine> {
    steps.take(name, || {
        let mut machine = card.start(options)?;
        let health = machine.until(BOOT_MAX, Machine::health)?;
        let took = machine.started.elapsed().as_secs();
        let status = health["status"].as_str().unwrap_or("nothing").to_owned();
        Ok((format!("/healthz says {status} {took} s after power"), machine))
    })
}

fn first_start(card: &Card, steps: &mut Steps) {
    let Some(mut board) = page(steps, "first start, as shipped", card, "") else { return };
    steps.check("dashboard", || {
        let (status, body) = board.get("/")?;
        ensure!(status == 200 && body.contains("<title>Tickerbox"), "the page is answered with {status}");
        let script = body.split('"').find(|part| part.starts_with("/assets/app-") && part.ends_with(".js"));
        let script = script.context("the page names no script")?.to_owned();
        let (status, body) = board.get(&script)?;
        ensure!(status == 200 && body.len() > 10_000, "{script} is answered with {status}, {} bytes", body.len());
        Ok(format!("page and {script}, {} bytes", body.len()))
    });
    steps.check("everything started", || {
        board.until(BOOT_MAX, |board| {
            let state = board.ask("systemctl is-system-running")?.1;
            ensure!(!state.contains("starting"), "still {}", state.trim());
            Ok(())
        })?;
        let failed = board.sh("systemctl list-units --failed --plain --no-legend | cut -d' ' -f1")?;
        ensure!(failed.is_empty(), "failed: {failed}");
        let times = board.sh("systemctl show -p UserspaceTimestampMonotonic --value; \
             systemctl show -p ActiveEnterTimestampMonotonic --value tickerbox")?;
        let mut times = times.lines().filter_map(|line| line.parse::<f64>().ok());
        let (begin, ready) = (times.next().context("no time")?, times.next().context("no time")?);
        let seconds = (ready - begin) / 1e6;
        Ok(format!(
            "nothing failed; service ready {seconds:.1} s after user space began, {:.1} s after the kernel",
            ready / 1e6
        ))
    });
    steps.check("memory of the service", || {
        let text =
            board.sh("grep -E '^(VmRSS|VmHWM|Threads)' /proc/$(systemctl show -p MainPID --value tickerbox)/status")?;
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    steps.check("data partition filled the card", || {
        let size = board.sh("df --output=size --block-size=1M /data | tail -1")?.trim().parse::<u64>()?;
        let want = CARD_MIB - 4 - BOOT_MIB - ROOT_MIB;
        ensure!(size > want * 9 / 10, "{size} MiB, of {want}");
        Ok(format!("{size} MiB, from {DATA_MIB}"))
    });
    steps.check("root is not written to", || {
        let (status, _) = board.ask("touch /usr/probe")?;
        ensure!(status != 0, "a file could be made in /usr");
        let id = board.sh("cat /etc/machine-id; ! findmnt /etc/machine-id")?;
        ensure!(id.len() == 32, "machine id `{id}` is not written down");
        Ok("read-only; the machine has its own id".to_owned())
    });
    steps.check("journal as JSON", || {
        let text = board.sh("journalctl -b -u tickerbox -o json --output-fields=MESSAGE,PRIORITY -n 200")?;
        let lines = text.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
        let started =
            lines.iter().any(|line| line["MESSAGE"].as_str().is_some_and(|text| text.starts_with("Started tickerbox")));
        ensure!(started, "systemd does not tell that it started");
        let grave = lines.iter().filter(|line| line["PRIORITY"].as_str().is_some_and(|word| word < "4")).count();
        let kept = board.sh("ls -d /data/system/journal/*/system.journal")?;
        Ok(format!("{} lines, {grave} errors (no exchange is reached here); kept in {kept}", lines.len()))
    });
    steps.check("its name in the network", || {
        let call = "busctl call org.freedesktop.Avahi / org.freedesktop.Avahi.Server ResolveHostName iisiu -- -1 -1 tickerbox.local 0 0";
        let answer = board.sh(call)?;
        ensure!(answer.contains("10.0.2.15"), "tickerbox.local is {answer}");
        Ok("tickerbox.local is 10.0.2.15".to_owned())
    });
    steps.check("doors", || {
        let listening = board.sh("ss -Hltn | awk '{print $4}' | sort -u")?;
        let outside =
            listening.lines().filter(|one| !one.contains("127.0.0.") && !one.starts_with("[::1]")).collect::<Vec<_>>();
        ensure!(outside == ["*:80"], "listens at {}", outside.join(", "));
        let firewall = board.sh("nft list set inet tickerbox doors")?;
        ensure!(firewall.contains("80, 443") && !firewall.contains("22"), "{firewall}");
        Ok("80 alone is listened at; 80 and 443 are let in; no ssh".to_owned())
    });
    steps.check("nobody has a password", || {
        let open = board.sh("awk -F: '$2 !~ /^[!*]/ {print $1}' /etc/shadow")?;
        ensure!(open.is_empty(), "{open}");
        Ok("all accounts are locked".to_owned())
    });
    steps.check("hardening", || {
        let text = board.sh("SYSTEMD_COLORS=0 systemd-analyze security --no-pager tickerbox.service | tail -1")?;
        let score = text.split_whitespace().find_map(|word| word.parse::<f64>().ok()).context("no score")?;
        ensure!(score <= 2.0, "{text}");
        Ok(text.trim_matches(|c: char| !c.is_ascii()).trim().to_owned())
    });
    steps.check("a service that hangs is started again", || {
        let before = restarts(&mut board)?;
        let since = Instant::now();
        board.sh("systemctl kill --kill-whom=main --signal=STOP tickerbox")?;
        again(&mut board, before)?;
        let why = board.sh("journalctl -b -u tickerbox -o cat --no-pager | grep -ci watchdog")?;
        Ok(format!(
            "page back {} s after SIGSTOP; {why} lines of the journal tell of the watchdog",
            since.elapsed().as_secs()
        ))
    });
    steps.check("a service that crashes is started again", || {
        let before = restarts(&mut board)?;
        let since = Instant::now();
        board.sh("systemctl kill --kill-whom=main --signal=KILL tickerbox")?;
        again(&mut board, before)?;
        Ok(format!("page back {} s after SIGKILL", since.elapsed().as_secs()))
    });
    steps.check("one that goes on crashing trades no more", || {
        for _ in 0..6 {
            let before = restarts(&mut board)?;
            board.ask("systemctl kill --kill-whom=main --signal=KILL tickerbox")?;
            let is_safe = board.until(AGAIN_MAX, |board| {
                let text = board.ask("cat /run/tickerbox-safe/options 2> /dev/null; systemctl is-active tickerbox")?.1;
                let is_safe = text.contains("--safe");
                ensure!(is_safe || text.trim() == "active" && restarts(board)? > before, "{}", text.trim());
                Ok(is_safe)
            })?;
            if is_safe {
                board.until(AGAIN_MAX, Machine::health)?;
                let line = board.sh("tr '\\0' ' ' < /proc/$(systemctl show -p MainPID --value tickerbox)/cmdline")?;
                ensure!(line.contains("--safe"), "it runs as {line}");
                let told = board
                    .sh("journalctl -b -u tickerbox -o cat --no-pager | grep -c 'started with paper trading paused'")?;
                return Ok(format!("started with --safe, page there; told {told} times in the journal"));
            }
        }
        anyhow::bail!("crashed six times, and no safe mode")
    });
    switch_off(steps, board);
}

fn restarts(board: &mut Machine) -> Result<u64> {
    Ok(board.sh("systemctl show -p NRestarts --value tickerbox")?.parse()?)
}

/// Waits until it was started again since, and its page is there.
fn again(board: &mut Machine, before: u64) -> Result<()> {
    board.until(AGAIN_MAX, |board| {
        let now = restarts(board)?;
        ensure!(now > before, "not started again");
        let state = board.ask("systemctl is-active tickerbox")?.1;
        ensure!(state.trim() == "active", "it is {}", state.trim());
        Ok(())
    })?;
    board.until(AGAIN_MAX, Machine::health)?;
    Ok(())
}

fn switch_off(steps: &mut Steps, mut board: Machine) {
    steps.check("switched off in order", move || {
        let since = Instant::now();
        let result = board.sh("systemctl stop tickerbox; systemctl show -p Result --value tickerbox")?;
        let stopped = since.elapsed();
        // The shell may end before it answers.
        let _ = board.ask("systemctl --no-block poweroff");
        board.ended()?;
        let all = since.elapsed().as_secs();
        Ok(format!("service ended in {:.1} s with {result}, board in {all} s", stopped.as_secs_f64()))
    });
}

fn second_start(card: &Card, steps: &mut Steps, demo: &str) {
    steps.check("Imager's files on the card", || {
        card.put("user-data", USER_DATA)?;
        card.put("network-config", NETWORK_CONFIG)?;
        Ok("host name, key, wireless network".to_owned())
    });
    let Some(mut board) = page(steps, "second start, on the built-in market", card, demo) else { return };
    steps.check("what Imager asked for", || {
        board.until(BOOT_MAX, |board| board.sh("systemctl is-active ssh.service"))?;
        let name = board.sh("cat /proc/sys/kernel/hostname")?;
        ensure!(name == "kitchen", "it is called {name}");
        let zone = board.sh("date +%Z")?;
        ensure!(zone.starts_with("CE"), "its time is {zone}");
        let doors = board.sh("nft list set inet tickerbox doors")?;
        ensure!(doors.contains("22"), "{doors}");
        let wifi = board.sh("cat /run/tickerbox-imager/wpa_supplicant.conf")?;
        ensure!(wifi.contains("ssid=486f6d65") && wifi.contains("country=AT"), "{wifi}");
        let keys = board
            .sh("sshd -T 2> /dev/null | grep -E '^(passwordauthentication|permitrootlogin|authorizedkeysfile)'")?;
        ensure!(
            keys.contains("passwordauthentication no") && keys.contains("/run/tickerbox-imager/authorized_keys"),
            "{keys}"
        );
        Ok("kitchen, Europe/Vienna, ssh with that key alone, wireless network (no such chip here)".to_owned())
    });
    steps.check("where it is, on the boot partition", || {
        board.until(AGAIN_MAX, |board| {
            let text = board.sh("cat /boot/firmware/ADDRESS.txt")?;
            ensure!(text.contains("http://10.0.2.15"), "{text}");
            Ok(())
        })?;
        Ok("ADDRESS.txt tells http://10.0.2.15".to_owned())
    });
    steps.check("records", || {
        let first = recorded(&mut board)?;
        let later = board.until(AGAIN_MAX, |board| {
            let later = recorded(board)?;
            ensure!(later > first + 50, "{} inputs more", later - first);
            Ok(later)
        })?;
        Ok(format!("{first} inputs written down, then {later}"))
    });
    if lamp(&mut board, steps) {
        button(steps, board);
    } else {
        switch_off(steps, board);
    }
}

/// Pins that the kernel simulates (Linux, Documentation/admin-guide/gpio/gpio-sim.rst), and the box told to use them.
const PINS: &str = "modprobe gpio-sim && cd /sys/kernel/config/gpio-sim && mkdir -p lamp/bank0 && echo 28 > lamp/bank0/num_lines \
     && echo 1 > lamp/live && chip=$(cat lamp/bank0/chip_name) && ln -sfn /sys/devices/platform/$(cat lamp/dev_name)/$chip /run/pins \
     && printf '[panel]\\nboard = \"gpiocdev\"\\nchip = \"/dev/%s\"\\nshutdown_file = \"/run/tickerbox/shutdown\"\\n' $chip \
     > /data/tickerbox/settings.toml && chown tickerbox: /data/tickerbox/settings.toml && systemctl restart tickerbox && echo $chip";
/// What the pins of the green, the amber and the red lamp are set to.
const LAMPS: &str = "cd /run/pins; cat sim_gpio17/value sim_gpio27/value sim_gpio22/value | tr -d '\\n'";

/// The box's own way from what it finds to the pins.
fn lamp(board: &mut Machine, steps: &mut Steps) -> bool {
    let lit = |board: &mut Machine, wanted: &str| {
        board.until(AGAIN_MAX, |board| {
            let lamps = board.sh(LAMPS)?;
            ensure!(lamps == wanted, "green, amber and red are {lamps}, not {wanted}");
            Ok(())
        })
    };
    steps.check("simulated pins", || Ok(format!("{}, 28 lines", board.sh(PINS)?)))
        && steps.check("green when all is well", || {
            board.until(AGAIN_MAX, |board| {
                let health = board.health()?;
                ensure!(health["lamp"] == "healthy", "{}", health["conditions"]);
                Ok(())
            })?;
            lit(board, "100").map(|()| "gpiocdev, as the box's own user".to_owned())
        })
        && steps.check("amber when trading is paused", || {
            let pause = "bash -c 'exec 3<> /dev/tcp/127.0.0.1/80; printf \"POST /api/v1/trading?do=pause HTTP/1.0\\r\\nHost: \
                 127.0.0.1\\r\\nContent-Length: 0\\r\\n\\r\\n\" >&3; head -1 <&3'";
            let answer = board.sh(pause)?;
            ensure!(answer.contains("202"), "{answer}");
            lit(board, "010").map(|()| "the owner's word is seen on the pins".to_owned())
        })
}

/// The button, held for five seconds.
fn button(steps: &mut Steps, mut board: Machine) {
    steps.check("switched off by its button", move || {
        let since = Instant::now();
        // The contact closes to ground. The shell may end before it answers.
        let _ = board.ask("echo pull-down > /run/pins/sim_gpio23/pull");
        board.ended()?;
        Ok(format!("board off {} s after the button was held", since.elapsed().as_secs()))
    });
}

/// The newest input that the box says would survive.
fn recorded(board: &mut Machine) -> Result<u64> {
    let health = board.health()?;
    health["store"]["committed_seq"].as_u64().filter(|seq| *seq > 0).context("nothing is recorded yet")
}

fn plugs(card: &Card, steps: &mut Steps, demo: &str, times: u32, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut promised = 0;
    for number in 1..=times {
        let name = format!("plug {number} of {times}");
        let Some(mut board) = page(steps, &format!("{name}: start"), card, demo) else { return };
        let went_well = steps.check(&format!("{name}: nothing promised is gone"), || {
            let kept = board.until(AGAIN_MAX, recorded)?;
            ensure!(kept >= promised, "{promised} inputs were written down, {kept} are there");
            let text = "systemctl stop tickerbox; runuser -u tickerbox -- tickerbox repair --check /data/tickerbox; s=$?; systemctl start tickerbox; exit $s";
            let (status, days) = board.ask(&format!("({text})"))?;
            ensure!(status == 0, "{days}");
            Ok(format!("{promised} promised, {kept} there; {}", days.lines().next().unwrap_or_default()))
        });
        if !went_well {
            return;
        }
        let pulled = steps.take(&format!("{name}: pulled while recording"), || {
            let first = board.until(AGAIN_MAX, recorded)?;
            let more = random.u64(20..400);
            let seen = board.until(AGAIN_MAX, |board| {
                let now = recorded(board)?;
                ensure!(now >= first + more, "{} inputs more", now - first);
                Ok(now)
            })?;
            board.pull()?;
            Ok((format!("at input {seen}"), seen))
        });
        let Some(seen) = pulled else { return };
        promised = seen;
    }
    if times == 0 {
        return;
    }
    let Some(mut board) = page(steps, "after the last plug: start", card, demo) else { return };
    steps.check("after the last plug: nothing promised is gone", || {
        let kept = board.until(AGAIN_MAX, recorded)?;
        ensure!(kept >= promised, "{promised} inputs were written down, {kept} are there");
        Ok(format!("{promised} promised, {kept} there"))
    });
    switch_off(steps, board);
}

fn no_data(card: &Card, steps: &mut Steps) {
    steps.check("data partition spoilt", || card.spoil().map(|()| format!("{DATA_MIB} MiB of noise")));
    // The label is gone: what waits for it must give up. On a board that takes the usual 90 s.
    let Some(mut board) = page(steps, "start without a data partition", card, "systemd.default_device_timeout_sec=120")
    else {
        return;
    };
    steps.check("the page tells", || {
        let kind = board.sh("findmnt -no FSTYPE --mountpoint /data")?;
        ensure!(kind == "tmpfs", "/data is {kind}");
        let line = board.sh("tr '\\0' ' ' < /proc/$(systemctl show -p MainPID --value tickerbox)/cmdline")?;
        ensure!(line.contains("--volatile"), "it runs as {line}");
        let told = board.sh("journalctl -b -o cat --no-pager | grep -c 'data partition cannot be used'")?;
        Ok(format!("/data lies in memory; told {told} times in the journal"))
    });
    drop(board);
}
