//! strace, put onto a running server and taken off again: to see its system calls, or to let some of them fail.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

#[derive(Debug)]
pub(crate) struct Strace {
    child: Child,
}

impl Strace {
    /// Attaches to all threads of a process and waits until that is done. What it sees goes to `output`.
    ///
    /// # Errors
    /// When strace is not installed or may not trace.
    pub(crate) fn attach(pid: u32, output: &Path, arguments: &[&str]) -> Result<Self> {
        let mut child = Command::new("strace")
            .args(["-f", "-ttt", "-p", &pid.to_string(), "-o"])
            .arg(output)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("strace can't be started; install it with `apt-get install strace`")?;
        let mut said = BufReader::new(child.stderr.take().context("its errors are piped")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        if !line.contains(" attached") {
            said.read_to_string(&mut line)?;
            child.wait()?;
            bail!("strace can't trace the server: {line}");
        }
        // It names every new thread; nobody has to read that, but somebody must take it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(Self { child })
    }

    /// Takes it off; the server goes on undisturbed.
    ///
    /// # Errors
    /// When it can't be told to.
    pub(crate) fn detach(mut self) -> Result<()> {
        // It passes a SIGINT on to nobody when it was attached to a running process.
        kill_process(Pid::from_child(&self.child), Signal::INT)?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it ended, which it does when the server is gone.
    ///
    /// # Errors
    /// When it can't be asked.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // SIGKILL would leave the server stopped; SIGINT detaches first. A child that ended is no harm.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
            let _ = self.child.wait();
        }
    }
}
