// What only a real page has: tabs that share a storage and are closed without a word, inputs, pictures in tags.
import assert from 'node:assert/strict';
import { noise } from '../harness/bytes.mjs';
import { loadSdk } from '../harness/page/sdk.mjs';

export const onlyInPage = true;

/** Another tab of this browser: a window of its own with the SDK in it. */
async function openTab(world) {
  const frame = document.createElement('iframe');
  frame.src = '/harness/page/tab.html';
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  document.body.append(frame);
  await loaded;
  const sdk = await loadSdk(frame.contentWindow, world.sdkAddress);
  // The SDK names the device itself, and keeps the name in the storage that all tabs have in common.
  const client = (name) => world.client(name, { sdk, deviceId: undefined });
  return { client, close: () => frame.remove() };
}

/** The vendor's small build with plug-ins, in a tab of its own, as `Client` wants an SDK. */
async function openSmallTab(world, plugins) {
  const frame = document.createElement('iframe');
  frame.src = '/harness/page/tab.html';
  const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
  document.body.append(frame);
  await loaded;
  const load = (name) => loadSdk(frame.contentWindow, `/node_modules/${world.sdkName}/${name}/${name}.js`);
  const Core = await load('miniCore');
  const loadedPlugins = [];
  for (const name of plugins) loadedPlugins.push([name, await load(name)]);
  class Connection extends Core {
    constructor(options) {
      super(options);
      for (const [name, plugin] of loadedPlugins) this.usePlugin(plugin, name);
    }
    open({ user, pwd }) { return super.open({ username: user, password: pwd }); }
  }
  const sdk = { connection: Connection };
  return {
    close: () => frame.remove(),
    client(name) {
      const client = world.client(name, { sdk });
      client.sdk = { message: client.connection.Message };
      return client;
    },
  };
}

/** A picture of noise with `width` times `height` pixels, encoded by the browser. A picture of few bytes is its own thumbnail. */
async function drawn(width, height) {
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pixels = new ImageData(new Uint8ClampedArray(noise(width * height * 4)), width, height);
  canvas.getContext('2d').putImageData(pixels, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, 'image/png'));
  return new File([blob], 'drawn 猫.png', { type: 'image/png' });
}

/** What the SDK makes of files that somebody picked in an input. */
function pick(client, file) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  const input = Object.assign(document.createElement('input'), { type: 'file' });
  input.files = transfer.files;
  return client.sdk.utils.getFileUrl(input);
}

/** The size of a picture as a tag shows it: no token, no header. */
async function size(url) {
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = () => reject(new Error(`${url} is no picture`));
  });
  image.src = url;
  await loaded;
  return [image.naturalWidth, image.naturalHeight];
}

export default {
  async 'two tabs of one browser are one device, and both stay and show everything'(world) {
    const bob = await world.online('bob');
    await world.register('alice');
    const [one, other] = [(await openTab(world)).client('alice'), (await openTab(world)).client('alice')];
    await one.open({ pwd: 'alice' });
    await other.open({ pwd: 'alice' });
    assert.ok(one.connection.clientResource, 'the SDK names the device');
    assert.equal(other.connection.clientResource, one.connection.clientResource);
    await bob.text('alice', 'to both');
    for (const tab of [one, other]) await tab.next('onTextMessage', (message) => message.msg === 'to both');
    await one.text('bob', 'from one');
    await other.next('onTextMessage', (message) => message.msg === 'from one');
    await bob.next('onTextMessage');
    for (const tab of [one, other]) {
      assert.equal(tab.all('onReconnecting').length, 0);
      assert.equal(tab.all('onDisconnected').length, 0);
    }
  },

  async 'a tab that was closed without a word gets what it missed once when it is opened again'(world) {
    const bob = await world.online('bob');
    await world.register('alice');
    const token = (await world.rest('POST', '/token', { body: { grant_type: 'password', username: 'alice', password: 'alice' } })).body.access_token;
    const tab = await openTab(world);
    const before = tab.client('alice');
    await before.open({ accessToken: token });
    const device = before.connection.clientResource;
    await bob.text('alice', 'seen');
    await before.next('onTextMessage');
    // The device's acknowledgement is on its way when the message is shown.
    await world.hasTaken('alice');
    tab.close();
    await bob.text('alice', 'missed');
    const again = (await openTab(world)).client('alice');
    await again.open({ accessToken: token });
    await again.next('onTextMessage', (message) => message.msg === 'missed');
    assert.equal(again.connection.clientResource, device);
    await bob.text('alice', 'new');
    await again.next('onTextMessage', (message) => message.msg === 'new');
    assert.deepEqual(again.all('onTextMessage').map((message) => message.msg), ['missed', 'new']);
  },

  async 'the small build with its plug-ins keeps conversations on the device'(world) {
    const bob = await world.online('bob');
    await world.register('alice');
    const tab = await openSmallTab(world, ['contact', 'group', 'chatroom', 'localCache']);
    const alice = tab.client('alice');
    await alice.open({ pwd: 'alice' });
    const { contact, group, chatroom, localCache } = alice.connection;

    // The SDK writes what it keeps after it has told its app, and reads it before: what comes meanwhile may get lost in it.
    const keeps = async (due) => {
      let kept;
      const holds = async () => {
        const { data } = await localCache.getLocalConversations();
        kept = JSON.stringify(data.map((one) => [one.conversationId, one.unReadCount, one.lastMessage.msg]).sort());
        return kept === JSON.stringify(Object.entries(due).map(([name, [unread, text]]) => [name, unread, text]).sort());
      };
      await world.until(`kept are ${JSON.stringify(due)}`, holds).catch((error) => { throw new Error(`${error.message}, but ${kept}`); });
    };
    const sent = await bob.text('alice', 'one');
    await keeps({ bob: [1, 'one'] });
    await bob.text('alice', 'two');
    await keeps({ bob: [2, 'two'] });
    await alice.text('bob', 'three');
    await keeps({ bob: [2, 'three'] });
    assert.equal((await bob.next('onTextMessage')).msg, 'three');
    await contact.addContact('bob', 'hi');
    await bob.next('onContactInvited');
    const created = await group.createGroupVNext({
      groupName: 'Friends', description: 'd', members: ['bob'], isPublic: true, needApprovalToJoin: false,
      allowMemberToInvite: false, inviteNeedConfirm: false, maxMemberCount: 200,
    });
    await bob.next('onGroupEvent', (event) => event.id === created.data.groupId);
    await bob.send({ type: 'txt', chatType: 'groupChat', to: created.data.groupId, msg: 'in the group' });
    await alice.next('onTextMessage', (message) => message.chatType === 'groupChat');
    await keeps({ bob: [2, 'three'], [created.data.groupId]: [1, 'in the group'] });
    const room = await chatroom.createChatRoom({ name: 'Lobby', description: 'd', maxusers: 5, members: [] });
    assert.equal((await chatroom.joinChatRoom({ roomId: room.data.id })).data.info.memberCount, 1);
    await bob.connection.recallMessage({ mid: sent.serverMsgId, to: 'alice', chatType: 'singleChat' });
    await alice.next('onRecallMessage');

    await keeps({ bob: [1, 'three'], [created.data.groupId]: [1, 'in the group'] });
    tab.close();
  },

  async 'a picture that was picked in an input is shown by tags, small and whole'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const file = pick(alice, await drawn(640, 480));
    assert.equal(file.filename, 'drawn 猫.png');
    await alice.send({ type: 'img', to: 'bob', file, width: 640, height: 480 });
    const got = await bob.next('onImageMessage');
    assert.deepEqual(await size(got.url), [640, 480]);
    const [width, height] = await size(got.thumb);
    assert.ok(width < 640 && Math.abs(width / height - 4 / 3) < 0.1, `${width} x ${height}`);
  },

  async 'what the SDK downloads can be shown by a tag'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.send({ type: 'img', to: 'bob', file: pick(alice, await drawn(200, 100)), width: 200, height: 100 });
    const got = await bob.next('onImageMessage');
    const blob = await new Promise((resolve, reject) => {
      bob.sdk.utils.download.call(bob.connection, {
        url: got.url, secret: got.secret, onFileDownloadComplete: resolve, onFileDownloadError: reject,
      });
    });
    assert.ok(blob instanceof Blob);
    assert.deepEqual(await size(URL.createObjectURL(blob)), [200, 100]);
  },

  async 'the cause of a refusal can be read across origins'(world) {
    const alice = await world.online('alice');
    const answer = await world.rest('GET', '/users/nobody', { token: alice.connection.token });
    for (const name of ['x-kith-condition', 'x-kith-trace']) assert.ok(answer.headers.get(name), name);
    assert.ok(answer.status >= 400 && answer.body.error, JSON.stringify(answer.body));
  },
};
