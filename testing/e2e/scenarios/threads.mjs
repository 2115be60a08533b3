// Threads: begun, joined, written in, listed, renamed, ended, and who is told (msync.md 2.12, 2.15, 2.17, 3.2).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Alice's group with bob and carol in it, and a message of hers. */
async function team(world) {
  const [alice, bob] = [await world.online('alice'), await world.online('bob')];
  await world.register('carol');
  const answer = await alice.connection.createGroupVNext({
    groupName: 'Friends', description: 'd', members: ['bob', 'carol'], isPublic: true, needApprovalToJoin: false,
    allowMemberToInvite: false, inviteNeedConfirm: false, maxMemberCount: 200,
  });
  const group = answer.data.groupId ?? answer.data.groupid;
  await bob.next('onGroupEvent', (detail) => detail.operation === 'directJoined');
  const sent = await say(alice, group, 'begin');
  await bob.next('onTextMessage');
  return { alice, bob, group, message: sent.serverMsgId };
}

const say = (client, to, msg, more = {}) => client.send({ type: 'txt', chatType: 'groupChat', to, msg, ...more });
const change = (client, operation, matches = () => true) => client.next('onChatThreadChange', (detail) => detail.operation === operation && matches(detail));

async function begin(client, { group, message }, name = 'Plans') {
  const answer = await client.connection.createChatThread({ parentId: group, name, messageId: message });
  return answer.data.chatThreadId ?? answer.data.thread_id;
}

export default {
  async 'a thread is begun, joined and written in, and the group is told'(world) {
    const given = await team(world);
    const { alice, bob, group, message } = given;
    const tablet = await world.online('alice');
    const thread = await begin(alice, given);
    const created = await change(bob, 'create');
    assert.deepEqual([created.id, created.name, created.parentId, created.messageId, created.operator],
      [thread, 'Plans', group, message, 'alice']);
    await tablet.next('onMultiDeviceEvent', (detail) => detail.operation === 'chatThreadCreate');
    assert.equal((await rejection(say(bob, thread, 'x', { isChatThread: true }))).type, 602);
    const joined = await bob.connection.joinChatThread({ chatThreadId: thread });
    assert.equal(joined.data.detail.name, 'Plans');
    const sent = await say(alice, thread, 'inside', { isChatThread: true });
    const got = await bob.next('onTextMessage', (detail) => detail.msg === 'inside');
    assert.deepEqual([got.id, got.to, got.chatThread.parentId, got.chatThread.messageId, got.chatThread.chatThreadName],
      [sent.serverMsgId, thread, group, message, 'Plans']);
    const told = await change(bob, 'update', (detail) => detail.messageCount === 1);
    assert.equal(told.lastMessage.msg, 'inside');
    await pause(200);
    assert.equal(alice.all('onTextMessage').length, 0);
    const carol = world.client('carol');
    await carol.open({ pwd: 'carol' });
    await carol.next('onTextMessage', (detail) => detail.msg === 'begin');
    await change(carol, 'create');
    assert.equal(carol.all('onTextMessage').length, 1);
    const history = await carol.connection.getHistoryMessages({ targetId: group, chatType: 'groupChat', pageSize: 10 });
    const about = history.messages.find((found) => found.id === message).chatThreadOverview;
    assert.deepEqual([about.id, about.name, about.messageCount, about.lastMessage.msg], [thread, 'Plans', 1, 'inside']);
  },

  async 'threads, their members and last messages are listed'(world) {
    const given = await team(world);
    const { alice, bob, group, message } = given;
    const thread = await begin(bob, given);
    const detail = (await alice.connection.getChatThreadDetail({ chatThreadId: thread })).data;
    assert.deepEqual([detail.id, detail.name, detail.owner, detail.messageId, detail.parentId, detail.affiliationsCount],
      [thread, 'Plans', 'bob', message, group, 1]);
    assert.deepEqual((await alice.connection.getChatThreadMembers({ chatThreadId: thread, pageSize: 20 })).data.affiliations, ['bob']);
    const all = await alice.connection.getChatThreads({ parentId: group, pageSize: 20 });
    assert.deepEqual(all.entities.map((found) => found.id), [thread]);
    const joined = await bob.connection.getJoinedChatThreads({ parentId: group, pageSize: 20 });
    assert.deepEqual(joined.entities.map((found) => found.id), [thread]);
    const mine = await alice.connection.getJoinedChatThreads({ pageSize: 20 });
    assert.deepEqual(mine.entities, []);
    assert.deepEqual((await alice.connection.getChatThreadLastMessage({ chatThreadIds: [thread] })).entities[0].lastMessage, {});
    await say(bob, thread, 'last', { isChatThread: true });
    const last = await alice.connection.getChatThreadLastMessage({ chatThreadIds: [thread] });
    assert.equal(last.entities[0].lastMessage.msg, 'last');
  },

  async 'a thread gets another name, loses members and ends'(world) {
    const given = await team(world);
    const { alice, bob } = given;
    const thread = await begin(alice, given);
    await bob.connection.joinChatThread({ chatThreadId: thread });
    assert.equal((await rejection(bob.connection.changeChatThreadName({ chatThreadId: thread, name: 'Mine' }))).type, 603);
    await alice.connection.changeChatThreadName({ chatThreadId: thread, name: 'Other' });
    assert.equal((await change(bob, 'update', (detail) => detail.name === 'Other')).id, thread);
    await alice.connection.removeChatThreadMember({ chatThreadId: thread, username: 'bob' });
    assert.equal((await change(bob, 'userRemove')).id, thread);
    assert.equal((await rejection(say(bob, thread, 'x', { isChatThread: true }))).type, 602);
    await bob.connection.joinChatThread({ chatThreadId: thread });
    await bob.connection.leaveChatThread({ chatThreadId: thread });
    assert.equal((await rejection(begin(bob, given))).type, 1301);
    await alice.connection.destroyChatThread({ chatThreadId: thread });
    assert.equal((await change(bob, 'destroy')).id, thread);
    assert.equal((await rejection(alice.connection.getChatThreadDetail({ chatThreadId: thread }))).type, 1300);
  },
};
