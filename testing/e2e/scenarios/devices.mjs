// Several devices of one user: copies, displacement, forced logout (msync.md 2.13, 2.14).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default {
  async 'the sender’s other device gets a copy, the sending one does not'(world) {
    const [phone, laptop, bob] = [await world.online('alice'), await world.online('alice'), await world.online('bob')];
    await phone.text('bob', 'hi');
    const copy = await laptop.next('onTextMessage');
    assert.deepEqual([copy.from, copy.to, copy.msg], ['alice', 'bob', 'hi']);
    await bob.text('alice', 'hello');
    await Promise.all([phone, laptop].map((device) => device.next('onTextMessage', (message) => message.msg === 'hello')));
    await pause(200);
    assert.equal(phone.all('onTextMessage').length, 1);
  },

  async 'a message to one own device reaches that device alone'(world) {
    const [phone, laptop, tablet] = [await world.online('alice'), await world.online('alice'), await world.online('alice')];
    await phone.text(`alice/webim_web_${laptop.deviceId}`, 'to the laptop');
    await phone.text('alice', 'to all');
    await Promise.all([laptop, tablet].map((device) => device.next('onTextMessage', (message) => message.msg === 'to all')));
    const texts = (device) => device.all('onTextMessage').map((message) => message.msg);
    assert.deepEqual([texts(laptop), texts(tablet), texts(phone)], [['to the laptop', 'to all'], ['to all'], []]);
  },

  async 'a tab shows what the other tab of the browser sends'(world) {
    const [one, bob] = [await world.online('alice'), await world.online('bob')];
    const other = world.client('alice', { deviceId: one.deviceId });
    await other.open({ pwd: 'alice' });
    // What comes live goes to both from here on.
    await bob.text('alice', 'to both');
    await Promise.all([one, other].map((tab) => tab.next('onTextMessage', (message) => message.msg === 'to both')));
    await one.text('bob', 'from one');
    await other.next('onTextMessage', (message) => message.msg === 'from one');
    await other.text('bob', 'from the other');
    await one.next('onTextMessage', (message) => message.msg === 'from the other');
    await pause(200);
    assert.deepEqual([one, other, bob].map((client) => client.all('onTextMessage').length), [2, 2, 2]);
  },

  async 'a device gets what it missed although another device took it'(world) {
    const [phone, laptop, bob] = [await world.online('alice'), await world.online('alice'), await world.online('bob')];
    await laptop.closed();
    await bob.text('alice', 'while you were away');
    await phone.next('onTextMessage');
    await world.hasTaken('alice');
    const back = world.client('alice', { deviceId: laptop.deviceId });
    await back.open({ pwd: 'alice' });
    assert.equal((await back.next('onTextMessage')).msg, 'while you were away');
  },

  async 'a new device does not get old messages again'(world) {
    const [phone, bob] = [await world.online('alice'), await world.online('bob')];
    await bob.text('alice', 'old');
    await phone.next('onTextMessage');
    await world.hasTaken('alice');
    const fresh = await world.online('alice');
    await bob.text('alice', 'new');
    await fresh.next('onTextMessage', (message) => message.msg === 'new');
    assert.deepEqual(fresh.all('onTextMessage').map((message) => message.msg), ['new']);
  },

  async 'in single mode a new login displaces the old one, which is told why'(world) {
    world.set('devices.policy=single');
    const old = await world.online('alice');
    await world.online('alice');
    assert.equal((await old.next('onDisconnected')).type ?? (await old.next('onError')).type, 206);
    await pause(2_500);
    assert.equal(old.all('onReconnecting').length, 0);
  },

  async 'the oldest of a full class is displaced'(world) {
    world.set('devices.per_class=2');
    const first = await world.online('alice');
    const second = await world.online('alice');
    await world.online('alice');
    assert.equal((await first.next('onError')).type, 206);
    assert.equal(second.all('onError').length, 0);
  },

  async 'a refused login names its cause'(world) {
    world.set('devices.per_class=1', 'devices.when_full=refuse');
    const first = await world.online('alice');
    // Agora’s SDK has no numbers for these two: it hands on the server’s words.
    const isNamed = (error, type, words) => {
      if (world.sdkName.startsWith('easemob')) assert.equal(error.type, type, JSON.stringify(error));
      else assert.deepEqual([error.type, error.message], [2, words]);
    };
    const full = await rejection(world.client('alice').open({ pwd: 'alice' }));
    isNamed(full, 214, 'The user has as many devices online as the app allows.');
    world.set('devices.policy=single');
    const changed = await rejection(world.client('alice').open({ pwd: 'alice' }));
    isNamed(changed, 220, 'The last login came from another device, and this app does not let a new one take over silently.');
    assert.equal(first.all('onError').length, 0);
  },

  async 'deletion, a new password and a forced logout end the session with their codes'(world) {
    const token = await world.appToken();
    const [alice, bob, carol] = [await world.online('alice'), await world.online('bob'), await world.online('carol')];
    await world.rest('DELETE', '/users/alice', { token });
    await world.rest('PUT', '/users/bob/password', { token, body: { newpassword: 'other' } });
    await world.rest('GET', '/users/carol/disconnect', { token });
    assert.equal((await alice.next('onError')).type, 207);
    assert.equal((await bob.next('onError')).type, 216);
    assert.equal((await carol.next('onError')).type, 217);
    const error = await rejection(world.client('bob').open({ pwd: 'bob' }));
    assert.equal(error.message, 'invalid password');
  },

  // Both tabs of a browser have the device's name from its storage (msync.md 2.5).
  async 'two tabs of one browser both stay and both receive'(world) {
    const first = await world.online('alice', { deviceId: 'browser' });
    const second = await world.online('alice', { deviceId: 'browser' });
    const bob = await world.online('bob');
    await bob.text('alice', 'to both');
    await Promise.all([first, second].map((tab) => tab.next('onTextMessage')));
    await pause(2_500);
    assert.deepEqual([first, second].map((tab) => tab.all('onReconnecting').length), [0, 0]);
  },

  async 'a displaced device may log in again with the token that it has'(world) {
    world.set('devices.policy=single');
    await world.register('alice');
    const body = { grant_type: 'password', username: 'alice', password: 'alice' };
    const token = (await world.rest('POST', '/token', { body })).body.access_token;
    const old = world.client('alice');
    await old.open({ accessToken: token });
    const young = world.client('alice');
    await young.open({ accessToken: token });
    assert.equal((await old.next('onError')).type, 206);
    // The server takes note that the device was told when the old socket's close is answered, and then forgets the socket.
    await world.until('only the new connection is there', async () => /^gateway_connections_open 1$/m.test(await world.server.metrics()));
    const again = world.client('alice', { deviceId: old.deviceId });
    await again.open({ accessToken: token });
    assert.equal((await young.next('onError')).type, 206);
    assert.ok(again.connection.isOpened());
  },

  async 'a device’s own list names the others'(world) {
    const [phone, laptop] = [await world.online('alice'), await world.online('alice')];
    const answer = await phone.connection.getSelfIdsOnOtherPlatform();
    assert.deepEqual(answer.data, [`alice/${laptop.connection.clientResource}`]);
  },
};
