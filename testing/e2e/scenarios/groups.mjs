// Groups: who comes and goes, who may do what, what is told, messages, receipts (msync.md 2.9 to 2.15, 3.2).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A group of `owner`'s, made with the official SDK. */
async function create(owner, options = {}) {
  const answer = await owner.connection.createGroupVNext({
    groupName: 'Friends', description: 'd', members: [], isPublic: true, needApprovalToJoin: false,
    allowMemberToInvite: false, inviteNeedConfirm: false, maxMemberCount: 200, ...options,
  });
  return answer.data.groupId ?? answer.data.groupid;
}

const say = (client, group, msg, more = {}) => client.send({ type: 'txt', chatType: 'groupChat', to: group, msg, ...more });
const event = (client, operation, matches = () => true) => client.next('onGroupEvent', (detail) => detail.operation === operation && matches(detail));

export default {
  async 'a group is created, found and written to on every device, once'(world) {
    const [alice, tablet, bob] = [await world.online('alice'), await world.online('alice'), await world.online('bob')];
    await world.register('carol');
    const group = await create(alice, { members: ['bob', 'carol'] });
    const joined = await event(bob, 'directJoined');
    assert.deepEqual([joined.id, joined.from, joined.name], [group, 'alice', 'Friends']);
    assert.equal((await event(tablet, 'create')).id, group);
    const sent = await say(alice, group, 'hello', { ext: { k: 1 } });
    for (const device of [tablet, bob]) {
      const got = await device.next('onTextMessage');
      assert.deepEqual([got.id, got.msg, got.from, got.to, got.chatType], [sent.serverMsgId, 'hello', 'alice', group, 'groupChat']);
    }
    const carol = world.client('carol');
    await carol.open({ pwd: 'carol' });
    assert.equal((await carol.next('onTextMessage')).msg, 'hello');
    await pause(200);
    assert.equal(alice.all('onTextMessage').length, 0);
    const info = (await bob.connection.getGroupInfo({ groupId: group })).data[0];
    assert.deepEqual([info.name, info.owner, info.affiliations_count], ['Friends', 'alice', 3]);
    const found = await carol.connection.getPublicGroups({ limit: 20, cursor: null });
    assert.equal(found.data[0].groupid, group);
    const mine = await bob.connection.getJoinedGroups({ pageNum: 0, pageSize: 20, needAffiliations: true, needRole: true });
    assert.equal(mine.entities[0].groupId, group);
  },

  async 'an invitation is accepted or declined'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { inviteNeedConfirm: true });
    await alice.connection.inviteUsersToGroup({ groupId: group, users: ['bob', 'carol'] });
    assert.equal((await event(bob, 'inviteToJoin')).name, 'Friends');
    await event(carol, 'inviteToJoin');
    await bob.connection.acceptGroupInvite({ invitee: 'bob', groupId: group });
    assert.equal((await event(alice, 'acceptInvite')).from, 'bob');
    assert.equal((await event(alice, 'memberPresence')).from, 'bob');
    await carol.connection.rejectGroupInvite({ invitee: 'carol', groupId: group });
    assert.equal((await event(alice, 'rejectInvite')).from, 'carol');
    assert.equal((await rejection(say(carol, group, 'x'))).type, 602);
    await say(bob, group, 'in');
    await alice.next('onTextMessage');
    const again = await rejection(alice.connection.inviteUsersToGroup({ groupId: group, users: ['bob'] }));
    assert.equal(again.type, 601);
  },

  async 'an application is accepted or declined'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { needApprovalToJoin: true });
    await bob.connection.joinGroup({ groupId: group, message: 'let me in' });
    const asked = await event(alice, 'requestToJoin');
    assert.deepEqual([asked.from, asked.reason], ['bob', 'let me in']);
    await alice.connection.acceptGroupJoinRequest({ applicant: 'bob', groupId: group });
    assert.equal((await event(bob, 'acceptRequest')).id, group);
    await carol.connection.joinGroup({ groupId: group, message: 'me too' });
    await event(alice, 'requestToJoin', (detail) => detail.from === 'carol');
    await alice.connection.rejectGroupJoinRequest({ applicant: 'carol', groupId: group, reason: 'no' });
    assert.equal((await event(carol, 'joinPublicGroupDeclined')).userId, 'carol');
    await say(alice, group, 'welcome');
    await bob.next('onTextMessage');
    assert.equal(carol.all('onTextMessage').length, 0);
  },

  async 'who leaves or is removed gets nothing more, and all are told'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { members: ['bob', 'carol'] });
    await event(carol, 'directJoined');
    await bob.connection.leaveGroup({ groupId: group });
    assert.equal((await event(alice, 'memberAbsence')).from, 'bob');
    await alice.connection.removeGroupMember({ groupId: group, username: 'carol' });
    assert.equal((await event(carol, 'removeMember')).id, group);
    await say(alice, group, 'alone');
    await pause(300);
    assert.equal(bob.all('onTextMessage').length + carol.all('onTextMessage').length, 0);
    assert.equal((await rejection(say(bob, group, 'x'))).type, 602);
    await bob.connection.joinGroup({ groupId: group, message: '' });
    await event(alice, 'memberPresence', (detail) => detail.from === 'bob');
    await say(alice, group, 'back');
    assert.equal((await bob.next('onTextMessage')).msg, 'back');
    await alice.connection.blockGroupMember({ groupId: group, username: 'bob' });
    await event(bob, 'removeMember');
    assert.equal((await rejection(bob.connection.joinGroup({ groupId: group, message: '' }))).type, 603);
    await alice.connection.unblockGroupMember({ groupId: group, username: 'bob' });
    await event(bob, 'unblockMember');
    const owner = await rejection(alice.connection.leaveGroup({ groupId: group }));
    assert.equal(owner.type, 603);
  },

  async 'mutes and the allow list hold and are told'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { members: ['bob', 'carol'] });
    await event(bob, 'directJoined');
    await alice.connection.muteGroupMember({ groupId: group, username: 'bob', muteDuration: 60_000 });
    const muted = await event(bob, 'muteMember');
    assert.equal(muted.userId, 'bob');
    assert.ok(Math.abs(muted.muteTimestamp - Date.now() - 60_000) < 10_000, String(muted.muteTimestamp));
    assert.equal((await rejection(say(bob, group, 'x'))).type, 507);
    const list = await alice.connection.getGroupMuteList({ groupId: group });
    assert.equal(list.data[0].user, 'bob');
    await alice.connection.unmuteGroupMember({ groupId: group, username: 'bob' });
    await event(bob, 'unmuteMember');
    await alice.connection.disableSendGroupMsg({ groupId: group });
    await event(carol, 'muteAllMembers');
    assert.equal((await rejection(say(bob, group, 'x'))).type, 506);
    await alice.connection.addUsersToGroupAllowlist({ groupId: group, users: ['bob'] });
    assert.equal((await event(bob, 'addUserToAllowlist')).userId, 'bob');
    await say(bob, group, 'heard');
    assert.equal((await carol.next('onTextMessage')).msg, 'heard');
    const listed = await bob.connection.isInGroupAllowlist({ groupId: group, userName: 'bob' });
    assert.equal(listed.data.white, true);
    await alice.connection.removeGroupAllowlistMember({ groupId: group, userName: 'bob' });
    await event(bob, 'removeAllowlistMember');
    await alice.connection.enableSendGroupMsg({ groupId: group });
    await event(carol, 'unmuteAllMembers');
  },

  async 'settings, admins, announcement and owner change and are told'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { members: ['bob', 'carol'] });
    await event(bob, 'directJoined');
    await alice.connection.modifyGroup({ groupId: group, groupName: 'New', description: 'other' });
    const updated = await event(bob, 'updateInfo');
    assert.deepEqual([updated.detail.name, updated.detail.description], ['New', 'other']);
    await alice.connection.setGroupAdmin({ groupId: group, username: 'bob' });
    assert.equal((await event(carol, 'setAdmin')).userId, 'bob');
    assert.deepEqual((await carol.connection.getGroupAdmin({ groupId: group })).data, ['bob']);
    await bob.connection.updateGroupAnnouncement({ groupId: group, announcement: 'hear this' });
    assert.equal((await event(carol, 'updateAnnouncement')).announcement, 'hear this');
    assert.equal((await carol.connection.fetchGroupAnnouncement({ groupId: group })).data.announcement, 'hear this');
    assert.equal((await rejection(carol.connection.updateGroupAnnouncement({ groupId: group, announcement: 'x' }))).type, 603);
    await alice.connection.removeGroupAdmin({ groupId: group, username: 'bob' });
    await event(carol, 'removeAdmin');
    await alice.connection.changeGroupOwner({ groupId: group, newOwner: 'bob' });
    await event(carol, 'changeOwner');
    assert.equal((await rejection(alice.connection.destroyGroup({ groupId: group }))).type, 603);
    await bob.connection.destroyGroup({ groupId: group });
    assert.equal((await event(carol, 'destroy')).id, group);
    assert.equal((await rejection(say(carol, group, 'x'))).type, 605);
  },

  async 'a message is taken back, acknowledged and directed'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const group = await create(alice, { members: ['bob', 'carol'] });
    await event(bob, 'directJoined');
    await event(carol, 'directJoined');
    const asks = await say(alice, group, 'read this', { msgConfig: { allowGroupAck: true } });
    const got = await bob.next('onTextMessage');
    await bob.send({ type: 'read', chatType: 'groupChat', id: got.id, to: group, ackContent: '{}' });
    const read = await alice.next('onReadMessage');
    assert.equal(Object.values(read.groupReadCount ?? {})[0], 1);
    const readers = await alice.connection.getGroupMsgReadUser({ groupId: group, msgId: asks.serverMsgId });
    assert.equal(readers.data.total, 1);
    await say(alice, group, 'psst', { receiverList: ['carol'] });
    await carol.next('onTextMessage', (message) => message.msg === 'psst');
    const many = Array.from({ length: 21 }, (_, index) => `u${index}`);
    assert.equal((await rejection(say(alice, group, 'x', { receiverList: many }))).type, 50);
    await alice.connection.recallMessage({ mid: asks.serverMsgId, to: group, chatType: 'groupChat' });
    assert.equal((await bob.next('onRecallMessage')).mid, asks.serverMsgId);
    await pause(200);
    assert.ok(bob.all('onTextMessage').every((message) => message.msg !== 'psst'));
  },

  async 'member attributes are set, read and told'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const group = await create(alice, { members: ['bob'] });
    await event(bob, 'directJoined');
    await bob.connection.setGroupMemberAttributes({ groupId: group, userId: 'bob', memberAttributes: { title: 'x' } });
    const told = await event(alice, 'memberAttributesUpdate');
    assert.deepEqual([told.userId, told.attributes], ['bob', { title: 'x' }]);
    const read = await alice.connection.getGroupMemberAttributes({ groupId: group, userId: 'bob' });
    assert.deepEqual(read.data, { title: 'x' });
  },

  async 'members share files, read them and take them away'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const group = await create(alice, { members: ['bob'] });
    await event(bob, 'directJoined');
    const shared = await new Promise((resolve, reject) => {
      alice.connection.uploadGroupSharedFile({
        groupId: group,
        file: { data: new File(['the plan'], 'plan.txt', { type: 'text/plain' }), filename: 'plan.txt' },
        onFileUploadComplete: resolve,
        onFileUploadError: reject,
      });
    });
    assert.deepEqual([shared.data.file_name, shared.data.file_owner, shared.data.file_size], ['plan.txt', 'alice', 8]);
    assert.equal((await event(bob, 'uploadFile')).id, group);
    const list = await bob.connection.getGroupSharedFilelist({ groupId: group, pageNum: 1, pageSize: 10 });
    assert.deepEqual(list.data.map((file) => file.file_id), [shared.data.file_id]);
    const bytes = await new Promise((resolve, reject) => {
      bob.connection.downloadGroupSharedFile({
        groupId: group, fileId: shared.data.file_id, secret: '',
        onFileDownloadComplete: async (data) => resolve(await data.text()),
        onFileDownloadError: reject,
      });
    });
    assert.equal(bytes, 'the plan');
    assert.equal((await rejection(bob.connection.deleteGroupSharedFile({ groupId: group, fileId: shared.data.file_id }))).type, 603);
    await alice.connection.deleteGroupSharedFile({ groupId: group, fileId: shared.data.file_id });
    await event(bob, 'deleteFile');
    assert.deepEqual((await bob.connection.getGroupSharedFilelist({ groupId: group, pageNum: 1, pageSize: 10 })).data, []);
  },

  async 'those in a room share files as members of a group do'(world) {
    const alice = await world.online('alice');
    const created = await alice.connection.createChatRoom({ name: 'Lobby', description: 'Talk', maxusers: 50, members: [] });
    const roomId = created.data.id;
    await alice.connection.joinChatRoom({ roomId });
    const shared = await new Promise((resolve, reject) => {
      alice.connection.uploadChatRoomSharedFile({
        roomId,
        file: { data: new File(['the plan'], 'plan.txt', { type: 'text/plain' }), filename: 'plan.txt' },
        onFileUploadComplete: resolve,
        onFileUploadError: reject,
      });
    });
    const list = await alice.connection.fetchChatRoomSharedFileList({ roomId });
    assert.deepEqual(list.data.map((file) => file.file_id), [shared.data.file_id]);
    await alice.connection.deleteChatRoomSharedFile({ roomId, fileId: shared.data.file_id });
    assert.deepEqual((await alice.connection.fetchChatRoomSharedFileList({ roomId })).data, []);
  },

  async 'a name that nobody has is refused with the code for it'(world) {
    const alice = await world.online('alice');
    const options = { groupName: 'G', isPublic: true, maxMemberCount: 10 };
    assert.equal((await rejection(alice.connection.createGroupVNext({ ...options, members: ['nobody'] }))).type, 204);
    const { data: { groupId } } = await alice.connection.createGroupVNext({ ...options, members: [] });
    assert.equal((await rejection(alice.connection.inviteUsersToGroup({ groupId, users: ['nobody'] }))).type, 204);
  },

  async 'a group that is too large, and a stranger to it, are refused with the codes for that'(world) {
    const [alice, carol] = [await world.online('alice'), await world.online('carol')];
    const options = { groupName: 'G', members: [], isPublic: true };
    assert.equal((await rejection(alice.connection.createGroupVNext({ ...options, maxMemberCount: 1_000_000 }))).type, 607);
    const { data: { groupId } } = await alice.connection.createGroupVNext({ ...options, maxMemberCount: 10 });
    assert.equal((await rejection(alice.connection.setGroupAdmin({ groupId, username: 'carol' }))).type, 602);
    assert.equal((await alice.connection.isInGroupAllowlist({ groupId, userName: 'alice' })).data.white, true);
    const { data: { id } } = await alice.connection.createChatRoom({ name: 'R', description: '', maxusers: 10, members: [] });
    assert.equal((await rejection(alice.connection.setChatRoomAdmin({ chatRoomId: id, username: 'carol' }))).type, 702);
    const attribute = { chatRoomId: id, attributeKey: 'k', attributeValue: 'v' };
    assert.equal((await rejection(carol.connection.setChatRoomAttribute(attribute))).type, 702);
  },

  async 'what is pinned stays so for who deletes it from his own history'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const options = { groupName: 'G', members: ['bob'], isPublic: true, maxMemberCount: 10 };
    const { data: { groupId } } = await alice.connection.createGroupVNext(options);
    const { serverMsgId } = await alice.text(groupId, 'rules', { chatType: 'groupChat' });
    const place = { conversationType: 'groupChat', conversationId: groupId };
    await alice.connection.pinMessage({ ...place, messageId: serverMsgId });
    await bob.connection.removeHistoryMessages({ targetId: groupId, chatType: 'groupChat', messageIds: [serverMsgId] });
    const pinned = async () => (await bob.connection.getServerPinnedMessages({ ...place, pageSize: 10, cursor: '' })).data.list;
    assert.deepEqual((await pinned()).map(({ message }) => message.msg), ['rules']);
    await alice.connection.recallMessage({ mid: serverMsgId, to: groupId, chatType: 'groupChat' });
    assert.deepEqual(await pinned(), []);
  },
};
