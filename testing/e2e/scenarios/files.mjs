// Files: sent with the SDK's own upload, read with its download, as tags in a page do, and in parts (msync.md 3.2).
import assert from 'node:assert/strict';
import { noise, png, sameBytes } from '../harness/bytes.mjs';
import { rejection } from '../harness/client.mjs';

const blob = (bytes, filetype = 'application/octet-stream') => new Blob([bytes], { type: filetype });

/** A file as a page's input gives it to the SDK. */
const picked = (bytes, filename, filetype) => ({ data: blob(bytes, filetype), filename, filetype });

/** The SDK's download: the bytes, or what it calls the error. */
function download(client, url, secret) {
  return new Promise((resolve, reject) => {
    client.sdk.utils.download.call(client.connection, {
      url,
      secret,
      onFileDownloadComplete: async (data) => resolve(new Uint8Array(await data.arrayBuffer())),
      onFileDownloadError: reject,
    });
  });
}

/** As a tag in a page does: no token, no header. */
async function asTag(url) {
  const answer = await fetch(url);
  return { status: answer.status, type: answer.headers.get('content-type'), bytes: new Uint8Array(await answer.arrayBuffer()) };
}

/** How often a route was called, by the server's own count. */
async function calls(world, route, method) {
  const text = await world.server.metrics();
  const lines = text.split('\n').filter((line) => line.startsWith('rest_requests_total{')
    && line.includes(`route="${route}"`) && line.includes(`method="${method}"`) && line.includes('status="200"'));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
}

export default {
  async 'a picture arrives with its bytes and a thumbnail'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const bytes = await png(400, 300);
    const sent = await alice.send({ type: 'img', to: 'bob', file: picked(bytes, 'cat 猫.png', 'image/png'), width: 400, height: 300 });
    const got = await bob.next('onImageMessage');
    assert.deepEqual([got.id, got.from, got.width], [sent.serverMsgId, 'alice', 400]);
    assert.ok(sameBytes(await download(bob, got.url, got.secret), bytes));
    const whole = await asTag(got.url);
    assert.ok(sameBytes(whole.bytes, bytes));
    assert.equal(whole.type, 'image/png');
    const small = await asTag(got.thumb);
    assert.deepEqual([small.status, small.type], [200, 'image/jpeg']);
    assert.ok(small.bytes.length > 100 && small.bytes.length < bytes.length / 10, `${small.bytes.length} bytes`);
  },

  async 'sound, films and files arrive with their bytes'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    for (const [type, event, filename, filetype] of [
      ['audio', 'onAudioMessage', 'a.mp3', 'audio/mpeg'],
      ['video', 'onVideoMessage', 'a.mp4', 'video/mp4'],
      ['file', 'onFileMessage', 'a.html', 'text/html'],
    ]) {
      const bytes = noise(50_000);
      const size = { length: 3, file_length: bytes.length };
      await alice.send({ type, to: 'bob', file: picked(bytes, filename, filetype), filename, ...size });
      const got = await bob.next(event);
      assert.equal(got.filename, filename);
      assert.ok(sameBytes(await download(bob, got.url, got.secret), bytes), type);
      const tag = await asTag(got.url);
      assert.ok(sameBytes(tag.bytes, bytes), type);
      assert.equal(tag.type, filetype === 'text/html' ? 'application/octet-stream' : filetype);
    }
  },

  async 'what may not be read, or is not there, has its own error'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.send({ type: 'file', to: 'bob', file: picked(noise(100), 'a.bin'), filename: 'a.bin' });
    const got = await bob.next('onFileMessage');
    const bare = got.url.split('?')[0];
    assert.equal((await rejection(download(bob, bare))).type, 222);
    assert.ok((await download(alice, bare)).length === 100, 'the sender needs no secret');
    assert.equal((await asTag(bare)).status, 401);
    assert.equal((await rejection(download(bob, world.url('/chatfiles/00000000-0000-0000-0000-000000000000')))).type, 200);
  },

  async 'a file that is too large is refused as such, and the app goes on'(world) {
    world.set('files.bytes_limit=1000');
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const error = await rejection(alice.send({ type: 'file', to: 'bob', file: picked(noise(200_000), 'a.bin'), filename: 'a.bin' }));
    assert.equal(error.type, 101);
    await alice.send({ type: 'file', to: 'bob', file: picked(noise(1000), 'b.bin'), filename: 'b.bin' });
    assert.equal((await bob.next('onFileMessage')).filename, 'b.bin');
    assert.equal(bob.all('onFileMessage').length, 1);
  },

  async 'a file above 7.5 MiB goes in parts'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const before = await calls(world, '/sdk/chatfiles/part-upload/{file}', 'PUT');
    const bytes = noise(9 << 20);
    await alice.send({ type: 'file', to: 'bob', file: picked(bytes, 'large.bin'), filename: 'large.bin' });
    const got = await bob.next('onFileMessage');
    assert.ok(sameBytes(await download(bob, got.url, got.secret), bytes));
    assert.equal(await calls(world, '/sdk/chatfiles/part-upload/{file}', 'PUT') - before, 2);
    const answer = await fetch(got.url, { headers: { Range: `bytes=${(5 << 20) - 3}-${(5 << 20) + 2}` } });
    assert.equal(answer.status, 206);
    assert.ok(sameBytes(new Uint8Array(await answer.arrayBuffer()), bytes.subarray((5 << 20) - 3, (5 << 20) + 3)));
  },

  async 'a combined message is uploaded and read again'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await bob.text('alice', 'first');
    await bob.text('alice', 'second');
    const messageList = await alice.atLeast('onTextMessage', 2);
    await alice.send({ type: 'combine', to: 'bob', compatibleText: 'an old client', title: 'Two', summary: 'a summary', messageList });
    const got = await bob.next('onCombineMessage');
    assert.deepEqual([got.title, got.summary], ['Two', 'a summary']);
    const parsed = await bob.connection.downloadAndParseCombineMessage({ url: got.url, secret: got.secret });
    assert.deepEqual(parsed.map((message) => [message.from, message.msg]), [['bob', 'first'], ['bob', 'second']]);
  },

  async 'files outlive a restart'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const bytes = noise(300_000);
    await alice.send({ type: 'file', to: 'bob', file: picked(bytes, 'a.bin'), filename: 'a.bin' });
    const got = await bob.next('onFileMessage');
    await world.server.stop('SIGKILL');
    await world.server.start();
    assert.ok(sameBytes((await asTag(got.url)).bytes, bytes));
  },
};
