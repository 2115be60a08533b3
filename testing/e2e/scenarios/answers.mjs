// What calls answer, field by field, as the SDKs' own types promise it; the older names of calls; what is not enabled.
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const PROMISED = Symbol('promised');

/** Fails unless a value has every promised field in its type: a type's name, an array of one shape, an object, or a value. */
function like(value, shape, where = 'answer') {
  if (Array.isArray(shape)) {
    assert.ok(Array.isArray(value), `${where} is no array: ${JSON.stringify(value)}`);
    if (shape.length) assert.ok(value.length, `${where} is empty`);
    for (const [index, element] of value.entries()) like(element, shape[0] ?? PROMISED, `${where}[${index}]`);
  } else if (typeof shape === 'object' && shape !== null) {
    assert.ok(value && typeof value === 'object', `${where} is no object: ${JSON.stringify(value)}`);
    for (const [name, promised] of Object.entries(shape)) like(value[name], promised, `${where}.${name}`);
  } else if (['string', 'number', 'boolean', 'object'].includes(shape)) {
    assert.equal(typeof value, shape, `${where} is ${JSON.stringify(value)}`);
    if (shape === 'number') assert.ok(Number.isFinite(value), `${where} is ${value}`);
  } else if (shape !== PROMISED) {
    assert.deepEqual(value, shape, where);
  }
  return value;
}

async function group(owner, members, more = {}) {
  const answer = await owner.connection.createGroup({
    data: {
      groupname: 'Friends', desc: 'd', members, public: true, approval: false, allowinvites: false, inviteNeedConfirm: false, maxusers: 50, ext: 'x', avatar: 'http://a.b/c', ...more,
    },
  });
  return like(answer.data, { groupid: 'string' }).groupid;
}

export default {
  async 'groups: what is asked about one'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const [carol, groupId] = [await world.online('carol'), await group(alice, ['bob'])];
    const other = await group(alice, [], { public: false });
    const info = {
      id: groupId, name: 'Friends', description: 'd', owner: 'alice', custom: 'x', avatar: 'http://a.b/c', affiliations_count: 2, maxusers: 50, created: 'number',
      allowinvites: false, membersonly: false, mute: false, public: true, shieldgroup: false, disabled: false, affiliations: [{ joined_time: 'number' }],
    };
    like((await bob.connection.getGroupInfo({ groupId })).data, [info]);
    const both = (await alice.connection.getGroupInfo({ groupId: [groupId, other] })).data;
    assert.deepEqual(both.map((one) => [one.id, one.public]), [[groupId, true], [other, false]]);
    assert.equal((await rejection(bob.connection.getGroupInfo({ groupId: '1' }))).type, 605);

    const members = (await bob.connection.getGroupMembers({ groupId, limit: 1 })).data;
    like(members, { cursor: 'string', members: [{ role: 'owner', userId: 'alice', joinedTime: 'number' }] });
    const rest = (await bob.connection.getGroupMembers({ groupId, limit: 1, cursor: members.cursor })).data;
    like(rest, { members: [{ role: 'member', userId: 'bob', joinedTime: 'number' }] });
    assert.ok(!rest.cursor, rest.cursor);
    const listed = await bob.connection.listGroupMembers({ groupId, pageNum: 1, pageSize: 20 });
    assert.deepEqual(listed.data, [{ owner: 'alice' }, { member: 'bob' }]);
    const joined = await carol.connection.joinGroup({ groupId, message: '' });
    like(joined.data, { result: true, action: 'string', user: 'carol', id: groupId });

    const sent = await alice.send({ type: 'txt', chatType: 'groupChat', to: groupId, msg: 'x', msgConfig: { allowGroupAck: true } });
    const readers = (await alice.connection.getGroupMsgReadUser({ groupId, msgId: sent.serverMsgId })).data;
    like(readers, { ackmid: sent.serverMsgId, is_last: true, next_key: 'string', timestamp: 'number', total: 0, userlist: [] });
  },

  async 'groups: which one is in'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const ids = [await group(alice, ['bob']), await group(bob, ['alice'], { approval: true })];
    const mine = (connection, more) => connection.getJoinedGroups({ pageNum: 0, pageSize: 20, ...more });
    for (const more of [{ needAffiliations: true, needRole: true }, { needAffiliations: true, needRole: false }, { needAffiliations: false, needRole: true }]) {
      const list = (await mine(bob.connection, more)).entities;
      like(list, [{ groupName: 'Friends', groupId: 'string', disabled: false, approval: 'boolean', allowInvites: false, description: 'd', maxUsers: 50, public: true }]);
      const approvals = Object.fromEntries(list.map((one) => [one.groupId, one.approval]));
      assert.deepEqual(approvals, { [ids[0]]: false, [ids[1]]: true });
      if (more.needAffiliations) assert.deepEqual(list.map((one) => one.affiliationsCount), [2, 2]);
      if (more.needRole) assert.deepEqual(list.map((one) => one.role).sort(), ['member', 'owner']);
    }
    const plain = await bob.connection.getJoinedGroups({ pageNum: 1, pageSize: 1 });
    like(plain.data, [{ groupid: 'string', groupname: 'Friends' }]);
    const second = await bob.connection.getJoinedGroups({ pageNum: 2, pageSize: 1 });
    assert.deepEqual([plain.data[0].groupid, second.data[0].groupid].sort(), [...ids].sort());
    assert.deepEqual((await bob.connection.getJoinedGroups({ pageNum: 3, pageSize: 1 })).data, []);
    like((await bob.connection.getGroup()).data, [{ groupid: 'string', groupname: 'Friends' }]);
    assert.equal((await bob.connection.getJoinedGroupsCount()).data, 2);
    const page = await bob.connection.listGroups({ limit: 1 });
    like(page, { cursor: 'string', data: [{ groupid: 'string', groupname: 'Friends' }] });
    const next = await bob.connection.listGroups({ limit: 1, cursor: page.cursor });
    assert.deepEqual([page.data[0].groupid, next.data[0].groupid].sort(), [...ids].sort());
  },

  async 'groups: what is changed'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    await world.register('dave');
    const groupId = await group(alice, ['bob', 'carol']);
    const { connection } = alice;
    const done = (user, action) => ({ result: true, user, ...(action ? { action, groupid: groupId } : {}) });
    like((await connection.modifyGroup({ groupId, groupName: 'n', description: 'd', avatar: 'a', ext: 'e' })).data, { groupname: true, description: true, avatar: true });
    like((await connection.setAdmin({ groupId, username: 'bob' })).data, { newadmin: 'bob', result: 'success' });
    like((await connection.removeAdmin({ groupId, username: 'bob' })).data, { oldadmin: 'bob', result: 'success' });
    like((await connection.inviteToGroup({ groupId, users: ['dave'] })).data, [{ action: 'invite', id: groupId, result: true, user: 'dave' }]);
    like((await connection.mute({ groupId, username: ['bob', 'carol'], muteDuration: 60_000 })).data, [{ result: true, expire: 'number', user: 'string' }]);
    like((await connection.getMuted({ groupId })).data, [{ expire: 'number', user: 'string' }]);
    assert.equal((await bob.connection.isInGroupMutelist({ groupId })).data, true);
    like((await connection.removeMute({ groupId, username: ['bob', 'carol'] })).data, [{ result: true, user: 'string' }]);
    assert.equal((await bob.connection.isInGroupMutelist({ groupId })).data, false);
    assert.deepEqual((await connection.disableSendGroupMsg({ groupId })).data, { mute: true });
    assert.deepEqual((await connection.enableSendGroupMsg({ groupId })).data, { mute: false });

    like((await connection.addUsersToGroupWhitelist({ groupId, users: ['bob', 'carol'] })).data, [{ result: true, action: 'string', groupid: groupId, user: 'string' }]);
    assert.deepEqual((await connection.getGroupWhitelist({ groupId })).data.sort(), ['bob', 'carol']);
    like((await connection.isGroupWhiteUser({ groupId, userName: 'bob' })).data, { member: 'bob', white: true });
    // The older SDK shows the list that REST answers.
    const delisted = (await connection.rmUsersFromGroupWhitelist({ groupId, userName: 'bob' })).data;
    like([delisted].flat(), [done('bob', 'remove_user_whitelist')]);

    const both = (action) => ['bob', 'carol'].map((user) => done(user, action));
    like((await connection.groupBlockSingle({ groupId, username: 'dave' })).data, done('dave', 'add_blocks'));
    assert.deepEqual((await connection.blockGroupMembers({ groupId, usernames: ['bob', 'carol'] })).data, both('add_blocks'));
    assert.deepEqual((await connection.getGroupBlacklist({ groupId })).data.sort(), ['bob', 'carol', 'dave']);
    like((await connection.removeGroupBlockSingle({ groupId, username: 'dave' })).data, done('dave', 'remove_blocks'));
    assert.deepEqual((await connection.unblockGroupMembers({ groupId, usernames: ['bob', 'carol'] })).data, both('remove_blocks'));

    await connection.inviteUsersToGroup({ groupId, users: ['bob', 'carol', 'dave'] });
    like((await connection.updateGroupAnnouncement({ groupId, announcement: 'x' })).data, { id: groupId, result: true });
    const ofBob = { groupId, userId: 'bob', memberAttributes: { a: '1', b: '2' } };
    assert.equal(await bob.connection.setGroupMemberAttributes(ofBob), undefined);
    const attributes = await connection.getGroupMembersAttributes({ groupId, userIds: ['bob', 'carol'], keys: ['a'] });
    assert.deepEqual(attributes.data, { bob: { a: '1' }, carol: {} });
    assert.equal((await rejection(carol.connection.setGroupMemberAttributes(ofBob))).type, 603);

    like(await bob.connection.blockGroupMessage({ groupId }), { data: { result: true } });
    assert.equal((await bob.connection.getGroupInfo({ groupId })).data[0].shieldgroup, true);
    await connection.send(alice.message({ type: 'txt', chatType: 'groupChat', to: groupId, msg: 'shielded' }));
    like(await bob.connection.unblockGroupMessage({ groupId }), { data: { result: true } });
    await connection.send(alice.message({ type: 'txt', chatType: 'groupChat', to: groupId, msg: 'heard' }));
    await bob.next('onTextMessage', (message) => message.msg === 'heard');
    assert.ok(bob.all('onTextMessage').every((message) => message.msg !== 'shielded'));

    const removed = await connection.removeMultiGroupMember({ groupId, users: ['carol', 'dave'] });
    assert.deepEqual(removed.data, [done('carol', 'remove_member'), done('dave', 'remove_member')]);
    like((await connection.changeOwner({ groupId, newOwner: 'bob' })).data, { newowner: true });
    like((await connection.quitGroup({ groupId })).data, { result: true });
    like((await bob.connection.dissolveGroup({ groupId })).data, { id: groupId, success: true });
  },

  async 'applications and invitations answer as the types say'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const groupId = await group(alice, [], { approval: true, inviteNeedConfirm: true });
    const ok = { result: true, action: 'string', user: 'string' };
    like((await bob.connection.joinGroup({ groupId, message: 'm' })).data, { ...ok, id: groupId });
    like((await alice.connection.agreeJoinGroup({ groupId, applicant: 'bob' })).data, { ...ok, user: 'bob' });
    await carol.connection.joinGroup({ groupId, message: 'm' });
    like((await alice.connection.rejectJoinGroup({ groupId, applicant: 'carol', reason: 'r' })).data, { result: true });
    await alice.connection.inviteUsersToGroup({ groupId, users: ['carol'] });
    like((await carol.connection.rejectInviteIntoGroup({ groupId, invitee: 'carol' })).data, { result: true });
    await alice.connection.inviteUsersToGroup({ groupId, users: ['carol'] });
    like((await carol.connection.agreeInviteIntoGroup({ groupId, invitee: 'carol' })).data, { ...ok, user: 'carol' });
  },

  async 'users and contacts'(world) {
    const zoe = world.client('zoe');
    const registered = await zoe.connection.registerUser({ username: 'zoe', password: 'zoe', nickname: 'Zoë' });
    const user = { uuid: 'string', type: 'user', created: 'number', modified: 'number', username: 'zoe', activated: true };
    like(registered.entities, [{ ...user, nickname: 'Zoë' }]);
    zoe.connection.setLoginInfoCustomExt('my phone');
    like(await zoe.open({ pwd: 'zoe' }), { accessToken: 'string' });
    like((await zoe.connection.updateCurrentUserNick('Z')).entities, [{ ...user, nickname: 'Z' }]);

    const alice = await world.online('alice');
    await zoe.connection.addContact('alice', 'hi');
    await alice.next('onContactInvited');
    assert.equal(await alice.connection.acceptInvitation('zoe'), undefined);
    await zoe.next('onContactAgreed');
    assert.deepEqual((await zoe.connection.getContacts()).data, ['alice']);
    await zoe.connection.setContactRemark({ userId: 'alice', remark: 'A' });
    like((await zoe.connection.getAllContacts()).data, [{ userId: 'alice', remark: 'A' }]);
    like((await zoe.connection.getContactsWithCursor({ pageSize: 10 })).data, { cursor: '', contacts: [{ userId: 'alice', remark: 'A' }] });
    like((await zoe.connection.addToBlackList({ name: ['alice'] })).data, { userIds: ['alice'] });
    assert.deepEqual((await zoe.connection.getBlacklist()).data, ['alice']);
    assert.equal(await zoe.connection.removeFromBlackList({ name: 'alice' }), undefined);
    assert.deepEqual((await zoe.connection.getBlocklist()).data, []);
  },

  async 'a token is renewed, and only one’s own'(world) {
    const [alice] = [await world.online('alice'), await world.register('bob')];
    const token = async (username) => (await world.rest('POST', '/token', { body: { grant_type: 'password', username, password: username } })).body.access_token;
    const own = await token('alice');
    like(await alice.connection.renewToken(own), { status: true, token: own, expire: 'number' });
    assert.equal((await rejection(alice.connection.renewToken(await token('bob')))).type, 52);
    assert.ok((await rejection(alice.connection.renewToken('nonsense'))).type);
    assert.ok(alice.connection.isOpened());
  },

  async 'a message keeps all its fields, for the receiver and in history'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const ext = { text: 'x', whole: 1, part: 1.5, yes: true, none: null, deep: { a: [1, '2', null] }, large: 12_345_678_901, minus: -3, empty: '' };
    await alice.send({ type: 'txt', to: 'bob', msg: 'text', ext });
    await alice.send({ type: 'custom', to: 'bob', customEvent: 'e', customExts: { a: '1', b: 2, c: { d: 1 } }, ext });
    await alice.send({ type: 'loc', to: 'bob', addr: 'a', buildingName: 'b', lat: 1.25, lng: -2, ext });
    const live = [await bob.next('onTextMessage'), await bob.next('onCustomMessage'), await bob.next('onLocationMessage')];
    for (const message of live) {
      like(message, { id: 'string', from: 'alice', to: 'bob', chatType: 'singleChat', time: 'number', onlineState: 3 });
      assert.deepEqual(message.ext, ext);
    }
    const kept = await bob.connection.getHistoryMessages({ targetId: 'alice', chatType: 'singleChat', searchDirection: 'down' });
    assert.deepEqual(kept.messages, live);
    const recalled = await alice.connection.recallMessage({ mid: live[0].id, to: 'bob', chatType: 'singleChat', ext: 'because' });
    like(recalled, { localMsgId: 'string', serverMsgId: 'string' });
    like(await bob.next('onRecallMessage'), { mid: live[0].id, from: 'alice', to: 'bob', ext: 'because' });
    assert.equal((await rejection(alice.text('nobody', 'x'))).type, 204);
  },

  async 'presence'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    assert.equal(await bob.connection.publishPresence({ description: 'here' }), undefined);
    like((await alice.connection.subscribePresence({ usernames: ['bob'], expiry: 60 })).data.result, [{ uid: 'bob', ext: 'here', status: 'object' }]);
    like((await alice.connection.getSubscribedPresencelist({ pageNum: 1, pageSize: 10 })).data.result, { sublist: [{ uid: 'bob' }] });
    assert.equal(await alice.connection.unsubscribePresence({ usernames: ['bob'] }), undefined);
    assert.equal((await rejection(bob.connection.publishPresence({ description: 'x'.repeat(2_000) }))).type, 1100);
  },

  async 'listeners of the older form hear too, and who stops listening hears nothing'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const heard = [];
    bob.connection.listen({ onTextMessage: (message) => heard.push(message.data ?? message.msg) });
    await alice.text('bob', 'one');
    await bob.next('onTextMessage');
    assert.deepEqual(heard, ['one']);
    bob.connection.removeEventHandler('e2e');
    await alice.text('bob', 'two');
    while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(bob.all('onTextMessage').length, 1);
  },

  async 'what this server does not have is refused as not enabled'(world) {
    const { connection } = await world.online('alice');
    const refused = [
      connection.getSupportedLanguages(),
      connection.translateMessage({ text: 'hi', languages: ['de'] }),
      connection.getRTCToken('channel'),
      connection.getUserIdByRTCUIds([1]),
    ];
    // Only the newer SDK has these; where it makes the request by itself, the error is HTTP's.
    const audio = { type: 'audio', id: '1', url: world.url('/chatfiles/0c1f1ac0-0000-11ef-8000-000000000001'), from: 'bob', to: 'alice', chatType: 'singleChat' };
    if (connection.voiceMessageToText) refused.push(connection.voiceMessageToText(audio));
    for (const promise of refused) assert.equal((await rejection(promise)).type, 505);
    if (connection.voiceFileToText) {
      const file = new File(['x'], 'a.mp3', { type: 'audio/mp3' });
      assert.equal((await rejection(connection.voiceFileToText(file))).type, 403);
    }
  },
};
