// One-to-one messages: every type, offline, order, receipts, recall (msync.md 2.7-2.13).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default {
  async 'text goes in both directions'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'hi', { ext: { k: 1, nested: { a: [true] } } });
    assert.match(sent.serverMsgId, /^\d+$/);
    const got = await bob.next('onTextMessage');
    assert.deepEqual([got.id, got.msg, got.from, got.to, got.chatType], [sent.serverMsgId, 'hi', 'alice', 'bob', 'singleChat']);
    assert.deepEqual(got.ext, { k: 1, nested: { a: [true] } });
    assert.equal(got.time, sent.message.time);
    await bob.text('alice', 'hello');
    assert.equal((await alice.next('onTextMessage')).msg, 'hello');
  },

  async 'every content type arrives as it was sent'(world) {
    // With `useOwnUploadFun` an app has uploaded the file itself and names its address.
    const [alice, bob] = [await world.online('alice', { useOwnUploadFun: true }), await world.online('bob')];
    const url = world.url('/chatfiles/0c1f1ac0-0000-11ef-8000-000000000001');
    const file = { url, filename: 'a.bin', file_length: 3, secret: 's3cret' };
    await alice.send({ type: 'img', to: 'bob', url, body: { type: 'image', ...file }, width: 3, height: 4 });
    await alice.send({ type: 'loc', to: 'bob', addr: 'Somewhere', buildingName: 'Tower', lat: 1.5, lng: -2.25 });
    await alice.send({ type: 'cmd', to: 'bob', action: 'wave', ext: { n: 1 } });
    await alice.send({ type: 'custom', to: 'bob', customEvent: 'gift', customExts: { rose: '3' } });
    await alice.send({ type: 'video', to: 'bob', body: { ...file }, url, length: 7 });
    await alice.send({ type: 'audio', to: 'bob', body: { ...file }, url, length: 5 });
    await alice.send({ type: 'file', to: 'bob', body: { ...file }, url });
    assert.equal((await bob.next('onImageMessage')).width, 3);
    const place = await bob.next('onLocationMessage');
    assert.deepEqual([place.lat, place.lng, place.addr], [1.5, -2.25, 'Somewhere']);
    assert.equal((await bob.next('onCmdMessage')).action, 'wave');
    const custom = await bob.next('onCustomMessage');
    assert.deepEqual([custom.customEvent, custom.customExts], ['gift', { rose: '3' }]);
    assert.equal((await bob.next('onVideoMessage')).from, 'alice');
    assert.equal((await bob.next('onAudioMessage')).from, 'alice');
    assert.equal((await bob.next('onFileMessage')).from, 'alice');
  },

  async 'what was sent to an absent user waits for him, in order'(world) {
    await world.register('bob');
    const alice = await world.online('alice');
    for (let number = 1; number <= 120; number += 1) await alice.text('bob', `message ${number}`);
    const bob = world.client('bob');
    await bob.open({ pwd: 'bob' });
    const got = await bob.atLeast('onTextMessage', 120);
    assert.deepEqual(got.map((message) => message.msg), Array.from({ length: 120 }, (_, index) => `message ${index + 1}`));
    await bob.next('onOfflineMessageSyncFinish');
    await pause(300);
    assert.equal(bob.all('onTextMessage').length, 120);
  },

  async 'a burst arrives once and in order'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const texts = Array.from({ length: 300 }, (_, index) => `burst ${index}`);
    await Promise.all(texts.map((text) => alice.text('bob', text)));
    const got = await bob.atLeast('onTextMessage', 300, 30_000);
    await pause(300);
    assert.deepEqual(bob.all('onTextMessage').map((message) => message.msg), texts);
    assert.equal(got.length, 300);
  },

  async 'what was acknowledged does not come again after a reconnect'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    for (const text of ['one', 'two', 'three']) await alice.text('bob', text);
    await bob.atLeast('onTextMessage', 3);
    await world.hasTaken('bob');
    bob.close();
    await alice.text('bob', 'four');
    const again = world.client('bob', { deviceId: bob.deviceId });
    await again.open({ pwd: 'bob' });
    await again.next('onTextMessage', (message) => message.msg === 'four');
    await pause(300);
    assert.deepEqual(again.all('onTextMessage').map((message) => message.msg), ['four']);
  },

  async 'an unknown recipient is refused by name'(world) {
    const alice = await world.online('alice');
    const error = await rejection(alice.text('nobody', 'hi'));
    assert.equal(error.type, 204);
  },

  async 'a message over the limit is refused as too large'(world) {
    const alice = await world.online('alice');
    await world.register('bob');
    world.set('message.bytes_limit=1000');
    const error = await rejection(alice.text('bob', 'x'.repeat(2_000)));
    assert.equal(error.type, 511);
    await alice.text('bob', 'short');
  },

  async 'delivery and read receipts reach the author'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob', { delivery: true })];
    const sent = await alice.text('bob', 'hi');
    const delivered = await alice.next('onDeliveredMessage');
    assert.deepEqual([delivered.mid, delivered.from], [sent.serverMsgId, 'bob']);
    const got = await bob.next('onTextMessage');
    await bob.send({ type: 'read', to: 'alice', id: got.id });
    const read = await alice.next('onReadMessage');
    assert.deepEqual([read.mid, read.from], [sent.serverMsgId, 'bob']);
  },

  async 'a receipt waits for an absent author'(world) {
    const alice = await world.online('alice');
    const bob = await world.online('bob');
    const sent = await alice.text('bob', 'hi');
    const got = await bob.next('onTextMessage');
    await alice.closed();
    await bob.send({ type: 'read', to: 'alice', id: got.id });
    const again = world.client('alice', { deviceId: alice.deviceId });
    await again.open({ pwd: 'alice' });
    assert.equal((await again.next('onReadMessage')).mid, sent.serverMsgId);
  },

  async 'a read conversation is told to the peer'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.text('bob', 'hi');
    await bob.next('onTextMessage');
    await bob.send({ type: 'channel', to: 'alice' });
    assert.equal((await alice.next('onChannelMessage')).from, 'bob');
  },

  async 'a message is taken back inside the window and not after it'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'oops');
    await bob.next('onTextMessage');
    await alice.connection.recallMessage({ mid: sent.serverMsgId, to: 'bob', chatType: 'singleChat' });
    assert.equal((await bob.next('onRecallMessage')).mid, sent.serverMsgId);
    world.set('recall.window_seconds=1');
    const late = await alice.text('bob', 'kept');
    await pause(1_300);
    const error = await rejection(alice.connection.recallMessage({ mid: late.serverMsgId, to: 'bob', chatType: 'singleChat' }));
    assert.equal(error.type, 504);
    world.set('recall.enabled=false');
    const disabled = await alice.text('bob', 'kept too');
    const off = await rejection(alice.connection.recallMessage({ mid: disabled.serverMsgId, to: 'bob', chatType: 'singleChat' }));
    assert.equal(off.type, 505);
  },

  async 'an absent user never sees a message that was taken back'(world) {
    await world.register('bob');
    const alice = await world.online('alice');
    const sent = await alice.text('bob', 'oops');
    await alice.text('bob', 'kept');
    await alice.connection.recallMessage({ mid: sent.serverMsgId, to: 'bob', chatType: 'singleChat' });
    const bob = world.client('bob');
    await bob.open({ pwd: 'bob' });
    await bob.next('onTextMessage', (message) => message.msg === 'kept');
    assert.deepEqual(bob.all('onTextMessage').map((message) => message.msg), ['kept']);
  },

  async 'nobody else’s message can be taken back'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const sent = await alice.text('bob', 'mine');
    await bob.next('onTextMessage');
    const error = await rejection(bob.connection.recallMessage({ mid: sent.serverMsgId, to: 'alice', chatType: 'singleChat' }));
    assert.equal(error.type, 503);
  },

  async 'online-only messages are not kept'(world) {
    const alice = await world.online('alice');
    await world.register('bob');
    await alice.text('bob', 'now or never', { deliverOnlineOnly: true });
    const bob = await world.online('bob2').then(() => world.client('bob'));
    await bob.open({ pwd: 'bob' });
    await alice.text('bob', 'later', { deliverOnlineOnly: true });
    await bob.next('onTextMessage');
    assert.deepEqual(bob.all('onTextMessage').map((message) => message.msg), ['later']);
  },

  async 'a user can write to himself from two devices'(world) {
    const [one, two] = [await world.online('alice'), await world.online('alice')];
    await one.text('alice', 'note');
    assert.equal((await two.next('onTextMessage')).msg, 'note');
    await pause(200);
    assert.equal(one.all('onTextMessage').length, 0);
  },
};
