//! Input files: gzipped and plain ones are told apart by their content.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use anyhow::Context;
use flate2::bufread::MultiGzDecoder;

/// Longest line of a text input, bytes. Coinbase's largest real frame is below 2 MiB.
pub(super) const LINE_BYTES_MAX: usize = 32 << 20;
/// Largest body that is read whole, bytes.
pub(super) const BODY_BYTES_MAX: u64 = 256 << 20;

/// Opens `path`, unpacking it when it begins like a gzip file.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    anyhow::ensure!(!file.metadata().with_context(|| format!("cannot read {name}"))?.is_dir(), "{name} is a folder");
    let mut plain = BufReader::with_capacity(1 << 16, file);
    let head = plain.fill_buf().with_context(|| format!("cannot read {name}"))?;
    anyhow::ensure!(!head.is_empty(), "{name} is empty");
    if head.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(plain))))
    } else {
        Ok(Box::new(plain))
    }
}

/// Reads the whole of `path`, unpacked.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    open(path)?
        .take(BODY_BYTES_MAX + 1)
        .read_to_end(&mut body)
        .with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        body.len() as u64 <= BODY_BYTES_MAX,
        "{} is larger than {} MiB",
        path.display(),
        BODY_BYTES_MAX >> 20
    );
    Ok(body)
}

/// Calls `each` with every line of `path` and its number from 1, without the line end.
pub(super) fn for_each_line(path: &Path, mut each: impl FnMut(u64, &[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let name = path.display();
    let mut reader = open(path)?;
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        let read = read_line(&mut reader, &mut line).with_context(|| format!("{name}, line {number}"))?;
        if read == 0 {
            break;
        }
        anyhow::ensure!(
            line.len() <= LINE_BYTES_MAX,
            "{name}, line {number}: longer than {} MiB, no venue sends that",
            LINE_BYTES_MAX >> 20
        );
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        each(number, text).with_context(|| format!("{name}, line {number}"))?;
    }
    Ok(())
}

/// Reads up to and with the next line feed, but never much more than [`LINE_BYTES_MAX`].
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    reader.take(LINE_BYTES_MAX as u64 + 2).read_until(b'\n', line)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn lines_of(content: &[u8]) -> anyhow::Result<Vec<String>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("input");
        std::fs::write(&path, content)?;
        let mut lines = Vec::new();
        for_each_line(&path, |_, line| {
            lines.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn gzip_is_told_by_content() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"one\ntwo").unwrap();
        let expected = vec!["one".to_owned(), "two".to_owned()];
        assert_eq!(lines_of(&gz.finish().unwrap()).unwrap(), expected);
        assert_eq!(lines_of(b"one\r\ntwo\n").unwrap(), expected);
    }

    #[test]
    fn bad_files_are_named_with_their_line() {
        let long = vec![b'x'; LINE_BYTES_MAX + 5];
        let message = format!("{:#}", lines_of(&long).unwrap_err());
        assert!(message.contains("line 1: longer than 32 MiB"), "{message}");
        assert!(format!("{:#}", lines_of(b"").unwrap_err()).contains("is empty"));
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&[b'a'; 10_000]).unwrap();
        let whole = gz.finish().unwrap();
        assert!(lines_of(&whole[..whole.len() / 2]).is_err(), "a cut gzip file must not pass as a short one");
    }
}
