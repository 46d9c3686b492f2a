// Calls held by other versions of the published client than the latest.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';
import { advancing } from '../lib/picture.mjs';

// Each cast is the versions that Anna, Ben and Cleo use. Between 3.0 and 3.15
// came the codec intersection and the server's bandwidth estimate, after it
// compression without dictionary, width and height, and the close handling
// (signaling spec 12).
for (const cast of [['3.0', '3.0', '3.0'], ['3.15', '3.15', '3.15'], ['3.0', 'latest', '3.15']]) {
  test(`a call with client versions ${cast.join(', ')}`, async (t) => {
    const server = await Server.start(t);
    const browser = await Browser.start(t);
    const meeting = await Meeting.create(server);
    const anna = await meeting.join(browser, 'anna', { hz: 440 }, { sdk: cast[0] });
    const ben = await meeting.join(browser, 'ben', { hz: 1000 }, { sdk: cast[1] });
    const cleo = await meeting.join(browser, 'cleo', {}, { sdk: cast[2] });
    const people = [anna, ben, cleo];

    await t.test('three join and see each other on the roster', async () => {
      for (const person of people) await person.waitFor('started');
      for (const person of people) await person.waitFor('rosterSize', 3);
    });

    await t.test('tones are heard by the others and not by their sender', async () => {
      await cleo.waitFor('hearsOnly', [440, 1000], [700]);
      await anna.waitFor('hearsOnly', [1000], [440]);
      await ben.waitFor('hearsOnly', [440], [1000]);
    });

    await t.test('mute is seen and silences', async () => {
      await anna.mute();
      for (const person of people) await person.waitFor('muted', anna.id, true);
      await cleo.waitFor('hearsOnly', [1000], [440]);
      await anna.unmute();
      await cleo.waitFor('hearsOnly', [440, 1000], [700]);
    });

    await t.test('cameras are seen by the others', async () => {
      await anna.camera('red');
      await ben.camera('blue');
      for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, 'red');
      for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', ben.id, 'blue');
      await advancing(cleo, anna.id);
      await advancing(anna, ben.id);
      assert.equal(await anna.tileOf(anna.id), 0, 'nobody is sent their own camera');
    });

    await t.test('a screen is shared, and the cameras go on', async () => {
      await cleo.share('green');
      for (const viewer of [anna, ben]) await viewer.waitFor('seesColour', `${cleo.id}#content`, 'green');
      await advancing(anna, `${cleo.id}#content`);
      await advancing(ben, anna.id);
      await cleo.stopShare();
      for (const viewer of [anna, ben]) await viewer.waitFor('absent', `${cleo.id}#content`);
      for (const viewer of [anna, ben]) await viewer.waitFor('seesNothing', `${cleo.id}#content`);
    });

    await t.test('data messages go from each to each', async () => {
      for (const person of people) await person.send(`from ${person.name}`);
      for (const person of people) {
        for (const other of people) if (other !== person) await person.waitFor('received', `from ${other.name}`);
      }
    });

    await t.test('a camera goes off and comes back', async () => {
      await ben.cameraOff();
      for (const viewer of [anna, cleo]) await viewer.waitFor('seesNothing', ben.id);
      await ben.camera('yellow');
      for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', ben.id, 'yellow');
    });

    await t.test('nobody negotiates in circles (signaling spec 3.6)', () => {
      for (const person of people) {
        const times = server.subscribes(person.id);
        assert.ok(times <= 12, `${person.name} subscribed ${times} times`);
      }
    });

    await t.test('who leaves has left, with the right status', async () => {
      await ben.leave();
      await ben.waitFor('statusIs', 1);
      for (const viewer of [anna, cleo]) await viewer.waitFor('absent', ben.id);
    });

    await t.test('the end of the meeting ends the call', async () => {
      await meeting.end();
      for (const person of [anna, cleo]) await person.waitFor('statusIs', 5);
    });
  });
}
