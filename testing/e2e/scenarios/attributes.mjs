// User attributes (msync.md 3.2, easemob-rest.md 3.3).
import assert from 'node:assert/strict';
import { rejection } from '../harness/client.mjs';

export default {
  async 'attributes are set together and one by one, and others read them'(world) {
    const [alice, bob] = [await world.online('alice'), await world.online('bob')];
    const info = { nickname: 'Älice & Co', avatarurl: 'https://a.b/c?d=1&e=2', phone: '+49 30', gender: '1', sign: 'a+b=c%', ext: '{"k":[1]}' };
    const set = await alice.connection.updateUserInfo(info);
    assert.deepEqual(set.data, info);
    await alice.connection.updateUserInfo('sign', 'one by one: 你好');
    await alice.connection.updateUserInfo('mail', 'a@b.c');
    const expected = { ...info, sign: 'one by one: 你好', mail: 'a@b.c' };
    assert.deepEqual((await bob.connection.fetchUserInfoById('alice')).data, { alice: expected });
    const some = (await bob.connection.fetchUserInfoById(['alice', 'bob'], ['nickname'])).data;
    assert.deepEqual(some, { alice: { nickname: info.nickname }, bob: {} });
  },

  async 'too much, and a feature that is off, have their own codes'(world) {
    const alice = await world.online('alice');
    const long = await rejection(alice.connection.updateUserInfo({ ext: 'x'.repeat(2046) }));
    assert.equal(long.type, 603);
    world.set('attributes.enabled=false');
    const off = await rejection(alice.connection.fetchUserInfoById('alice'));
    assert.match(off.data ?? JSON.stringify(off), /user metadata service not allow|permission denied/);
  },
};
