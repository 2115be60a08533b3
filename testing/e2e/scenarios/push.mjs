// Push settings, as both SDKs set and read them, and who is woken (docs/push.md, msync.md 3.3).
import assert from 'node:assert/strict';
import http from 'node:http';

export default {
  async 'quiet times are set for everything and for conversations, and other devices hear of it'(world) {
    const alice = await world.online('alice');
    const tablet = await world.online('alice', { deviceId: 'tablet' });
    await world.register('bob');
    const { connection } = alice;

    await connection.setSilentModeForAll({ options: { paramType: 0, remindType: 'AT' } });
    assert.equal((await connection.getSilentModeForAll()).data.type, 'AT');
    const told = await tablet.next('onMultiDeviceEvent', (event) => event.operation === 'setSilentModeForUser');
    assert.equal(told.data.type, 'AT');
    const times = { startTime: { hours: 8, minutes: 30 }, endTime: { hours: 10, minutes: 15 } };
    await connection.setSilentModeForAll({ options: { paramType: 2, ...times } });
    assert.equal((await connection.getSilentModeForAll()).data.ignoreInterval, '08:30-10:15');

    const bob = { conversationId: 'bob', type: 'singleChat' };
    await connection.setSilentModeForConversation({ ...bob, options: { paramType: 1, duration: 60_000 } });
    const { ignoreDuration } = (await connection.getSilentModeForConversation(bob)).data;
    assert.ok(ignoreDuration > Date.now() && ignoreDuration <= Date.now() + 61_000, `${ignoreDuration}`);
    await connection.setSilentModeForConversation({ ...bob, options: { paramType: 0, remindType: 'NONE' } });
    const heard = await tablet.next('onMultiDeviceEvent', (event) => event.operation === 'setSilentModeForConversation' && event.data.type === 'NONE');
    assert.deepEqual([heard.conversationId, heard.type], ['bob', 'singleChat']);
    const many = await connection.getSilentModeForConversations({ conversationList: [{ id: 'bob', type: 'singleChat' }] });
    assert.equal(many.data.user.bob.type, 'NONE');
    if (connection.getSilentModeRemindTypeConversations) {
      const listed = (await connection.getSilentModeRemindTypeConversations({ pageSize: 10 })).data;
      assert.deepEqual(listed.conversations, [{ conversationId: 'bob', type: 'singleChat', remindType: 'NONE' }]);
    }
    await connection.clearRemindTypeForConversation(bob);
    await tablet.next('onMultiDeviceEvent', (event) => event.operation === 'removeSilentModeForConversation');
    assert.equal(alice.all('onMultiDeviceEvent').length, 0, 'the device that did it is not told');

    await connection.setPushPerformLanguage({ language: 'de' });
    assert.equal((await connection.getPushPerformLanguage()).data.language, 'de');
  },

  async 'a bound device of somebody away is woken, and why not is told else'(world) {
    const calls = [];
    const server = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        calls.push(JSON.parse(Buffer.concat(parts).toString()));
        response.end('{}');
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      world.set('webhook.private_targets=true');
      const url = `http://127.0.0.1:${server.address().port}/push`;
      world.server.cli('app', 'webhook', 'add', world.appKey, 'phones', url, '--push', '--notifiers', 'fcm');
      const alice = await world.online('alice');
      const bob = await world.online('bob');
      const bound = await bob.connection.uploadPushToken({ deviceId: 'phone', deviceToken: 't1', notifierName: 'fcm' });
      const phone = { device_id: 'phone', device_token: 't1', notifier_name: 'fcm' };
      const pushInfo = (answer) => answer.data.pushInfo.map(({ device_id, device_token, notifier_name }) => ({ device_id, device_token, notifier_name }));
      assert.deepEqual(pushInfo(bound), [phone]);
      // What the SDK unbinds is its own device.
      await bob.connection.uploadPushToken({ deviceId: bob.connection.clientResource, deviceToken: 't2', notifierName: 'fcm' });
      assert.deepEqual(pushInfo(await bob.connection.unbindPushToken()), [phone]);
      const group = { groupName: 'g', description: '', members: ['bob'], isPublic: false, inviteNeedConfirm: false };
      const { groupId } = (await alice.connection.createGroupVNext(group)).data;
      const [shielded] = (await bob.connection.blockGroup({ groupId })).entities;
      assert.deepEqual([shielded.username, shielded[`notification_ignore_${groupId}`]], ['bob', true]);
      await alice.text('bob', 'you are here');
      await bob.next('onTextMessage');
      const records = () => JSON.parse(world.server.cli('user', 'pushes', world.appKey, 'bob', '--json'));
      const decided = async (count) => {
        const end = Date.now() + 10_000;
        while (records().length < count) {
          if (Date.now() > end) throw new Error(`not decided: ${JSON.stringify(records())}`);
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
        return records()[0].devices[0].outcome;
      };
      assert.deepEqual(await decided(1), { skipped: 'online' });
      bob.close();
      const end = Date.now() + 10_000;
      const token = await world.appToken();
      const isOnline = async () => (await world.rest('GET', '/users/bob/status', { token })).body.data.bob === 'online';
      while (await isOnline()) if (Date.now() > end) throw new Error('bob is still there');
      await alice.text('bob', 'you are away');
      assert.equal(await decided(2), 'sent');
      assert.deepEqual([calls.length, calls[0].user, calls[0].token, calls[0].conversation], [1, 'bob', 't1', 'alice']);
      const body = { type: 'NONE' };
      await world.rest('PUT', '/users/bob/notification/user/alice', { token, body });
      await alice.text('bob', 'be quiet');
      assert.deepEqual(await decided(3), { skipped: 'level' });
      await alice.send({ type: 'txt', chatType: 'groupChat', to: groupId, msg: 'shielded' });
      assert.deepEqual(await decided(4), { skipped: 'silent' });
      assert.equal(calls.length, 1);
    } finally {
      server.close();
    }
  },
};
