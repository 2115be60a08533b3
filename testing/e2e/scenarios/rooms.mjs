// Chat rooms (msync.md 2.9 to 2.15, 3.2).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const room = (roomId) => ({ chatType: 'chatRoom', to: roomId });
const say = (client, roomId, msg, more = {}) => client.send({ type: 'txt', msg, ...room(roomId), ...more });

/** Listens to what happens in rooms. */
function listen(client) {
  const events = [];
  client.connection.addEventHandler('rooms', { onChatroomEvent: (event) => events.push(event) });
  const next = async (operation) => {
    const end = Date.now() + 10_000;
    for (;;) {
      const found = events.find((event) => event.operation === operation);
      if (found) return found;
      if (Date.now() > end) throw new Error(`${client.name}: no ${operation}; seen: ${events.map((event) => event.operation)}`);
      await pause(10);
    }
  };
  const of = (operation) => events.filter((event) => event.operation === operation);
  return { events, next, of };
}

/** A call of the back end that must succeed. */
async function call(world, method, path, body) {
  const answer = await world.rest(method, path, { token: await world.appToken(), body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function create(owner, more = {}) {
  const created = await owner.connection.createChatRoom({ name: 'Lobby', description: 'Talk', maxusers: 50, members: [], ...more });
  return created.data.id;
}

export default {
  async 'a room is made by a user, and those in it hear who comes, what is said and who goes'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const roomId = await create(alice);
    const heard = listen(alice);
    const joined = await bob.connection.joinChatRoom({ roomId, ext: 'it is me' });
    assert.equal(joined.data.info.memberCount, 2);
    assert.equal(joined.data.info.muteExpireTimestamp, -1);
    const came = await heard.next('memberPresence');
    assert.deepEqual([came.id, came.from, came.memberCount, came.ext], [roomId, 'bob', 2, 'it is me']);
    await say(bob, roomId, 'hello', { priority: 'high' });
    const text = await alice.next('onTextMessage');
    assert.deepEqual([text.msg, text.chatType, text.to, text.priority], ['hello', 'chatRoom', roomId, 'high']);
    const sent = await say(alice, roomId, 'back');
    await bob.next('onTextMessage', (message) => message.msg === 'back');
    await alice.connection.recallMessage({ mid: sent.serverMsgId, to: roomId, chatType: 'chatRoom' });
    assert.equal((await bob.next('onRecallMessage')).mid, sent.serverMsgId);
    assert.equal(alice.all('onTextMessage').length, 1);
    await bob.connection.leaveChatRoom({ roomId });
    assert.equal((await heard.next('memberAbsence')).from, 'bob');
    assert.equal((await rejection(say(bob, roomId, 'x'))).type, 602);
  },

  async 'rooms are listed, shown and changed, and who is in them is shown'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const roomId = await create(alice, { members: ['bob'] });
    const rooms = (await bob.connection.getChatRooms({ pagenum: 1, pagesize: 20 })).data;
    assert.deepEqual(rooms.map((listed) => [listed.id, listed.affiliations_count]), [[roomId, 2]]);
    const [detail] = (await bob.connection.getChatRoomDetails({ chatRoomId: roomId })).data;
    assert.deepEqual([detail.name, detail.owner, detail.maxusers], ['Lobby', 'alice', 50]);
    await alice.connection.modifyChatRoom({ chatRoomId: roomId, chatRoomName: 'Hall', description: 'd', maxusers: 60 });
    const [changed] = (await bob.connection.getChatRoomDetails({ chatRoomId: roomId })).data;
    assert.deepEqual([changed.name, changed.maxusers], ['Hall', 60]);
    const members = (await alice.connection.listChatRoomMembers({ chatRoomId: roomId, pageNum: 1, pageSize: 20 })).data;
    assert.deepEqual(members, [{ owner: 'alice' }, { member: 'bob' }]);
    const joined = (await bob.connection.getJoinedChatRooms({ pageNum: 1, pageSize: 20 })).data;
    assert.deepEqual(joined.map((own) => own.id), [roomId]);
  },

  async 'who is removed hears of it, and a room that ends says so to all'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const roomId = await create(alice);
    const [bobs, carols] = [listen(bob), listen(carol)];
    await bob.connection.joinChatRoom({ roomId });
    await carol.connection.joinChatRoom({ roomId });
    await alice.connection.removeChatRoomMember({ chatRoomId: roomId, username: 'bob' });
    assert.equal((await bobs.next('removeMember')).id, roomId);
    assert.equal((await rejection(say(bob, roomId, 'x'))).type, 602);
    await alice.connection.destroyChatRoom({ chatRoomId: roomId });
    assert.equal((await carols.next('destroy')).id, roomId);
    assert.equal((await rejection(carol.connection.joinChatRoom({ roomId }))).type, 705);
  },

  async 'a full room takes nobody more'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const roomId = await create(alice, { maxusers: 1 });
    assert.equal((await rejection(bob.connection.joinChatRoom({ roomId }))).type, 704);
  },

  async 'owner and admins mute, list and block who is in a room, and each hears of it'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const chatRoomId = await create(alice);
    const [alices, bobs, carols] = [listen(alice), listen(bob), listen(carol)];
    await bob.connection.joinChatRoom({ roomId: chatRoomId });
    await carol.connection.joinChatRoom({ roomId: chatRoomId });

    await alice.connection.setChatRoomAdmin({ chatRoomId, username: 'bob' });
    assert.equal((await carols.next('setAdmin')).userId, 'bob');
    assert.deepEqual((await carol.connection.getChatRoomAdmin({ chatRoomId })).data, ['bob']);
    await bob.connection.muteChatRoomMember({ chatRoomId, username: 'carol', muteDuration: 60_000 });
    const muted = await carols.next('muteMember');
    assert.ok(muted.muteTimestamp > Date.now(), JSON.stringify(muted));
    await alices.next('muteMember');
    assert.equal((await rejection(say(carol, chatRoomId, 'x'))).type, 507);
    assert.deepEqual((await bob.connection.getChatRoomMuteList({ chatRoomId })).data.map((row) => row.user), ['carol']);
    assert.equal((await carol.connection.isInChatRoomMutelist({ chatRoomId })).data, true);
    await bob.connection.unmuteChatRoomMember({ chatRoomId, username: 'carol' });
    await carols.next('unmuteMember');
    await say(carol, chatRoomId, 'I may');

    await bob.connection.disableSendChatRoomMsg({ chatRoomId });
    await carols.next('muteAllMembers');
    assert.equal((await rejection(say(carol, chatRoomId, 'x'))).type, 506);
    await say(bob, chatRoomId, 'admins may');
    await bob.connection.addUsersToChatRoomAllowlist({ chatRoomId, users: ['carol'] });
    assert.equal((await carols.next('addUserToAllowlist')).userId, 'carol');
    assert.equal((await carol.connection.isInChatRoomAllowlist({ chatRoomId, userName: 'carol' })).data.white, true);
    assert.deepEqual((await bob.connection.getChatRoomAllowlist({ chatRoomId })).data, ['carol']);
    await say(carol, chatRoomId, 'heard all the same');
    await bob.connection.removeChatRoomAllowlistMember({ chatRoomId, userName: 'carol' });
    await carols.next('removeAllowlistMember');
    await bob.connection.enableSendChatRoomMsg({ chatRoomId });
    await carols.next('unmuteAllMembers');

    await bob.connection.updateChatRoomAnnouncement({ roomId: chatRoomId, announcement: 'Tea at five' });
    assert.equal((await carols.next('updateAnnouncement')).announcement, 'Tea at five');
    const announced = await carol.connection.fetchChatRoomAnnouncement({ roomId: chatRoomId });
    assert.equal(announced.data.announcement, 'Tea at five');

    await alice.connection.removeChatRoomAdmin({ chatRoomId, username: 'bob' });
    await bobs.next('removeAdmin');
    assert.equal((await rejection(bob.connection.blockChatRoomMember({ chatRoomId, username: 'carol' }))).type, 603);
    await alice.connection.blockChatRoomMember({ chatRoomId, username: 'carol' });
    await carols.next('removeMember');
    assert.deepEqual((await alice.connection.getChatRoomBlocklist({ chatRoomId })).data, ['carol']);
    assert.equal((await rejection(carol.connection.joinChatRoom({ roomId: chatRoomId }))).type, 603);
    await alice.connection.unblockChatRoomMember({ chatRoomId, username: 'carol' });
    await carols.next('unblockMember');
    await carol.connection.joinChatRoom({ roomId: chatRoomId });
    assert.deepEqual(bobs.of('muteMember'), [], 'who did it is not told');
  },

  async 'many are added, listed with roles and times, blocked and removed at a time'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await world.register('carol');
    const chatRoomId = await create(alice);
    const heard = listen(bob);
    const added = await alice.connection.addUsersToChatRoom({ chatRoomId, users: ['bob', 'carol'] });
    assert.deepEqual(added.data, { newmembers: ['bob', 'carol'], action: 'add_member', id: chatRoomId });
    assert.equal((await heard.next('directJoined')).id, chatRoomId);
    await alice.connection.setChatRoomAdmin({ chatRoomId, username: 'bob' });
    const first = (await bob.connection.getChatRoomMembers({ chatRoomId, limit: 2 })).data;
    const last = (await bob.connection.getChatRoomMembers({ chatRoomId, limit: 2, cursor: first.cursor })).data;
    const members = [...first.members, ...last.members];
    assert.deepEqual(members.map(({ role, userId }) => [role, userId]), [['owner', 'alice'], ['admin', 'bob'], ['member', 'carol']]);
    for (const { joinedTime } of members) assert.ok(Math.abs(Date.now() - joinedTime) < 60_000, `${joinedTime}`);
    assert.ok(!last.cursor, last.cursor);

    const both = (action) => ['bob', 'carol'].map((user) => [true, action, user, chatRoomId]);
    const rows = ({ data }) => data.map(({ result, action, user, id }) => [result, action, user, id]);
    const blocked = async () => (await alice.connection.getChatRoomBlocklist({ chatRoomId })).data.sort();
    const users = ['bob', 'carol'];
    assert.deepEqual(rows(await alice.connection.blockChatRoomMembers({ chatRoomId, usernames: users })), both('add_blocks'));
    assert.deepEqual(await blocked(), users);
    assert.deepEqual(rows(await alice.connection.removeChatRoomBlockMulti({ chatRoomId, usernames: users })), both('remove_blocks'));
    assert.deepEqual(await blocked(), []);
    await alice.connection.addUsersToChatRoom({ chatRoomId, users });
    assert.deepEqual(rows(await alice.connection.removeChatRoomMembers({ chatRoomId, users })), both('remove_member'));
    const left = (await alice.connection.getChatRoomMembers({ chatRoomId })).data.members;
    assert.deepEqual(left.map((member) => member.userId), ['alice']);
  },

  async 'attributes of a room are shared, belong to who set them, and go when he leaves'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const chatRoomId = await create(alice);
    const [alices, carols] = [listen(alice), listen(carol)];
    await bob.connection.joinChatRoom({ roomId: chatRoomId });
    await carol.connection.joinChatRoom({ roomId: chatRoomId });
    const attributes = async (client, more = {}) =>
      (await client.connection.getChatRoomAttributes({ chatRoomId, ...more })).data;

    const set = await bob.connection.setChatRoomAttributes({ chatRoomId, attributes: { seat1: 'bob', topic: 'tea' } });
    assert.deepEqual(set.data.successKeys, ['seat1', 'topic']);
    const told = await carols.next('updateChatRoomAttributes');
    assert.deepEqual([told.from, told.attributes], ['bob', { seat1: 'bob', topic: 'tea' }]);
    assert.deepEqual(await attributes(carol), { seat1: 'bob', topic: 'tea' });
    assert.deepEqual(await attributes(carol, { attributeKeys: ['topic'] }), { topic: 'tea' });

    const one = { chatRoomId, attributeKey: 'seat1', attributeValue: 'carol' };
    assert.equal((await rejection(carol.connection.setChatRoomAttribute(one))).type, 52);
    assert.equal((await rejection(carol.connection.removeChatRoomAttribute({ chatRoomId, attributeKey: 'seat1' }))).type, 52);
    const long = { ...one, attributeKey: 'k'.repeat(129) };
    assert.equal((await rejection(carol.connection.setChatRoomAttribute(long))).type, 50);
    await carol.connection.setChatRoomAttribute({ ...one, autoDelete: false, isForced: true });
    const mixed = await carol.connection.setChatRoomAttributes({ chatRoomId, attributes: { mine: '1', topic: 'x' } });
    assert.deepEqual([mixed.data.successKeys, Object.keys(mixed.data.errorKeys)], [['mine'], ['topic']]);

    await bob.connection.leaveChatRoom({ roomId: chatRoomId });
    const gone = await alices.next('removeChatRoomAttributes');
    assert.deepEqual(gone.attributes, ['topic'], 'seat1 is carol\'s by now');
    await carol.connection.removeChatRoomAttribute({ chatRoomId, attributeKey: 'mine' });
    await carol.connection.leaveChatRoom({ roomId: chatRoomId });
    assert.deepEqual(await attributes(alice), { seat1: 'carol' });
    await alice.connection.removeChatRoomAttributes({ chatRoomId, attributeKeys: ['seat1'], isForced: true });
    assert.deepEqual(await attributes(alice), {});
    assert.equal((await rejection(attributes(bob))).type, 702);
  },

  async 'a back end speaks in rooms, to some who are there, and to all rooms'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const tablet = await world.online('bob');
    const roomId = await create(alice);
    for (const client of [bob, tablet, carol]) await client.connection.joinChatRoom({ roomId });
    const post = async (path, body) => (await call(world, 'POST', path, body)).data;
    const text = (msg) => ({ type: 'txt', body: { msg } });

    const sent = await post('/messages/chatrooms', { from: 'bob', to: [roomId], ...text('in his name'), chatroom_msg_level: 'high' });
    const heard = await carol.next('onTextMessage', (message) => message.msg === 'in his name');
    assert.deepEqual([heard.id, heard.from, heard.to, heard.priority], [sent[roomId], 'bob', roomId, 'high']);
    await post('/messages/chatrooms/users', { from: 'host', to: [roomId], users: ['bob'], ...text('for bob') });
    for (const client of [bob, tablet]) await client.next('onTextMessage', (message) => message.msg === 'for bob');
    await post('/messages/chatrooms/broadcast', { from: 'news', msg: { type: 'txt', msg: 'to all' } });
    for (const client of [alice, bob, tablet, carol]) {
      const all = await client.next('onTextMessage', (message) => message.msg === 'to all');
      assert.equal(all.broadcast, true, JSON.stringify(all));
    }
    await say(alice, roomId, 'for bob and alice', { receiverList: ['bob'] });
    await say(alice, roomId, 'the end');
    for (const client of [bob, tablet, carol]) await client.next('onTextMessage', (message) => message.msg === 'the end');
    const texts = (client) => client.all('onTextMessage').map((message) => message.msg);
    assert.deepEqual(texts(bob), ['for bob', 'to all', 'for bob and alice', 'the end']);
    assert.deepEqual(texts(tablet), texts(bob));
    assert.deepEqual(texts(carol), ['in his name', 'to all', 'the end']);
  },

  async 'what was said in a room is read again, changed, pinned and reported by those who are in it'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const roomId = await create(alice);
    for (const client of [alice, bob]) await client.connection.joinChatRoom({ roomId });
    const sent = await say(bob, roomId, 'good day');
    await alice.next('onTextMessage');
    const messageId = sent.serverMsgId;
    const change = (client, msg) => client.connection.modifyMessage({
      messageId, modifiedMessage: client.message({ type: 'txt', ...room(roomId), msg }),
    });
    assert.equal((await change(bob, 'hello')).modifiedInfo.operationCount, 1);
    const changed = await alice.next('onModifiedMessage');
    assert.deepEqual([changed.id, changed.msg, changed.chatType, changed.modifiedInfo.operatorId], [messageId, 'hello', 'chatRoom', 'bob']);
    assert.equal((await rejection(change(carol, 'x'))).type, 602);

    const place = { conversationId: roomId, conversationType: 'chatRoom' };
    await alice.connection.pinMessage({ ...place, messageId });
    const pinned = await bob.next('onMessagePinEvent');
    assert.deepEqual([pinned.operation, pinned.messageId, pinned.conversationId, pinned.conversationType, pinned.operatorId],
      ['pin', messageId, roomId, 'chatRoom', 'alice']);
    const pins = (await bob.connection.getServerPinnedMessages(place)).data.list;
    assert.deepEqual(pins.map((pin) => [pin.message.id, pin.message.msg, pin.operatorId]), [[messageId, 'hello', 'alice']]);
    await bob.connection.unpinMessage({ ...place, messageId });
    await alice.next('onMessagePinEvent', (event) => event.operation === 'unpin');

    const read = async (client) => (await client.connection.getHistoryMessages({ targetId: roomId, chatType: 'chatRoom' })).messages;
    const [kept] = await read(alice);
    assert.deepEqual([kept.id, kept.msg, kept.chatType, kept.from], [messageId, 'hello', 'chatRoom', 'bob']);
    await alice.connection.reportMessage({ messageId, reportType: 'spam', reportReason: 'r' });
    await alice.connection.removeHistoryMessages({ targetId: roomId, chatType: 'chatRoom', messageIds: [messageId] });
    assert.deepEqual([(await read(alice)).length, (await read(bob)).length], [0, 1]);
    assert.equal((await rejection(read(carol))).type, 603);
    assert.equal((await rejection(alice.connection.addReaction({ messageId, reaction: 'like' }))).type, 1103);
  },

  async 'a room is handed over, and the one who has it now ends it'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const chatRoomId = await create(alice);
    const [alices, bobs] = [listen(alice), listen(bob)];
    await bob.connection.joinChatRoom({ roomId: chatRoomId });
    await call(world, 'PUT', `/chatrooms/${chatRoomId}`, { newowner: 'bob' });
    await Promise.all([alices.next('changeOwner'), bobs.next('changeOwner')]);
    assert.equal((await rejection(alice.connection.destroyChatRoom({ chatRoomId }))).type, 603);
    await bob.connection.destroyChatRoom({ chatRoomId });
    await alices.next('destroy');
  },
};
