// The other builds in the SDKs' packages: the one for small programs inside WeChat, uni-app and Alipay, and the small core
// that takes its parts as plug-ins.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { noise, sameBytes } from '../harness/bytes.mjs';
import { loadMini } from '../harness/mini_program.mjs';

const require = createRequire(import.meta.url);

/** Only one of the packages has the build for small programs; the other's world borrows it. */
function program(world, name) {
  const { sdk, host } = loadMini(name);
  sdk.logger.disableAll();
  return { host, online: (user) => world.online(user, { sdk }) };
}

/** An upload as the vendor's documents show it: by the host, with the token in its header. */
function uploaded(host, connection, bytes) {
  const header = { Authorization: `Bearer ${connection.context.accessToken}`, 'Content-Type': 'multipart/form-data' };
  return new Promise((resolve, reject) => {
    host.uploadFile({
      url: connection.getChatFilesUrl(), filePath: host.files.picked(bytes, 'mp3'), name: 'file', header, headers: header, fail: reject,
      success: ({ data }) => resolve(JSON.parse(data)),
    });
  });
}

async function talksFrom(world, hostName) {
  const { host, online } = program(world, hostName);
  const [alice, bob] = [await online('alice'), await world.online('bob')];
  await alice.text('bob', 'from the program 你好😀', { ext: { n: 1 } });
  const got = await bob.next('onTextMessage');
  assert.deepEqual([got.from, got.msg, got.ext], ['alice', 'from the program 你好😀', { n: 1 }]);
  await bob.text('alice', 'x'.repeat(4_000));
  assert.equal((await alice.next('onTextMessage')).msg.length, 4_000);

  const bytes = noise(30_000);
  const file = await uploaded(host, alice.connection, bytes);
  const url = `${file.uri}/${file.entities[0].uuid}`;
  await alice.send({ type: 'audio', to: 'bob', filename: 'a.mp3', body: { url, type: 'audio', filename: 'a.mp3', length: 3 } });
  const heard = await bob.next('onAudioMessage');
  assert.deepEqual([heard.filename, heard.length], ['a.mp3', 3]);
  const read = await fetch(heard.url);
  assert.ok(sameBytes(new Uint8Array(await read.arrayBuffer()), bytes), `${read.status}`);

  const { messages } = await alice.connection.getHistoryMessages({ targetId: 'bob', chatType: 'singleChat', pageSize: 10 });
  assert.deepEqual(messages.map(({ type }) => type), ['audio', 'txt', 'txt']);
  await alice.connection.updateUserInfo({ nickname: 'Alice 猫' });
  assert.equal((await bob.connection.fetchUserInfoById('alice')).data.alice.nickname, 'Alice 猫');

  host.cut();
  await bob.text('alice', 'while it was away');
  await alice.next('onTextMessage', ({ msg }) => msg === 'while it was away');
}

export default {
  'a small program inside WeChat talks, sends a file and comes back': (world) => talksFrom(world, 'wx'),
  'a program of uni-app talks, sends a file and comes back': (world) => talksFrom(world, 'uni'),
  'a small program inside Alipay, whose frames are text, talks, sends a file and comes back': (world) => talksFrom(world, 'my'),

  async 'the small core works with its plug-ins'(world) {
    const part = (name) => require(`${world.sdkName}/${name}/${name}.js`);
    // The parts of both packages find their core by one name, which in a page only one of them would have.
    for (const shared of Object.keys(globalThis).filter((name) => name.startsWith('webpackChunk'))) delete globalThis[shared];
    const loaded = require(`${world.sdkName}/miniCore/miniCore.js`);
    const Core = loaded.default ?? loaded;
    const bob = await world.online('bob');
    await world.register('alice');
    const core = new Core({ appKey: world.appKey, apiUrl: world.server.apiUrl, url: world.server.socketUrl, isHttpDNS: false, isFixedDeviceId: false });
    for (const name of ['contact', 'group', 'chatroom', 'presence', 'silent', 'thread']) core.usePlugin(part(name), name);
    core.logger?.disableAll();
    world.clients.push({ close: () => core.close() });
    const connected = new Promise((resolve) => core.addEventHandler('e2e', { onConnected: resolve }));
    await core.open({ username: 'alice', password: 'alice' });
    await connected;

    const heard = new Promise((resolve) => core.addEventHandler('text', { onTextMessage: resolve }));
    await bob.text('alice', 'hello');
    assert.equal((await heard).msg, 'hello');
    await core.send(core.Message.create({ type: 'txt', chatType: 'singleChat', to: 'bob', msg: 'from the core' }));
    assert.equal((await bob.next('onTextMessage')).msg, 'from the core');

    await core.contact.addContact('bob', 'hi');
    assert.equal((await bob.next('onContactInvited')).from, 'alice');
    const { data: { groupId } } = await core.group.createGroupVNext({ groupName: 'G', members: ['bob'], isPublic: true, maxMemberCount: 10 });
    assert.equal((await bob.next('onGroupEvent')).id, groupId);
    await core.presence.publishPresence({ description: 'busy' });
    assert.equal((await bob.connection.getPresenceStatus({ usernames: ['alice'] })).result[0].ext, 'busy');
    const { messages } = await core.contact.getHistoryMessages({ targetId: 'bob', chatType: 'singleChat', pageSize: 10 });
    assert.deepEqual(messages.map(({ msg }) => msg), ['from the core', 'hello']);
  },
};
