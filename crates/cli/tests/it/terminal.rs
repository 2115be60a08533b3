//! A program in a terminal of its own, and what a person would see there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const ROWS: u16 = 30;
const COLUMNS: u16 = 100;

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// Killed when dropped.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    /// Kept, so that the terminal's modes can be looked at after the program's end.
    line: File,
    screen: Arc<Mutex<vt100::Parser>>,
}

impl Terminal {
    /// Starts a program in a new session, whose terminal this one is.
    pub(crate) fn start(program: &Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let line = File::from(rustix::fs::open(path.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap());
        let size = Winsize { ws_row: ROWS, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&line, size).unwrap();
        // Else the program would find the terminal of whoever runs the tests.
        let mut command = Command::new("setsid");
        command.args(["--ctty"]).arg(program.get_program()).args(program.get_args());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        for (name, _) in program.get_envs().filter(|(_, value)| value.is_none()) {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color").current_dir(program.get_current_dir().unwrap());
        let end = || line.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();

        let keyboard = File::from(master);
        let mut output = keyboard.try_clone().unwrap();
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(ROWS), cells(COLUMNS), 0)));
        let drawn = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                drawn.lock().unwrap().process(&bytes[..count]);
            }
        });
        Self { child, keyboard, line, screen }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn enter(&mut self, line: &str) {
        self.press(line);
        self.press("\r");
    }

    /// As if somebody had pulled at the window.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().set_size(cells(rows), cells(columns));
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.line, size).unwrap();
    }

    pub(crate) fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until all of it can be read.
    #[track_caller]
    pub(crate) fn shows(&self, words: &[&str]) {
        self.until(&format!("{words:?}"), |text| words.iter().all(|words| text.contains(words)));
    }

    #[track_caller]
    pub(crate) fn shows_no(&self, words: &str) {
        self.until(&format!("no {words:?}"), |text| !text.contains(words));
    }

    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "waits for another process")]
    fn until(&self, wanted: &str, reached: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text();
            if reached(&text) {
                return;
            }
            assert!(Instant::now() < deadline, "expected {wanted}, found:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal to the program itself.
    pub(crate) fn signal(&self, name: &str) {
        // `setsid` has become the program: it begins a process only where it leads a group.
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([format!("-{name}"), pid]).status().unwrap().success());
    }

    /// Waits for the end of the program: its exit status. The terminal must be as it was.
    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "waits for another process")]
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        };
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        let is_left = |parser: &vt100::Parser| {
            let screen = parser.screen();
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        };
        while !is_left(&self.screen.lock().unwrap()) {
            assert!(Instant::now() < deadline, "the terminal was not given back:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(20));
        }
        status.code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A failed test leaves no program behind; after its end this does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
