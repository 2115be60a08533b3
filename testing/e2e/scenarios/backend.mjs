// What an app's back end does over REST, as both SDKs see it (easemob-rest.md 2.4, 2.5, 3.2, 3.8, 3.9).
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A call of the back end that must succeed. */
async function call(world, method, path, body) {
  const answer = await world.rest(method, path, { token: await world.appToken(), body });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
}

async function send(world, to, type, body, more = {}) {
  const answer = await call(world, 'POST', '/messages/users', { to: [to], type, body, ...more });
  return answer.data[to];
}

/** A token that the back end signs by itself. */
function dynamicToken({ appKey, app }, user, life = 600) {
  const time = Math.floor(Date.now() / 1000);
  const signature = createHash('sha256').update(`${app.client_id}${appKey}${user}${time}${life}${app.client_secret}`).digest('hex');
  return Buffer.from(`dt-${JSON.stringify({ signature, appkey: appKey, userId: user, curTime: time, ttl: life })}`).toString('base64url');
}

/** Agora's AccessToken2 for the chat service, packed as the vendor's builder does. */
function agoraToken(appId, certificate, user, life = 600) {
  const number = (value, bytes) => { const buffer = Buffer.alloc(bytes); buffer.writeUIntLE(value, 0, bytes); return buffer; };
  const text = (value) => { const bytes = Buffer.from(value); return Buffer.concat([number(bytes.length, 2), bytes]); };
  const mac = (key, message) => createHmac('sha256', key).update(message).digest();
  const [issued, salt, privilege] = [number(Math.floor(Date.now() / 1000), 4), number(12345, 4), user ? 1 : 2];
  const service = Buffer.concat([number(5, 2), number(1, 2), number(privilege, 2), number(life, 4), text(user)]);
  const body = Buffer.concat([text(appId), issued, number(life, 4), salt, number(1, 2), service]);
  const signature = mac(mac(salt, mac(issued, certificate)), body);
  return `007${deflateSync(Buffer.concat([number(signature.length, 2), signature, body])).toString('base64')}`;
}

export default {
  async 'every type that the back end sends is shown as what it is'(world) {
    const bob = await world.online('bob');
    const url = world.url('/chatfiles/0c1f1ac0-0000-11ef-8000-000000000001');
    const file = { url, filename: 'a.bin', secret: 's3cret', file_length: 3 };
    const ext = { k: 1, deep: { a: [true, null] }, em_apns_ext: { em_push_title: 't' } };
    const ids = {
      onTextMessage: await send(world, 'bob', 'txt', { msg: 'hi' }, { from: 'shop', ext }),
      onImageMessage: await send(world, 'bob', 'img', { ...file, size: { width: 3, height: 4 } }),
      onAudioMessage: await send(world, 'bob', 'audio', { ...file, length: 5 }),
      onVideoMessage: await send(world, 'bob', 'video', { ...file, length: 7, thumb: url, thumb_secret: 't' }),
      onFileMessage: await send(world, 'bob', 'file', file),
      onLocationMessage: await send(world, 'bob', 'loc', { lat: '1.5', lng: '-2.25', addr: 'Somewhere' }),
      onCmdMessage: await send(world, 'bob', 'cmd', { action: 'wave' }),
      onCustomMessage: await send(world, 'bob', 'custom', { customEvent: 'gift', customExts: { rose: '3' } }),
    };
    const got = {};
    for (const [event, id] of Object.entries(ids)) {
      got[event] = await bob.next(event);
      assert.equal(got[event].id, id, event);
      assert.equal(got[event].to, 'bob', event);
    }
    const { onTextMessage: text, onImageMessage: image, onAudioMessage: audio, onVideoMessage: video } = got;
    assert.deepEqual([text.msg, text.from, text.chatType, text.ext], ['hi', 'shop', 'singleChat', ext]);
    assert.deepEqual([image.from, image.width, image.height, image.secret], ['admin', 3, 4, 's3cret']);
    assert.equal(got.onFileMessage.filename, 'a.bin');
    for (const part of [image, audio, video, got.onFileMessage]) {
      assert.match(part.url, /\/chatfiles\/0c1f1ac0-0000-11ef-8000-000000000001/);
    }
    assert.deepEqual([audio.length, video.length], [5, 7]);
    const { onLocationMessage: place, onCustomMessage: custom } = got;
    assert.deepEqual([place.lat, place.lng, place.addr], [1.5, -2.25, 'Somewhere']);
    assert.equal(got.onCmdMessage.action, 'wave');
    assert.deepEqual([custom.customEvent, custom.customExts], ['gift', { rose: '3' }]);
  },

  async 'what the back end sent to an absent user waits for him, and reading it is taken'(world) {
    await world.register('bob');
    for (const from of ['admin', 'shop', '系统消息']) await send(world, 'bob', 'txt', { msg: from }, { from });
    const bob = world.client('bob', { delivery: true });
    await bob.open({ pwd: 'bob' });
    const got = await bob.atLeast('onTextMessage', 3);
    assert.deepEqual(got.map((message) => [message.from, message.msg]), ['admin', 'shop', '系统消息'].map((name) => [name, name]));
    await bob.next('onOfflineMessageSyncFinish');
    await bob.send({ type: 'read', to: 'shop', id: got[1].id });
    await bob.send({ type: 'channel', to: 'admin' });
    await world.hasTaken('bob');
    await bob.closed();
    const again = world.client('bob');
    await again.open({ pwd: 'bob' });
    await pause(500);
    assert.deepEqual(again.all('onTextMessage'), []);
  },

  async 'a message in a user’s name comes to his devices only when asked for'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await send(world, 'bob', 'txt', { msg: 'one' }, { from: 'alice' });
    await send(world, 'bob', 'txt', { msg: 'two' }, { from: 'alice', sync_device: true });
    assert.deepEqual((await bob.atLeast('onTextMessage', 2)).map((message) => message.msg), ['one', 'two']);
    const copy = await alice.next('onTextMessage');
    assert.deepEqual([copy.msg, copy.from, copy.to], ['two', 'alice', 'bob']);
    await pause(300);
    assert.equal(alice.all('onTextMessage').length, 1);
  },

  async 'the back end takes a message back, its own or a user’s'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const own = await send(world, 'bob', 'txt', { msg: 'oops' });
    const theirs = (await alice.text('bob', 'hm')).serverMsgId;
    await bob.atLeast('onTextMessage', 2);
    for (const msg_id of [own, theirs]) {
      const answer = await call(world, 'POST', '/messages/msg_recall', { msg_id, to: 'bob', chat_type: 'chat', recallMessageExtensionInfo: 'why' });
      assert.deepEqual([answer.data.recalled, answer.data.msg_id], ['yes', msg_id]);
      const recall = await bob.next('onRecallMessage', (event) => event.mid === msg_id);
      assert.deepEqual([recall.from, recall.to], ['admin', 'bob']);
    }
    await alice.next('onRecallMessage', (event) => event.mid === theirs);
    assert.equal(alice.all('onRecallMessage').length, 1);
  },

  async 'a muted user is refused with 219 until the mute is lifted'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await call(world, 'POST', '/mutes', { username: 'alice', chat: 600 });
    const refused = await rejection(alice.text('bob', 'hi'));
    assert.equal(refused.type, 219);
    await call(world, 'POST', '/mutes', { username: 'alice', chat: 0 });
    await alice.text('bob', 'hello');
    assert.equal((await bob.next('onTextMessage')).msg, 'hello');
    await call(world, 'POST', '/mutes', { username: 'bob', chat: 1 });
    await pause(1_100);
    await bob.text('alice', 'free again');
  },

  async 'a token that the back end signed logs its user in, and nobody else'(world) {
    await world.register('alice');
    await world.register('bob');
    const alice = world.client('alice');
    await alice.open({ accessToken: dynamicToken(world, 'alice') });
    assert.ok(alice.connection.isOpened());
    assert.equal((await rejection(world.client('bob').open({ accessToken: dynamicToken(world, 'alice') }))).type, 28);
    const forged = dynamicToken({ ...world, app: { ...world.app, client_secret: 'guess' } }, 'bob');
    assert.equal((await rejection(world.client('bob').open({ accessToken: forged }))).type, 28);
    const short = dynamicToken(world, 'bob', 1);
    await pause(1_100);
    assert.equal((await rejection(world.client('bob').open({ accessToken: short }))).type, 56);
  },

  async 'an Agora token logs its user in by name and by UUID once the app has the certificate'(world) {
    const [appId, certificate] = ['a0'.repeat(16), 'b1'.repeat(16)];
    const uuid = (await world.register('alice')).entities[0].uuid;
    await world.register('bob');
    assert.equal((await rejection(world.client('alice').open({ accessToken: agoraToken(appId, certificate, 'alice') }))).type, 28);
    world.set(`agora.app_id=${appId}`, `agora.certificate=${certificate}`);
    for (const user of ['alice', uuid]) {
      const alice = world.client('alice');
      await alice.open({ accessToken: agoraToken(appId, certificate, user) });
      assert.ok(alice.connection.isOpened(), user);
    }
    assert.equal((await rejection(world.client('bob').open({ accessToken: agoraToken(appId, certificate, uuid) }))).type, 28);
    const exchanged = await world.rest('POST', '/token', { token: agoraToken(appId, certificate, ''), body: { grant_type: 'agora' } });
    assert.ok(exchanged.body.expire_timestamp > Date.now());
    const users = await world.rest('GET', '/users', { token: exchanged.body.access_token });
    assert.equal(users.body.entities.length, 2);
    // The warning before the end serves both generations of the SDK.
    const warned = world.client('alice');
    await warned.open({ accessToken: agoraToken(appId, certificate, uuid, 3) });
    await warned.next('onTokenWillExpire');
    await warned.next('onTokenExpired');
  },
};
