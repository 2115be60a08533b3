//! The witnesses, one file an area.

mod accounts;
mod calls;
mod checks;
mod contacts;
mod damage;
mod faults;
mod files;
mod groups;
mod jmessage;
mod messages;
mod pages;
mod push;
mod rooms;
mod sdk;
mod sessions;
mod storage;
mod stores;
mod words;

use crate::witness::Witness;

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Witness> {
    let areas = [
        accounts::WITNESSES,
        calls::WITNESSES,
        checks::WITNESSES,
        contacts::WITNESSES,
        damage::WITNESSES,
        faults::WITNESSES,
        files::WITNESSES,
        groups::WITNESSES,
        jmessage::WITNESSES,
        messages::WITNESSES,
        pages::WITNESSES,
        push::WITNESSES,
        rooms::WITNESSES,
        sdk::WITNESSES,
        sessions::WITNESSES,
        storage::WITNESSES,
        stores::WITNESSES,
        words::WITNESSES,
    ];
    areas.into_iter().flatten()
}

/// The tables whose rows Easemob's protocol and REST API bring about.
mod tables {
    use conditions::Table;

    pub(super) const ALL_EASEMOB: &[Table] =
        &[Table::EasemobWindows, Table::AgoraIos, Table::EasemobIosLegacy];
    pub(super) const PRESENT: &[Table] = &[Table::EasemobWindows, Table::AgoraIos];
    pub(super) const WINDOWS: &[Table] = &[Table::EasemobWindows];
    pub(super) const AGORA: &[Table] = &[Table::AgoraIos];
    pub(super) const AGORA_AND_LEGACY: &[Table] = &[Table::AgoraIos, Table::EasemobIosLegacy];
    pub(super) const LEGACY: &[Table] = &[Table::EasemobIosLegacy];
}
