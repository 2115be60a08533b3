//! Groups and their members (msync.md 3.2).

use std::time::Duration;

use conditions::Operation;
use model::Username;
use serde_json::{Value, json};

use super::{Page, call, cursor, flag, joined, list, malformed, names, number, part, text, user};
use crate::checks::{self, Fetch};
use crate::core::Method;
use crate::storage::{ENDLESS, Write};
use crate::{Client, Conversation, Error, GroupId, Result};

/// A group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGroup {
    /// An id of the app's own choice; `None`: the server draws one.
    pub id: Option<GroupId>,
    pub name: String,
    pub description: String,
    /// Without the owner, who is whoever makes it.
    pub members: Vec<Username>,
    /// Others find it, and may ask to be let in.
    pub is_public: bool,
    /// Who asks to be let in needs a yes.
    pub needs_approval: bool,
    /// Members too may invite.
    pub members_invite: bool,
    /// Who is invited is asked first.
    pub asks_invited: bool,
    /// Room for so many; `None`: as the app has it.
    pub size: Option<u32>,
}

impl NewGroup {
    /// A private one, whose members are put in without being asked.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            id: None,
            name: name.into(),
            description: String::new(),
            members: Vec::new(),
            is_public: false,
            needs_approval: true,
            members_invite: false,
            asks_invited: false,
            size: None,
        }
    }
}

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    pub id: GroupId,
    pub name: String,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDetails {
    pub id: GroupId,
    pub name: String,
    pub description: String,
    pub owner: Option<Username>,
    pub member_count: u64,
    pub size: u64,
    pub is_public: bool,
    pub needs_approval: bool,
    pub members_invite: bool,
    pub is_all_muted: bool,
    /// Its messages are kept from this user, who wants none.
    pub is_shielded: bool,
    /// Nothing can be done in it at present.
    pub is_disabled: bool,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub user: Username,
    pub role: MemberRole,
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    Owner,
    Admin,
    Member,
}

impl MemberRole {
    /// Reads `{"owner": name}`, `{"admin": name}` or `{"member": name}`.
    fn of(entry: &Value, operation: Operation) -> Result<GroupMember> {
        let roles = [("owner", Self::Owner), ("admin", Self::Admin), ("member", Self::Member)];
        let known = roles.into_iter().find(|(key, _)| entry.get(key).is_some());
        let (key, role) = known.ok_or_else(|| malformed(operation))?;
        Ok(GroupMember { user: user(&entry[key], operation)?, role })
    }
}

// The group itself.
impl Client {
    /// Makes a group, whose owner this user is.
    ///
    /// # Errors
    /// [`crate::Condition::GroupFieldsInvalid`], [`crate::Condition::MemberNotRegistered`],
    /// [`crate::Condition::GroupQuotaExceeded`], [`crate::Condition::GroupIdTaken`] for an id that is taken, and what else the server has against it.
    pub async fn create_group(&self, new: &NewGroup) -> Result<GroupId> {
        let rows = self.rows();
        let operation = Operation::GroupCreate;
        self.told(self.checks().group_fields(Some(&new.name), Some(&new.description)))?;
        let mut body = json!({
            "groupname": new.name,
            "desc": new.description,
            "members": names(&new.members),
            "public": new.is_public,
            "approval": new.needs_approval,
            "allowinvites": new.members_invite,
            "invite_need_confirm": new.asks_invited,
        });
        if let Some(size) = new.size {
            body["maxusers"] = size.into();
        }
        if let Some(id) = &new.id {
            body["groupid"] = id.as_str().into();
        }
        let owner =
            self.user().ok_or_else(|| Error::new(crate::Condition::NotLoggedIn).with_operation(operation));
        body["owner"] = self.told(owner)?.as_str().into();
        let answer =
            self.call(call(operation, Method::Post, "/chatgroups?resource={device}").with(body)).await?;
        let id = self.told(group_id(&answer["data"]["groupid"], operation))?;
        rows.note(vec![Write::AddGroup { id: id.clone(), name: new.name.clone() }]).await;
        Ok(id)
    }

    /// A group.
    ///
    /// # Errors
    /// [`crate::Condition::GroupNotFound`], and what else the server has against it.
    pub async fn group(&self, group: &GroupId) -> Result<GroupDetails> {
        let operation = Operation::GroupGet;
        let answer =
            self.call(call(operation, Method::Get, format!("/chatgroups/{}", part(group.as_str())))).await?;
        let first = answer["data"].get(0).ok_or_else(|| malformed(operation));
        self.told(first.and_then(|group| details(group, operation)))
    }

    /// The groups that this user is in, `size` (1 to 20) a page, from page 0 on.
    ///
    /// # Errors
    /// [`crate::Condition::OperationInFlight`] while a page is being fetched, [`crate::Condition::ArgumentInvalid`] for
    /// another size, and what the server has against it.
    pub async fn joined_groups(&self, page: u32, size: u32) -> Result<Vec<GroupSummary>> {
        let rows = self.rows();
        let operation = Operation::GroupGet;
        self.told(checks::page(size, 20))?;
        let path = format!(
            "/chatgroups/user/{{me}}?pagenum={page}&pagesize={size}&needAffiliations=false&needRole=false"
        );
        let fetching = self.begin(Fetch::Groups)?;
        let answer = self.call(call(operation, Method::Get, path)).await;
        let groups = answer.and_then(|answer| self.told(summaries(&answer["entities"], operation)));
        if let Ok(groups) = &groups {
            let add =
                |group: &GroupSummary| Write::AddGroup { id: group.id.clone(), name: group.name.clone() };
            rows.note(groups.iter().map(add).collect()).await;
        }
        fetching.ended(groups)
    }

    /// Groups that others may find, at most `size` (1 to 50).
    ///
    /// # Errors
    /// [`crate::Condition::ArgumentInvalid`] for another size, and what the server has against it.
    pub async fn public_groups(&self, size: u32, after: Option<&str>) -> Result<Page<GroupSummary>> {
        let operation = Operation::GroupGet;
        self.told(checks::page(size, 50))?;
        let after = part(after.unwrap_or_default());
        let path = format!("/publicchatgroups?limit={size}&cursor={after}");
        let answer = self.call(call(operation, Method::Get, path)).await?;
        let entries = self.told(summaries(&answer["data"], operation))?;
        Ok(Page { entries, next: cursor(&answer["cursor"]) })
    }

    /// Changes the name or description; `None` stays.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn update_group(
        &self,
        group: &GroupId,
        name: Option<&str>,
        description: Option<&str>,
    ) -> Result<()> {
        let rows = self.rows();
        self.told(self.checks().group_fields(name, description))?;
        let text = |text: Option<&str>| text.map(Value::from);
        let body = super::object([("groupname", text(name)), ("description", text(description))]);
        self.group_call(group, Operation::GroupUpdate, Method::Put, "", Some(body)).await?;
        if let Some(name) = name {
            rows.note(vec![Write::AddGroup { id: group.clone(), name: name.to_owned() }]).await;
        }
        Ok(())
    }

    /// Hands the group to another member.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn hand_over_group(&self, group: &GroupId, owner: &Username) -> Result<()> {
        let body = json!({ "newowner": owner.as_str() });
        self.group_call(group, Operation::GroupUpdate, Method::Put, "", Some(body)).await
    }

    /// Ends the group for everybody.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn destroy_group(&self, group: &GroupId) -> Result<()> {
        let rows = self.rows();
        self.group_call(group, Operation::GroupDestroy, Method::Delete, "", None).await?;
        rows.note(vec![Write::DropGroup { id: group.clone(), since: ENDLESS }]).await;
        Ok(())
    }

    /// Leaves the group.
    ///
    /// # Errors
    /// [`crate::Condition::GroupOwnerCannotLeave`], and what else the server has against it.
    pub async fn leave_group(&self, group: &GroupId) -> Result<()> {
        let rows = self.rows();
        self.group_call(group, Operation::GroupExit, Method::Delete, "/quit", None).await?;
        rows.note(vec![Write::DropGroup { id: group.clone(), since: ENDLESS }]).await;
        Ok(())
    }

    /// Joins a public group, or asks to be let in where that needs a yes.
    ///
    /// # Errors
    /// [`crate::Condition::AlreadyInGroup`], [`crate::Condition::GroupFull`], [`crate::Condition::GroupNotPublic`], and what
    /// else the server has against it.
    pub async fn join_group(&self, group: &GroupId, reason: &str) -> Result<()> {
        let body = json!({ "message": reason });
        self.group_call(group, Operation::GroupJoin, Method::Post, "/apply", Some(body)).await
    }

    /// Comes into an open group at once. One that takes members on application refuses that: [`Client::join_group`] asks.
    ///
    /// # Errors
    /// [`crate::Condition::GroupJoinNeedsApproval`], and as [`Client::join_group`].
    pub async fn come_into_group(&self, group: &GroupId) -> Result<()> {
        self.group_call(group, Operation::GroupJoin, Method::Post, "/users/{me}", None).await
    }

    /// Keeps the group's messages away, or lets them come again.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn shield_group(&self, group: &GroupId, shield: bool) -> Result<()> {
        let rows = self.rows();
        let method = if shield { Method::Post } else { Method::Delete };
        self.group_call(group, Operation::GroupShield, method, "/shield", None).await?;
        let conversation = Conversation::Group(group.clone());
        rows.note(vec![match shield {
            true => Write::Unheard { conversation, since: ENDLESS },
            false => Write::Heard { conversation },
        }])
        .await;
        Ok(())
    }

    /// The announcement; may be empty.
    ///
    /// # Errors
    /// What the server has against it.
    pub async fn announcement(&self, group: &GroupId) -> Result<String> {
        let operation = Operation::GroupGet;
        let path = format!("/chatgroups/{}/announcement", part(group.as_str()));
        let answer = self.call(call(operation, Method::Get, path)).await?;
        self.told(text(&answer["data"]["announcement"], operation).map(str::to_owned))
    }

    /// Writes the announcement.
    ///
    /// # Errors
    /// [`crate::Condition::AnnouncementTooLong`], [`crate::Condition::GroupPermissionDenied`], and what else the server has
    /// against it.
    pub async fn announce(&self, group: &GroupId, announcement: &str) -> Result<()> {
        let body = json!({ "announcement": announcement });
        self.group_call(group, Operation::GroupAnnounce, Method::Post, "/announcement", Some(body)).await
    }

    async fn group_call(
        &self,
        group: &GroupId,
        operation: Operation,
        method: Method,
        rest: &str,
        body: Option<Value>,
    ) -> Result<()> {
        let path = format!("/chatgroups/{}{rest}?version=v3&resource={{device}}", part(group.as_str()));
        let mut call = call(operation, method, path);
        call.body = body;
        self.call(call).await.map(drop)
    }
}

// Its members.
impl Client {
    /// The members, `size` (1 to 50) a page.
    ///
    /// # Errors
    /// [`crate::Condition::ArgumentInvalid`] for another size, [`crate::Condition::GroupNotFound`], and what else the server
    /// has against it.
    pub async fn group_members(
        &self,
        group: &GroupId,
        size: u32,
        after: Option<&str>,
    ) -> Result<Page<GroupMember>> {
        let operation = Operation::MemberList;
        self.told(checks::page(size, 50))?;
        let (group, after) = (part(group.as_str()), part(after.unwrap_or_default()));
        let path =
            format!("/chatgroups/{group}/users?limit={size}&cursor={after}&joined_time=true&version=v3");
        let answer = self.call(call(operation, Method::Get, path)).await?;
        let entries = list(&answer["data"], operation)
            .and_then(|entries| entries.iter().map(|entry| MemberRole::of(entry, operation)).collect());
        Ok(Page { entries: self.told(entries)?, next: cursor(&answer["cursor"]) })
    }

    /// Invites users.
    ///
    /// # Errors
    /// [`crate::Condition::MemberRepeated`], [`crate::Condition::GroupFull`], and what else the server has against it.
    pub async fn invite_to_group(&self, group: &GroupId, members: &[Username]) -> Result<()> {
        self.check_users(Operation::GroupInvite, members)?;
        let body = json!({ "usernames": names(members) });
        self.group_call(group, Operation::GroupInvite, Method::Post, "/invite", Some(body)).await
    }

    /// Puts users into the group, who are not asked where the group asks nobody.
    ///
    /// # Errors
    /// [`crate::Condition::MemberRepeated`], [`crate::Condition::MemberNotRegistered`], [`crate::Condition::GroupFull`],
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn add_to_group(&self, group: &GroupId, members: &[Username]) -> Result<()> {
        self.check_users(Operation::MemberAdd, members)?;
        let body = json!({ "usernames": names(members) });
        self.group_call(group, Operation::MemberAdd, Method::Post, "/users", Some(body)).await
    }

    /// Puts members out.
    ///
    /// # Errors
    /// [`crate::Condition::TargetNotMember`], [`crate::Condition::GroupPermissionDenied`], and what else the server has
    /// against it.
    pub async fn remove_members(&self, group: &GroupId, members: &[Username]) -> Result<()> {
        self.check_users(Operation::MemberRemove, members)?;
        let rest = format!("/users/{}", joined(members));
        self.group_call(group, Operation::MemberRemove, Method::Delete, &rest, None).await
    }

    /// Answers somebody who asks to be let in.
    ///
    /// # Errors
    /// [`crate::Condition::GroupApplicationInvalid`], and what else the server has against it.
    pub async fn answer_application(
        &self,
        group: &GroupId,
        applicant: &Username,
        accept: bool,
    ) -> Result<()> {
        let body = json!({ "applicant": applicant.as_str(), "verifyResult": accept, "reason": "" });
        self.group_call(group, Operation::GroupApplication, Method::Post, "/apply_verify", Some(body)).await
    }

    /// Answers an invitation to the group.
    ///
    /// # Errors
    /// As [`Client::answer_application`].
    pub async fn answer_invitation(&self, group: &GroupId, accept: bool) -> Result<()> {
        let operation = Operation::GroupApplication;
        let me =
            self.user().ok_or_else(|| Error::new(crate::Condition::NotLoggedIn).with_operation(operation));
        let body = json!({ "invitee": self.told(me)?.as_str(), "verifyResult": accept });
        self.group_call(group, operation, Method::Post, "/invite_verify", Some(body)).await
    }

    /// Makes a member an administrator, or no longer one.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn set_group_admin(&self, group: &GroupId, member: &Username, is_admin: bool) -> Result<()> {
        if is_admin {
            let body = json!({ "newadmin": member.as_str() });
            self.group_call(group, Operation::GroupAdmin, Method::Post, "/admin", Some(body)).await
        } else {
            let rest = format!("/admin/{member}");
            self.group_call(group, Operation::GroupAdmin, Method::Delete, &rest, None).await
        }
    }

    /// Takes members' word for so long; `None`: for ever.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn mute_members(
        &self,
        group: &GroupId,
        members: &[Username],
        time: Option<Duration>,
    ) -> Result<()> {
        self.check_users(Operation::Silence, members)?;
        let duration = time.map_or(-1, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX));
        let body = json!({ "usernames": names(members), "mute_duration": duration });
        self.group_call(group, Operation::Silence, Method::Post, "/mute", Some(body)).await
    }

    /// Gives it back.
    ///
    /// # Errors
    /// As [`Client::mute_members`].
    pub async fn unmute_members(&self, group: &GroupId, members: &[Username]) -> Result<()> {
        self.check_users(Operation::SilenceRemove, members)?;
        let rest = format!("/mute/{}", joined(members));
        self.group_call(group, Operation::SilenceRemove, Method::Delete, &rest, None).await
    }

    /// Takes everybody's word but the administrators' and the allow list's, or gives it back.
    ///
    /// # Errors
    /// As [`Client::mute_members`].
    pub async fn mute_group(&self, group: &GroupId, mute: bool) -> Result<()> {
        let (operation, method) = if mute {
            (Operation::Silence, Method::Post)
        } else {
            (Operation::SilenceRemove, Method::Delete)
        };
        self.group_call(group, operation, method, "/ban", None).await
    }

    /// Puts users on the group's block list, or takes them off. Who is put on it leaves the group.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn block_in_group(&self, group: &GroupId, users: &[Username], block: bool) -> Result<()> {
        self.check_users(Operation::GroupBlockAdd, users)?;
        if block {
            let body = json!({ "usernames": names(users) });
            self.group_call(group, Operation::GroupBlockAdd, Method::Post, "/blocks/users", Some(body)).await
        } else {
            let rest = format!("/blocks/users/{}", joined(users));
            self.group_call(group, Operation::GroupBlockRemove, Method::Delete, &rest, None).await
        }
    }

    /// Who is on it.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn blocked_in_group(&self, group: &GroupId) -> Result<Vec<Username>> {
        let operation = Operation::GroupGet;
        let path = format!("/chatgroups/{}/blocks/users", part(group.as_str()));
        let answer = self.call(call(operation, Method::Get, path)).await?;
        self.told(super::users(&answer["data"], operation))
    }

    /// Puts members on the allow list, or takes one off: they may speak while the others may not.
    ///
    /// # Errors
    /// [`crate::Condition::GroupPermissionDenied`], and what else the server has against it.
    pub async fn allow_in_group(&self, group: &GroupId, members: &[Username], allow: bool) -> Result<()> {
        self.check_users(Operation::AllowListAdd, members)?;
        if allow {
            let body = json!({ "usernames": names(members) });
            self.group_call(group, Operation::AllowListAdd, Method::Post, "/white/users", Some(body)).await
        } else {
            let rest = format!("/white/users/{}", joined(members));
            self.group_call(group, Operation::AllowListRemove, Method::Delete, &rest, None).await
        }
    }
}

/// The id of a group, as a text or a number.
fn group_id(value: &Value, operation: Operation) -> Result<GroupId> {
    let id = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|id| id.to_string()));
    id.and_then(|id| GroupId::parse(&id).ok()).ok_or_else(|| malformed(operation))
}

fn summaries(value: &Value, operation: Operation) -> Result<Vec<GroupSummary>> {
    // Three forms: of the joined ones in full, of version 3, and of before.
    let first = |entry: &Value, keys: &[&str]| {
        keys.iter().find_map(|key| entry.get(key).cloned()).unwrap_or_default()
    };
    let summary = |entry: &Value| {
        let id = group_id(&first(entry, &["groupId", "id", "groupid"]), operation)?;
        let name = first(entry, &["name", "groupname", "groupName"]);
        Ok(GroupSummary { id, name: name.as_str().unwrap_or_default().to_owned() })
    };
    list(value, operation)?.iter().map(summary).collect()
}

fn details(group: &Value, operation: Operation) -> Result<GroupDetails> {
    let affiliations = group["affiliations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let named = affiliations.iter().find_map(|entry| entry.get("owner")).or_else(|| group.get("owner"));
    Ok(GroupDetails {
        id: group_id(&group["id"], operation)?,
        name: group["name"].as_str().unwrap_or_default().to_owned(),
        description: group["description"].as_str().unwrap_or_default().to_owned(),
        owner: named.and_then(|owner| user(owner, operation).ok()),
        member_count: number(&group["affiliations_count"]).unwrap_or(0),
        size: number(&group["maxusers"]).unwrap_or(0),
        is_public: flag(&group["public"]),
        needs_approval: flag(&group["membersonly"]),
        members_invite: flag(&group["allowinvites"]),
        is_all_muted: flag(&group["mute"]),
        is_shielded: flag(&group["shieldgroup"]),
        is_disabled: flag(&group["disabled"]),
    })
}
