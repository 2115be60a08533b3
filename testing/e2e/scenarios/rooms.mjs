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
  return { events, next };
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
};
