//! What of the image is Debian's: an installed tree, and packages that are only unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use super::{Plan, lines};
use crate::process::run;

const SUITE: &str = "trixie";
const COMPONENTS: &str = "main non-free-firmware";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// What is in packages, and on a box for nobody; and data whose index would be built under emulation for minutes.
const LEFT_OUT: [&str; 6] = [
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
    "/usr/lib/udev/hwdb.d/*",
];

/// A Debian package in the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) architecture: String,
    pub(super) source: String,
}

/// Brings `base.tar` and `debs/` into the work folder, and tells what is in both.
pub(super) fn fetch(plan: &Plan) -> Result<Vec<Package>> {
    let key = key(plan)?;
    let stamp = plan.work.join("debian.stamp");
    let is_there = fs::read_to_string(&stamp).is_ok_and(|old| old == key);
    if plan.fresh || !is_there {
        let _ = fs::remove_file(&stamp);
        install(plan)?;
        unpacked(plan)?;
        fs::write(&stamp, key)?;
    } else {
        eprintln!("Debian's packages are those of the last time (--fresh fetches them again)");
    }
    let mut packages = installed(&plan.work.join("base.tar"))?;
    for deb in debs(plan)? {
        let fields = Command::new("dpkg-deb").args(["--field"]).arg(&deb).output()?;
        ensure!(fields.status.success(), "{} is no package", deb.display());
        packages.extend(paragraph(&String::from_utf8_lossy(&fields.stdout)));
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

/// What decides which packages come, but for the day.
fn key(plan: &Plan) -> Result<String> {
    let mut digest = Sha256::new();
    for name in ["packages.txt", "payload.txt"] {
        digest.update(lines(&plan.recipe.join(name))?.join("\n"));
    }
    for text in LEFT_OUT.iter().copied().chain([SUITE, COMPONENTS, &plan.mirror, &plan.security_mirror]) {
        digest.update(text);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn sources(plan: &Plan) -> Vec<String> {
    let line = |mirror: &str, suite: &str| format!("deb [signed-by={KEYRING}] {mirror} {SUITE}{suite} {COMPONENTS}");
    vec![
        line(&plan.mirror, ""),
        line(&plan.mirror, "-updates"),
        line(&plan.security_mirror, "-security"),
        line(&plan.mirror, "-backports"),
    ]
}

fn install(plan: &Plan) -> Result<()> {
    let packages = lines(&plan.recipe.join("packages.txt"))?.join(",");
    let base = plan.work.join("base.tar");
    let mut command = Command::new("mmdebstrap");
    command.args(["--mode=unshare", "--architectures=arm64", "--variant=essential"]);
    command.arg(format!("--include={packages}"));
    command.args(["--aptopt=APT::Install-Recommends \"false\"", "--dpkgopt=force-unsafe-io"]);
    command.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    command.args([SUITE.as_ref(), base.as_os_str()]).args(sources(plan));
    // In memory where there is room: thousands of small files come and go.
    if std::env::var_os("TMPDIR").is_none() && has_room(Path::new("/dev/shm")) {
        command.env("TMPDIR", "/dev/shm");
    }
    run(command.env("SOURCE_DATE_EPOCH", plan.epoch.to_string()))
}

fn has_room(path: &Path) -> bool {
    let free = Command::new("df").args(["--output=avail", "--block-size=1M"]).arg(path).output();
    let text = free.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().last().and_then(|free| free.trim().parse::<u64>().ok()).is_some_and(|free| free > 2_048)
}

/// Fetches the packages of `payload.txt` with the machine's own apt and an empty state, so that nothing of the machine but its
/// proxies counts.
fn unpacked(plan: &Plan) -> Result<()> {
    let folder = plan.work.join("debs");
    let apt = plan.work.join("apt");
    for dir in [&folder, &apt] {
        if dir.exists() {
            fs::remove_dir_all(dir)?;
        }
    }
    fs::create_dir_all(&folder)?;
    for part in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(part))?;
    }
    fs::write(apt.join("status"), "")?;
    fs::write(apt.join("sources.list"), sources(plan).join("\n") + "\n")?;
    run(tool("apt-get", &apt).arg("update"))?;
    let mut wanted = Vec::new();
    for line in lines(&plan.recipe.join("payload.txt"))? {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["kernel", name, suite] => wanted.extend(kernel(&apt, name, suite)?),
            [name, suite] => wanted.push(format!("{name}/{SUITE}-{}", suite.trim_start_matches("trixie-"))),
            [name] => wanted.push(name.to_owned()),
            _ => anyhow::bail!("payload.txt: `{line}` is not `NAME [SUITE]` or `kernel NAME SUITE`"),
        }
    }
    run(tool("apt-get", &apt).current_dir(&folder).arg("download").args(wanted))
}

fn tool(name: &str, apt: &Path) -> Command {
    let mut command = Command::new(name);
    for (key, path) in [
        ("Dir::State", "state"),
        ("Dir::State::status", "status"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::SourceList", "sources.list"),
    ] {
        command.arg("-o").arg(format!("{key}={}", apt.join(path).display()));
    }
    for option in [
        "Dir::Etc::SourceParts=/dev/null",
        "APT::Architecture=arm64",
        "APT::Architectures=arm64",
        "APT::Sandbox::User=root",
        "Acquire::Languages=none",
    ] {
        command.args(["-o", option]);
    }
    command
}

/// The packages with the files of the kernel that `name` of `suite` stands for today.
fn kernel(apt: &Path, name: &str, suite: &str) -> Result<Vec<String>> {
    let shown = tool("apt-cache", apt).args(["show", &format!("{name}/{suite}")]).output()?;
    let shown = String::from_utf8_lossy(&shown.stdout);
    let release = release(&shown).with_context(|| format!("{name} of {suite} names no kernel"))?;
    Ok(["base", "binary", "modules"].iter().map(|part| format!("linux-{part}-{release}")).collect())
}

/// `7.3.4+deb13-arm64` of what `linux-image-arm64` depends on.
fn release(shown: &str) -> Option<&str> {
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "))?;
    let package = depends.split(", ").find_map(|one| one.strip_prefix("linux-image-"))?;
    package.split_whitespace().next()
}

fn debs(plan: &Plan) -> Result<Vec<PathBuf>> {
    let mut debs = Vec::new();
    for entry in fs::read_dir(plan.work.join("debs"))? {
        debs.push(entry?.path());
    }
    debs.sort();
    Ok(debs)
}

/// What dpkg knows to be installed in the tree.
fn installed(base: &Path) -> Result<Vec<Package>> {
    let status = Command::new("tar").args(["-xOf"]).arg(base).arg("./var/lib/dpkg/status").output()?;
    ensure!(status.status.success(), "{} holds no package status", base.display());
    Ok(String::from_utf8_lossy(&status.stdout).split("\n\n").filter_map(paragraph).collect())
}

fn paragraph(text: &str) -> Option<Package> {
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(|value| value.trim().to_owned())
    };
    if field("Status").is_some_and(|status| !status.ends_with(" installed")) {
        return None;
    }
    let name = field("Package")?;
    let source = field("Source").and_then(|source| source.split(' ').next().map(str::to_owned));
    Some(Package {
        version: field("Version")?,
        architecture: field("Architecture")?,
        source: source.unwrap_or_else(|| name.clone()),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_dpkg_tells_them() {
        let text = "Package: libc6\nStatus: install ok installed\nSource: glibc (2.41-1)\nArchitecture: arm64\nVersion: 2.41-12";
        let package = paragraph(text).expect("is installed");
        assert_eq!(
            (package.name.as_str(), package.source.as_str(), package.version.as_str()),
            ("libc6", "glibc", "2.41-12")
        );
        assert_eq!(paragraph(&text.replace("ok installed", "ok config-files")), None);
        assert_eq!(paragraph(""), None);
    }

    #[test]
    fn the_kernel_of_today_is_named_by_its_meta_package() {
        let shown = "Package: linux-image-arm64\nDepends: linux-base-arm64 (= 7.3), linux-image-7.3.4+deb13-arm64 (= 7.3.4-1)\n";
        assert_eq!(release(shown), Some("7.3.4+deb13-arm64"));
        assert_eq!(release("Depends: kmod\n"), None);
    }
}
