// A call held by the published client in Chromium: who hears, sees and reads what.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';
import { advancing } from '../lib/picture.mjs';

// Covers: chime-sdk-meetings.CreateMeeting, chime-sdk-meetings.CreateAttendee
test('three people hear, see and read each other', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);

  const begun = Date.now();
  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  const ben = await meeting.join(browser, 'ben', { hz: 1000 });
  const cleo = await meeting.join(browser, 'cleo');
  const people = [anna, ben, cleo];
  for (const person of people) await person.waitFor('started');
  const took = Date.now() - begun;
  assert.ok(took < 10_000, `three joins took ${took} ms, at most 10 s are allowed`);

  await t.test('everyone is on everyone\'s roster', async () => {
    for (const person of people) await person.waitFor('rosterSize', 3);
  });

  await t.test('tones are heard by the others and not by their sender', async () => {
    await cleo.waitFor('hearsOnly', [440, 1000], [700]);
    await anna.waitFor('hearsOnly', [1000], [440]);
    await ben.waitFor('hearsOnly', [440], [1000]);
  });

  await t.test('levels tell who speaks (signaling spec 5.2)', async () => {
    await cleo.waitFor('loud', anna.id);
    await cleo.waitFor('loud', ben.id);
    await anna.waitFor('quiet', cleo.id);
    await anna.waitFor('signal', ben.id);
  });

  await t.test('mute is seen by all and silences (signaling spec 5.3)', async () => {
    await anna.mute();
    for (const person of people) await person.waitFor('muted', anna.id, true);
    await cleo.waitFor('hearsOnly', [1000], [440]);
    await cleo.waitFor('quiet', anna.id);
    await anna.unmute();
    for (const person of people) await person.waitFor('muted', anna.id, false);
    await cleo.waitFor('hearsOnly', [440, 1000], [700]);
  });

  await t.test('coloured cameras are seen by the right people', async () => {
    await anna.camera('red');
    await ben.camera('blue');
    for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, 'red');
    for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', ben.id, 'blue');
    assert.equal(await anna.tileOf(anna.id), 0, 'nobody is sent their own camera');
    await anna.paint('yellow');
    await cleo.waitFor('seesColour', anna.id, 'yellow');
    await advancing(cleo, anna.id);
  });

  await t.test('a paused tile stops and goes on (signaling spec 4.3)', async () => {
    await moving(cleo, 2);
    await cleo.pauseTile(ben.id);
    await moving(cleo, 1);
    await cleo.unpauseTile(ben.id);
    await moving(cleo, 2);
    await advancing(cleo, ben.id);
  });

  await t.test('a camera goes off and comes back', async () => {
    await ben.cameraOff();
    await cleo.waitFor('seesNothing', ben.id);
    await ben.camera('green');
    await cleo.waitFor('seesColour', ben.id, 'green');
    await advancing(cleo, ben.id);
  });

  await t.test('a screen is shared (signaling spec 8)', async () => {
    await ben.share('blue');
    for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', `${ben.id}#content`, 'blue');
    await advancing(cleo, `${ben.id}#content`);
    await cleo.waitFor('present', `${ben.id}#content`);
    assert.deepEqual((await ben.seen()).content, ['start']);
    await ben.stopShare();
    await cleo.waitFor('seesNothing', `${ben.id}#content`);
    await cleo.waitFor('absent', `${ben.id}#content`);
  });

  await t.test('a data message of 2 KB reaches the others once (signaling spec 6)', async () => {
    const text = 'x'.repeat(2047) + '.';
    await anna.send(text);
    await ben.waitFor('received', text);
    await cleo.waitFor('received', text);
    const [got] = (await cleo.seen()).data;
    assert.equal(got.from, anna.id);
    assert.equal(got.throttled, false);
    assert.ok(Math.abs(got.at - Date.now()) < 60_000, `timestamp ${got.at} is not now`);
    assert.equal((await anna.seen()).data.length, 0, 'the sender gets no copy');
  });

  await t.test('who leaves has left', async () => {
    await cleo.leave();
    await anna.waitFor('absent', cleo.id);
    await cleo.waitFor('statusIs', 1);
    assert.ok((await anna.seen()).events.includes(`left ${cleo.id}`));
  });
});

// moving waits until exactly n video streams bring packets, for a whole second.
async function moving(viewer, n) {
  for (let i = 0; i < 15; i++) {
    const before = await viewer.videoPackets();
    await new Promise((done) => setTimeout(done, 1000));
    const after = await viewer.videoPackets();
    if (Object.keys(after).filter((ssrc) => after[ssrc] > (before[ssrc] ?? 0)).length === n) return;
  }
  assert.fail(`${viewer.name}: there are never exactly ${n} video streams that bring packets`);
}
