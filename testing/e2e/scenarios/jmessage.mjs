// JMessage's web protocol against the server, and its users in one conversation with the official Easemob SDKs
// (jmessage.md section 2; docs/dialects.md).
import assert from 'node:assert/strict';
import { JMessage, PollingJMessage, md5 } from '../harness/jmessage.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A page of a user, who is registered through the other SDK with his name as the password. */
const page = (world, name) => come(world, name, (...page) => new JMessage(...page));

/** The same without a WebSocket, or not yet with one. */
const pollingPage = (world, name, transports) => come(world, name, (...page) => new PollingJMessage(...page, transports));

async function come(world, name, make) {
  world.known ??= new Set();
  if (!world.known.has(name)) {
    await world.register(name);
    world.known.add(name);
  }
  const client = make(world.server, world.app, name);
  world.clients.push(client);
  await client.online();
  return client;
}

/** The texts of all messages that a page has heard, live or missed, in their order. */
function texts(page) {
  const messages = page.heard.flatMap(([name, body]) => {
    if (name === 'msg_sync') return body.messages;
    return name === 'sync_conversation' ? body.messages.flatMap(({ msgs }) => msgs) : [];
  });
  return messages.map((message) => message.content.msg_body.text);
}

async function until(holds) {
  for (let tries = 0; !holds() && tries < 400; tries += 1) await pause(25);
}

const numbered = (word, count) => Array.from({ length: count }, (_, index) => `${word} ${index + 1} 字😀`);

export default {
  async 'a page opens, pings, registers and logs in'(world) {
    const anna = await page(world, 'anna');
    anna.socket.send('2probe');
    assert.equal(await anna.next('pong'), 'probe');
    const other = new JMessage(world.server, world.app, 'dora');
    world.clients.push(other);
    await other.connect();
    await other.ask('login', { username: 'dora', password: md5('secret') }, 882004);
    await other.init();
    await other.ask('register', { username: 'dora', password: md5('secret'), is_md5: true, nickname: 'Do' });
    await other.ask('login', { username: 'dora', password: md5('wrong') }, 880104);
    await other.ask('login', { username: 'dora', password: md5('secret') });
    // The same user, by the other SDK and the password itself.
    const dora = world.client('dora');
    await dora.open({ pwd: 'secret' });
  },

  async 'text goes in both directions between the vendors'(world) {
    const anna = await page(world, 'anna');
    const bert = await world.online('bert');
    const sent = await anna.text('bert', 'hi from a page');
    const got = await bert.next('onTextMessage');
    assert.deepEqual([got.msg, got.from, got.id], ['hi from a page', 'anna', String(sent.msg_id)]);
    await bert.text('anna', 'hello back', { ext: { k: 1 } });
    const { content } = await anna.message('text');
    assert.deepEqual(content.msg_body, { text: 'hello back', extras: { k: 1 } });
    assert.deepEqual([content.from_id, content.from_appkey], ['bert', anna.appkey]);
  },

  async 'a user whose name has 128 bytes talks with everybody, from both sides'(world) {
    const name = `anna.${'x'.repeat(122)}@`;
    assert.equal(name.length, 128);
    const anna = new JMessage(world.server, world.app, name);
    world.clients.push(anna);
    await anna.connect();
    await anna.init();
    await anna.ask('register', { username: `${name}x`, password: md5(name), is_md5: true }, 882003);
    await anna.ask('register', { username: name, password: md5(name), is_md5: true });
    await anna.ask('login', { username: name, password: md5(name), is_md5: true, version: '2.6.0' });
    await anna.sync();
    const bert = await world.online('bert');
    await anna.text('bert', 'from the page');
    const got = await bert.next('onTextMessage');
    assert.deepEqual([got.from, got.msg], [name, 'from the page']);
    await bert.text(name, 'to the page');
    const { content } = await anna.message('text');
    assert.deepEqual([content.from_id, content.target_id, content.msg_body.text], ['bert', name, 'to the page']);
    // In a group.
    const { gid } = await anna.ask('create_group', { group_name: 'Long', group_description: '', is_limit: false });
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'bert' }] });
    await anna.sendGroup(gid, 'text', { text: 'to all' });
    assert.deepEqual((await bert.next('onTextMessage', ({ chatType }) => chatType === 'groupChat')).from, name);
    // By the other SDK, which makes no such names but knows who has one.
    const same = world.client(name);
    await same.open({ pwd: name });
    await same.text('bert', 'by the other SDK');
    const also = await bert.next('onTextMessage', ({ msg }) => msg === 'by the other SDK');
    assert.equal(also.from, name);
    await bert.text(name, 'to both');
    assert.equal((await same.next('onTextMessage', ({ msg }) => msg === 'to both')).from, 'bert');
    const refused = await world.register('x'.repeat(65)).then(() => null, (error) => error);
    assert.match(JSON.stringify({ ...refused }), /USERNAME_TOO_LONG/);
  },

  async 'a repeated request is answered again and sent once'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    const content = { version: 1, target_type: 'single', target_id: 'bert', msg_type: 'text', msg_body: { text: 'once' } };
    const request = { content, target_id: 'bert' };
    const first = await anna.ask('s_across_single_text', request, 0, 77);
    anna.heard = [];
    const again = await anna.ask('s_across_single_text', request, 0, 77);
    assert.equal(first.msg_id, again.msg_id);
    await bert.next('onTextMessage');
    await pause(300);
    assert.equal(bert.all('onTextMessage').length, 1);
  },

  async 'every type arrives on the other side'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert', { useOwnUploadFun: true })];
    const url = world.url('/chatfiles/0c1f1ac0-0000-11ef-8000-000000000001');
    const file = { url, filename: 'a.png', file_length: 3, secret: 's3cret', length: 7 };
    await bert.send({ type: 'img', to: 'anna', url, body: { type: 'image', ...file }, width: 3, height: 4 });
    await bert.send({ type: 'loc', to: 'anna', addr: 'Somewhere', buildingName: 'Tower', lat: 1.5, lng: -2.25 });
    await bert.send({ type: 'custom', to: 'anna', customEvent: 'gift', customExts: { rose: '3' } });
    await bert.send({ type: 'video', to: 'anna', body: { ...file }, url });
    await bert.send({ type: 'audio', to: 'anna', body: { ...file }, url });
    await bert.send({ type: 'file', to: 'anna', body: { ...file }, url });
    const image = (await anna.message('image')).content.msg_body;
    assert.match(image.media_id, /^qiniu\/image\/j\/0C1F1AC0000011EF8000000000000001/);
    assert.equal((await anna.message('location')).content.msg_body.label, 'Somewhere Tower');
    assert.deepEqual((await anna.message('custom')).content.msg_body, { event: 'gift', values: { rose: '3' } });
    assert.equal((await anna.message('video')).content.msg_body.duration, 7);
    assert.equal((await anna.message('voice')).content.msg_body.duration, 7);
    assert.equal((await anna.message('file')).content.msg_body.fname, 'a.png');
    // And back: the same picture, sent on.
    await anna.send('bert', 'image', { ...image, media_crc32: 1 });
    const back = await bert.next('onImageMessage');
    assert.ok(back.url.includes('/chatfiles/0c1f1ac0-0000-11ef-8000-000000000001'), back.url);
    assert.deepEqual([back.width, back.height], [3, 4]);
    await anna.send('bert', 'location', { latitude: 2.5, longitude: 3, scale: 12, label: 'There' });
    assert.equal((await bert.next('onLocationMessage')).addr, 'There');
    await anna.send('bert', 'custom', { event: 'gift', values: { lily: '1' } });
    assert.deepEqual((await bert.next('onCustomMessage')).customExts, { lily: '1' });
  },

  async 'files that a page uploads open on both sides'(world) {
    const [anna, bert] = [await pollingPage(world, 'anna'), await world.online('bert')];
    const picture = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==', 'base64');
    const image = await anna.upload('image', 'a.png', picture);
    assert.deepEqual([image.width, image.height, image.format, image.fsize], [3, 2, 'png', picture.length]);
    await anna.send('bert', 'image', { ...image, extras: { from: 'page' } });
    const seen = await bert.next('onImageMessage');
    assert.deepEqual([seen.width, seen.height, seen.ext], [3, 2, { from: 'page' }]);
    const bytes = await (await fetch(seen.url)).arrayBuffer();
    assert.deepEqual(Buffer.from(bytes), picture);
    const note = await anna.upload('file', 'note.txt', 'hello');
    await anna.send('bert', 'file', note);
    const file = await bert.next('onFileMessage');
    assert.equal(file.filename, 'note.txt');
    assert.equal(await (await fetch(file.url)).text(), 'hello');
    // And as pages get at it.
    const { url } = await anna.ask('get_resource', { media_id: note.media_id });
    assert.equal(await (await fetch(url)).text(), 'hello');
    await assert.rejects(anna.upload('file', 'x', 'x', { authorization: `Basic ${btoa('anna:anna')}` }), /898008/);
    await assert.rejects(anna.upload('file', 'x', Buffer.alloc((8 << 20) + 1)), /413.*898061/);
  },

  async 'what was missed waits on both sides, in order'(world) {
    const anna = await page(world, 'anna');
    await world.register('bert');
    world.known.add('bert');
    for (let number = 1; number <= 60; number += 1) await anna.text('bert', `message ${number}`);
    const bert = await world.online('bert');
    const got = await bert.atLeast('onTextMessage', 60);
    assert.deepEqual(got.map((message) => message.msg), Array.from({ length: 60 }, (_, index) => `message ${index + 1}`));
    anna.close();
    await anna.closed;
    for (let number = 1; number <= 60; number += 1) await bert.text('anna', `answer ${number}`);
    const again = await page(world, 'anna');
    const texts = () => again.heard.filter(([name]) => name === 'sync_conversation')
      .flatMap(([, body]) => body.messages.flatMap(({ msgs }) => msgs.map((message) => message.content.msg_body.text)));
    await until(() => texts().length >= 60);
    assert.deepEqual(texts(), Array.from({ length: 60 }, (_, index) => `answer ${index + 1}`));
  },

  async 'a page that keeps no messages is shown those of both sides again'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    await bert.text('anna', 'first');
    await anna.message('text');
    await anna.text('bert', 'second');
    await bert.next('onTextMessage');
    anna.close();
    await anna.closed;
    await bert.text('anna', 'third');
    const again = new JMessage(world.server, world.app, 'anna');
    world.clients.push(again);
    await again.online('anna', 1);
    const { messages } = await again.next('sync_conversation');
    assert.deepEqual(messages.map(({ from_username, unsync_count }) => [from_username, unsync_count]), [['bert', 1]]);
    assert.deepEqual(texts(again), ['first', 'second', 'third']);
    const { conversations } = await again.ask('get_conversations');
    assert.equal(conversations.at(-1).mtime, messages[0].msgs.at(-1).ctime_ms);
    // Read on the other device of the same user.
    const phone = await world.online('anna');
    const told = again.event(200);
    await phone.send({ type: 'channel', to: 'bert' });
    assert.deepEqual((await told).description, { type: 3, appkey: again.appkey, username: 'bert' });
  },

  async 'recalls act across'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    const sent = await anna.text('bert', 'oops');
    await bert.next('onTextMessage');
    await anna.ask('msg_retract', { msg_id: sent.msg_id });
    assert.equal((await bert.next('onRecallMessage')).mid, String(sent.msg_id));
    const other = await bert.text('anna', 'oops too');
    await anna.message('text');
    await bert.connection.recallMessage({ mid: other.serverMsgId, to: 'anna', chatType: 'singleChat' });
    const event = await anna.event(55, ({ msgid_list }) => String(msgid_list[0]) === other.serverMsgId);
    assert.equal(event.from_username, 'bert');
  },

  async 'a message of either side is edited by its author and read as it is then'(world) {
    const [page1, bert] = [await page(world, 'anna'), await world.online('bert')];
    // The author's other client is the other vendor's: his own words, in its form.
    const anna = await world.online('anna');
    const sent = await page1.text('bert', 'first words of a page');
    await bert.next('onTextMessage');
    const text = world.sdk.message.create({ type: 'txt', to: 'bert', chatType: 'singleChat', msg: 'better words' });
    await anna.connection.modifyMessage({ messageId: String(sent.msg_id), modifiedMessage: text });
    const edited = await bert.next('onModifiedMessage');
    assert.deepEqual([edited.msg, edited.id], ['better words', String(sent.msg_id)]);
    // The vendor's pages know no edits: one that comes later reads what the message says then.
    page1.close();
    await page1.closed;
    const mine = await bert.text('anna', 'first answer');
    const corrected = world.sdk.message.create({ type: 'txt', to: 'anna', chatType: 'singleChat', msg: 'better answer' });
    await bert.connection.modifyMessage({ messageId: mine.serverMsgId, modifiedMessage: corrected });
    const again = await page(world, 'anna');
    await until(() => texts(again).length > 0);
    assert.deepEqual(texts(again), ['better answer']);
  },

  async 'a room has people of both vendors'(world) {
    const [anna, bert] = [await pollingPage(world, 'anna'), await world.online('bert')];
    const token = await world.appToken();
    const body = { name: 'Both', description: 'sides', maxusers: 100, owner: 'bert' };
    const made = await world.rest('POST', '/chatrooms', { token, body });
    const id = made.body.data.id;
    await bert.connection.joinChatRoom({ roomId: id });
    for (const text of numbered('before', 60)) await bert.text(id, text, { chatType: 'chatRoom' });
    await anna.ask('join_room', { id: Number(id) });
    const { messages: [before] } = await anna.next('room_msg_sync_his');
    assert.equal(before.room_id, Number(id));
    assert.deepEqual(before.msgs.map(({ content }) => content.msg_body.text), numbered('before', 60).slice(10));
    await bert.text(id, 'welcome', { chatType: 'chatRoom' });
    const heard = await anna.next('room_msg_sync');
    assert.deepEqual([heard.room_id, heard.content.msg_body.text], [Number(id), 'welcome']);
    const content = { version: 1, target_type: 'chatroom', target_id: id, msg_type: 'text', msg_body: { text: 'thank you' } };
    await anna.ask('send_room_msg', { content, target_gid: Number(id), no_offline: false, no_notification: false });
    const got = await bert.next('onTextMessage', ({ msg }) => msg === 'thank you');
    assert.deepEqual([got.from, got.to, got.chatType], ['anna', id, 'chatRoom']);
    assert.equal(anna.heard.filter(([name]) => name === 'room_msg_sync').length, 1);
    await anna.ask('exit_room', { id: Number(id) });
  },

  async 'what the back end changes is told to the page'(world) {
    const [anna] = [await page(world, 'anna'), await world.online('bert')];
    const { jmessage_appkey, jmessage_master_secret } = world.app;
    const authorization = `Basic ${btoa(`${jmessage_appkey}:${jmessage_master_secret}`)}`;
    const call = async (method, path, body) => {
      const headers = { authorization, 'content-type': 'application/json' };
      const answer = await fetch(`${world.server.apiUrl}/v1${path}`, { method, headers, body: JSON.stringify(body) });
      assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
    };
    await call('PUT', '/users/anna/blacklist', ['bert']);
    assert.equal((await anna.event(38)).to_usernames[0].username, 'bert');
    await call('POST', '/users/anna/nodisturb', { single: { add: ['bert'] } });
    assert.equal((await anna.event(37)).to_usernames[0].username, 'bert');
    await call('PUT', '/users/anna', { nickname: 'An' });
    await anna.event(40);
    const second = new JMessage(world.server, world.app, 'anna');
    world.clients.push(second);
    const { online_list } = await second.online();
    assert.deepEqual(online_list.map(({ platform, isOnline, flag }) => [platform, isOnline, flag]), [['web', true, true]]);
  },

  async 'receipts act across'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    const sent = await anna.text('bert', 'read me', { need_receipt: true });
    const got = await bert.next('onTextMessage');
    await bert.send({ type: 'read', to: 'anna', id: got.id });
    const change = await anna.next('receipt_change');
    assert.deepEqual([change.username, change.receipt_msgs[0].msg_id], ['bert', sent.msg_id]);
    const back = await bert.text('anna', 'and me');
    const message = await anna.message('text');
    const session = { type: 3, appkey: anna.appkey, username: 'bert', msg_ids: [message.msg_id] };
    await anna.ask('receipt_report', { sessions: [session] });
    const read = await bert.next('onReadMessage');
    assert.equal(String(read.mid ?? read.ackId ?? read.id), back.serverMsgId);
  },

  async 'a group has members of both vendors'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    const { gid } = await anna.ask('create_group', { group_name: 'Both', group_description: 'sides', is_limit: false });
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'bert' }] });
    await bert.next('onGroupEvent', (event) => event.id === String(gid));
    const sent = await anna.sendGroup(gid, 'text', { text: 'hello all' });
    const got = await bert.next('onTextMessage');
    assert.deepEqual([got.msg, got.to, got.id], ['hello all', String(gid), String(sent.msg_id)]);
    await bert.text(String(gid), 'hello you', { chatType: 'groupChat' });
    const heard = await anna.next('msg_sync', (body) => body.messages[0].from_gid === gid);
    assert.equal(heard.messages[0].content.msg_body.text, 'hello you');
    await anna.ask('group_mem_silence', { gid, target_username: 'bert', keep_silence: true });
    await assert.rejects(bert.text(String(gid), 'hm', { chatType: 'groupChat' }));
    await anna.ask('group_mem_silence', { gid, target_username: 'bert', keep_silence: false });
    await bert.connection.leaveGroup({ groupId: String(gid) });
    await anna.event(9, (event) => event.gid === gid);
  },

  async 'whom a page wants in a public group its owner of the other vendor lets in'(world) {
    const [anna, carl] = [await page(world, 'anna'), await page(world, 'carl')];
    const bert = await world.online('bert');
    const { gid } = await carl.ask('create_group', { group_name: 'Public', group_description: '', is_limit: true });
    await carl.ask('add_across_group_member', { gid, member_usernames: [{ username: 'bert' }, { username: 'anna' }] });
    await carl.ask('change_group_admin', { gid, target_username: 'bert' });
    await world.register('dora');
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'dora' }] });
    const asked = await bert.next('onGroupEvent', (event) => event.operation === 'requestToJoin');
    assert.deepEqual([asked.id, asked.from], [String(gid), 'dora'], 'the applicant is who is answered');
    await bert.connection.acceptGroupJoinRequest({ applicant: 'dora', groupId: String(gid) });
    const joined = await anna.event(10, (event) => event.to_usernames[0].username === 'dora');
    assert.deepEqual([joined.gid, joined.extra], [gid, 1]);
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'dora' }] }, 880607);
  },

  async 'an owner who leaves on his page hands the group on to the other vendor'(world) {
    const [anna, bert] = [await page(world, 'anna'), await world.online('bert')];
    const { gid } = await anna.ask('create_group', { group_name: 'Ours', group_description: '', is_limit: false });
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'bert' }] });
    await anna.ask('exit_group', { gid });
    const event = await bert.next('onGroupEvent', ({ operation }) => operation === 'changeOwner');
    assert.equal(event.id, String(gid));
    await anna.event(9, (left) => left.gid === gid && left.new_owner?.username === 'bert');
    await bert.connection.destroyGroup({ groupId: String(gid) });
  },

  async 'a second page ends the first and says so'(world) {
    const first = await page(world, 'anna');
    await page(world, 'anna');
    const event = await first.event(1);
    assert.equal(event.extra, 0);
    await first.closed;
  },

  async 'a page without WebSockets polls, with both sides sending at once'(world) {
    const [anna, bert] = [await pollingPage(world, 'anna'), await world.online('bert')];
    assert.equal(anna.engine.transport.name, 'polling');
    const [mine, yours] = [numbered('from the page', 50), numbered('to the page', 50)];
    // Both SDKs send one after the other; the two directions go at once.
    await Promise.all([
      (async () => { for (const text of mine) await anna.text('bert', text); })(),
      (async () => { for (const text of yours) await bert.text('anna', text); })(),
    ]);
    await until(() => texts(anna).length >= 50);
    assert.deepEqual(texts(anna), yours);
    assert.deepEqual((await bert.atLeast('onTextMessage', 50)).map(({ msg }) => msg), mine);
    // All at once, which is several packets a body.
    const sent = await Promise.all(numbered('heap', 40).map((text) => anna.text('bert', text)));
    assert.equal(new Set(sent.map(({ msg_id }) => msg_id)).size, 40);
    const { gid } = await anna.ask('create_group', { group_name: 'Polled', group_description: '', is_limit: false });
    await anna.ask('add_across_group_member', { gid, member_usernames: [{ username: 'bert' }] });
    await bert.text(String(gid), 'hello poller', { chatType: 'groupChat' });
    await until(() => texts(anna).includes('hello poller'));
    await bert.connection.leaveGroup({ groupId: String(gid) });
    await anna.event(9, (event) => event.gid === gid);
    assert.equal(anna.engine.transport.name, 'polling');
    anna.close();
    await anna.closed;
  },

  async 'a page that polls catches up on much in many conversations'(world) {
    await world.register('anna');
    world.known = new Set(['anna']);
    const token = await world.appToken();
    const names = Array.from({ length: 15 }, (_, index) => `sender${index}`);
    await world.rest('POST', '/users', { token, body: names.map((username) => ({ username, password: username })) });
    const filler = 'x'.repeat(3000);
    await Promise.all(names.map(async (from) => {
      for (let number = 1; number <= 15; number += 1) {
        const body = { from, to: ['anna'], type: 'txt', body: { msg: `${from}/${number} ${filler}` } };
        const sent = await world.rest('POST', '/messages/users', { token, body });
        assert.equal(sent.status, 200, JSON.stringify(sent.body));
      }
    }));
    const anna = await pollingPage(world, 'anna');
    await until(() => texts(anna).length >= 225);
    for (const from of names) {
      const got = texts(anna).filter((text) => text.startsWith(`${from}/`)).map((text) => text.split(' ')[0]);
      assert.deepEqual(got, Array.from({ length: 15 }, (_, index) => `${from}/${index + 1}`));
    }
    // As much at a time as may wait for somebody who takes nothing, of several conversations.
    const pages = anna.heard.filter(([name]) => name === 'sync_conversation').map(([, body]) => body.messages.length);
    assert.ok(pages.length >= 4 && pages.some((conversations) => conversations > 1), String(pages));
    assert.equal(anna.engine.transport.name, 'polling');
  },

  async 'a page moves from polling to a WebSocket while both sides send'(world) {
    const bert = await world.online('bert');
    const anna = new PollingJMessage(world.server, world.app, 'anna', ['polling', 'websocket']);
    world.clients.push(anna);
    await world.register('anna');
    world.known.add('anna');
    const [mine, yours] = [numbered('from the page', 60), numbered('to the page', 60)];
    const sending = (async () => { for (const text of yours) await bert.text('anna', text); })();
    await anna.connect();
    await anna.init();
    await anna.ask('login', { username: 'anna', password: md5('anna'), is_md5: true, version: '2.6.0' });
    await anna.sync();
    for (const text of mine) await anna.text('bert', text);
    await until(() => anna.engine.transport.name === 'websocket');
    assert.equal(anna.engine.transport.name, 'websocket');
    await sending;
    await until(() => texts(anna).length >= 60);
    assert.deepEqual(texts(anna), yours);
    assert.deepEqual((await bert.atLeast('onTextMessage', 60)).map(({ msg }) => msg), mine);
  },

  async 'a page that loses a poll comes back and misses nothing'(world) {
    const [first, bert] = [await pollingPage(world, 'anna'), await world.online('bert')];
    await bert.text('anna', 'before');
    await first.message('text');
    await world.hasTaken('anna');
    // The request dies under it, as when a phone changes its network.
    first.engine.transport.pollXhr.xhr.abort();
    const lost = numbered('meanwhile', 5);
    for (const text of lost) await bert.text('anna', text);
    const again = await pollingPage(world, 'anna');
    await until(() => texts(again).length >= 5);
    assert.deepEqual(texts(again), lost);
  },

  async 'requests for connections of others are refused in words'(world) {
    const url = `${world.server.socketUrl.replace(/^ws/, 'http').replace(/\/ws$/, '')}/socket.io/?EIO=3`;
    const ask = async (query, options) => {
      const answer = await fetch(`${url}&${query}`, { headers: { origin: 'http://page.example' }, ...options });
      return [answer.status, answer.headers.get('x-kith-condition')];
    };
    for (const sid of ['', 'AAAAAAAAAAAAAAAAAAAAAAAA', '../x', 'x'.repeat(3000), '%00%ff']) {
      const asked = sid === '' ? 'sid=%20' : `sid=${sid}`;
      assert.deepEqual(await ask(`transport=polling&${asked}`), [400, 'server_session_missing']);
      assert.deepEqual(await ask(`transport=polling&${asked}`, { method: 'POST', body: '2:2x' }), [400, 'server_session_missing']);
    }
    assert.deepEqual(await ask('transport=polling&j=0'), [400, 'argument_invalid']);
    assert.deepEqual(await ask('transport=flashsocket'), [400, 'argument_invalid']);
    const opened = await (await fetch(`${url}&transport=polling`)).text();
    const { sid, upgrades } = JSON.parse(opened.replace(/^\d+:0/, ''));
    assert.deepEqual([sid.length, upgrades], [24, ['websocket']]);
    assert.equal(await (await fetch(`${url}&transport=polling&sid=${sid}`)).text(), '2:40');
    assert.deepEqual(await ask(`transport=polling&sid=${sid}`, { method: 'POST', body: '99:2' }), [400, 'frame_malformed']);
    assert.equal(await (await fetch(`${url}&transport=polling&sid=${sid}`)).text(), '1:1');
    assert.deepEqual(await ask(`transport=polling&sid=${sid}`), [400, 'server_session_missing']);
  },
};
