//! A server on its data folder, with users in pairs who write to each other, and devices that saw nothing yet.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fixtures::{BackEnd, Device, Endpoint, Kith, MsyncClient, Ports};
use futures_util::future::join_all;
use tokio::task::block_in_place;

use crate::audit::audit;
use crate::history;
use crate::journal::used_bytes;
use crate::lab::Lab;
use crate::outbox::Outbox;
use crate::talker::Talker;

const APP: &str = "crash#box";
/// Devices of each user that log in once before the first message and acknowledge nothing: each can read the whole
/// history later, once.
const AUDITORS: usize = 3;
/// Sentences of a failed audit that are quoted.
const QUOTED: usize = 8;

#[derive(Debug)]
pub(crate) struct Site {
    binary: PathBuf,
    pub(crate) data: PathBuf,
    ports: Option<Ports>,
    flags: Vec<String>,
    users: Arc<Vec<User>>,
    kith: Option<Kith>,
    auditors_used: usize,
}

#[derive(Debug)]
struct User {
    name: String,
    token: String,
}

/// What an audit found right.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audited {
    pub(crate) acknowledged: usize,
    /// Entries in all conversations; those that were never acknowledged included.
    pub(crate) stored: usize,
}

impl Site {
    /// Starts a server on `data`, which is a new folder, and makes the users.
    ///
    /// # Errors
    /// When the server does not start or refuses.
    pub(crate) async fn found(lab: &Lab, data: PathBuf, users: usize, flags: Vec<String>) -> Result<Self> {
        ensure!(users.is_multiple_of(2), "users come in pairs");
        let mut site = Self {
            binary: lab.kith.clone(),
            data,
            ports: None,
            flags,
            users: Arc::default(),
            kith: None,
            auditors_used: 0,
        };
        site.start()?;
        let kith = site.kith()?;
        let mut back_end = BackEnd::create(kith, APP).await?;
        kith.command(&["app", "set", APP, "devices.per_class=100"])?;
        let names: Vec<String> = (0..users).map(|number| format!("user{number}")).collect();
        back_end.register(&names).await?;
        let mut users = Vec::with_capacity(names.len());
        for name in names {
            let token = back_end.user_token(&name).await?;
            users.push(User { name, token });
        }
        site.users = Arc::new(users);
        for user in 0..site.users.len() {
            for auditor in 0..AUDITORS {
                MsyncClient::log_in(site.address()?, site.device(user, &auditor_name(auditor))).await?;
            }
        }
        Ok(site)
    }

    /// The same users on a copy of the data. The server must not run.
    ///
    /// # Errors
    /// When a file can't be copied.
    pub(crate) fn copy(&self, to: PathBuf) -> Result<Self> {
        ensure!(self.kith.is_none(), "a running server's files can't be copied");
        copy_folder(&self.data, &to).with_context(|| format!("{} can't be made", to.display()))?;
        Ok(Self {
            binary: self.binary.clone(),
            data: to,
            ports: None,
            flags: self.flags.clone(),
            users: Arc::clone(&self.users),
            kith: None,
            auditors_used: self.auditors_used,
        })
    }

    /// Starts the server; from the second time on at the same addresses.
    ///
    /// # Errors
    /// [`fixtures::NotStarted`] among others.
    pub(crate) fn start(&mut self) -> Result<()> {
        self.start_with(&[])
    }

    pub(crate) fn start_with(&mut self, more: &[&str]) -> Result<()> {
        ensure!(self.kith.is_none(), "the server runs already");
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let kith = block_in_place(|| Kith::start(&self.binary, &self.data, self.ports, &flags))?;
        self.ports = Some(kith.ports);
        self.kith = Some(kith);
        Ok(())
    }

    /// Starts the server and kills it soon, in the middle of opening its data.
    pub(crate) fn kill_while_starting(&self, after: Duration) -> Result<()> {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        block_in_place(|| Kith::kill_while_starting(&self.binary, &self.data, self.ports, &flags, after))
    }

    pub(crate) fn kill(&mut self) -> Result<()> {
        self.kith.take().context("no server runs")?.kill()
    }

    /// SIGTERM, and the end. The exit status must be 0.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        let kith = self.kith.take().context("no server runs")?;
        let status = block_in_place(|| kith.terminate())?;
        ensure!(status.success(), "the server ended with {status} after SIGTERM");
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.kith.is_some()
    }

    pub(crate) fn pid(&self) -> Result<u32> {
        Ok(self.kith()?.pid())
    }

    pub(crate) fn address(&self) -> Result<SocketAddr> {
        Ok(self.ports()?.http)
    }

    fn ports(&self) -> Result<Ports> {
        self.ports.context("the server never ran")
    }

    /// What the server said of its health: the status of `/readyz` and its words.
    pub(crate) async fn readiness(&self) -> Result<(u16, String)> {
        fixtures::get(self.address()?, "/readyz").await
    }

    /// The server's log of all its lives.
    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.data.with_extension("log"))?)
    }

    /// One talker a user; each writes to the other of his pair, one over WebSocket, the other over TCP.
    pub(crate) fn talkers(&self, lab: &Lab, window: usize) -> Result<Vec<Talker>> {
        let talker = |user: usize| {
            let peer = &self.users[user ^ 1].name;
            let generator = lab.generator(&self.users[user].name);
            let Ports { http, tcp } = self.ports()?;
            let server = if user.is_multiple_of(2) { Endpoint::WebSocket(http) } else { Endpoint::Tcp(tcp) };
            Ok(Talker::new(server, self.device(user, "webim_web_phone"), peer, window, generator))
        };
        (0..self.users.len()).map(talker).collect()
    }

    /// Compares what was acknowledged with everything that the server has, and with what reached the devices.
    ///
    /// # Errors
    /// All that is wrong.
    pub(crate) async fn audit(&mut self, talkers: &mut [Talker]) -> Result<Audited> {
        let mut wrong: Vec<String> =
            talkers.iter_mut().flat_map(|talker| std::mem::take(&mut talker.violations)).collect();
        wrong.extend(drain(talkers).await);
        let outboxes: Vec<&Outbox> = talkers.iter().map(|talker| &talker.outbox).collect();
        let audited = self.audit_history(&outboxes, &mut wrong).await?;
        if wrong.is_empty() {
            return Ok(audited);
        }
        wrong.sort_by_key(|sentence| !sentence.starts_with("LOST"));
        let more = wrong.len().saturating_sub(QUOTED);
        wrong.truncate(QUOTED);
        bail!("{}{}", wrong.join("; "), if more > 0 { format!("; and {more} more") } else { String::new() });
    }

    /// What the histories lack of what was acknowledged, or have in another form.
    ///
    /// # Errors
    /// When they can't be read.
    pub(crate) async fn missing(&mut self, outboxes: &[&Outbox]) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        self.audit_history(outboxes, &mut wrong).await?;
        Ok(wrong)
    }

    async fn audit_history(&mut self, outboxes: &[&Outbox], wrong: &mut Vec<String>) -> Result<Audited> {
        ensure!(self.auditors_used < AUDITORS, "every device for reading the history was used");
        let auditor = auditor_name(self.auditors_used);
        self.auditors_used += 1;
        let server = self.address()?;
        let mut audited = Audited::default();
        for (pair, both) in outboxes.chunks(2).enumerate() {
            let &[one, other] = both else { bail!("a talker without peer") };
            let device = |side: usize| self.device(pair * 2 + side, &auditor);
            let histories = [
                history::read(server, &device(0), &other.sender).await,
                history::read(server, &device(1), &one.sender).await,
            ];
            audited.acknowledged += one.acknowledged().count() + other.acknowledged().count();
            match histories {
                [Ok(left), Ok(right)] => {
                    audited.stored += left.len();
                    wrong.extend(audit([one, other], [&left, &right]));
                }
                histories => {
                    wrong.extend(
                        histories.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")),
                    );
                }
            }
        }
        Ok(audited)
    }

    pub(crate) fn device(&self, user: usize, resource: &str) -> Device {
        let User { name, token } = &self.users[user];
        Device {
            app_key: APP.to_owned(),
            user: name.clone(),
            resource: resource.to_owned(),
            token: token.clone(),
        }
    }

    /// The first user's last auditor, which then should not be used for an audit.
    pub(crate) fn spare_auditor(&self) -> Device {
        self.device(0, &auditor_name(AUDITORS - 1))
    }

    fn kith(&self) -> Result<&Kith> {
        self.kith.as_ref().context("no server runs")
    }
}

/// Lets every device receive what was acknowledged to its peer; says what did not come.
async fn drain(talkers: &mut [Talker]) -> Vec<String> {
    let sent: Vec<HashSet<u64>> =
        talkers.iter().map(|talker| talker.outbox.acknowledged().map(|(_, id)| id).collect()).collect();
    let all = talkers.iter_mut().enumerate().map(|(user, talker)| talker.drain(&sent[user ^ 1]));
    let outcomes = join_all(all).await;
    outcomes.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect()
}

fn auditor_name(number: usize) -> String {
    format!("webim_web_audit{number}")
}

/// Journals are long and mostly zero: only what is written is copied, the length is kept.
fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
            continue;
        }
        let bytes = fs::read(entry.path())?;
        let used = used_bytes(&bytes);
        let mut file = File::create(&target)?;
        file.write_all(&bytes[..used])?;
        file.set_len(bytes.len() as u64)?;
        file.set_permissions(entry.metadata()?.permissions())?;
    }
    Ok(())
}
