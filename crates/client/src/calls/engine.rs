//! What makes sound and pictures flow.

use std::collections::VecDeque;
use std::fmt;

use domain::call::{CallId, Medium};
use model::Username;

/// What a user switches during a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    Microphone(bool),
    Loudspeaker(bool),
    Camera(bool),
    /// The other camera of the device.
    NextCamera,
}

impl Switch {
    pub(super) fn is_of_video(self) -> bool {
        matches!(self, Self::Camera(_) | Self::NextCamera)
    }
}

/// What an engine tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineNews {
    /// Media runs.
    Up(CallId),
    /// Media cannot be had, or broke.
    Failed(CallId),
    /// Nothing comes from somebody any more.
    PeerLost(Username),
}

/// The media of calls. Nothing of it waits: what takes time is told by [`CallEngine::poll_news`].
pub trait CallEngine: fmt::Debug + Send {
    /// Takes the devices that it needs.
    ///
    /// # Errors
    /// Why it cannot, in words: no permission, no microphone.
    fn start(&mut self) -> Result<(), String>;

    /// Gives them back.
    fn release(&mut self);

    /// Begins the media of a call.
    fn join(&mut self, call: CallId, medium: Medium);

    /// Ends them.
    fn leave(&mut self, call: CallId);

    /// Does what the user switched.
    fn switch(&mut self, switch: Switch);

    /// Shows somebody's picture in a view, which is a number of the app's own.
    fn show(&mut self, user: &Username, view: u64);

    /// The next piece of news.
    fn poll_news(&mut self) -> Option<EngineNews>;
}

/// An engine without media: what is joined is up at once.
#[derive(Debug, Default)]
pub struct LoopbackEngine {
    has_no_device: bool,
    has_no_path: bool,
    news: VecDeque<EngineNews>,
    joined: Option<(CallId, Medium)>,
    switched: Vec<Switch>,
    shown: Vec<(Username, u64)>,
}

impl LoopbackEngine {
    /// One that finds no microphone.
    pub fn without_device() -> Self {
        Self { has_no_device: true, ..Self::default() }
    }

    /// One whose media find no way through the network.
    pub fn without_path() -> Self {
        Self { has_no_path: true, ..Self::default() }
    }

    /// The call whose media run.
    pub fn joined(&self) -> Option<(CallId, Medium)> {
        self.joined
    }

    /// What was switched since the call began, in order.
    pub fn switched(&self) -> &[Switch] {
        &self.switched
    }

    /// Whose picture is shown where.
    pub fn shown(&self) -> &[(Username, u64)] {
        &self.shown
    }

    /// Loses somebody.
    pub fn lose(&mut self, user: Username) {
        self.news.push_back(EngineNews::PeerLost(user));
    }
}

impl CallEngine for LoopbackEngine {
    fn start(&mut self) -> Result<(), String> {
        if self.has_no_device { Err("there is no microphone".to_owned()) } else { Ok(()) }
    }

    fn release(&mut self) {
        self.joined = None;
        self.news.clear();
    }

    fn join(&mut self, call: CallId, medium: Medium) {
        self.joined = Some((call, medium));
        self.switched.clear();
        self.shown.clear();
        let news = if self.has_no_path { EngineNews::Failed(call) } else { EngineNews::Up(call) };
        self.news.push_back(news);
    }

    fn leave(&mut self, call: CallId) {
        self.joined = self.joined.filter(|(joined, _)| *joined != call);
    }

    fn switch(&mut self, switch: Switch) {
        self.switched.push(switch);
    }

    fn show(&mut self, user: &Username, view: u64) {
        self.shown.retain(|(_, other)| *other != view);
        self.shown.push((user.clone(), view));
    }

    fn poll_news(&mut self) -> Option<EngineNews> {
        self.news.pop_front()
    }
}
