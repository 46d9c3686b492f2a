// What strangers and broken clients can do on the wire: nothing to others.
import test from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { Server } from '../lib/server.mjs';
import { Browser } from '../lib/browser.mjs';
import { Meeting } from '../lib/meeting.mjs';
import { Socket, Type, oldQuery } from '../lib/socket.mjs';
import { advancing } from '../lib/picture.mjs';

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

test('garbage from one client never hurts a call', async (t) => {
  const server = await Server.start(t);
  const browser = await Browser.start(t);
  const meeting = await Meeting.create(server);
  const anna = await meeting.join(browser, 'anna', { hz: 440 });
  const ben = await meeting.join(browser, 'ben', { hz: 1000 });
  await anna.camera('red');
  await ben.waitFor('seesColour', anna.id, 'red');
  const url = meeting.record.MediaPlacement.SignalingUrl;
  const mallory = await meeting.attendee('mallory');
  // enter joins as Mallory with a socket that is about to misbehave.
  const enter = async () => {
    const socket = await Socket.open(t, url, mallory.JoinToken);
    socket.join();
    await socket.frame(Type.JOIN_ACK);
    await socket.frame(Type.INDEX);
    return socket;
  };
  const unharmed = async () => {
    await anna.waitFor('hearsOnly', [1000], [440]);
    await ben.waitFor('hearsOnly', [440], [1000]);
    await advancing(ben, anna.id);
    for (const person of [anna, ben]) {
      assert.equal(await person.status(), null);
      assert.ok(!(await person.seen()).events.includes('reconnecting'), `${person.name} had to reconnect`);
    }
  };

  await t.test('messages that are no frames', async () => {
    const socket = await enter();
    for (const payload of [Buffer.alloc(0), Buffer.from([5]), Buffer.from('garbage'), Buffer.from([5, 8, 1]), Buffer.alloc(4096)]) socket.message(payload);
    socket.message(Buffer.from('a text'), 1);
    for (let i = 0; i < 50; i++) socket.message(randomBytes(1 + i * 7));
    socket.signal({ type: Type.PING_PONG, pingPong: { type: 1, pingId: 77 } });
    assert.equal((await socket.frame(Type.PING_PONG)).pingPong.pingId, 77, 'a few do not even hurt their sender');
    for (let i = 0; i < 5000; i++) socket.message(randomBytes(20));
    assert.equal((await socket.close()).code, 1008);
    await unharmed();
  });

  await t.test('frames out of place and without sense', async () => {
    const socket = await enter();
    const nonsense = [
      { type: Type.SUBSCRIBE },
      { type: Type.SUBSCRIBE, sub: { duplex: 3, sdpOffer: 'v=0\r\nnonsense', receiveStreamIds: [1, 2, 3, 4294967295] } },
      { type: Type.SUBSCRIBE, sub: { duplex: 1, sdpOffer: 'm=audio\r\n'.repeat(2000) } },
      { type: Type.PAUSE, pause: { streamIds: [2, 999], groupIds: [2] } },
      { type: Type.RESUME },
      { type: Type.JOIN },
      { type: Type.JOIN_ACK, joinack: {} },
      { type: Type.AUDIO_CONTROL },
      { type: Type.REMOTE_VIDEO_UPDATE, remoteVideoUpdate: { addedOrUpdatedVideoSubscriptions: [{ mid: '9', streamId: 4242 }], removedVideoSubscriptionMids: ['0', '1', 'x'] } },
      { type: Type.DATA_MESSAGE, dataMessage: { messages: [{ topic: 'story', data: Buffer.alloc(100_000) }] } },
      { type: Type.DATA_MESSAGE, dataMessage: { messages: [{ topic: 'aws:chime:transcription', data: Buffer.from('forged') }] } },
      { type: Type.PRIMARY_MEETING_JOIN },
      { type: Type.LEAVE_ACK },
    ];
    for (const frame of nonsense) socket.signal(frame);
    await wait(500);
    await unharmed();
    assert.deepEqual((await anna.seen()).data, []);
  });

  await t.test('each kind of nonsense on a socket of its own', async () => {
    for (const sdpOffer of ['', 'v=0\r\n', 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n', '\0'.repeat(50_000)]) {
      const socket = await enter();
      socket.signal({ type: Type.SUBSCRIBE, sub: { duplex: 1, sdpOffer, audioHost: 'x' } });
      await wait(100);
      socket.tcp.destroy();
    }
    await unharmed();
  });

  await t.test('broken WebSocket framing, and far too much', async () => {
    for (const bytes of [randomBytes(4096), Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Buffer.from([0x82, 0x05, 1, 2, 3, 4, 5]), Buffer.from([0xff, 0x80, 0, 0, 0, 0])]) {
      const socket = await enter();
      socket.raw(bytes);
      await wait(100);
      socket.tcp.destroy();
    }
    const socket = await enter();
    socket.message(Buffer.alloc(4 << 20));
    assert.ok((await socket.close()).code);
    await unharmed();
  });

  await t.test('garbage at the media port, over UDP and TCP', async () => {
    const [host, port] = server.media.split(':');
    const udp = createSocket('udp4');
    for (let i = 0; i < 3000; i++) {
      const packet = randomBytes(1 + (i * 13) % 1400);
      packet[0] = [0, 1, 20, 22, 64, 128, 144, 200][i % 8]; // STUN, DTLS, channel data, RTP, RTCP, ...
      udp.send(packet, Number(port), host);
      if (i % 100 === 0) await wait(5);
    }
    await wait(200);
    udp.close();
    for (let i = 0; i < 20; i++) {
      const tcp = connect(Number(port), host);
      tcp.on('error', () => {});
      tcp.end(randomBytes(2000));
    }
    await unharmed();
  });

  assert.match(await (await fetch(`${server.url}/healthz`)).text(), /./);
  assert.ok(!/panic|PANIC/.test(server.log()), 'the server panicked');
});

test('sockets without a right to a meeting (signaling spec 1.5, 1.6)', async (t) => {
  const server = await Server.start(t);
  const meeting = await Meeting.create(server);
  const other = await Meeting.create(server, 'other');
  const url = meeting.record.MediaPlacement.SignalingUrl;
  const anna = await meeting.attendee('anna');
  const stranger = await other.attendee('stranger');
  const gone = await meeting.attendee('gone');
  await meeting.remove(gone);
  const token = anna.JoinToken;

  for (const [what, offered, want] of [
    ['a token that was made up', 'bm9ib2R5', 4403],
    ['a token of another meeting', stranger.JoinToken, 4403],
    ['the token of a deleted attendee', gone.JoinToken, 4403],
    ['a token with its end changed', token.slice(0, -2) + (token.endsWith('AA') ? 'BB' : 'AA'), 4403],
    ['a token in capitals', token.toUpperCase(), 4403],
    ['a suffix that is not content', `${token}#contents`, 4403],
    ['a suffix in capitals', `${token}#Content`, 4403],
    ['an empty suffix', `${token}#`, 4403],
    ['a suffix twice', `${token}#content#content`, 4403],
    ['a suffix without a token', '#content', 4403],
    ['an attendee id instead of a token', anna.AttendeeId, 4403],
  ]) {
    await t.test(`${what} is refused`, async () => {
      const socket = await Socket.open(t, url, offered);
      assert.equal(socket.status, 101, 'a refusal before the upgrade would be tried again for two minutes');
      assert.equal((await socket.close()).code, want);
      assert.deepEqual(socket.frames.filter((f) => f.type === Type.JOIN_ACK || f.type === Type.INDEX), []);
    });
  }

  await t.test('a socket without any token gets nowhere', async () => {
    const socket = await Socket.open(t, url, null);
    if (socket.status === 101) assert.equal((await socket.close()).code, 4403);
    else assert.ok(socket.status >= 400, `status ${socket.status}`);
  });

  await t.test('a meeting that never was has ended', async () => {
    const socket = await Socket.open(t, url.replace(meeting.id, crypto.randomUUID()), token);
    assert.equal((await socket.close()).code, 4410);
  });

  await t.test('the right tokens are let in', async () => {
    for (const right of [token, `${token}#content`]) {
      const socket = await Socket.open(t, url, right);
      socket.join();
      assert.ok((await socket.frame(Type.JOIN_ACK)).joinack);
      assert.ok((await socket.frame(Type.INDEX)).index);
      assert.equal(socket.closed, null);
      socket.signal({ type: Type.LEAVE, leave: {} });
      await socket.frame(Type.LEAVE_ACK);
    }
  });

  await t.test('clients before 1.19 get the reason as AUDIO_STATUS (signaling spec 12)', async () => {
    const refused = await Socket.open(t, url, gone.JoinToken, oldQuery);
    refused.join();
    assert.equal((await refused.frame(Type.AUDIO_STATUS)).audioStatus.audioStatus, 403);
    await other.end();
    const late = await Socket.open(t, other.record.MediaPlacement.SignalingUrl, stranger.JoinToken, oldQuery);
    late.join();
    assert.equal((await late.frame(Type.AUDIO_STATUS)).audioStatus.audioStatus, 410);
  });

  await t.test('the log names no token', () => {
    for (const secret of [token, stranger.JoinToken, gone.JoinToken]) assert.ok(!server.log().includes(secret));
  });
});
