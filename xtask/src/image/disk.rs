//! Three partitions in one file, by a partition table that every board reads.

use std::fs::{self, File};
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use super::{BOOT_MIB, DATA_MIB, Plan, ROOT_MIB};

const MIB: u64 = 1 << 20;
/// Where the first partition begins: cards erase in blocks of 4 MiB.
const FIRST_MIB: u64 = 4;
/// The disk's own number, `TBIX`: fixed, so that the same recipe gives the same bytes.
const DISK_ID: u32 = 0x5442_4958;

struct Part {
    file: &'static str,
    kind: &'static str,
    size_mib: u64,
}

const PARTS: [Part; 3] = [
    Part { file: "boot.fat", kind: "c, bootable", size_mib: BOOT_MIB },
    Part { file: "root.ext4", kind: "83", size_mib: ROOT_MIB },
    Part { file: "data.ext4", kind: "83", size_mib: DATA_MIB },
];

/// Writes the image; what is zero takes no room on this machine.
pub(super) fn write(plan: &Plan, image: &Path) -> Result<()> {
    let mut out = File::create(image).with_context(|| format!("cannot write {}", image.display()))?;
    out.set_len((FIRST_MIB + PARTS.iter().map(|part| part.size_mib).sum::<u64>()) * MIB)?;
    partition(image)?;
    let mut start = FIRST_MIB;
    for part in &PARTS {
        let path = plan.work.join(part.file);
        let found = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        ensure!(found == part.size_mib * MIB, "{} has {found} bytes, not {} MiB", path.display(), part.size_mib);
        copy(&mut File::open(&path)?, &mut out, start * MIB)?;
        start += part.size_mib;
    }
    Ok(out.sync_all()?)
}

fn partition(image: &Path) -> Result<()> {
    let mut table = format!("label: dos\nlabel-id: {DISK_ID:#x}\n");
    let mut start = FIRST_MIB;
    for part in &PARTS {
        table += &format!("start={}, size={}, type={}\n", start * 2048, part.size_mib * 2048, part.kind);
        start += part.size_mib;
    }
    let mut sfdisk = Command::new("sfdisk")
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .arg("--quiet")
        .arg(image)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start sfdisk")?;
    sfdisk.stdin.take().context("sfdisk reads")?.write_all(table.as_bytes())?;
    ensure!(sfdisk.wait()?.success(), "sfdisk refused the partition table");
    Ok(())
}

fn copy(from: &mut File, to: &mut File, start: u64) -> Result<()> {
    let mut buffer = vec![0; MIB as usize];
    let mut at = start;
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        if buffer[..length].iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(at))?;
            to.write_all(&buffer[..length])?;
        }
        at += length as u64;
    }
}

/// Says in which partition two images differ, and by how many bytes.
pub(super) fn differences(one: &Path, other: &Path) -> Result<()> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let (mut a, mut b) = (vec![0; MIB as usize], vec![0; MIB as usize]);
    let mut parts = vec![("partition table".to_owned(), FIRST_MIB)];
    parts.extend(PARTS.iter().map(|part| (part.file.to_owned(), part.size_mib)));
    for (name, size_mib) in parts {
        let mut bytes = 0;
        for _ in 0..size_mib {
            one.read_exact(&mut a)?;
            other.read_exact(&mut b)?;
            bytes += a.iter().zip(&b).filter(|(a, b)| a != b).count();
        }
        println!("{name}: {bytes} bytes differ");
    }
    Ok(())
}
