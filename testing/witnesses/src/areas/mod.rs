//! The witnesses, one file an area.

mod accounts;
mod groups;
mod jmessage;
mod messages;
mod rooms;

use crate::witness::Witness;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Witness> {
    [accounts::WITNESSES, groups::WITNESSES, jmessage::WITNESSES, messages::WITNESSES, rooms::WITNESSES]
        .into_iter()
        .flatten()
}

/// The tables whose rows Easemob's protocol and REST API bring about.
mod tables {
    use conditions::Table;

    pub(super) const ALL_EASEMOB: &[Table] =
        &[Table::EasemobWindows, Table::AgoraIos, Table::EasemobIosLegacy];
    pub(super) const PRESENT: &[Table] = &[Table::EasemobWindows, Table::AgoraIos];
    pub(super) const WINDOWS: &[Table] = &[Table::EasemobWindows];
    pub(super) const LEGACY: &[Table] = &[Table::EasemobIosLegacy];
}
