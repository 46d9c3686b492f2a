// How a call ends, and what the client is told (signaling spec 9).
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';
import { until } from '../lib/until.mjs';

// MeetingSessionStatusCode of the client.
const status = { left: 1, otherDevice: 2, ended: 5, badRequest: 11, removed: 22 };

// Covers: chime-sdk-meetings.DeleteMeeting, chime-sdk-meetings.DeleteAttendee
test('deleted attendee, ended meeting, forged token, second device', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  const ben = await meeting.join(browser, 'ben');
  for (const person of [anna, ben]) await person.waitFor('started');

  await t.test('a deleted attendee is thrown out and cannot come back', async () => {
    await ben.waitFor('present', anna.id);
    await meeting.remove(ben.record);
    await ben.waitFor('statusIs', status.removed);
    await anna.waitFor('absent', ben.id);
    const again = await browser.attendee('ben again');
    await again.join(meeting.record, ben.record);
    await again.waitFor('statusIs', status.badRequest);
  });

  await t.test('a forged token joins nothing', async () => {
    const forger = await browser.attendee('forger');
    await forger.join(meeting.record, { ...anna.record, JoinToken: anna.record.JoinToken.slice(0, -4) + 'AAAA' });
    await forger.waitFor('statusIs', status.badRequest);
    assert.equal(await anna.rosterSize(1), true);
  });

  await t.test('a token of another meeting joins nothing', async () => {
    const other = await Meeting.create(server, 'other');
    const stranger = await browser.attendee('stranger');
    await stranger.join(meeting.record, await other.attendee('stranger'));
    await stranger.waitFor('statusIs', status.badRequest);
  });

  const second = await browser.attendee('anna 2');
  await t.test('a second device takes over', async () => {
    await second.join(meeting.record, anna.record, { hz: 440 });
    await second.waitFor('started');
    await anna.waitFor('statusIs', status.otherDevice);
    await second.waitFor('present', anna.id);
  });

  await t.test('the end of the meeting ends the call', async () => {
    await meeting.end();
    await second.waitFor('statusIs', status.ended);
  });

  await t.test('an ended meeting cannot be joined', async () => {
    const late = await browser.attendee('late');
    await late.join(meeting.record, anna.record);
    await late.waitFor('statusIs', status.ended);
  });

  await t.test('the trace says why a join failed', () => {
    const told = server.command('trace', meeting.id, '?');
    assert.match(told, /refused|ended/);
    assert.ok(!server.log().includes(anna.record.JoinToken), 'the log holds a join token');
  });
});

test('meetings end by the lifecycle clock (events spec 5)', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  const anna = await meeting.join(browser, 'anna');
  await anna.waitFor('started');
  const unused = await Meeting.create(server, 'unused');

  await t.test('nobody there for five minutes', async () => {
    server.command('clock', 'advance', '5m10s');
    await until('the unused meeting to end', async () => await unused.attendee('somebody').then(() => false, (e) => e.name === 'NotFoundException'));
    assert.equal(await anna.started(), true, 'a meeting with somebody in it goes on');
  });

  await t.test('a day after its creation', async () => {
    server.command('clock', 'advance', '24h');
    await anna.waitFor('statusIs', status.ended);
  });
});
