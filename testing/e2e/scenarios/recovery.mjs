// Broken sockets and restarts: nothing lost, nothing twice (user-asks.md rows 37-43).
import assert from 'node:assert/strict';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default {
  async 'a cut socket is opened again and what came meanwhile arrives once'(world) {
    const alice = await world.online('alice');
    const before = new Set(world.sockets);
    const bob = await world.online('bob');
    const [socket] = [...world.sockets].filter((known) => !before.has(known));
    await alice.text('bob', 'one');
    await bob.next('onTextMessage');
    socket.terminate();
    await alice.text('bob', 'two');
    await alice.text('bob', 'three');
    const got = await bob.atLeast('onTextMessage', 3, 20_000);
    await pause(500);
    assert.deepEqual(got.map((message) => message.msg), ['one', 'two', 'three']);
    assert.equal(bob.all('onTextMessage').length, 3);
    await bob.text('alice', 'back');
    await alice.next('onTextMessage');
  },

  async 'a killed server loses nothing that it acknowledged'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.text('bob', 'before');
    await bob.next('onTextMessage');
    await world.server.stop('SIGKILL');
    await world.server.start();
    const again = await alice.next('onConnected', () => alice.all('onConnected').length > 1, 30_000);
    assert.equal(again, undefined);
    await bob.next('onConnected', () => bob.all('onConnected').length > 1, 30_000);
    await alice.text('bob', 'after');
    await bob.next('onTextMessage', (message) => message.msg === 'after');
    assert.deepEqual(bob.all('onTextMessage').map((message) => message.msg), ['before', 'after']);
  },

  async 'a drained server hands its clients over to its successor'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await world.server.stop('SIGTERM');
    await world.server.start();
    for (const client of [alice, bob]) {
      await client.next('onConnected', () => client.all('onConnected').length > 1, 30_000);
    }
    await alice.text('bob', 'hi');
    await bob.next('onTextMessage');
  },
};
