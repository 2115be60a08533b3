// Registering and logging in (msync.md 2.4, 3.2, 3.4).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

export default {
  async 'registers, logs in by password and is connected'(world) {
    const answer = await world.register('alice');
    assert.equal(answer.entities[0].username, 'alice');
    const alice = world.client('alice');
    const opened = await alice.open({ pwd: 'alice' });
    assert.ok(opened.accessToken);
    assert.ok(alice.connection.isOpened());
  },

  async 'logs in by token'(world) {
    await world.register('alice');
    const token = (await world.rest('POST', '/token', { body: { grant_type: 'password', username: 'alice', password: 'alice' } })).body;
    const alice = world.client('alice');
    await alice.open({ accessToken: token.access_token });
    assert.ok(alice.connection.isOpened());
  },

  async 'a name is registered once'(world) {
    await world.register('alice');
    const error = await rejection(world.register('alice'));
    assert.equal(error.type, 17);
    assert.match(error.message, /unique/);
  },

  async 'a closed app registers nobody'(world) {
    world.set('registration.open=false');
    const error = await rejection(world.register('alice'));
    assert.match(JSON.stringify(error), /registration|Open registration/);
  },

  async 'a wrong password and an unknown user are told apart'(world) {
    await world.register('alice');
    const wrong = await rejection(world.client('alice').open({ pwd: 'guess' }));
    assert.deepEqual([wrong.type, wrong.message], [1, 'invalid password']);
    const unknown = await rejection(world.client('nobody').open({ pwd: 'guess' }));
    assert.deepEqual([unknown.type, unknown.message], [1, 'user not found']);
  },

  async 'a forged token is refused for good'(world) {
    await world.register('alice');
    const alice = world.client('alice');
    const error = await rejection(alice.open({ accessToken: 'YWMtforged' }));
    assert.equal(error.type, 28);
  },

  async 'another user’s token is refused'(world) {
    await world.register('alice');
    await world.register('bob');
    const token = (await world.rest('POST', '/token', { body: { grant_type: 'password', username: 'bob', password: 'bob' } })).body;
    const error = await rejection(world.client('alice').open({ accessToken: token.access_token }));
    assert.equal(error.type, 28);
  },

  async 'an expired token is named as such'(world) {
    await world.register('alice');
    const body = { grant_type: 'password', username: 'alice', password: 'alice', ttl: 1 };
    const token = (await world.rest('POST', '/token', { body })).body;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const error = await rejection(world.client('alice').open({ accessToken: token.access_token }));
    assert.equal(error.type, 56);
  },

  async 'a token that ends while connected is warned of and then ends the connection'(world) {
    await world.register('alice');
    const body = { grant_type: 'password', username: 'alice', password: 'alice', ttl: 3 };
    const token = (await world.rest('POST', '/token', { body })).body;
    const alice = world.client('alice');
    await alice.open({ accessToken: token.access_token });
    await alice.next('onTokenWillExpire');
    await alice.next('onTokenExpired');
    await alice.next('onDisconnected');
  },

  async 'a renewed token keeps the connection'(world) {
    await world.register('alice');
    const grant = (ttl) => world.rest('POST', '/token', { body: { grant_type: 'password', username: 'alice', password: 'alice', ttl } });
    const alice = world.client('alice');
    await alice.open({ accessToken: (await grant(3)).body.access_token });
    await alice.next('onTokenWillExpire');
    await alice.connection.renewToken((await grant(600)).body.access_token);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    assert.ok(alice.connection.isOpened());
    assert.equal(alice.all('onDisconnected').length, 0);
  },

  async 'a disabled app, a full app and a banned user are refused with their own codes'(world) {
    await world.register('alice');
    await world.register('bob');
    await world.register('carol');
    const token = async (name) => (await world.rest('POST', '/token', { body: { grant_type: 'password', username: name, password: name } })).body.access_token;
    const [aliceToken, bobToken, carolToken] = [await token('alice'), await token('bob'), await token('carol')];
    world.set('sessions.limit=1');
    const alice = world.client('alice');
    await alice.open({ accessToken: aliceToken });
    assert.equal((await rejection(world.client('bob').open({ accessToken: bobToken }))).type, 50);
    world.set('sessions.limit=0');
    await world.rest('POST', '/users/carol/deactivate', { token: await world.appToken() });
    assert.equal((await rejection(world.client('carol').open({ accessToken: carolToken }))).type, 2);
    world.set('app.enabled=false');
    assert.equal((await rejection(world.client('bob').open({ accessToken: bobToken }))).type, 57);
  },
};
