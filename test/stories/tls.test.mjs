// The same over TLS, with the local certificate authority: the API, the
// signalling socket and the page.
import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';

test('a call whose API and signalling are encrypted', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t, { trust: [`${server.data}/server.pem`] });
  const trusting = { httpsAgent: new Agent({ ca: readFileSync(server.caFile) }) };
  await assert.rejects(Meeting.create(server, 'untrusted', {}, { endpoint: server.tlsUrl }), /certificate/);
  const meeting = await Meeting.create(server, 'tls', {}, { endpoint: server.tlsUrl, requestHandler: trusting });
  const placement = meeting.record.MediaPlacement;
  assert.ok(placement.SignalingUrl.startsWith(server.tlsUrl.replace('https', 'wss')), placement.SignalingUrl);
  assert.ok(placement.TurnControlUrl.startsWith(server.tlsUrl), placement.TurnControlUrl);

  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  const ben = await meeting.join(browser, 'ben', { hz: 1000 });
  await anna.waitFor('hearsOnly', [1000], [440]);
  await ben.waitFor('hearsOnly', [440], [1000]);

  const page = await browser.page('page', server.tlsUrl);
  assert.match(await page.title(), /Carillon/);
  assert.equal(await page.evaluate(() => window.isSecureContext), true);
});
