//! What is measured: a server process of its own, with users who can log in.

use std::env;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use fixtures::{BackEnd, Device, Kith, ProcessFigures};
use tempfile::TempDir;

const APP: &str = "bench#app";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubjectKind {
    Kith,
    Relay,
}

impl SubjectKind {
    pub(crate) const ALL: [Self; 2] = [Self::Kith, Self::Relay];
    pub(crate) const NAMES: [&'static str; 2] = ["kith", "same-frames relay"];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

#[derive(Debug)]
enum Process {
    Kith { kith: Kith, _data: TempDir },
    Relay(Child),
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Subject {
    process: Process,
    pub(crate) address: SocketAddr,
    /// One device for each user.
    pub(crate) devices: Vec<Device>,
    /// The groups that the users are in, so many a group, in their order.
    pub(crate) groups: Vec<String>,
}

impl Subject {
    pub(crate) async fn start(kind: SubjectKind, binary: &Path, users: usize) -> Result<Self> {
        Self::start_in_groups(kind, binary, users, 1).await
    }

    /// A server whose users are in groups of `members`; of 1, in none.
    pub(crate) async fn start_in_groups(
        kind: SubjectKind,
        binary: &Path,
        users: usize,
        members: usize,
    ) -> Result<Self> {
        let names: Vec<String> = (0..users).map(|number| format!("user{number}")).collect();
        let device = |user: &String, token: String| Device {
            app_key: APP.to_owned(),
            user: user.clone(),
            resource: format!("webim_web_{user}"),
            token,
        };
        match kind {
            SubjectKind::Relay => {
                let (child, address) = start_relay(members)?;
                let devices = names.iter().map(|user| device(user, String::new())).collect();
                let groups = (0..users.div_ceil(members)).map(|number| format!("group{number}")).collect();
                Ok(Self { process: Process::Relay(child), address, devices, groups })
            }
            SubjectKind::Kith => {
                let folder = tempfile::tempdir()?;
                let kith = Kith::start(binary, &folder.path().join("data"), None, &[])?;
                let mut back_end = BackEnd::create(&kith, APP).await?;
                kith.command(&["app", "set", APP, "devices.per_class=1000"])?;
                back_end.register(&names).await?;
                let mut devices = Vec::with_capacity(users);
                for user in &names {
                    devices.push(device(user, back_end.user_token(user).await?));
                }
                let mut groups = Vec::new();
                for (number, users) in names.chunks(members).enumerate().filter(|_| members > 1) {
                    let name = format!("group{number}");
                    groups.push(back_end.create_group(&name, &users[0], &users[1..]).await?);
                }
                let address = kith.ports.http;
                Ok(Self { process: Process::Kith { kith, _data: folder }, address, devices, groups })
            }
        }
    }

    pub(crate) fn figures(&self) -> Result<ProcessFigures> {
        ProcessFigures::of(match &self.process {
            Process::Kith { kith, .. } => kith.pid(),
            Process::Relay(child) => child.id(),
        })
    }

    pub(crate) fn end(self) -> Result<()> {
        match self.process {
            Process::Kith { kith, .. } => kith.kill(),
            Process::Relay(mut child) => {
                child.kill()?;
                child.wait()?;
                Ok(())
            }
        }
    }
}

fn start_relay(members: usize) -> Result<(Child, SocketAddr)> {
    let arguments = ["relay".to_owned(), "--members".to_owned(), members.to_string()];
    let mut child = Command::new(env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("the relay's output is piped")?;
    BufReader::new(stdout).read_line(&mut line)?;
    Ok((child, line.trim().parse()?))
}
