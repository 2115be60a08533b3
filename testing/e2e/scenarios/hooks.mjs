// The app's own server: asked before messages go out, told afterwards (docs/webhooks.md, easemob-rest.md 5).
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import http from 'node:http';
import { rejection } from '../harness/client.mjs';

/** A server that answers with what it is given and keeps what it was sent. */
async function receiver(answer) {
  const calls = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      calls.push({ headers: request.headers, text, body: JSON.parse(text) });
      const { status = 200, body = {} } = answer(JSON.parse(text), calls.length) ?? {};
      response.writeHead(status).end(JSON.stringify(body));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    calls,
    url: `http://127.0.0.1:${server.address().port}/hook`,
    stop: () => server.close(),
    async heard(matches, waitMs = 10_000) {
      const end = Date.now() + waitMs;
      for (;;) {
        const call = calls.find((call) => matches(call.body));
        if (call) return call;
        if (Date.now() > end) throw new Error(`not told; heard ${JSON.stringify(calls.map((call) => call.body))}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

function add(world, name, url, ...more) {
  world.set('webhook.private_targets=true');
  return JSON.parse(world.server.cli('app', 'webhook', 'add', world.appKey, name, url, '--json', ...more));
}

function checkSignatures({ headers, text, body }, secret) {
  const security = createHash('md5').update(body.callId + secret + body.timestamp).digest('hex');
  assert.equal(body.security, security);
  const [, time, signature] = headers['x-kith-signature'].match(/^t=(\d+),v1=([0-9a-f]{64})$/);
  assert.equal(signature, createHmac('sha256', secret).update(`${time}.${text}`).digest('hex'));
}

export default {
  async 'a message that the app refuses is refused with the app\'s words, and another is rewritten'(world) {
    const hook = await receiver(({ payload }) => {
      const text = payload.bodies[0].msg;
      if (text === 'advert') return { body: { valid: false, code: 'no adverts here' } };
      if (text === 'rude') return { body: { valid: true, payload: { bodies: [{ type: 'txt', msg: '****' }] } } };
      return { body: { valid: true } };
    });
    try {
      const { secret } = add(world, 'filter', hook.url, '--pre-send', '--report', '--timeout', '3000');
      const [alice, bob] = [await world.online('alice'), await world.online('bob')];
      const refused = await rejection(alice.text('bob', 'advert'));
      assert.equal(refused.type, 502);
      assert.match(JSON.stringify(refused), /no adverts here/);
      checkSignatures(hook.calls[0], secret);
      await alice.text('bob', 'rude');
      const shown = await bob.next('onTextMessage');
      assert.equal(shown.msg, '****');
      await alice.text('bob', 'fine');
      await bob.next('onTextMessage', (message) => message.msg === 'fine');
      assert.equal(bob.all('onTextMessage').length, 2);
    } finally {
      hook.stop();
    }
  },

  async 'what happened is told with both signatures, and again after a failure under the same key'(world) {
    // Each first try of a message fails.
    const seen = new Set();
    const hook = await receiver((body) => {
      const isNew = body.chat_type === 'chat' && !seen.has(body.msg_id);
      seen.add(body.msg_id);
      return { status: isNew ? 500 : 200 };
    });
    try {
      const { secret } = add(world, 'log', hook.url, '--events', 'message,read,recall,contact,session');
      const [alice, bob] = [await world.online('alice'), await world.online('bob')];
      const { serverMsgId } = await alice.text('bob', 'hello');
      await hook.heard((body) => body.reason === 'login' && body.user.includes('_bob@'));
      const told = await hook.heard((body) => body.msg_id === serverMsgId);
      assert.equal(told.body.payload.bodies[0].msg, 'hello');
      checkSignatures(told, secret);
      const end = Date.now() + 10_000;
      const tries = () => hook.calls.filter((call) => call.body.msg_id === serverMsgId);
      while (tries().length < 2 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(new Set(tries().map((call) => call.headers['idempotency-key'])).size, 1);
      assert.ok(tries().length >= 2);

      const message = await bob.next('onTextMessage');
      await bob.send({ type: 'read', to: 'alice', id: message.id });
      const read = await hook.heard((body) => body.chat_type === 'read_ack');
      assert.deepEqual([read.body.from, read.body.payload.ack_message_id], ['bob', serverMsgId]);
      await alice.connection.recallMessage({ mid: serverMsgId, to: 'bob', chatType: 'singleChat' });
      const recall = await hook.heard((body) => body.chat_type === 'recall');
      assert.equal(recall.body.recall_id, serverMsgId);
      await alice.connection.addContact('bob', 'hi');
      const asked = await hook.heard((body) => body.chat_type === 'roster');
      assert.equal(asked.body.payload.operation, 'add');
    } finally {
      hook.stop();
    }
  },
};
