// What calls survive: a cut socket, a drained server, a killed server.
import test from 'node:test';
import assert from 'node:assert/strict';
import { GetMeetingCommand, ListAttendeesCommand } from '@aws-sdk/client-chime-sdk-meetings';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Cable } from '../lib/cable.mjs';
import { client, Meeting } from '../lib/meeting.mjs';

async function call(t) {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  const ben = await meeting.join(browser, 'ben', { hz: 1000 });
  await anna.waitFor('hearsOnly', [1000], [440]);
  await ben.waitFor('hearsOnly', [440], [1000]);
  return { server, meeting, anna, ben };
}

test('a cut signalling socket is recovered', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  const cable = await Cable.to(t, server.url);
  const ben = await meeting.join(browser, 'ben', { hz: 1000 });
  const direct = meeting.record.MediaPlacement;
  meeting.record.MediaPlacement = { ...direct, SignalingUrl: direct.SignalingUrl.replace(new URL(direct.SignalingUrl).host, cable.host) };
  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  await anna.waitFor('hearsOnly', [1000], [440]);
  await anna.camera('red');
  await ben.waitFor('seesColour', anna.id, 'red');
  cable.cut();
  await anna.waitFor('reconnected');
  await ben.waitFor('hearsOnly', [440], [1000]);
  await anna.waitFor('hearsOnly', [1000], [440]);
  await ben.waitFor('seesColour', anna.id, 'red');
  const events = (await ben.seen()).events;
  assert.ok(!events.some((e) => e.startsWith('left') || e.startsWith('dropped')), `ben saw anna go: ${events}`);
  assert.equal(await anna.status(), null, 'a resumed session is not thrown out by itself (signaling spec 9.3)');
});

test('kill -9 during a call: all clients are back within 10 s, nothing acknowledged is lost', async (t) => {
  const { server, meeting, anna, ben } = await call(t);
  const last = await meeting.attendee('made just before the crash');
  await server.kill();
  await server.restart();
  const begun = Date.now();
  for (const person of [anna, ben]) await person.waitFor('reconnected');
  await ben.waitFor('hearsOnly', [440], [1000]);
  await anna.waitFor('hearsOnly', [1000], [440]);
  const took = Date.now() - begun;
  assert.ok(took < 10_000, `clients were back after ${took} ms, at most 10 s are allowed`);

  const sdk = client(server);
  const { Meeting: found } = await sdk.send(new GetMeetingCommand({ MeetingId: meeting.id }));
  assert.deepEqual(found, meeting.record);
  const { Attendees } = await sdk.send(new ListAttendeesCommand({ MeetingId: meeting.id }));
  assert.deepEqual(Attendees.map((a) => a.JoinToken).sort(), [anna.record, ben.record, last].map((a) => a.JoinToken).sort());
});

test('a stopped server drains: clients are told to rejoin, and it ends within 10 s', async (t) => {
  const { server, anna, ben } = await call(t);
  const begun = Date.now();
  const how = await server.stop();
  const took = Date.now() - begun;
  assert.deepEqual(how, { code: 0, signal: null });
  assert.ok(took < 10_000, `stopping took ${took} ms, at most 10 s are allowed`);
  await server.restart();
  for (const person of [anna, ben]) await person.waitFor('reconnected');
  await ben.waitFor('hearsOnly', [440], [1000]);
});
