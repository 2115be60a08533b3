// After a message was sent: history, conversation lists, deletion, edits, reactions, pins, reports (msync.md 2.11, 2.17, 3.2).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A group of `owner`'s, made with the official SDK. */
async function group(owner, members) {
  const answer = await owner.connection.createGroupVNext({
    groupName: 'Friends', description: '', members, isPublic: true, needApprovalToJoin: false,
    allowMemberToInvite: false, inviteNeedConfirm: false, maxMemberCount: 200,
  });
  return answer.data.groupId;
}

const texts = (messages) => messages.map((message) => message.msg);
const history = (client, targetId, more = {}) => client.connection.getHistoryMessages({ targetId, chatType: 'singleChat', ...more });
const conversations = async (client, more = {}) => (await client.connection.getServerConversations(more)).data;
const multi = (client, operation) => client.next('onMultiDeviceEvent', (event) => event.operation === operation);

export default {
  async 'history comes in pages, newest or oldest first'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    for (let number = 1; number <= 25; number += 1) await alice.text('bob', `${number}`, { ext: { n: number } });
    await bob.send({ type: 'read', to: 'alice', id: (await bob.atLeast('onTextMessage', 25))[0].id });
    await alice.next('onReadMessage');
    const seen = [];
    let page = { cursor: null };
    for (const expected of [[10, false], [10, false], [5, true]]) {
      page = await history(bob, 'alice', { pageSize: 10, cursor: page.cursor });
      assert.deepEqual([page.messages.length, page.isLast], expected);
      seen.push(...page.messages);
    }
    assert.deepEqual(texts(seen), Array.from({ length: 25 }, (_, index) => `${25 - index}`));
    const [last, live] = [seen[0], bob.all('onTextMessage')[24]];
    for (const field of ['id', 'from', 'to', 'chatType', 'type', 'time', 'ext', 'msg']) assert.deepEqual(last[field], live[field], field);

    const first = await history(alice, 'bob', { pageSize: 20, searchDirection: 'down' });
    assert.deepEqual([texts(first.messages).slice(0, 2), first.isLast], [['1', '2'], false]);
    const rest = await history(alice, 'bob', { pageSize: 20, searchDirection: 'down', cursor: first.cursor });
    assert.deepEqual([texts(rest.messages), rest.isLast], [['21', '22', '23', '24', '25'], true]);
    await world.register('carol');
    const silent = await history(alice, 'carol');
    assert.deepEqual([silent.messages, silent.isLast], [[], true]);
    assert.equal((await rejection(history(alice, 'nobody'))).type, 204);
  },

  async 'history is found by type, time and sender'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.text('bob', 'early');
    await pause(50);
    const middle = (await alice.text('bob', 'middle')).message.time;
    await pause(50);
    await bob.text('alice', 'answer');
    await alice.send({ type: 'custom', to: 'bob', customEvent: 'gift', customExts: { rose: '3' } });
    await alice.send({ type: 'loc', to: 'bob', addr: 'here', buildingName: 'b', lat: 1, lng: 2 });
    await alice.send({ type: 'cmd', to: 'bob', action: 'wave' });
    const find = async (searchOptions) => (await history(bob, 'alice', { pageSize: 20, searchDirection: 'down', searchOptions })).messages;
    assert.deepEqual((await find({ msgTypes: ['custom', 'loc'] })).map((message) => message.type), ['custom', 'loc']);
    assert.deepEqual(texts(await find({ startTime: middle, endTime: middle + 1 })), ['middle']);
    assert.deepEqual(texts(await find({ startTime: middle + 1, msgTypes: ['txt'] })), ['answer']);
    assert.deepEqual(texts(await find({ startTime: 1, endTime: middle - 1 })), ['early']);
    assert.ok((await find({})).every((message) => message.type !== 'cmd'), 'commands are not history');

    const room = await group(alice, ['bob']);
    for (const client of [alice, bob, alice]) await client.send({ type: 'txt', chatType: 'groupChat', to: room, msg: `of ${client.name}` });
    const ofBob = await bob.connection.getHistoryMessages({ targetId: room, chatType: 'groupChat', searchOptions: { from: 'bob' } });
    assert.deepEqual(texts(ofBob.messages), ['of bob']);
    assert.equal(ofBob.messages[0].chatType, 'groupChat');
    world.set('history.enabled=false');
    assert.equal((await rejection(history(bob, 'alice'))).type, 505);
  },

  async 'the older call for history gives whole messages too'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    for (let number = 1; number <= 25; number += 1) await alice.text('bob', `${number}`);
    const messages = await bob.connection.fetchHistoryMessages({ queue: 'alice', count: 20, format: true });
    assert.deepEqual(texts(messages), Array.from({ length: 20 }, (_, index) => `${index + 6}`));
    assert.deepEqual([messages[0].from, messages[0].to, messages[0].chatType], ['alice', 'bob', 'singleChat']);
    const older = await bob.connection.fetchHistoryMessages({ queue: 'alice', count: 20, format: true });
    assert.deepEqual(texts(older), ['1', '2', '3', '4', '5']);
  },

  async 'who joined later sees nothing from before, and who left sees nothing'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const room = await group(alice, ['bob']);
    const say = (client, msg) => client.send({ type: 'txt', chatType: 'groupChat', to: room, msg });
    const read = (client) => client.connection.getHistoryMessages({ targetId: room, chatType: 'groupChat', searchDirection: 'down' });
    await say(alice, 'before');
    await carol.connection.joinGroup({ groupId: room, message: '' });
    await say(alice, 'after');
    assert.deepEqual(texts((await read(carol)).messages), ['after']);
    assert.deepEqual(texts((await read(bob)).messages), ['before', 'after']);
    await carol.connection.leaveGroup({ groupId: room });
    assert.equal((await rejection(read(carol))).type, 602);
  },

  async 'conversations are listed with the last message, unread messages, pins and marks'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const tablet = await world.online('bob');
    const room = await group(alice, ['bob']);
    await alice.text('bob', 'one');
    await alice.text('bob', 'two');
    await pause(5);
    await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'all' });
    await bob.atLeast('onTextMessage', 3);
    const list = await conversations(bob);
    const shown = list.conversations.map((one) => [one.conversationId, one.conversationType, one.unReadCount, one.lastMessage.msg, one.isPinned, one.pinnedTime]);
    assert.deepEqual(shown, [[room, 'groupChat', 1, 'all', false, 0], ['alice', 'singleChat', 2, 'two', false, 0]]);
    assert.equal(list.conversations[1].lastMessage.chatType, 'singleChat');
    assert.equal(list.cursor, '');
    const paged = await conversations(bob, { pageSize: 1 });
    assert.deepEqual([paged.conversations.length, (await conversations(bob, { pageSize: 1, cursor: paged.cursor })).conversations[0].conversationId], [1, 'alice']);

    await bob.send({ type: 'channel', to: 'alice' });
    assert.equal((await conversations(bob)).conversations[1].unReadCount, 0);

    const target = { conversationId: 'alice', conversationType: 'singleChat' };
    const pinned = (await bob.connection.pinConversation({ ...target, isPinned: true })).data;
    assert.ok(pinned.isPinned && pinned.pinnedTime > 1_600_000_000_000);
    const top = await multi(tablet, 'pinnedConversation');
    assert.deepEqual([top.conversationId, top.conversationType], ['alice', 'singleChat']);
    const pins = (await bob.connection.getServerPinnedConversations({})).data.conversations;
    assert.deepEqual(pins.map((one) => [one.conversationId, one.isPinned, one.pinnedTime]), [['alice', true, pinned.pinnedTime]]);
    const unpinned = (await bob.connection.pinConversation({ ...target, isPinned: false })).data;
    assert.deepEqual([unpinned.isPinned, unpinned.pinnedTime], [false, 0]);
    await multi(tablet, 'unpinnedConversation');

    await bob.connection.addConversationMark({ conversations: [target, { conversationId: room, conversationType: 'groupChat' }], mark: 3 });
    await multi(tablet, 'markConversation');
    const marked = async () => (await bob.connection.getServerConversationsByFilter({ pageSize: 10, filter: { mark: 3 } })).data.conversations;
    assert.deepEqual((await marked()).map((one) => [one.conversationId, one.marks]), [[room, [3]], ['alice', [3]]]);
    await bob.connection.removeConversationMark({ conversations: [target], mark: 3 });
    await multi(tablet, 'unMarkConversation');
    assert.deepEqual((await marked()).map((one) => one.conversationId), [room]);
    assert.equal(bob.all('onMultiDeviceEvent').length, 0, 'the acting device hears nothing of it');
  },

  async 'the older conversation lists have the same messages'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const room = await group(alice, ['bob']);
    await alice.send({ type: 'custom', to: 'bob', customEvent: 'gift', customExts: { rose: '3', n: 2 } });
    await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'all' });
    await bob.next('onTextMessage');
    const infos = (await bob.connection.getConversationlist({ pageNum: 1, pageSize: 20 })).data.channel_infos;
    assert.deepEqual(infos.map((info) => [info.channel_id.split('@')[0].split('_')[1], info.unread_num]), [[room, 1], ['alice', 1]]);
    assert.equal(infos[0].lastMessage.msg, 'all');
    assert.deepEqual([infos[1].lastMessage.customEvent, infos[1].lastMessage.customExts], ['gift', { rose: '3', n: 2 }]);
    const session = await bob.connection.getSessionList({});
    assert.equal(session.data.channel_infos.length, 2);
    const fresh = (await conversations(bob)).conversations;
    assert.deepEqual(fresh[1].lastMessage.customExts, { rose: '3', n: 2 });
  },

  async 'messages and conversations are deleted from one’s own view only'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const tablet = await world.online('bob');
    const ids = [];
    for (const msg of ['1', '2', '3', '4']) ids.push((await alice.text('bob', msg)).serverMsgId);
    const got = await bob.atLeast('onTextMessage', 4);
    await bob.connection.removeHistoryMessages({ targetId: 'alice', chatType: 'singleChat', messageIds: [ids[1]] });
    const told = await multi(tablet, 'deleteRoaming');
    assert.deepEqual([told.conversationId, told.chatType], ['alice', 'singleChat']);
    assert.deepEqual(texts((await history(bob, 'alice')).messages), ['4', '3', '1']);
    await bob.connection.removeHistoryMessages({ targetId: 'alice', chatType: 'singleChat', beforeTimeStamp: got[2].time });
    const left = texts((await history(bob, 'alice')).messages);
    assert.ok(left.includes('4') && !left.includes('1'), String(left));
    assert.deepEqual(texts((await history(alice, 'bob')).messages), ['4', '3', '2', '1']);

    assert.equal((await bob.connection.deleteConversation({ channel: 'alice', chatType: 'singleChat', deleteRoam: true })).data.result, 'ok');
    const gone = await multi(tablet, 'deleteConversation');
    assert.deepEqual([gone.conversationId, gone.conversationType], ['alice', 'singleChat']);
    assert.deepEqual((await conversations(bob)).conversations, []);
    assert.deepEqual((await history(bob, 'alice')).messages, []);
    assert.equal((await conversations(alice)).conversations.length, 1);
    await alice.text('bob', '5');
    await bob.atLeast('onTextMessage', 5);
    assert.deepEqual((await conversations(bob)).conversations.map((one) => [one.conversationId, one.unReadCount]), [['alice', 1]]);
    assert.deepEqual(texts((await history(bob, 'alice')).messages), ['5']);

    const room = await group(alice, ['bob']);
    const sent = await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'all' });
    await bob.connection.removeHistoryMessages({ targetId: room, chatType: 'groupChat', messageIds: [sent.serverMsgId] });
    const inGroup = async (client) => texts((await client.connection.getHistoryMessages({ targetId: room, chatType: 'groupChat' })).messages);
    assert.deepEqual([await inGroup(bob), await inGroup(alice)], [[], ['all']]);

    await bob.connection.deleteAllMessagesAndConversations();
    await tablet.next('onMultiDeviceEvent', (event) => event.operation === 'deleteRoaming' && event.conversationId === '');
    assert.deepEqual((await conversations(bob)).conversations, []);
    assert.deepEqual((await history(bob, 'alice')).messages, []);
    assert.equal((await history(alice, 'bob')).messages.length, 5);
  },

  async 'many react to a message and pin it at the same moment, and all succeed'(world) {
    const [alice, token] = [await world.online('alice'), await world.appToken()];
    const names = Array.from({ length: 20 }, (_, index) => `u${index}`);
    await world.rest('POST', '/users', { token, body: names.map((username) => ({ username, password: username })) });
    const room = await group(alice, names);
    const sent = await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'vote' });
    const all = async (path, body) => {
      const answers = await Promise.all(names.map((name) => world.rest('POST', path(name), { token, body })));
      assert.deepEqual(answers.map((answer) => answer.status), names.map(() => 200));
    };
    await all((name) => `/reaction/user/${name}`, { msgId: sent.serverMsgId, message: 'yes' });
    await all((name) => `/sdk/user/${name}/user_channel/pin`, { to: room, type: 'groupchat', pin_msg_id: sent.serverMsgId });
    const detail = await alice.connection.getReactionDetail({ messageId: sent.serverMsgId, reaction: 'yes' });
    assert.equal(detail.data.userCount, 20);
    await alice.atLeast('onReactionChange', 20);
    const counts = alice.all('onReactionChange').map((change) => change.reactions[0].count);
    assert.deepEqual(counts, names.map((_, index) => index + 1));
  },

  async 'a message is edited by its author, in history and lists too'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'good day', { ext: { k: 1 } });
    await bob.next('onTextMessage');
    const modifiedMessage = alice.message({ type: 'txt', to: 'bob', msg: 'good morning', ext: { k: 2 } });
    const edited = await alice.connection.modifyMessage({ messageId: sent.serverMsgId, modifiedMessage });
    assert.deepEqual([edited.modifiedInfo.operationCount, edited.modifiedInfo.operatorId], [1, 'alice']);
    const heard = await bob.next('onModifiedMessage');
    assert.deepEqual([heard.id, heard.msg, heard.ext, heard.from, heard.modifiedInfo.operationCount], [sent.serverMsgId, 'good morning', { k: 2 }, 'alice', 1]);
    const [kept] = (await history(bob, 'alice')).messages;
    assert.deepEqual([kept.id, kept.msg, kept.ext, kept.modifiedInfo.operatorId], [sent.serverMsgId, 'good morning', { k: 2 }, 'alice']);
    assert.equal((await conversations(bob)).conversations[0].lastMessage.msg, 'good morning');
    const absent = await world.online('bob');
    assert.ok(absent.all('onTextMessage').every((message) => message.msg === 'good morning'));

    const change = (client, messageId, msg = 'x') => client.connection.modifyMessage({ messageId, modifiedMessage: client.message({ type: 'txt', to: client === alice ? 'bob' : 'alice', msg }) });
    assert.equal((await rejection(change(bob, sent.serverMsgId))).type, 603);
    assert.equal((await rejection(change(alice, '1'))).type, 1302);
    for (let number = 2; number <= 10; number += 1) await change(alice, sent.serverMsgId, `${number}`);
    assert.equal((await rejection(change(alice, sent.serverMsgId))).type, 50);
    world.set('edit.enabled=false');
    assert.equal((await rejection(change(alice, sent.serverMsgId))).type, 505);
  },

  async 'an admin edits a member’s message in a group, and a custom message keeps its form'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const to = await group(alice, ['bob']);
    const sent = await bob.send({ type: 'custom', chatType: 'groupChat', to, customEvent: 'vote', customExts: { yes: '1' } });
    const modifiedMessage = alice.message({ type: 'custom', chatType: 'groupChat', to, customEvent: 'vote', customExts: { yes: '2' } });
    await alice.connection.modifyMessage({ messageId: sent.serverMsgId, modifiedMessage });
    const heard = await bob.next('onModifiedMessage');
    assert.deepEqual([heard.id, heard.type, heard.chatType, heard.customExts, heard.modifiedInfo.operatorId], [sent.serverMsgId, 'custom', 'groupChat', { yes: '2' }, 'alice']);
  },

  async 'reactions are added, counted, told and taken back'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'like?');
    await bob.next('onTextMessage');
    await bob.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'thumb👍' });
    const told = await alice.next('onReactionChange');
    assert.deepEqual([told.messageId, told.from, told.chatType, told.reactions[0].reaction, told.reactions[0].count], [sent.serverMsgId, 'bob', 'singleChat', 'thumb👍', 1]);
    assert.deepEqual(told.reactions[0].op, [{ operator: 'bob', reactionType: 'create' }]);
    assert.deepEqual(told.reactions[0].userList, ['bob']);
    await alice.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'thumb👍' });
    const list = (await bob.connection.getReactionList({ chatType: 'singleChat', messageId: sent.serverMsgId })).data;
    assert.deepEqual([list.length, list[0].msgId], [1, sent.serverMsgId]);
    const [counted] = list[0].reactionList;
    assert.deepEqual([counted.reaction, counted.isAddedBySelf, [...counted.userList].sort()], ['thumb👍', true, ['alice', 'bob']]);
    assert.equal(counted.count ?? counted.userCount, 2);
    const detail = (await bob.connection.getReactionDetail({ messageId: sent.serverMsgId, reaction: 'thumb👍', cursor: null, pageSize: 10 })).data;
    assert.deepEqual([detail.reaction, detail.isAddedBySelf, [...detail.userList].sort()], ['thumb👍', true, ['alice', 'bob']]);
    const [kept] = (await history(bob, 'alice')).messages;
    assert.deepEqual(kept.reactions.map((one) => [one.reaction, one.count, one.isAddedBySelf]), [['thumb👍', 2, true]]);
    assert.equal((await rejection(bob.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'thumb👍' }))).type, 1101);
    await bob.connection.deleteReaction({ messageId: sent.serverMsgId, reaction: 'thumb👍' });
    await alice.next('onReactionChange', (event) => event.reactions.some((one) => one.op?.some((op) => op.reactionType === 'delete')));
    assert.deepEqual((await history(bob, 'alice')).messages[0].reactions.map((one) => [one.count, one.isAddedBySelf]), [[1, false]]);
    const none = (await bob.connection.getReactionList({ chatType: 'singleChat', messageId: [sent.serverMsgId, (await bob.text('alice', 'plain')).serverMsgId] })).data;
    assert.ok(none.every((one) => Array.isArray(one.reactionList)));
    world.set('reactions.enabled=false');
    assert.equal((await rejection(bob.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'x' }))).type, 505);
  },

  async 'reactions in a group are for its members'(world) {
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    const room = await group(alice, ['bob']);
    const sent = await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'like?' });
    await bob.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'a' });
    const told = await alice.next('onReactionChange');
    assert.deepEqual([told.messageId, told.chatType, told.to], [sent.serverMsgId, 'groupChat', room]);
    const list = (await alice.connection.getReactionList({ chatType: 'groupChat', groupId: room, messageId: [sent.serverMsgId] })).data;
    assert.deepEqual(list[0].reactionList.map((one) => [one.reaction, one.isAddedBySelf]), [['a', false]]);
    const refused = await rejection(carol.connection.addReaction({ messageId: sent.serverMsgId, reaction: 'a' }));
    assert.ok([602, 603, 1103].includes(refused.type), JSON.stringify(refused));
  },

  async 'messages are pinned for all in the conversation'(world) {
    const [alice, bob, tablet] = [await world.online('alice'), await world.online('bob'), await world.online('alice')];
    const room = await group(alice, ['bob']);
    const inGroup = { conversationId: room, conversationType: 'groupChat' };
    const [one, two] = [
      await alice.send({ type: 'txt', chatType: 'groupChat', to: room, msg: 'rules', ext: { k: 1 } }),
      await alice.send({ type: 'custom', chatType: 'groupChat', to: room, customEvent: 'vote', customExts: { a: '1', b: '2' } }),
    ];
    for (const { serverMsgId } of [one, two]) {
      await alice.connection.pinMessage({ ...inGroup, messageId: serverMsgId });
      for (const device of [bob, tablet]) {
        const told = await device.next('onMessagePinEvent', (event) => event.messageId === serverMsgId);
        assert.deepEqual([told.conversationId, told.conversationType, told.operatorId, told.operation], [room, 'groupChat', 'alice', 'pin']);
        assert.ok(told.time > 1_600_000_000_000);
      }
    }
    const pins = (await bob.connection.getServerPinnedMessages({ ...inGroup, pageSize: 10 })).data;
    const shown = pins.list.map((pin) => [pin.message.id, pin.message.type, pin.operatorId, pin.pinTime > 1_600_000_000_000]);
    assert.deepEqual(shown.sort(), [[one.serverMsgId, 'txt', 'alice', true], [two.serverMsgId, 'custom', 'alice', true]].sort());
    const custom = pins.list.find((pin) => pin.message.type === 'custom').message;
    assert.deepEqual([custom.customExts, custom.to, custom.from, custom.chatType], [{ a: '1', b: '2' }, room, 'alice', 'groupChat']);
    assert.equal(pins.cursor, '');
    await alice.connection.unpinMessage({ ...inGroup, messageId: one.serverMsgId });
    await bob.next('onMessagePinEvent', (event) => event.operation === 'unpin');
    assert.equal((await bob.connection.getServerPinnedMessages(inGroup)).data.list.length, 1);
    assert.equal((await rejection(alice.connection.unpinMessage({ ...inGroup, messageId: one.serverMsgId }))).type, 51);
    assert.equal(alice.all('onMessagePinEvent').length, 0);

    const direct = await alice.text('bob', 'keep');
    await bob.next('onTextMessage', (message) => message.msg === 'keep');
    await bob.connection.pinMessage({ conversationId: 'alice', conversationType: 'singleChat', messageId: direct.serverMsgId });
    const told = await alice.next('onMessagePinEvent', (event) => event.messageId === direct.serverMsgId);
    assert.deepEqual([told.conversationId, told.conversationType, told.operatorId], ['bob', 'singleChat', 'bob']);
    world.set('pins.enabled=false');
    assert.ok((await rejection(bob.connection.pinMessage({ ...inGroup, messageId: two.serverMsgId }))).type);
  },

  async 'a message is reported once it is there'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'spam');
    await bob.connection.reportMessage({ reportType: 'adult', reportReason: 'why', messageId: sent.serverMsgId });
    assert.equal((await rejection(bob.connection.reportMessage({ reportType: 'adult', reportReason: 'why', messageId: '1' }))).type, 51);
    world.set('reports.enabled=false');
    assert.equal((await rejection(bob.connection.reportMessage({ reportType: 'adult', reportReason: 'why', messageId: sent.serverMsgId }))).type, 505);
  },
};
