//! `cargo xtask image`: what is flashed to a card, from Debian packages, the appliance and the recipe in `image/`.
//!
//! 1. build the appliance,
//! 2. let mmdebstrap install `packages.txt` for arm64 (`debian`),
//! 3. fetch what `payload.txt` names,
//! 4. let `image/assemble.sh` make the three partitions,
//! 5. put them into one file (`disk`),
//! 6. pack it, and write beside it its digest, what is in it (`sbom`) and what Raspberry Pi Imager wants to know (`manifest`).
//!
//! Steps 2 and 3 are kept in the target directory until the package lists change, or `--fresh` is given: what Debian offers
//! changes from day to day.

pub(crate) mod boot;
mod debian;
mod disk;
mod manifest;
mod sbom;
mod serial;
mod steps;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};

use crate::process::{self, run, succeeds};
use crate::{build, tools, update};

/// Sizes of the partitions, MiB. The root has room for about three times of what is in it today.
const BOOT_MIB: u64 = 256;
const ROOT_MIB: u64 = 640;
const DATA_MIB: u64 = 64;

/// Arguments of `cargo xtask image`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fetch and install all Debian packages again, instead of using those of the last time.
    #[arg(long)]
    fresh: bool,
    /// Where Debian's packages come from.
    #[arg(long, value_name = "URL", env = "TICKERBOX_DEBIAN_MIRROR", default_value = "http://deb.debian.org/debian")]
    mirror: String,
    /// Where Debian's security updates come from.
    #[arg(
        long,
        value_name = "URL",
        env = "TICKERBOX_DEBIAN_SECURITY_MIRROR",
        default_value = "http://deb.debian.org/debian-security"
    )]
    security_mirror: String,
    /// A program for aarch64 that was built already, instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Public key whose updates the box takes (`cargo xtask update-key`); without it the box takes none.
    #[arg(long, value_name = "FILE")]
    update_key: Option<PathBuf>,
    /// Folder of the result; `image` in the target directory without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where people will fetch the image, for the manifest of Raspberry Pi Imager; without it the file on this machine.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Make the partitions a second time, and compare every byte.
    #[arg(long)]
    twice: bool,
}

/// Everything a step may need.
struct Plan {
    /// The recipe.
    recipe: PathBuf,
    /// What comes and goes.
    work: PathBuf,
    /// Seconds since 1970 that everything is dated.
    epoch: u64,
    mirror: String,
    security_mirror: String,
    fresh: bool,
    /// Of updates.
    key: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        check_tools()?;
        let started = Instant::now();
        let program = match &self.program {
            Some(program) => fs::canonicalize(program).with_context(|| format!("cannot read {}", program.display()))?,
            None => build::appliance(Some(build::PI))?,
        };
        let plan = Plan {
            recipe: process::root().join("image"),
            work: process::target_dir().join("image/work"),
            epoch: build::commit_time()?,
            mirror: self.mirror.trim_end_matches('/').to_owned(),
            security_mirror: self.security_mirror.trim_end_matches('/').to_owned(),
            fresh: self.fresh,
            key: self.update_key.as_deref().map(update::public_key).transpose()?,
        };
        fs::create_dir_all(&plan.work)?;
        // Other paths than absolute ones mean something else inside a namespace.
        let plan = Plan { work: fs::canonicalize(&plan.work)?, ..plan };
        let out = self.out.clone().unwrap_or_else(|| process::target_dir().join("image"));
        fs::create_dir_all(&out)?;
        let packages = debian::fetch(&plan)?;
        plan.assemble(&program)?;
        let image = out.join(format!("{}.img", name()));
        disk::write(&plan, &image)?;
        if self.twice {
            plan.compare_again(&program, &image)?;
        }
        let packed = pack(&image)?;
        let (digest, packed_digest) = (digest(&image)?, self::digest(&packed)?);
        for (path, digest) in [(&image, &digest), (&packed, &packed_digest)] {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            fs::write(beside(path, "sha256"), format!("{digest}  {name}\n"))?;
        }
        fs::write(out.join(format!("{}.spdx.json", name())), sbom::spdx(&plan, &packages, &digest)?)?;
        let manifest = manifest::text(&plan, &image, &packed, [&digest, &packed_digest], self.url.as_deref())?;
        fs::write(out.join(format!("{}.json", name())), manifest)?;
        for path in [&image, &packed] {
            println!("{:>12} bytes  {}", fs::metadata(path)?.len(), path.display());
        }
        println!("made in {} s; the root was made {}", started.elapsed().as_secs(), plan.mode()?.text());
        Ok(())
    }
}

/// `tickerbox-VERSION`, without an ending.
pub(crate) fn name() -> String {
    format!("tickerbox-{}", env!("CARGO_PKG_VERSION"))
}

/// Who may own all files of a tree.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Root,
    Namespace,
}

impl Mode {
    fn text(self) -> &'static str {
        match self {
            Self::Root => "by this machine's root, because that is who asked for it",
            Self::Namespace => "in a user namespace, without any privilege",
        }
    }
}

impl Plan {
    fn mode(&self) -> Result<Mode> {
        if succeeds("sh", &["-c", "test $(id -u) -eq 0"]) {
            return Ok(Mode::Root);
        }
        let works = succeeds("unshare", &["--map-auto", "--map-root-user", "true"]);
        ensure!(
            works,
            "the image needs a range of user numbers for its files: sudo apt-get install uidmap, and a line for you in /etc/subuid and \
             /etc/subgid (sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER)"
        );
        Ok(Mode::Namespace)
    }

    /// Runs `image/assemble.sh`.
    fn assemble(&self, program: &Path) -> Result<()> {
        let script = self.recipe.join("assemble.sh");
        let mut command = match self.mode()? {
            Mode::Root => Command::new("sh"),
            Mode::Namespace => {
                let mut command = Command::new("unshare");
                command.args(["--map-auto", "--map-root-user", "--keep-caps", "sh"]);
                command
            }
        };
        command.arg(script).env("WORK", &self.work).env("RECIPE", &self.recipe).env("PROGRAM", program);
        command.env("VERSION", env!("CARGO_PKG_VERSION")).env("SOURCE_DATE_EPOCH", self.epoch.to_string());
        command.env("UPDATE_KEY", self.key.as_deref().unwrap_or(Path::new("")));
        for (name, size) in [("BOOT_MIB", BOOT_MIB), ("ROOT_MIB", ROOT_MIB), ("DATA_MIB", DATA_MIB)] {
            command.env(name, size.to_string());
        }
        // sysusers, depmod and mke2fs of users who are not root are often out of their way.
        let path = std::env::var("PATH").unwrap_or_default();
        run(command.env("PATH", format!("{path}:/usr/sbin:/sbin")))
    }

    fn compare_again(&self, program: &Path, image: &Path) -> Result<()> {
        let first = digest(image)?;
        self.assemble(program)?;
        let again = beside(image, "again");
        disk::write(self, &again)?;
        let second = digest(&again)?;
        if first == second {
            println!("made twice: the same bytes, {first}");
            return Ok(fs::remove_file(&again)?);
        }
        println!("made twice: NOT the same bytes; the second one is {}", again.display());
        disk::differences(image, &again)
    }
}

/// Explains all that is missing at once.
fn check_tools() -> Result<()> {
    const NEEDED: [(&str, &str); 16] = [
        ("mmdebstrap", "mmdebstrap"),
        ("mke2fs", "e2fsprogs"),
        ("debugfs", "e2fsprogs"),
        ("mkfs.vfat", "dosfstools"),
        ("mcopy", "mtools"),
        ("sfdisk", "fdisk"),
        ("depmod", "kmod"),
        ("cpio", "cpio"),
        ("zstd", "zstd"),
        ("xz", "xz-utils"),
        ("dpkg-deb", "dpkg"),
        ("apt-get", "apt"),
        ("systemctl", "systemd"),
        ("systemd-sysusers", "systemd"),
        ("unshare", "util-linux"),
        ("newuidmap", "uidmap"),
    ];
    tools::on_path(&NEEDED)?;
    ensure!(
        Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").exists(),
        "Debian's keys are missing; install them with: sudo apt-get install debian-archive-keyring"
    );
    if !cfg!(target_arch = "aarch64") {
        let known =
            ["qemu-aarch64", "aarch64"].iter().any(|name| Path::new("/proc/sys/fs/binfmt_misc").join(name).exists());
        ensure!(
            known,
            "programs for arm64 cannot be started here; install the emulator with: sudo apt-get install qemu-user-static \
             binfmt-support (where it is installed and this still says so: sudo mount -t binfmt_misc binfmt_misc \
             /proc/sys/fs/binfmt_misc && sudo update-binfmts --enable qemu-aarch64)"
        );
    }
    Ok(())
}

fn pack(image: &Path) -> Result<PathBuf> {
    let packed = beside(image, "zst");
    run(Command::new("zstd").args(["-q", "-12", "-T0", "--force", "-o"]).arg(&packed).arg(image))?;
    Ok(packed)
}

/// `NAME` to `NAME.ENDING`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

fn digest(path: &Path) -> Result<String> {
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    let mut file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => digest.update(&buffer[..length]),
        }
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The lines of a list in `image/` that say something.
fn lines(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    Ok(text.lines().map(line).filter(|line| !line.is_empty()).collect())
}
