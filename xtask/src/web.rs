//! `cargo xtask web`: the dashboard as files to embed.
//!
//! 1. build `frontend` for wasm32, 2. let wasm-bindgen write the JavaScript beside it, 3. name each file by its content,
//! 4. fill in `index.html`, 5. put a brotli and a gzip copy beside each file.
//!
//! Nothing but a Rust toolchain is needed: all of it comes as crates. There is no wasm-opt step on purpose; it saved 2 % of
//! the transfer, and an old one broke the module.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};

use words::Words;

use crate::process;

/// What browsers run.
const TARGET: &str = "wasm32-unknown-unknown";
/// Files and folders whose content decides what comes out.
const INPUTS: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "crates/wire",
    "crates/words",
    "frontend/Cargo.toml",
    "frontend/src",
    "frontend/web",
    "xtask/src/web.rs",
];

/// Builds the dashboard into `frontend/dist/` of the workspace, unless it is there and nothing changed since. Remove that
/// folder to have it built anew.
///
/// # Errors
/// When the wasm target cannot be had, the frontend does not compile, or a file cannot be written.
pub(crate) fn build() -> Result<()> {
    let root = process::root();
    let target = process::target_dir().join("web");
    let dist = root.join("frontend/dist");
    let stamp_path = target.join("stamp");
    let stamp = fingerprint(root)?;
    let is_fresh = dist.join("index.html").is_file() && fs::read_to_string(&stamp_path).is_ok_and(|old| old == stamp);
    if is_fresh {
        eprintln!("dashboard is up to date in frontend/dist");
        return Ok(());
    }
    ensure_target()?;
    compile(&target)?;
    let glue = bind(&target.join(TARGET).join("wasm-release/tickerbox-frontend.wasm"))?;
    let files = assemble(root, &glue)?;
    write(&dist, &files)?;
    fs::write(&stamp_path, stamp).with_context(|| format!("cannot write {}", stamp_path.display()))?;
    Ok(())
}

/// A digest over all that decides the result.
fn fingerprint(root: &Path) -> Result<String> {
    let mut paths = Vec::new();
    for input in INPUTS {
        collect(&root.join(input), &mut paths)?;
    }
    paths.sort();
    let mut digest = Sha256::new();
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        digest.update(path.to_string_lossy().as_bytes());
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    }
    Ok(hex(&digest.finalize()))
}

fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
            collect(&entry?.path(), into)?;
        }
    } else {
        into.push(path.to_owned());
    }
    Ok(())
}

fn ensure_target() -> Result<()> {
    match Command::new("rustup").args(["target", "add", TARGET]).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => bail!("rustup cannot add {TARGET}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(_) => {
            // Without rustup the target may have come another way: the compiler knows.
            let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("cannot run rustc")?;
            let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
            ensure!(
                sysroot.join("lib/rustlib").join(TARGET).is_dir(),
                "no {TARGET} target: install rustup (https://rustup.rs), or your distribution's package for that target"
            );
            Ok(())
        }
    }
}

/// Into a folder of its own, so that this build and one for the host do not wait for each other.
fn compile(target: &Path) -> Result<()> {
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let sources = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(home).map(|cargo| cargo.join("registry/src"));
    // Where the crates lie on this machine is nobody's business, and would make another file of the same sources.
    let remap = sources.map(|sources| {
        let flag = format!("--remap-path-prefix={}=", sources.display());
        format!("target.{TARGET}.rustflags=[{flag:?}]")
    });
    let status = process::cargo()
        .current_dir(process::root())
        .args(["build", "--package", "tickerbox-frontend", "--bin", "tickerbox-frontend"])
        .args(remap.iter().flat_map(|remap| ["--config", remap]))
        .args(["--target", TARGET, "--profile", "wasm-release", "--target-dir"])
        .arg(target)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the dashboard does not compile");
    Ok(())
}

/// The module and its JavaScript.
struct Glue {
    wasm: Vec<u8>,
    script: String,
}

fn bind(wasm: &Path) -> Result<Glue> {
    let folder = wasm.with_file_name("bound");
    wasm_bindgen_cli_support::Bindgen::new()
        .input_path(wasm)
        .out_name("app")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&folder)
        .context("wasm-bindgen failed")?;
    let script = fs::read_to_string(folder.join("app.js")).context("wasm-bindgen wrote no app.js")?;
    let wasm = fs::read(folder.join("app_bg.wasm")).context("wasm-bindgen wrote no app_bg.wasm")?;
    Ok(Glue { wasm, script })
}

/// A file of the result: its path below `dist/` and its content.
type File = (String, Vec<u8>);

fn assemble(root: &Path, glue: &Glue) -> Result<Vec<File>> {
    let web = root.join("frontend/web");
    let read = |name: &str| {
        let path = web.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    let (mut page, mut manifest) = (read("index.html")?, read("manifest.webmanifest")?);
    let mut files: Vec<File> = Vec::new();
    let mut place = |text: &mut String, name: &str, content: &[u8]| -> Result<()> {
        let (mark, address) = (format!("{{{{{name}}}}}"), hashed(name, content));
        ensure!(text.contains(&mark), "nothing mentions {mark}");
        *text = text.replace(&mark, &format!("/{address}"));
        if files.iter().all(|(known, _)| *known != address) {
            files.push((address, content.to_vec()));
        }
        Ok(())
    };
    let wasm = hashed("app.wasm", &glue.wasm);
    // The script starts the module itself, so that the page needs no inline script.
    let start = read("start.js")?.replace("{{app.wasm}}", &format!("/{wasm}"));
    let script = format!("{}\n{start}", without_comments(&glue.script));
    place(&mut page, "app.wasm", &glue.wasm)?;
    place(&mut page, "app.js", script.as_bytes())?;
    for name in ["style.css", "theme.js", "icon.svg"] {
        place(&mut page, name, without_comments(&read(name)?).as_bytes())?;
    }
    let picture = |name: &str| fs::read(web.join(name)).with_context(|| format!("cannot read {name}"));
    place(&mut page, "icon-192.png", &picture("icon-192.png")?)?;
    place(&mut manifest, "icon-192.png", &picture("icon-192.png")?)?;
    place(&mut manifest, "icon-512.png", &picture("icon-512.png")?)?;
    place(&mut page, "manifest.webmanifest", manifest.as_bytes())?;
    ensure!(!page.contains("{{") && !manifest.contains("{{"), "a file is mentioned that does not exist");
    for (code, words) in languages(&web)? {
        let packed = words.packed();
        let list = hashed(&format!("words-{code}.txt"), packed.as_bytes());
        let link = format!("<link id=\"words\" rel=\"preload\" href=\"/{list}\" as=\"fetch\" crossorigin>\n</head>");
        let page = page.replace("lang=\"en\"", &format!("lang=\"{code}\"")).replace("</head>", &link);
        files.push((list, packed.into_bytes()));
        files.push((format!("index.{code}.html"), told(&words, &page).into_bytes()));
    }
    files.push(("index.html".into(), page.into_bytes()));
    Ok(files)
}

/// The word lists, each with the code of its language.
fn languages(web: &Path) -> Result<Vec<(String, Words)>> {
    let folder = web.join("words");
    let mut lists = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let code = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let words = Words::read(&text).with_context(|| format!("cannot use {}", path.display()))?;
        lists.push((code, words));
    }
    lists.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(lists)
}

/// A page with its texts in a language. It has few, each between `>` and `<`.
fn told(words: &Words, page: &str) -> String {
    let mut parts = page.split('>');
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (text, tag) = part.split_once('<').unwrap_or((part, ""));
        let said = if words.knows(text) { words.say(text) } else { text.to_owned() };
        told.push_str(&format!(">{said}{}{tag}", if part.contains('<') { "<" } else { "" }));
    }
    told
}

/// A text without its lines that are comments alone, and without indentation: nobody reads it in the browser.
fn without_comments(text: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let begins = line.starts_with("/*");
        let is_comment = is_inside || begins || line.starts_with("//");
        is_inside = (is_inside || begins) && !line.ends_with("*/");
        if !is_comment && !line.is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// `app.js` with this content lives at `assets/app-<hash>.js`.
fn hashed(name: &str, content: &[u8]) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "bin"));
    let digest = hex(&Sha256::digest(content));
    format!("assets/{stem}-{}.{extension}", &digest[..16])
}

/// Whether browsers fetch a file only for another language than English.
fn is_of_another_language(name: &str) -> bool {
    name.starts_with("assets/words-") || (name.starts_with("index.") && name != "index.html")
}

/// Writes all files beside the old folder and then takes its place, so that a failure leaves the old one whole.
fn write(dist: &Path, files: &[File]) -> Result<()> {
    let scratch = dist.with_file_name("dist.new");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(scratch.join("assets"))?;
    let mut transfer = 0;
    for (name, content) in files {
        let brotli = brotli(content)?;
        let gzip = gzip(content)?;
        eprintln!("{name:<34} {:>8} bytes, brotli {:>7}, gzip {:>7}", content.len(), brotli.len(), gzip.len());
        if !is_of_another_language(name) {
            transfer += brotli.len();
        }
        for (suffix, bytes) in [("", content), (".br", &brotli), (".gz", &gzip)] {
            let path = scratch.join(format!("{name}{suffix}"));
            fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    if dist.exists() {
        fs::remove_dir_all(dist).with_context(|| format!("cannot remove {}", dist.display()))?;
    }
    fs::rename(&scratch, dist).with_context(|| format!("cannot create {}", dist.display()))?;
    eprintln!("dashboard in frontend/dist: {transfer} bytes over the wire");
    Ok(())
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams { quality: 11, lgwin: 22, ..Default::default() };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut packed, &params)?;
    Ok(packed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_not_sent() {
        let text = "/* One file. */\na {\n  b: c; /* kept */\n}\n/**\n * @returns\n */\n  // why\n  f();\n";
        assert_eq!(without_comments(text), "a {\nb: c; /* kept */\n}\nf();\n");
    }

    #[test]
    fn a_page_is_told_in_a_language() {
        let words = Words::read("Loading\n  Es lädt\n").expect("a good list");
        let page = "<p id=\"a\">Loading</p>\n<b>Tickerbox</b>";
        assert_eq!(told(&words, page), "<p id=\"a\">Es lädt</p>\n<b>Tickerbox</b>");
    }

    #[test]
    fn names_follow_the_content() {
        assert_eq!(hashed("app.js", b""), "assets/app-e3b0c44298fc1c14.js");
        assert_ne!(hashed("app.js", b"a"), hashed("app.js", b"b"));
    }

    #[test]
    fn packed_files_hold_the_content() {
        let content = b"same same same same same same".repeat(20);
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut &brotli(&content).expect("packs")[..], &mut unpacked).expect("unpacks");
        assert_eq!(unpacked, content);
        let mut unpacked = Vec::new();
        let packed = gzip(&content).expect("packs");
        std::io::copy(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked).expect("unpacks");
        assert_eq!(unpacked, content);
    }
}
