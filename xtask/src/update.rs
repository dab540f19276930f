//! `cargo xtask update` and `cargo xtask update-key`: signed updates of the program (docs/updates.md).

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use ::update::file::{Terms, pack};
use ::update::{PublicKey, SecretKey, Version};
use anyhow::{Context as _, Result, ensure};

use crate::{build, process};

/// Longest key file, bytes.
const KEY_BYTES_MAX: u64 = 4_096;

/// Arguments of `cargo xtask update`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The secret key, as `cargo xtask update-key` makes it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A program that was built already; without it one for the image is built.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// For which machines it has to be: `aarch64` or `x86_64`. A program for others is not packed.
    #[arg(long, value_name = "ARCH", default_value = "aarch64")]
    arch: String,
    /// For how many days it may be installed.
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    valid_days: u16,
    /// Least version that it may be installed over.
    #[arg(long, value_name = "VERSION", default_value = "0.1.0")]
    from_version: Version,
    /// Folder of the result; `update` in the target directory without it.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Arguments of `cargo xtask update-key`.
#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    /// Folder that `NAME.secret` and `NAME.pub` go to. Nothing there is overwritten.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the key.
    #[arg(long, default_value = "update")]
    name: String,
}

impl Args {
    pub(crate) fn run(&self) -> Result<()> {
        let text = read_key(&self.key)?;
        let key = SecretKey::parse(&text).with_context(|| self.key.display().to_string())?;
        let program = match &self.program {
            Some(program) => program.clone(),
            None => build::appliance(Some(build::PI))?,
        };
        let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
        let terms = Terms {
            signed_at_s: i64::try_from(now_s)?,
            valid_days: self.valid_days,
            from_version: self.from_version.clone(),
        };
        let (manifest, file) = pack(&bytes, &terms, &key).with_context(|| program.display().to_string())?;
        let arch = manifest.arch.name();
        ensure!(arch == self.arch, "{}: is for {arch}, asked for is {}", program.display(), self.arch);
        let out = self.out.clone().unwrap_or_else(|| process::target_dir().join("update"));
        fs::create_dir_all(&out).with_context(|| out.display().to_string())?;
        let path = out.join(manifest.file_name());
        fs::write(&path, &file).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
        println!("{} bytes of {}, signed by {}, for {} days", file.len(), bytes.len(), key.public(), self.valid_days);
        for (name, format) in &manifest.formats {
            println!("{name:<12} writes {}, reads from {}", format.writes, format.reads_from);
        }
        Ok(())
    }
}

impl KeyArgs {
    pub(crate) fn run(&self) -> Result<()> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_name = !self.name.is_empty() && self.name.bytes().all(is_plain);
        ensure!(is_name, "the name {:?} is not plain: use letters, digits, '-' and '_'", self.name);
        let mut secret = [0; 32];
        // The kernel's own randomness.
        fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut secret)).context("/dev/urandom")?;
        let key = SecretKey::from_bytes(&secret);
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let file = |ending: &str| self.out.join(format!("{}.{ending}", self.name));
        write_new(&file("secret"), &key.to_text(&self.name), 0o600)?;
        write_new(&file("pub"), &key.public().to_text(&self.name), 0o644)?;
        println!("{}", key.public());
        println!("keep {} where nobody else reads it; boxes need {}", file("secret").display(), file("pub").display());
        Ok(())
    }
}

/// A file that holds a public key, by its whole path.
pub(crate) fn public_key(path: &Path) -> Result<PathBuf> {
    PublicKey::parse(&read_key(path)?).with_context(|| path.display().to_string())?;
    fs::canonicalize(path).with_context(|| path.display().to_string())
}

fn read_key(path: &Path) -> Result<String> {
    let mut text = String::new();
    let file = fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn write_new(path: &Path, text: &str, mode: u32) -> Result<()> {
    let told = || format!("cannot write {}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).with_context(told)?;
    file.write_all(text.as_bytes()).with_context(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_the_secret_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let args = KeyArgs { out: dir.path().join("keys"), name: "mine".to_owned() };
        args.run().unwrap();
        let secret = dir.path().join("keys/mine.secret");
        assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        let key = SecretKey::parse(&read_key(&secret).unwrap()).unwrap();
        let public = public_key(&dir.path().join("keys/mine.pub")).unwrap();
        assert_eq!(PublicKey::parse(&read_key(&public).unwrap()).unwrap(), key.public());
        assert!(public_key(&secret).is_err(), "an image must not hold the secret");
        assert!(format!("{:#}", args.run().unwrap_err()).contains("mine.secret"));
        let args = KeyArgs { out: dir.path().to_owned(), name: "../mine".to_owned() };
        assert!(args.run().unwrap_err().to_string().contains("not plain"));
    }
}
