// The web application, as people use it: two of them, with a link between them.
import test from 'node:test';
import assert from 'node:assert/strict';
import { DeleteAttendeeCommand, DeleteMeetingCommand } from '@aws-sdk/client-chime-sdk-meetings';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { client } from '../lib/meeting.mjs';
import { until } from '../lib/until.mjs';

const desk = { viewport: { width: 1280, height: 800 }, permissions: ['microphone', 'camera', 'clipboard-read', 'clipboard-write'] };
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

// Covers: chime-sdk-meetings.CreateMeeting, chime-sdk-meetings.CreateAttendee, chime-sdk-meetings.DeleteAttendee, chime-sdk-meetings.DeleteMeeting
test('two people meet on the page', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const anna = await browser.page('anna', server.url, desk);
  let ben;
  let link;

  await t.test('a meeting is started with the keyboard alone', async () => {
    await focused(anna, 'input');
    await anna.keyboard.type('Anna');
    await anna.keyboard.press('Tab');
    await anna.keyboard.type('Чайная 🫖'); // beyond what an ExternalMeetingId can hold as it is
    await anna.keyboard.press('Enter');
    await anna.getByText('Your microphone works.').waitFor();
    await focused(anna, 'button[type=submit]');
    await anna.keyboard.press('Enter');
    await anna.getByRole('heading', { name: 'Чайная 🫖' }).waitFor();
    await anna.getByText('Nobody else is here yet').waitFor();
  });

  await t.test('its link is copied', async () => {
    await anna.keyboard.press('l');
    await anna.getByText('The link is copied').waitFor();
    link = await anna.evaluate(() => navigator.clipboard.readText());
    assert.match(link, new RegExp(`^${server.url}/m/[0-9a-f-]{36}$`));
    assert.equal(link, anna.url());
  });

  await t.test('another joins by the link', async () => {
    ben = await browser.page('ben', link, desk);
    await ben.getByLabel('Your name').fill('Ben Böhm');
    await ben.getByRole('button', { name: 'Join', exact: true }).click();
    await tile(anna, 'Ben Böhm').waitFor();
    await tile(ben, 'Anna').waitFor();
  });

  await t.test('they see each other', async () => {
    await plays(anna, 'Camera of Ben Böhm');
    await plays(ben, 'Camera of Anna');
    await plays(anna, 'Camera of Anna (you)');
  });

  await t.test('they hear each other', async () => {
    for (const page of [anna, ben]) await until('sound', () => page.evaluate(loudness) .then((peak) => peak > 0.01));
  });

  await t.test('a message is counted, then read', async () => {
    await anna.getByTestId('chat').click();
    await anna.getByLabel('Message to everyone').fill('Hello https://example.org/x, Ben');
    await anna.keyboard.press('Enter');
    await ben.getByRole('button', { name: 'Chat, 1 unread' }).click();
    const message = ben.getByTestId('message');
    await message.getByText('Hello').waitFor();
    assert.match(await message.textContent(), /^Anna\d/);
    assert.equal(await message.getByRole('link').getAttribute('href'), 'https://example.org/x');
    await ben.getByRole('button', { name: 'Chat', exact: true }).waitFor();
  });

  await t.test('a message beyond 2 KB is not sent', async () => {
    await ben.getByLabel('Message to everyone').fill('ü'.repeat(1025));
    await ben.getByText('Too long to send: 2050 of 2048 bytes').waitFor();
    assert.ok(await ben.getByRole('button', { name: 'Send' }).isDisabled());
    await ben.getByLabel('Message to everyone').fill('');
    await ben.keyboard.press('Escape');
  });

  await t.test('mute is shown to both, on the tile and in the roster', async () => {
    await ben.keyboard.press('m');
    for (const page of [anna, ben]) await tile(page, 'Ben Böhm').getByLabel('muted', { exact: true }).waitFor();
    await anna.getByTestId('people').click();
    await anna.getByTestId('roster-entry').filter({ hasText: 'Ben Böhm' }).getByLabel('muted', { exact: true }).waitFor();
    await ben.getByTestId('mute').click();
    for (const page of [anna, ben]) await tile(page, 'Ben Böhm').getByLabel('muted', { exact: true }).waitFor({ state: 'detached' });
  });

  await t.test('a camera that goes off leaves the initials', async () => {
    await ben.keyboard.press('v');
    await tile(anna, 'Ben Böhm').getByText('BB', { exact: true }).waitFor();
    await ben.keyboard.press('v');
    await plays(anna, 'Camera of Ben Böhm');
  });

  await t.test('a screen is shared, and fills the room', async () => {
    await ben.getByTestId('share').click();
    await ben.getByText('You share your screen.').waitFor();
    await plays(anna, 'Screen of Ben Böhm');
    await plays(anna, 'Camera of Ben Böhm');
    await ben.getByRole('button', { name: 'Stop sharing' }).first().click();
    await anna.getByTestId('screen').waitFor({ state: 'detached' });
    await ben.getByText('You share your screen.').waitFor({ state: 'detached' });
  });

  await t.test('who leaves can come back', async () => {
    await ben.getByTestId('leave').click();
    await ben.getByRole('heading', { name: 'You left the meeting' }).waitFor();
    await tile(anna, 'Ben Böhm').waitFor({ state: 'detached' });
    await ben.getByRole('button', { name: 'Rejoin' }).click();
    await ben.getByRole('button', { name: 'Join', exact: true }).click();
    await tile(anna, 'Ben Böhm').waitFor();
    await ben.getByRole('button', { name: 'Chat, 1 unread' }).waitFor(); // late joiners get the last five minutes
  });

  await t.test('a phone takes part, without scrolling sideways', async () => {
    const cleo = await browser.page('cleo', server.url, phone);
    await fits(cleo);
    await cleo.goto(link);
    await cleo.getByLabel('Your name').fill('Cleo');
    await fits(cleo);
    await cleo.getByRole('button', { name: 'Join', exact: true }).tap();
    await plays(cleo, 'Camera of Anna');
    await plays(cleo, 'Camera of Ben Böhm');
    await fits(cleo);
    await cleo.getByTestId('chat').tap();
    await fits(cleo);
    await cleo.close(); // without a goodbye, as phones do
    await tile(anna, 'Cleo').waitFor({ state: 'detached' });
  });

  await t.test('who is removed is told so', async () => {
    const AttendeeId = await tile(ben, 'Ben Böhm (you)').getAttribute('data-attendee');
    await client(server).send(new DeleteAttendeeCommand({ MeetingId: link.split('/').at(-1), AttendeeId }));
    await ben.getByRole('heading', { name: 'You were removed from the meeting' }).waitFor();
    await tile(anna, 'Ben Böhm').waitFor({ state: 'detached' });
    await ben.getByRole('button', { name: 'Rejoin' }).click();
    await ben.getByRole('button', { name: 'Join', exact: true }).click();
    await tile(anna, 'Ben Böhm').waitFor();
  });

  await t.test('the end is told in words, and the link is dead', async () => {
    const MeetingId = link.split('/').at(-1);
    await client(server).send(new DeleteMeetingCommand({ MeetingId }));
    for (const page of [anna, ben]) {
      await page.getByRole('heading', { name: 'The meeting has ended' }).waitFor();
      await page.getByRole('button', { name: 'Start another' }).waitFor();
    }
    await anna.goto(link);
    await anna.getByRole('button', { name: 'Join', exact: true }).click();
    await anna.getByText('There is no meeting here').waitFor();
  });

  await t.test('nothing came from elsewhere, and nothing broke', async () => {
    for (const page of [anna, ben]) {
      const from = await page.evaluate(() => performance.getEntriesByType('resource').map((entry) => new URL(entry.name).origin));
      assert.deepEqual([...new Set(from)], [server.url]);
    }
    // Errors without a stack are the client library's own: it may call setParameters on a sender that is gone.
    assert.deepEqual(browser.console.filter((line) => /PAGE ERROR \S|Content Security Policy/.test(line)), []);
  });
});

test('the page says what is missing', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);

  await t.test('a link that is none', async () => {
    const page = await browser.page('lost', `${server.url}/m/half-a-link`, desk);
    await page.getByLabel('Your name').fill('Anna');
    await page.getByRole('button', { name: 'Join', exact: true }).click();
    await page.getByText('There is no meeting here').waitFor();
    await page.getByRole('button', { name: 'Start another meeting' }).click();
    await page.getByRole('button', { name: 'Start a meeting' }).waitFor();
  });

  await t.test('a server that is gone', async () => {
    const page = await browser.page('alone', server.url, desk);
    await server.stop();
    await page.getByLabel('Your name').fill('Anna');
    await page.getByRole('button', { name: 'Start a meeting' }).click();
    await page.getByText('The server cannot be reached').waitFor();
  });
});

function tile(page, name) {
  return page.getByTestId('tile').filter({ hasText: name });
}

function focused(page, selector) {
  return page.locator(`${selector}:focus`).waitFor();
}

async function fits(page) {
  const beyond = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(beyond <= 0, `${page.url()} is ${beyond} px wider than its window`);
}

// plays waits until ten more frames of a picture were shown.
async function plays(page, label) {
  const video = page.getByLabel(label, { exact: true });
  await video.waitFor();
  const frames = () => video.evaluate((v) => v.videoWidth > 0 && v.getVideoPlaybackQuality().totalVideoFrames);
  const before = await frames();
  await until(`${label} to play`, async () => (await frames()) >= before + 10);
}

// loudness runs in the page: the peak of what its speaker plays within a second.
async function loudness() {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context);
  context.createMediaStreamSource(document.querySelector('audio').srcObject).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let peak = 0;
  for (const end = Date.now() + 1200; Date.now() < end; await new Promise((done) => setTimeout(done, 20))) {
    analyser.getFloatTimeDomainData(samples);
    for (const s of samples) peak = Math.max(peak, Math.abs(s));
  }
  await context.close();
  return peak;
}
