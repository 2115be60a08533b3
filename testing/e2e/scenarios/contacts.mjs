// Contacts and block lists (msync.md 2.16, 3.2, 3.4).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const names = async (client) => (await client.connection.getContacts()).data;

/** Makes two clients contacts of each other. */
async function befriend(one, other) {
  await one.connection.addContact(other.name, 'hi');
  await other.next('onContactInvited', (event) => event.from === one.name);
  await other.connection.acceptContactInvite(one.name);
  await one.next('onContactAdded', (event) => event.from === other.name);
}

export default {
  async 'a contact is asked, says yes, and both have each other'(world) {
    const [alice, phone, laptop] = [await world.online('alice'), await world.online('bob'), await world.online('bob')];
    await alice.connection.addContact('bob', 'it is me');
    for (const device of [phone, laptop]) {
      const invited = await device.next('onContactInvited');
      assert.deepEqual([invited.from, invited.to, invited.status], ['alice', 'bob', 'it is me']);
    }
    assert.deepEqual(await names(phone), []);
    await phone.connection.acceptContactInvite('alice');
    assert.equal((await alice.next('onContactAgreed')).from, 'bob');
    assert.equal((await alice.next('onContactAdded')).from, 'bob');
    assert.equal((await laptop.next('onContactAdded')).from, 'alice');
    assert.deepEqual([await names(alice), await names(phone)], [['bob'], ['alice']]);
  },

  async 'a contact is asked and says no'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.connection.addContact('bob', 'hi');
    await bob.next('onContactInvited');
    await bob.connection.declineContactInvite('alice');
    assert.equal((await alice.next('onContactRefuse')).from, 'bob');
    assert.deepEqual(await names(alice), []);
    // The answer is given: a yes comes too late.
    assert.equal((await rejection(bob.connection.acceptContactInvite('alice'))).type, 17);
  },

  async 'who was away is asked when he comes back'(world) {
    const [alice] = [await world.online('alice'), await world.register('bob')];
    await alice.connection.addContact('bob', 'hello');
    const bob = world.client('bob');
    await bob.open({ pwd: 'bob' });
    assert.equal((await bob.next('onContactInvited')).status, 'hello');
  },

  async 'a contact is removed, and its other devices hear of it too'(world) {
    const [alice, other, bob] = [await world.online('alice'), await world.online('alice'), await world.online('bob')];
    await befriend(alice, bob);
    await alice.connection.deleteContact('bob');
    const deleted = await bob.next('onContactDeleted');
    assert.deepEqual([deleted.from, deleted.to], ['alice', 'bob']);
    assert.equal((await other.next('onContactDeleted')).to, 'bob');
    await pause(200);
    assert.equal(alice.all('onContactDeleted').length, 0);
    assert.deepEqual([await names(alice), await names(bob)], [[], []]);
  },

  async 'remarks and lists, whole and in pages'(world) {
    const alice = await world.online('alice');
    const token = await world.appToken();
    for (const name of ['bob', 'carol', 'dave']) {
      await world.register(name);
      await world.rest('POST', `/users/alice/contacts/users/${name}`, { token });
    }
    await alice.next('onContactAdded', (event) => event.from === 'dave');
    await alice.connection.setContactRemark({ userId: 'bob', remark: 'Bobby' });
    const all = (await alice.connection.getAllContacts()).data;
    assert.deepEqual(all.map(({ userId, remark }) => [userId, remark ?? '']), [['bob', 'Bobby'], ['carol', ''], ['dave', '']]);
    const first = (await alice.connection.getContactsWithCursor({ pageSize: 2 })).data;
    assert.deepEqual(first.contacts.map(({ userId, remark }) => [userId, remark ?? '']), [['bob', 'Bobby'], ['carol', '']]);
    const second = (await alice.connection.getContactsWithCursor({ pageSize: 2, cursor: first.cursor })).data;
    assert.deepEqual(second.contacts.map(({ userId }) => userId), ['dave']);
    assert.equal(second.cursor || '', '');
  },

  async 'refusals have their own codes'(world) {
    const [alice] = [await world.online('alice'), await world.register('bob'), await world.register('carol')];
    const refused = async (promise) => (await rejection(promise)).type;
    assert.equal(await refused(alice.connection.addContact('nobody', 'hi')), 204);
    assert.equal(await refused(alice.connection.setContactRemark({ userId: 'bob', remark: 'B' })), 221);
    assert.equal(await refused(alice.connection.setContactRemark({ userId: 'bob', remark: 'x'.repeat(101) })), 50);
    world.set('contacts.limit=1');
    await world.rest('POST', '/users/alice/contacts/users/carol', { token: await world.appToken() });
    assert.equal(await refused(alice.connection.addContact('bob', 'hi')), 50);
    world.set('contacts.enabled=false');
    assert.equal(await refused(alice.connection.getContacts()), 505);
  },

  async 'a block list is kept, and refuses messages and requests'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    await alice.connection.addUsersToBlocklist({ name: ['bob'] });
    assert.equal((await rejection(bob.text('alice', 'in vain'))).type, 603);
    await alice.text('bob', 'the other direction is open');
    await bob.next('onTextMessage');
    assert.deepEqual((await alice.connection.getBlocklist()).data, ['bob']);
    assert.equal((await rejection(bob.connection.addContact('alice', 'hi'))).type, 603);
    await alice.connection.removeUserFromBlocklist({ name: ['bob'] });
    assert.deepEqual((await alice.connection.getBlocklist()).data, []);
    await bob.connection.addContact('alice', 'hi');
    await alice.next('onContactInvited');
    await bob.text('alice', 'again');
    await alice.next('onTextMessage', (message) => message.msg === 'again');
    assert.equal(alice.all('onTextMessage').length, 1);
  },

  async 'only contacts write to each other where the owner wants it'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    world.set('message.contacts_only=true');
    assert.equal((await rejection(alice.text('bob', 'hi'))).type, 221);
    await befriend(alice, bob);
    await alice.text('bob', 'now');
    assert.equal((await bob.next('onTextMessage')).msg, 'now');
    await bob.connection.deleteContact('alice');
    assert.equal((await rejection(alice.text('bob', 'hi'))).type, 221);
  },
};
