// With --turn on every client relays: over UDP, TCP and TLS (signaling spec 7).
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';

for (const transport of ['udp', 'tcp', 'tls']) {
  test(`relay only, over ${transport}`, async (t) => {
    const server = await Server.start(t, '--turn', 'on');
    const browser = await Browser.start(t, { trust: [`${server.data}/server.pem`] });
    const meeting = await Meeting.create(server);
    const pick = { config: {}, turn: transport };
    const anna = await meeting.join(browser, 'anna', { hz: 440, ...pick });
    const ben = await meeting.join(browser, 'ben', { hz: 1000, ...pick });
    for (const person of [anna, ben]) await person.waitFor('started');
    await anna.waitFor('hearsOnly', [1000], [440]);
    await ben.waitFor('hearsOnly', [440], [1000]);
    await anna.camera('red');
    await ben.waitFor('seesColour', anna.id, 'red');
    for (const person of [anna, ben]) {
      const used = await person.iceTransport();
      assert.equal(used.type, 'relay');
      assert.equal(used.relay, transport);
    }
  });
}
