// Presence (msync.md 2.17, 3.2).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const of = (user, matches = () => true) => (changes) => changes.some((change) => change.userId === user && matches(change));
const devices = (change) => change.statusDetails.map(({ device, status }) => [device, status]);

export default {
  async 'a follower hears of coming, words and going'(world) {
    const alice = await world.online('alice');
    await world.register('bob');
    const [shown] = (await alice.connection.subscribePresence({ usernames: ['bob'], expiry: 600 })).data.result;
    assert.deepEqual([shown.uid, shown.status], ['bob', {}]);

    const bob = world.client('bob');
    await bob.open({ pwd: 'bob' });
    const resource = bob.connection.clientResource;
    const came = await alice.next('onPresenceStatusChange', of('bob', (change) => change.statusDetails.length === 1));
    assert.deepEqual(devices(came[0]), [[resource, 1]]);
    assert.ok(came[0].expire > Date.now() / 1000 && came[0].lastTime > 0);

    await bob.connection.publishPresence({ description: 'at lunch' });
    const spoke = await alice.next('onPresenceStatusChange', of('bob', (change) => change.ext === 'at lunch'));
    assert.deepEqual(devices(spoke[0]), [[resource, 1]]);
    // Who publishes hears of it himself, on each of his devices.
    await bob.next('onPresenceStatusChange', of('bob', (change) => change.ext === 'at lunch' && change.expire === 0));
    const [asked] = (await alice.connection.getPresenceStatus({ usernames: ['bob'] })).data.result;
    assert.deepEqual([asked.ext, asked.status], ['at lunch', { [resource]: '1' }]);

    bob.close();
    await alice.next('onPresenceStatusChange', of('bob', (change) => change.ext === 'at lunch' && !change.statusDetails.length));
  },

  async 'several who come at once are each shown with their own devices'(world) {
    const alice = await world.online('alice');
    const names = ['bob', 'carol', 'dave'];
    for (const name of names) await world.register(name);
    await alice.connection.subscribePresence({ usernames: names, expiry: 600 });
    const clients = names.map((name) => world.client(name));
    await Promise.all(clients.map((client) => client.open({ pwd: client.name })));
    for (const client of clients) {
      const changes = await alice.next('onPresenceStatusChange', of(client.name, (change) => change.statusDetails.length));
      const own = changes.find((change) => change.userId === client.name);
      assert.deepEqual(devices(own), [[client.connection.clientResource, 1]]);
    }
  },

  async 'subscriptions are listed and end'(world) {
    const alice = await world.online('alice');
    for (const name of ['bob', 'carol']) await world.register(name);
    await alice.connection.subscribePresence({ usernames: ['bob', 'carol'], expiry: 600 });
    const list = async (page) => (await alice.connection.getSubscribedPresenceList(page)).data.result;
    const first = await list({ pageNum: 1, pageSize: 1 });
    assert.deepEqual([Number(first.totalnum), first.sublist.map(({ uid }) => uid)], [2, ['bob']]);
    await alice.connection.unsubscribePresence({ usernames: ['bob'] });
    assert.deepEqual((await list({ pageNum: 1, pageSize: 10 })).sublist.map(({ uid }) => uid), ['carol']);

    const bob = world.client('bob');
    await bob.open({ pwd: 'bob' });
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.deepEqual(alice.all('onPresenceStatusChange').flat().filter((change) => change.userId === 'bob'), []);
  },

  async 'refusals have their own codes'(world) {
    const alice = await world.online('alice');
    await world.register('bob');
    const tooLong = await rejection(alice.connection.publishPresence({ description: 'x'.repeat(1025) }));
    assert.equal(tooLong.type, 1100);
    world.set('presence.enabled=false');
    assert.equal((await rejection(alice.connection.publishPresence({ description: 'hi' }))).type, 505);
    assert.equal((await rejection(alice.connection.subscribePresence({ usernames: ['bob'], expiry: 60 }))).type, 505);
    assert.equal((await rejection(alice.connection.getPresenceStatus({ usernames: ['bob'] }))).type, 505);
  },
};
