//! An emulated board that runs the image: started, asked over a console and by HTTP, and pulled out of its socket.
//!
//! The console is systemd's debug shell, on a line of its own. It is there because the kernel's command line asks for it, which is
//! given from outside: the image has none.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// How long things may take that take no time on a board. Emulation on a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// How an emulated board starts.
pub(super) struct Start<'a> {
    /// Where kernel and initrd of the image lie.
    pub(super) work: &'a Path,
    pub(super) disk: &'a Path,
    /// Added to the kernel's command line.
    pub(super) options: &'a str,
    /// Everything the board writes to its console is added there.
    pub(super) log: &'a Path,
}

/// An emulated board. Dropping it pulls its plug.
pub(super) struct Machine {
    qemu: Child,
    folder: tempfile::TempDir,
    shell: Option<UnixStream>,
    port: u16,
    pub(super) started: Instant,
}

impl Machine {
    pub(super) fn start(start: &Start<'_>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let log = std::fs::OpenOptions::new().create(true).append(true).open(start.log)?;
        let disk = format!("if=none,id=disk,file={},format=raw,cache=writeback", start.disk.display());
        let append = format!(
            "console=ttyAMA0 root=LABEL=TBROOT ro fsck.repair=yes systemd.debug_shell=hvc0 systemd.show_status=no {}",
            start.options
        );
        ensure!(append.len() < 2_000, "the kernel's command line would be cut");
        let qemu = Command::new("qemu-system-aarch64")
            .args(["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1024", "-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(start.work.join("vmlinuz"))
            .arg("-initrd")
            .arg(start.work.join("initrd.img"))
            .args(["-append", &append, "-drive", &disk, "-device", "virtio-blk-pci,drive=disk"])
            .args(["-netdev", &format!("user,id=net,hostfwd=tcp:127.0.0.1:{port}-:80")])
            .args(["-device", "virtio-net-pci,netdev=net,romfile=", "-device", "virtio-rng-pci", "-serial", "stdio"])
            .args(["-device", "virtio-serial-pci", "-device", "virtconsole,chardev=shell", "-monitor", "none"])
            .args([
                "-chardev",
                &format!("socket,id=shell,path={},server=on,wait=off", folder.path().join("shell").display()),
            ])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start qemu-system-aarch64")?;
        Ok(Self { qemu, folder, shell: None, port, started: Instant::now() })
    }

    /// Pulls the plug: nothing is written any more.
    pub(super) fn pull(mut self) -> Result<()> {
        self.qemu.kill()?;
        self.qemu.wait()?;
        Ok(())
    }

    /// Waits until the board has switched itself off.
    pub(super) fn ended(mut self) -> Result<()> {
        let since = Instant::now();
        while self.qemu.try_wait()?.is_none() {
            ensure!(since.elapsed() < PATIENCE, "the board does not switch itself off");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// `GET` of the dashboard's port: status and body.
    pub(super) fn get(&mut self, path: &str) -> Result<(u16, String)> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port))?;
        socket.set_read_timeout(Some(Duration::from_secs(60)))?;
        write!(socket, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("{path} is not answered in HTTP"))?;
        Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
    }

    /// `/healthz` as JSON, when it is answered.
    pub(super) fn health(&mut self) -> Result<serde_json::Value> {
        let (_, body) = self.get("/healthz")?;
        // Answers of unknown length come in chunks; those of one piece have the object on a line.
        let start = body.find('{').context("/healthz is no JSON")?;
        let end = body.rfind('}').context("/healthz is no JSON")?;
        Ok(serde_json::from_str(&body[start..=end])?)
    }

    /// Asks again and again until there is an answer; an error after `limit`, or when the board is gone.
    pub(super) fn until<T>(&mut self, limit: Duration, mut ask: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        let since = Instant::now();
        loop {
            let error = match ask(self) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if let Some(status) = self.qemu.try_wait()? {
                bail!("the emulator ended: {status}");
            }
            if since.elapsed() > limit {
                return Err(error.context(format!("not within {} s", limit.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// What a command prints, when it ends with success.
    pub(super) fn sh(&mut self, command: &str) -> Result<String> {
        let (status, text) = self.ask(command)?;
        ensure!(status == 0, "`{command}` ended with {status}: {}", text.trim());
        Ok(text.trim().to_owned())
    }

    /// What a command prints, and its exit status.
    pub(super) fn ask(&mut self, command: &str) -> Result<(i32, String)> {
        if self.shell.is_none() {
            self.open_shell()?;
        }
        let shell = self.shell.as_mut().expect("opened above");
        // In base64 nothing of the terminal or of other writers can be taken for the answer.
        writeln!(shell, "t=$({{ {command}\n}} 2>&1); s=$?; echo \"[[$s:$(printf %s \"$t\" | base64 -w0)]]\"")?;
        let answer = read_until(shell, "]]", PATIENCE).with_context(|| format!("`{command}` is not answered"))?;
        let (_, answer) = answer.rsplit_once("[[").context("an answer begins with [[")?;
        let (status, text) = answer.trim_end_matches(']').split_once(':').context("an answer has a status")?;
        Ok((status.parse()?, String::from_utf8_lossy(&BASE64_STANDARD.decode(text)?).into_owned()))
    }

    fn open_shell(&mut self) -> Result<()> {
        let path = self.folder.path().join("shell");
        let since = Instant::now();
        let mut shell = loop {
            match UnixStream::connect(&path) {
                Ok(shell) => break shell,
                Err(error) if since.elapsed() > PATIENCE => return Err(error).context("the console does not open"),
                Err(_) => std::thread::sleep(Duration::from_millis(200)),
            }
        };
        // Without echo, prompt and editing of lines; asked for until somebody is there.
        while since.elapsed() < 2 * PATIENCE {
            writeln!(shell, "exec /bin/sh")?;
            writeln!(shell, "stty -echo; PS1=; PS2=; echo '[['hello']]'")?;
            if read_until(&mut shell, "[[hello]]", Duration::from_secs(10)).is_ok() {
                // What was written meanwhile is answered too.
                while read_until(&mut shell, "[[hello]]", Duration::from_secs(3)).is_ok() {}
                self.shell = Some(shell);
                return Ok(());
            }
        }
        bail!("no shell on the console")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn read_until(shell: &mut UnixStream, mark: &str, limit: Duration) -> Result<String> {
    let since = Instant::now();
    let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
    shell.set_read_timeout(Some(Duration::from_millis(200)))?;
    loop {
        match shell.read(&mut buffer) {
            Ok(0) => bail!("the console was closed"),
            Ok(length) => heard.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        if heard.windows(mark.len()).any(|window| window == mark.as_bytes()) {
            return Ok(String::from_utf8_lossy(&heard).trim().to_owned());
        }
        ensure!(since.elapsed() < limit, "nothing within {} s", limit.as_secs());
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
