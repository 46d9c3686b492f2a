// What goes through the server: layers, codecs, late viewers, rights, messages, lost packets.
import test from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';
import { Network } from '../lib/network.mjs';
import { advancing } from '../lib/picture.mjs';
import { until } from '../lib/until.mjs';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

// room is a server with a meeting and a browser.
async function room(t, ...args) {
  const server = await Server.start(t, ...args);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  // join brings people in, who may each have options.
  const join = async (...people) => {
    const joined = [];
    for (const [name, options] of people) joined.push(await meeting.join(browser, name, options));
    for (const person of joined) await person.waitFor('started');
    return joined;
  };
  return { server, browser, meeting, join };
}

test('a simulcast camera and receivers that choose', async (t) => {
  const { server, join } = await room(t);
  const [anna, ben, cleo] = await join(
    ['anna', { simulcast: true }], ['ben', { simulcast: true, priority: true }], ['cleo', { priority: true }]);

  await t.test('the best layer arrives and goes on', async () => {
    await anna.camera('red', 960, 540);
    for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, 'red');
    await until('anna to send two layers', async () => (await anna.sends()).length >= 2);
    for (const viewer of [ben, cleo]) await viewer.waitFor('seesWidth', anna.id, 960);
    for (const viewer of [ben, cleo]) await advancing(viewer, anna.id);
  });

  await t.test('two simulcast cameras beside a screen', async () => {
    await ben.camera('blue', 960, 540);
    for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', ben.id, 'blue');
    await cleo.share('green');
    for (const viewer of [anna, ben]) await viewer.waitFor('seesColour', `${cleo.id}#content`, 'green');
    await cleo.waitFor('seesColour', ben.id, 'blue');
    await advancing(cleo, anna.id);
  });

  await t.test('cameras stay when the screen goes (signaling spec 4.2)', async () => {
    await cleo.stopShare();
    for (const viewer of [anna, ben]) await viewer.waitFor('seesNothing', `${cleo.id}#content`);
    await wait(6000); // the client's policy thinks again each second, and gives up what it believes too much
    for (const [viewer, of] of [[anna, ben], [ben, anna], [cleo, anna], [cleo, ben]]) await advancing(viewer, of.id);
  });

  await t.test('a simulcast camera goes off and comes back', async () => {
    await anna.cameraOff();
    for (const viewer of [ben, cleo]) await viewer.waitFor('seesNothing', anna.id);
    await anna.camera('yellow', 960, 540);
    for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, 'yellow');
    for (const viewer of [ben, cleo]) await advancing(viewer, anna.id);
  });

  await t.test('and then nobody subscribes again and again', async () => {
    await quiet(server, [anna, ben, cleo], 10, 10);
  });
});

test('codecs are agreed on and changed without a storm of negotiations', async (t) => {
  const { server, join } = await room(t);
  const [anna, ben, cleo] = await join(['anna'], ['ben'], ['cleo']);
  await anna.camera('red');
  await ben.camera('blue');
  for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, 'red');
  for (const viewer of [anna, cleo]) await viewer.waitFor('seesColour', ben.id, 'blue');

  await t.test('what is sent is what the answer offers', async () => {
    const [stream] = await anna.sends();
    assert.match(stream.codec, /^video\/(VP8|H264)$/);
  });

  for (const [guest, codec, colour] of [['dora', 'VP8', 'green'], ['emil', 'H264', 'yellow'], ['fritz', 'VP8', 'blue']]) {
    await t.test(`anna goes over to ${codec}; who only sees her does not negotiate`, async () => {
      await wait(500);
      const before = server.subscribes(cleo.id);
      await anna.codec(codec);
      await join([guest]); // the client takes up its preferences with the next INDEX
      await anna.waitFor('sendsCodec', codec);
      await anna.paint(colour);
      for (const viewer of [ben, cleo]) await viewer.waitFor('seesColour', anna.id, colour);
      for (const viewer of [ben, cleo]) await advancing(viewer, anna.id);
      assert.equal(server.subscribes(cleo.id), before);
    });
  }

  await t.test('fewer than 10 SUBSCRIBEs come in 20 s (signaling spec 3.6)', async () => {
    await quiet(server, [anna, ben, cleo], 20, 10);
  });
});

// quiet waits some seconds in which fewer than limit SUBSCRIBEs may come.
async function quiet(server, people, seconds, limit) {
  const count = () => people.reduce((sum, person) => sum + server.subscribes(person.id), 0);
  const before = count();
  await wait(seconds * 1000);
  const came = count() - before;
  assert.ok(came < limit, `${came} SUBSCRIBEs came in ${seconds} s`);
}

test('who joins late sees at once', async (t) => {
  const { meeting, browser, join } = await room(t);
  const [anna, ben] = await join(['anna', { simulcast: true }], ['ben']);
  await anna.camera('red');
  await ben.share('blue');
  await anna.waitFor('seesColour', `${ben.id}#content`, 'blue');
  await ben.waitFor('seesColour', anna.id, 'red');
  for (const name of ['cleo', 'dora']) {
    const late = await meeting.join(browser, name);
    await late.waitFor('started');
    const begun = Date.now();
    await late.waitFor('seesColour', anna.id, 'red');
    await late.waitFor('seesColour', `${ben.id}#content`, 'blue');
    const took = Date.now() - begun;
    assert.ok(took < 2500, `${name} saw both pictures after ${took} ms, 2.5 s are allowed`);
  }
  await t.test('and the others see on', () => advancing(ben, anna.id));
});

test('five people with cameras', async (t) => {
  const { server, join } = await room(t);
  const people = await join(['anna', { hz: 440 }], ['ben'], ['cleo', { hz: 1000 }], ['dora'], ['emil']);
  const colours = ['red', 'green', 'blue', 'yellow', 'red'];
  for (const [i, person] of people.entries()) await person.camera(colours[i], 320, 180);
  for (const viewer of people) {
    for (const [i, person] of people.entries()) {
      if (person === viewer) continue;
      await viewer.waitFor('seesColour', person.id, colours[i]);
    }
  }
  for (const viewer of people) for (const person of people) if (person !== viewer) await advancing(viewer, person.id);
  await people[4].waitFor('hearsOnly', [440, 1000], [700]);
  await quiet(server, people, 5, 10);
});

test('at most two screens are shared (signaling spec 8)', async (t) => {
  const { join } = await room(t);
  const [anna, ben, cleo] = await join(['anna', { hz: 440 }], ['ben'], ['cleo']);
  await anna.share('red');
  await ben.share('blue');
  await cleo.waitFor('seesColour', `${anna.id}#content`, 'red');
  await cleo.waitFor('seesColour', `${ben.id}#content`, 'blue');

  await t.test('the third is refused and leaves the rest alone', async () => {
    await cleo.share('green');
    await cleo.waitFor('contentStopped', 1);
    await advancing(cleo, `${anna.id}#content`);
    await advancing(cleo, `${ben.id}#content`);
    await cleo.waitFor('hearsOnly', [440], [700]);
    assert.equal(await cleo.status(), null);
    assert.equal(await cleo.started(), true);
    assert.equal(await anna.absent(`${cleo.id}#content`), true);
  });

  await t.test('when one has ended there is room again', async () => {
    await ben.stopShare();
    await cleo.waitFor('seesNothing', `${ben.id}#content`);
    await cleo.share('green');
    for (const viewer of [anna, ben]) await viewer.waitFor('seesColour', `${cleo.id}#content`, 'green');
  });
});

// Covers: chime-sdk-meetings.UpdateAttendeeCapabilities
test('rights change during the call (meetings spec 5)', async (t) => {
  const { meeting, join } = await room(t);
  const [anna, ben] = await join(['anna', { hz: 440 }], ['ben', { hz: 1000 }]);
  await ben.waitFor('hearsOnly', [440], [1000]);
  await anna.camera('red');
  await ben.camera('blue');
  await ben.waitFor('seesColour', anna.id, 'red');
  await anna.waitFor('seesColour', ben.id, 'blue');

  await t.test('who may only receive audio is silenced, and hears', async () => {
    await meeting.capabilities(anna.record, { Audio: 'Receive' });
    await ben.waitFor('hearsNothing', [440, 1000]);
    await anna.waitFor('hearsOnly', [1000], [440]);
  });
  await t.test('who may only send audio is heard, and hears nothing', async () => {
    await meeting.capabilities(anna.record, { Audio: 'Send' });
    await ben.waitFor('hearsOnly', [440], [1000]);
    await anna.waitFor('hearsNothing', [440, 1000]);
  });
  await t.test('who may both again is heard and hears', async () => {
    await meeting.capabilities(anna.record, {});
    await ben.waitFor('hearsOnly', [440], [1000]);
    await anna.waitFor('hearsOnly', [1000], [440]);
  });
  await t.test('without a right to video the tiles go, on both sides', async () => {
    await meeting.capabilities(anna.record, { Video: 'None', Content: 'None' });
    await ben.waitFor('seesNothing', anna.id);
    await anna.waitFor('seesNothing', ben.id);
    await ben.waitFor('hearsOnly', [440], [1000]);
  });
  await t.test('with it they come back', async () => {
    await meeting.capabilities(anna.record, {});
    await anna.waitFor('seesColour', ben.id, 'blue');
    await anna.cameraOff();
    await anna.camera('yellow');
    await ben.waitFor('seesColour', anna.id, 'yellow');
  });
  await t.test('without a right to content a screen is refused', async () => {
    await meeting.capabilities(anna.record, { Content: 'Receive' });
    await anna.share('green');
    await wait(3000);
    assert.equal(await ben.seesNothing(`${anna.id}#content`), true);
    assert.equal(await anna.started(), true);
  });
});

test('data messages are kept, throttled and cut off (signaling spec 6)', async (t) => {
  const { server, meeting, browser, join } = await room(t);
  const [anna, ben] = await join(['anna', { hz: 440 }], ['ben']);

  await t.test('who joins late gets what still lives', async () => {
    await anna.send('for everyone', 60_000);
    await anna.send('for a moment', 300);
    await anna.send('for those present', 0);
    await ben.waitFor('received', 'for those present');
    await wait(500);
    const late = await meeting.join(browser, 'late');
    await late.waitFor('received', 'for everyone');
    await anna.send('after that');
    await late.waitFor('received', 'after that');
    assert.deepEqual((await late.seen()).data.map((m) => [m.text, m.from]), [['for everyone', anna.id], ['after that', anna.id]]);
    await late.leave();
  });

  await t.test('too many come back to their sender as throttled', async () => {
    await anna.flood(400, 2000);
    await until('some to be throttled', () => anna.throttled());
    await wait(500);
    const throttled = await anna.throttled();
    const arrived = (await ben.seen()).data.filter((m) => m.text.startsWith('flood')).length;
    assert.equal(arrived + throttled, 400, `${arrived} arrived and ${throttled} were throttled`);
    assert.ok(arrived >= 195, `only ${arrived} arrived of a burst of 200`);
    assert.equal(await ben.throttled(), 0, 'only their sender is told');
  });

  await t.test('who goes on is hung up, and nobody else is harmed', async () => {
    await ben.flood(6000, 100_000);
    await ben.waitFor('reconnected');
    assert.match(server.log(), /too many data messages/);
    await ben.waitFor('hearsOnly', [440], [700]);
    const events = (await anna.seen()).events;
    assert.ok(!events.includes('reconnecting'), `anna: ${events}`);
    await ben.send('sorry');
    await anna.waitFor('received', 'sorry');
  });
});

test('a network that loses packets', async (t) => {
  const { server, join } = await room(t);
  const network = await Network.to(t, server.media);
  const [anna, ben] = await join(['anna', { hz: 440, mediaPort: network.port }], ['ben', { hz: 1000 }]);
  await anna.camera('red');
  await ben.camera('blue');
  await ben.waitFor('seesColour', anna.id, 'red');
  await anna.waitFor('seesColour', ben.id, 'blue');

  await t.test('a twentieth is lost each way: all is heard and seen', async () => {
    network.loss = 0.05;
    await wait(2000);
    await anna.paint('green');
    await ben.paint('yellow');
    await ben.waitFor('seesColour', anna.id, 'green');
    await anna.waitFor('seesColour', ben.id, 'yellow');
    for (let i = 0; i < 3; i++) {
      await advancing(ben, anna.id);
      await advancing(anna, ben.id);
    }
    await ben.waitFor('loudAt', 440, 1000);
    await anna.waitFor('loudAt', 1000, 440);
    assert.ok(network.lost > 50, `only ${network.lost} packets were lost`);
  });

  await t.test('a pause of three seconds is got over', async () => {
    network.loss = 1;
    await wait(3000);
    network.loss = 0;
    await anna.paint('blue');
    await ben.paint('red');
    await ben.waitFor('seesColour', anna.id, 'blue');
    await anna.waitFor('seesColour', ben.id, 'red');
    await ben.waitFor('hearsOnly', [440], [1000]);
    await anna.waitFor('hearsOnly', [1000], [440]);
    assert.ok(!(await anna.seen()).events.includes('reconnecting'), 'the connection was kept');
  });
});
