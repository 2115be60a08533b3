//! Does what the state machine wants, with the SDK. Each command is a task of its own and ends with a [`Done`].
//!
//! Decides nothing about what is shown. Messages leave in the order in which they were written: the tasks of one thread
//! are first polled in the order of their birth, and the SDK sends what it is handed in order.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use client::media::{Family, FileRules, LocalFile, MediaKind};
use client::storage::{Page, Write};
use client::{
    Client, Condition, Content, Conversation, GroupId, HistoryOrder, MemberRole, NewGroup, NewMessage,
    Result, Username,
};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;

use crate::command::{Answer, Ask, Command, Done, HISTORY_PAGE, Refused, Secret};
use crate::profile::{InUse, Profile};

/// Rows that a conversation begins with.
const ROWS: usize = 50;
/// Groups on a page, and pages that are fetched.
const GROUPS: (u32, u32) = (20, 25);
/// Members on a page, and members that are fetched.
const MEMBERS: (u32, usize) = (50, 2_000);
const ROOMS: u32 = 100;
/// Threads that are listed.
const THREADS: u32 = 50;
/// Names that are tried for a file that is there already.
const NAMES_TRIED: u32 = 1_000;

/// The hands of the program.
pub(crate) struct Work {
    desk: Desk,
    pub(crate) tasks: JoinSet<()>,
    transfers: Vec<(u64, Weak<Notify>)>,
}

#[derive(Clone)]
struct Desk {
    client: Client,
    app: String,
    profile: Arc<Profile>,
    /// Whose data this process has taken.
    in_use: Arc<Mutex<Option<(String, InUse)>>>,
    done: mpsc::Sender<Done>,
}

impl Work {
    pub(crate) fn new(client: Client, app: String, profile: Profile, done: mpsc::Sender<Done>) -> Self {
        let desk = Desk { client, app, profile: Arc::new(profile), in_use: Arc::default(), done };
        Self { desk, tasks: JoinSet::new(), transfers: Vec::new() }
    }

    pub(crate) fn begin(&mut self, command: Command) {
        let desk = self.desk.clone();
        let cancel = Arc::new(Notify::new());
        self.transfers.retain(|(_, cancel)| cancel.strong_count() > 0);
        match &command {
            Command::Cancel(number) => {
                let known = self.transfers.iter().filter(|(known, _)| known == number);
                known.filter_map(|(_, cancel)| cancel.upgrade()).for_each(|cancel| cancel.notify_one());
                return;
            }
            Command::SendFile { number, .. } | Command::SaveFile { number, .. } => {
                self.transfers.push((*number, Arc::downgrade(&cancel)));
            }
            _ => {}
        }
        self.tasks.spawn(async move {
            if let Some(done) = Box::pin(desk.perform(command, &cancel)).await {
                // At the program's end nobody listens any more.
                drop(desk.done.send(done).await);
            }
        });
    }

    /// Does what is left to be done when the program ends.
    pub(crate) async fn finish(self, commands: impl Iterator<Item = Command>) {
        for command in commands.filter(|command| matches!(command, Command::KeepDraft { .. })) {
            Box::pin(self.desk.perform(command, &Notify::new())).await;
        }
        // What was begun last has not been polled yet; after this it is the SDK's, which keeps it.
        tokio::task::yield_now().await;
        self.desk.client.close().await;
    }
}

impl Desk {
    async fn perform(&self, command: Command, cancel: &Notify) -> Option<Done> {
        let client = &self.client;
        Some(match command {
            Command::LogIn { user, secret } => Done::LoggedIn(self.log_in(user, secret).await),
            Command::Register { user, secret } => Done::LoggedIn(self.register(user, secret).await),
            Command::Resume { user } => Done::LoggedIn(self.resume(&user).await),
            Command::LogOut => Done::LoggedOut(client.log_out().await),
            Command::List => Done::Listed(match client.storage() {
                Some(storage) => storage.conversations().await,
                None => Ok(Vec::new()),
            }),
            Command::Names => Done::Named(self.groups().await.unwrap_or_default()),
            Command::Open(conversation) => {
                let records = match client.storage() {
                    Some(storage) => storage.messages(conversation.clone(), Page::newest(ROWS)).await,
                    None => Ok(Vec::new()),
                };
                Done::Opened { conversation, records }
            }
            Command::History { conversation, after } => {
                let (order, size) = (HistoryOrder::NewestFirst, HISTORY_PAGE as u32);
                let page = client.history(&conversation, order, size, after.as_deref()).await;
                Done::Fetched { conversation, page }
            }
            Command::Send(message) => {
                Done::Sent { client_id: message.client_id, result: client.send(*message).await }
            }
            Command::SendFile { number, to, path } => match self.upload(number, to, path, cancel).await {
                Ok(message) => Done::Uploaded { number, message: Box::new(message) },
                Err(error) => Done::Transferred { number, result: Err(error) },
            },
            Command::SaveFile { number, content, to, name } => {
                let result = match Reserved::new(&to.unwrap_or_default(), &name) {
                    Ok(reserved) => self.save(number, &content, reserved, cancel).await,
                    Err(error) => Err(error),
                };
                Done::Transferred { number, result }
            }
            Command::Cancel(_) => return None,
            Command::MarkRead { conversation, receipts } => {
                let mut result = client.read_all(conversation.clone()).await;
                for message in receipts {
                    result = result.and(client.read(&message).await);
                }
                Done::MarkedRead { conversation, result }
            }
            Command::KeepDraft { conversation, text } => {
                if let Some(storage) = client.storage() {
                    // A draft that the disk does not take is no reason to disturb.
                    drop(storage.apply(vec![Write::Draft { conversation, text }]).await);
                }
                return None;
            }
            Command::Recall { conversation, id } => {
                let result = client.recall(id, conversation.clone()).await;
                Done::Recalled { conversation, id, result }
            }
            Command::Edit { conversation, id, text } => {
                let result = client.edit(id, conversation.clone(), Content::text(text.clone())).await;
                Done::Edited { conversation, id, text, result }
            }
            Command::Ask(ask) => Done::Answered(self.ask(ask).await),
        })
    }

    async fn log_in(&self, user: String, secret: Secret) -> std::result::Result<Username, Refused> {
        // As the SDK writes it: of one user there is one name.
        let user = client::username(&user).map_err(Refused::Error)?;
        let user = user.as_str();
        self.take(user).await?;
        let logged_in = match secret {
            Secret::Password(password) => self.client.log_in(user, &password).await,
            Secret::Token(token) => self.client.log_in_with_token(user, &token).await,
        };
        logged_in.map(|logged_in| logged_in.user).map_err(Refused::Error)
    }

    async fn register(&self, user: String, secret: Secret) -> std::result::Result<Username, Refused> {
        let Secret::Password(password) = &secret else { return self.log_in(user, secret).await };
        let name = client::username(&user).map_err(Refused::Error)?;
        // Before the user is made: it is of no use to a person who cannot log in here.
        self.take(name.as_str()).await?;
        match self.client.register(&user, password).await {
            Ok(()) => {
                drop(self.done.send(Done::Registered).await);
                self.log_in(user, secret).await
            }
            // By this person, if the answer of an earlier try was lost: the password tells.
            Err(error) if error.condition() == Condition::UserAlreadyExists => {
                match self.log_in(user, secret).await {
                    Err(Refused::Error(other)) if other.condition() == Condition::CredentialsWrong => {
                        Err(Refused::Error(error))
                    }
                    logged_in => logged_in,
                }
            }
            Err(error) => Err(Refused::Error(error)),
        }
    }

    async fn resume(&self, user: &str) -> std::result::Result<Username, Refused> {
        let user = match user {
            "" => self.client.resumable().await.ok_or(Refused::Nobody)?,
            named => client::username(named).map_err(Refused::Error)?,
        };
        self.take(user.as_str()).await?;
        match self.client.resume_as(user.as_str()).await {
            Ok(logged_in) => Ok(logged_in.user),
            // Refused without having asked anybody: no login is kept.
            Err(error) if error.condition() == Condition::NotLoggedIn && error.trace_id().is_none() => {
                Err(Refused::Nobody)
            }
            Err(error) => Err(Refused::Error(error)),
        }
    }

    /// Takes the user's data for this process, and lets go of those of the user before.
    async fn take(&self, user: &str) -> std::result::Result<(), Refused> {
        let mut in_use = self.in_use.lock().await;
        if in_use.as_ref().is_none_or(|(known, _)| known != user) {
            *in_use = None;
            let taken = self.profile.take(&self.app, user).map_err(Refused::Words)?;
            *in_use = Some((user.to_owned(), taken));
        }
        Ok(())
    }

    async fn groups(&self) -> Result<Vec<(GroupId, String)>> {
        let (size, pages) = GROUPS;
        let mut groups = Vec::new();
        for page in 0..pages {
            let fetched = self.client.joined_groups(page, size).await?;
            let is_last = fetched.len() < size as usize;
            groups.extend(fetched.into_iter().map(|group| (group.id, group.name)));
            if is_last {
                break;
            }
        }
        Ok(groups)
    }

    async fn ask(&self, ask: Ask) -> Result<Answer> {
        let client = &self.client;
        let words = |words: String| Ok(Answer::Words(words));
        match ask {
            Ask::Contacts => {
                let contacts = client.contacts().await?;
                let row = |contact: client::Contact| match contact.note.as_str() {
                    "" => contact.user.as_str().to_owned(),
                    note => format!("{}  ({note})", contact.user),
                };
                let rows = contacts.into_iter().map(row).collect();
                Ok(Answer::List { title: "Contacts".to_owned(), rows })
            }
            Ask::InviteContact(user, reason) => {
                client.ask_contact(&user, &reason).await?;
                words(format!("{user} is asked"))
            }
            Ask::AcceptContact(user) => {
                client.accept_contact(&user).await?;
                words(format!("{user} is a contact now"))
            }
            Ask::DeclineContact(user) => {
                client.decline_contact(&user).await?;
                words(format!("{user} is told no"))
            }
            Ask::RemoveContact(user) => {
                client.remove_contact(&user).await?;
                words(format!("{user} is a contact no longer"))
            }
            Ask::Block(user) => {
                client.block_users(std::slice::from_ref(&user)).await?;
                words(format!("no more messages of {user} come"))
            }
            Ask::Unblock(user) => {
                client.unblock_users(std::slice::from_ref(&user)).await?;
                words(format!("messages of {user} come again"))
            }
            Ask::Groups => {
                let groups = self.groups().await?;
                let rows = groups.into_iter().map(|(id, name)| format!("{id}  {name}")).collect();
                Ok(Answer::List { title: "Your groups, /group ID opens one".to_owned(), rows })
            }
            Ask::MakeGroup(name, members) => {
                let new = NewGroup { members, ..NewGroup::named(name.clone()) };
                let group = client.create_group(&new).await?;
                let words = format!("the group {name} is made; its id is {group}");
                Ok(Answer::Opened { conversation: Conversation::Group(group), title: name, words })
            }
            Ask::JoinGroup(group) => {
                client.join_group(&group, "").await?;
                // Where that needs a yes, the name is not told before it is said.
                let title = client.group(&group).await.map(|group| group.name).unwrap_or_default();
                let words = "joined, or asked to be let in where that needs a yes".to_owned();
                Ok(Answer::Opened { conversation: Conversation::Group(group), title, words })
            }
            Ask::AcceptGroup(group) => {
                client.answer_invitation(&group, true).await?;
                let title = client.group(&group).await.map(|group| group.name).unwrap_or_default();
                let words = "you are in the group".to_owned();
                Ok(Answer::Opened { conversation: Conversation::Group(group), title, words })
            }
            Ask::Members(group) => self.members(group).await,
            Ask::Invite(group, users) => {
                client.invite_to_group(&group, &users).await?;
                words("invited".to_owned())
            }
            Ask::PutOut(group, users) => {
                client.remove_members(&group, &users).await?;
                words("put out".to_owned())
            }
            Ask::Rooms => {
                let rooms = client.rooms(1, ROOMS).await?;
                let row = |room: client::RoomSummary| {
                    format!("{}  {}  {} in it", room.id, room.name, room.member_count)
                };
                let rows = rooms.into_iter().map(row).collect();
                Ok(Answer::List { title: "Chat rooms, /room ID enters one".to_owned(), rows })
            }
            Ask::EnterRoom(room) => {
                let entry = client.enter_room(room.clone()).await?;
                let title = client.room(&room).await.map(|room| room.name).unwrap_or_default();
                let words = match entry.is_all_muted && !entry.is_on_allow_list {
                    true => format!("{} are in the room; nobody may speak now", entry.members),
                    false => format!("{} are in the room", entry.members),
                };
                Ok(Answer::Opened { conversation: Conversation::Room(room), title, words })
            }
            Ask::React(message, reaction) => {
                client.react(message, &reaction).await?;
                words(format!("{reaction} is on the message"))
            }
            Ask::Unreact(message, reaction) => {
                client.unreact(message, &reaction).await?;
                words(format!("{reaction} is on the message no longer"))
            }
            Ask::Presence(users) => {
                let states = client.presence(&users).await?;
                let rows = states.iter().map(presence).collect();
                Ok(Answer::List { title: "Who is there".to_owned(), rows })
            }
            Ask::Publish(text) => {
                client.publish_presence(&text).await?;
                words(format!("others see you as: {text}"))
            }
            Ask::Threads(group) => {
                let page = client.threads_of(&group, THREADS, None).await?;
                let rows = page.entries.into_iter().map(|thread| format!("{}  {}", thread.id, thread.name));
                let title = "Threads of the group, /thread ID opens one".to_owned();
                Ok(Answer::List { title, rows: rows.collect() })
            }
            Ask::MakeThread(group, message, name) => {
                let thread = client.create_thread(&group, message, &name).await?;
                let words = "the thread is there; what you write now stands in it".to_owned();
                Ok(Answer::Opened { conversation: Conversation::Group(thread), title: name, words })
            }
            Ask::JoinThread(thread) => {
                let title = match client.join_thread(&thread).await {
                    Ok(joined) => joined.name,
                    // Whoever is in it already only wants to see it.
                    Err(error) if error.condition() == client::Condition::AlreadyInGroup => {
                        client.thread(&thread).await?.name
                    }
                    Err(error) => return Err(error),
                };
                let words = "what you write now stands in the thread".to_owned();
                Ok(Answer::Opened { conversation: Conversation::Group(thread), title, words })
            }
            Ask::Leave(conversation) => {
                match &conversation {
                    Conversation::Group(group) => client.leave_group(group).await?,
                    Conversation::Room(room) => client.leave_room(room.clone()).await?,
                    Conversation::User(_) => {}
                }
                Ok(Answer::Left(conversation))
            }
        }
    }

    async fn members(&self, group: GroupId) -> Result<Answer> {
        let (size, limit) = MEMBERS;
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = self.client.group_members(&group, size, after.as_deref()).await?;
            rows.extend(page.entries.into_iter().map(|member| match member.role {
                MemberRole::Owner => format!("{}  owner", member.user),
                MemberRole::Admin => format!("{}  administrator", member.user),
                MemberRole::Member => member.user.as_str().to_owned(),
            }));
            after = page.next;
            if after.is_none() || rows.len() >= limit {
                break;
            }
        }
        Ok(Answer::List { title: format!("Members of group {group}"), rows })
    }

    async fn upload(
        &self,
        number: u64,
        to: Conversation,
        path: PathBuf,
        cancel: &Notify,
    ) -> Result<NewMessage> {
        let file = look_at(&path).await?;
        let mut transfer = self.client.upload(&file)?;
        while let Some((bytes, total)) = tokio::select! {
            progress = transfer.progress() => progress,
            () = cancel.notified() => { transfer.cancel(); None }
        } {
            drop(self.done.send(Done::Progress { number, bytes, total }).await);
        }
        let uploaded = transfer.finish().await?;
        Ok(NewMessage::file(to, &file, uploaded, 0))
    }

    async fn save(&self, number: u64, content: &Content, to: Reserved, cancel: &Notify) -> Result<PathBuf> {
        let mut transfer = self.client.download(content, &to.path)?;
        while let Some((bytes, total)) = tokio::select! {
            progress = transfer.progress() => progress,
            () = cancel.notified() => { transfer.cancel(); None }
        } {
            drop(self.done.send(Done::Progress { number, bytes, total }).await);
        }
        transfer.finish().await.map(|_| to.filled())
    }
}

/// How a user is shown, in a line.
fn presence(state: &client::PresenceState) -> String {
    let there = if state.is_online() { "is there" } else { "is not there" };
    match state.ext.as_str() {
        "" => format!("{}  {there}", state.user),
        text => format!("{}  {there}: {text}", state.user),
    }
}

/// A picture is sent as one, whatever it is called; anything else as a file, since how long a voice or film lasts is not
/// known here.
async fn look_at(path: &Path) -> Result<LocalFile> {
    let rules = FileRules::default();
    let file = LocalFile::look(path, MediaKind::File, &rules).await?;
    match file.format.family() {
        Family::Image => LocalFile::look(path, MediaKind::Image, &rules).await.or(Ok(file)),
        _ => Ok(file),
    }
}

/// The name of a file that is being saved: an empty file, which goes unless it is filled. So nothing else that is saved
/// meanwhile gets it.
#[derive(Debug)]
struct Reserved {
    path: PathBuf,
    is_filled: bool,
}

impl Reserved {
    /// Never over a file that is there.
    fn new(to: &Path, name: &str) -> Result<Self> {
        let is_here = to.as_os_str().is_empty();
        let path = if is_here || to.is_dir() { to.join(name) } else { to.to_owned() };
        let (stem, end) = (path.file_stem().unwrap_or_default(), path.extension());
        let numbered = |number: u32| {
            let mut name = stem.to_owned();
            name.push(format!(" ({number})"));
            if let Some(end) = end {
                name.push(".");
                name.push(end);
            }
            path.with_file_name(name)
        };
        let names = std::iter::once(path.clone()).chain((1..NAMES_TRIED).map(numbered));
        for path in names {
            match File::create_new(&path) {
                Ok(_) => return Ok(Self { path, is_filled: false }),
                Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
                Err(cause) => return Err(unwritable(&format!("{}: {}", path.display(), cause.kind()))),
            }
        }
        Err(unwritable(&format!("there are {NAMES_TRIED} files of the name {}", path.display())))
    }

    fn filled(mut self) -> PathBuf {
        self.is_filled = true;
        self.path.clone()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if !self.is_filled {
            // One that can't be removed is empty.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

fn unwritable(why: &str) -> client::Error {
    let error = client::Error::new(client::Condition::MediaDownloadFailed);
    error.with_detail(format!("the file cannot be written on this device: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_not_saved_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let first = Reserved::new(folder.path(), "cat.png").unwrap();
        assert_eq!(first.path, at("cat.png"));
        // Two that are saved at a time get two names.
        let second = Reserved::new(folder.path(), "cat.png").unwrap();
        assert_eq!(second.path, at("cat (1).png"));
        assert_eq!(Reserved::new(&at("cat.png"), "dog.png").unwrap().path, at("cat (2).png"));
        std::fs::write(at("plain"), "").unwrap();
        assert_eq!(Reserved::new(&at("plain"), "").unwrap().path, at("plain (1)"));
        assert!(Reserved::new(&at("missing/cat.png"), "").is_err());
        // What was not saved leaves nothing.
        drop(second);
        assert_eq!(first.filled(), at("cat.png"));
        assert_eq!((at("cat.png").exists(), at("cat (1).png").exists()), (true, false));
    }

    #[test]
    fn when_the_names_run_out_nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut taken = Vec::new();
        while let Ok(reserved) = Reserved::new(folder.path(), "x") {
            taken.push(reserved);
        }
        assert_eq!(taken.len(), NAMES_TRIED as usize);
    }

    #[tokio::test]
    async fn a_picture_is_known_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cat.png");
        std::fs::write(&path, "no picture").unwrap();
        assert_eq!(look_at(&path).await.unwrap().kind, MediaKind::File);
        let missing = look_at(&folder.path().join("missing")).await.unwrap_err();
        assert_eq!(missing.condition(), client::Condition::AttachmentNotFound);
    }
}
