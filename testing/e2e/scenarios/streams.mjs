// Messages that a back end says part by part (easemob-rest.md 3.8.4). Only easemob-websdk knows them as such.
import assert from 'node:assert/strict';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Sends one part; the answer to the first has the id. */
async function part(world, path, to, body, more = {}) {
  const answer = await world.rest('POST', path, { token: await world.appToken(), body: { from: 'bot', to, body, ...more } });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body.data?.msgId;
}

async function story(world, path, to) {
  const id = await part(world, path, to, { msg: 'Once ', seq: 0, type: 'markdown' }, { ext: { k: 1 } });
  await part(world, path, to, { msgId: id, msg: 'upon ', seq: 1 });
  await part(world, path, to, { msgId: id, msg: 'a time', seq: 2, finish: true, finishReason: 1 });
  return id;
}

const knowsStreams = (world) => world.sdkName.startsWith('easemob');

/** What a client that was there has been shown of the story. */
async function shown(world, client, id) {
  if (!knowsStreams(world)) {
    const message = await client.next('onTextMessage');
    await pause(300);
    assert.equal(client.all('onTextMessage').length, 1, 'one message, and all of it');
    assert.deepEqual([message.id, message.msg, message.ext], [id, 'Once upon a time', { k: 1 }]);
    return;
  }
  await client.next('onStreamMessage', (message) => message.stream.status === 3);
  await pause(300);
  const pieces = client.all('onStreamMessage');
  assert.deepEqual(pieces.map((piece) => [piece.stream.status, piece.stream.text]), [[0, 'Once '], [2, 'upon '], [3, 'a time']]);
  assert.deepEqual(pieces.map((piece) => piece.msg), ['Once ', 'Once upon ', 'Once upon a time']);
  assert.ok(pieces.every((piece) => piece.id === id && piece.stream.customType === 'markdown' && piece.stream.errorType === 0));
  assert.deepEqual([pieces[0].ext, pieces[2].stream.finishReason], [{ k: 1 }, 1]);
  assert.equal(client.all('onTextMessage').length, 0);
}

export default {
  async 'a stream is shown as it is said, and stands in the history as one message'(world) {
    const bob = await world.online('bob');
    const id = await story(world, '/stream_message/user', 'bob');
    await shown(world, bob, id);
    await world.register('bot');
    const again = await story(world, '/stream_message/user', 'bob');
    const history = await bob.connection.getHistoryMessages({ targetId: 'bot', chatType: 'singleChat', pageSize: 10 });
    assert.deepEqual(history.messages.map((message) => [message.id, message.msg]), [[again, 'Once upon a time']]);
    if (knowsStreams(world)) {
      const { stream } = history.messages[0];
      assert.deepEqual([stream.status, stream.customType, stream.finishReason], [3, 'markdown', 1]);
    }
  },

  async 'a stream waits as a whole for who was away'(world) {
    const bob = await world.online('bob');
    await bob.closed();
    const id = await story(world, '/stream_message/user', 'bob');
    const back = world.client('bob');
    await back.open({ pwd: 'bob' });
    const event = knowsStreams(world) ? 'onStreamMessage' : 'onTextMessage';
    const message = await back.next(event);
    await pause(300);
    assert.deepEqual([message.id, message.msg, back.all(event).length], [id, 'Once upon a time', 1]);
  },

  async 'a stream of one part is shown once'(world) {
    const bob = await world.online('bob');
    const id = await part(world, '/stream_message/user', 'bob', { msg: 'Hi.', seq: 0, finish: true });
    const event = knowsStreams(world) ? 'onStreamMessage' : 'onTextMessage';
    const message = await bob.next(event);
    await pause(300);
    assert.deepEqual([message.id, message.msg, bob.all(event).length], [id, 'Hi.', 1]);
  },

  async 'the members of a group are told a stream'(world) {
    // One client: all connections of a page put parts together in one place, by the message's id.
    await world.register('alice');
    const bob = await world.online('bob');
    const team = { groupname: 'Team', description: '', public: false, owner: 'alice', members: ['bob'] };
    const made = await world.rest('POST', '/chatgroups', { token: await world.appToken(), body: team });
    const id = await story(world, '/stream_message/chatgroup', made.body.data.groupid);
    await shown(world, bob, id);
  },
};
