// One attendee in one page: joins with the published client, sends a tone and
// a coloured picture, and measures what arrives.
import * as chime from 'chime-client';

const { ConsoleLogger, DefaultDeviceController, DefaultMeetingSession, LogLevel, MeetingSessionConfiguration } = chime;

const seen = { status: null, started: false, roster: {}, data: [], tiles: {}, volumes: {}, content: [], events: [] };
let session, audio, context, analyser, toneNode, canvasTimer, colour = 'black';

function audioContext() {
  context ??= new AudioContext({ sampleRate: 48000 });
  return context;
}

// toneStream is a microphone that hums at hz; 0 is silence.
function toneStream(hz) {
  const ctx = audioContext();
  const gain = ctx.createGain();
  gain.gain.value = hz ? 0.4 : 0;
  toneNode = ctx.createOscillator();
  toneNode.frequency.value = hz || 440;
  const target = ctx.createMediaStreamDestination();
  toneNode.connect(gain).connect(target);
  toneNode.start();
  return target.stream;
}

// pictureStream is a camera that shows one colour and a moving dot.
function pictureStream(width = 640, height = 360) {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const draw = canvas.getContext('2d');
  let step = 0;
  clearInterval(canvasTimer);
  canvasTimer = setInterval(() => {
    draw.fillStyle = colour;
    draw.fillRect(0, 0, width, height);
    draw.fillStyle = 'white';
    draw.fillRect((step += 8) % width, 0, 8, 8);
  }, 1000 / 15);
  return canvas.captureStream(15);
}

// onlyTurn leaves the peer connection just the relay addresses of one transport
// out of those that the server offers, as a firewall would.
function onlyTurn(transport) {
  const wanted = { udp: /^turn:.*transport=udp/, tcp: /^turn:.*transport=tcp/, tls: /^turns:/ }[transport];
  const Original = RTCPeerConnection;
  window.RTCPeerConnection = function (config, ...rest) {
    const iceServers = (config?.iceServers ?? []).map((s) => ({ ...s, urls: [s.urls].flat().filter((u) => wanted.test(u)) }));
    return new Original({ ...config, iceServers }, ...rest);
  };
  window.RTCPeerConnection.prototype = Original.prototype;
  Object.setPrototypeOf(window.RTCPeerConnection, Original);
}

// through makes the peer connection send to port instead of the server's own,
// where a network is that is worse than the loopback.
function through(port) {
  const original = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
    return original.call(this, { type, sdp: sdp.replace(/^(a=candidate:\S+ \d+ udp \d+ \S+) \d+ /gim, `$1 ${port} `) });
  };
}

const observer = {
  audioVideoDidStart() { seen.started = true; seen.events.push('start'); },
  audioVideoDidStartConnecting(reconnecting) { seen.events.push(reconnecting ? 'reconnecting' : 'connecting'); if (reconnecting) seen.started = false; },
  audioVideoDidStop(status) { seen.started = false; seen.status = status.statusCode(); seen.events.push(`stop ${seen.status}`); },
  videoTileDidUpdate(tile) {
    seen.tiles[tile.tileId] = { attendee: tile.boundAttendeeId, local: tile.localTile, content: tile.isContent, active: tile.active, paused: tile.paused };
    if (!tile.tileId || !tile.boundVideoStream) return;
    let element = document.getElementById(`tile-${tile.tileId}`);
    if (!element) {
      element = document.createElement('video');
      Object.assign(element, { id: `tile-${tile.tileId}`, muted: true, autoplay: true, width: 320, height: 180 });
      document.body.append(element);
      session.audioVideo.bindVideoElement(tile.tileId, element);
    }
  },
  videoTileWasRemoved(id) { delete seen.tiles[id]; document.getElementById(`tile-${id}`)?.remove(); },
  videoSendDidBecomeUnavailable() { seen.events.push('view-only'); },
  connectionDidBecomePoor() { seen.events.push('poor'); },
};

window.story = {
  // join starts the session with what CreateMeeting and CreateAttendee answered.
  // With simulcast the camera is sent in layers, with priority the client
  // chooses its videos by VideoPriorityBasedPolicy.
  async join(meeting, attendee, { hz = 0, config = {}, turn = null, mediaPort = 0, simulcast = false, priority = false } = {}) {
    if (turn) onlyTurn(turn);
    if (mediaPort) through(mediaPort);
    const logger = new ConsoleLogger('story', LogLevel.INFO);
    const configuration = new MeetingSessionConfiguration(meeting, attendee);
    Object.assign(configuration, config);
    configuration.enableSimulcastForUnifiedPlanChromiumBasedBrowsers = simulcast;
    if (priority) configuration.videoDownlinkBandwidthPolicy = new chime.VideoPriorityBasedPolicy(logger);
    session = new DefaultMeetingSession(configuration, logger, new DefaultDeviceController(logger));
    const av = session.audioVideo;
    av.addObserver(observer);
    av.realtimeSubscribeToAttendeeIdPresence((id, present, external, dropped) => {
      if (present) seen.roster[id] = { external }; else { delete seen.roster[id]; seen.events.push(`${dropped ? 'dropped' : 'left'} ${id}`); }
      if (present) av.realtimeSubscribeToVolumeIndicator(id, (who, volume, muted, signal) => {
        const v = (seen.volumes[who] ??= {});
        if (volume !== null) v.volume = volume;
        if (muted !== null) v.muted = muted;
        if (signal !== null) v.signal = signal;
      });
    });
    av.realtimeSubscribeToReceiveDataMessage('story', (m) => seen.data.push({ text: m.text(), from: m.senderAttendeeId, at: m.timestampMs, throttled: m.throttled }));
    av.addContentShareObserver({ contentShareDidStart: () => seen.content.push('start'), contentShareDidStop: () => seen.content.push('stop') });
    audio = document.createElement('audio');
    document.body.append(audio);
    await av.bindAudioElement(audio);
    await av.startAudioInput(toneStream(hz));
    av.start();
  },
  seen: () => JSON.parse(JSON.stringify(seen)),
  started: () => seen.started,
  status: () => seen.status,
  statusIs: (code) => seen.status === code,
  isStatus: () => seen.status !== null,
  reconnected: () => seen.started && seen.events.lastIndexOf('start') > seen.events.lastIndexOf('reconnecting') && seen.events.includes('reconnecting'),
  present: (id) => Boolean(seen.roster[id]),
  absent: (id) => !seen.roster[id],
  rosterSize: (n) => Object.keys(seen.roster).length === n,
  muted: (id, value) => seen.volumes[id]?.muted === value,
  loud: (id) => (seen.volumes[id]?.volume ?? 0) > 0.3,
  quiet: (id) => (seen.volumes[id]?.volume ?? 0) < 0.05,
  signal: (id) => seen.volumes[id]?.signal > 0,
  tone(hz) { toneNode.frequency.value = hz; },
  mute() { session.audioVideo.realtimeMuteLocalAudio(); },
  unmute() { session.audioVideo.realtimeUnmuteLocalAudio(); },
  leave() { session.audioVideo.stop(); },
  send(text, lifetime = 0) { session.audioVideo.realtimeSendDataMessage('story', text, lifetime); },
  received: (text) => seen.data.some((m) => m.text === text),
  throttled: () => seen.data.filter((m) => m.throttled).length,
  // flood sends n messages, as many per second as given.
  async flood(n, perSecond) {
    const begun = performance.now();
    for (let i = 0; i < n; i++) {
      session.audioVideo.realtimeSendDataMessage('story', `flood ${i}`, 0);
      const ahead = (i * 1000) / perSecond - (performance.now() - begun);
      if (ahead > 0) await new Promise((done) => setTimeout(done, ahead));
    }
  },

  // hears returns the level in dB at each frequency in what the loudspeaker
  // plays, and the noise floor beside them, by FFT.
  async hears(...frequencies) {
    const ctx = audioContext();
    if (ctx.state !== 'running') await ctx.resume();
    if (!audio.srcObject) return null;
    if (analyser?.stream !== audio.srcObject) {
      const node = ctx.createAnalyser();
      Object.assign(node, { fftSize: 16384, smoothingTimeConstant: 0 });
      ctx.createMediaStreamSource(audio.srcObject).connect(node);
      analyser = { node, stream: audio.srcObject };
      await new Promise((done) => setTimeout(done, 500));
    }
    const bins = new Float32Array(analyser.node.frequencyBinCount);
    analyser.node.getFloatFrequencyData(bins);
    const width = ctx.sampleRate / analyser.node.fftSize;
    const at = (hz) => Math.max(...bins.slice(Math.round(hz / width) - 2, Math.round(hz / width) + 3));
    return frequencies.map(at);
  },
  // hearsOnly is true when each of the wanted frequencies stands at least 40 dB
  // above each of the others.
  async hearsOnly(wanted, others) {
    const levels = await window.story.hears(...wanted, ...others);
    if (!levels) return false;
    const heard = levels.slice(0, wanted.length), rest = levels.slice(wanted.length);
    return heard.every((level) => level > -50 && rest.every((other) => level - other > 40));
  },
  // hearsNothing is true when there is none of the given tones.
  async hearsNothing(tones) {
    return (await window.story.hears(...tones))?.every((level) => level < -80) ?? false;
  },
  // loudAt is true when one tone is heard far above where another would be,
  // in spite of what repairing lost packets adds.
  async loudAt(hz, other) {
    const levels = await window.story.hears(hz, other);
    return levels !== null && levels[0] > -50 && levels[0] - levels[1] > 15;
  },

  async camera(name, width, height) {
    colour = name;
    await session.audioVideo.startVideoInput(pictureStream(width, height));
    session.audioVideo.startLocalVideoTile();
  },
  async cameraOff() {
    session.audioVideo.stopLocalVideoTile();
    await session.audioVideo.stopVideoInput();
  },
  paint(name) { colour = name; },
  tileOf: (attendee) => Number(Object.entries(seen.tiles).find(([, t]) => t.attendee === attendee && !t.local)?.[0] ?? 0),
  // sees returns the colour in the middle of an attendee's picture and how many frames were shown.
  sees(attendee) {
    const element = document.getElementById(`tile-${window.story.tileOf(attendee)}`);
    if (!element || !element.videoWidth) return null;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: element.videoWidth, height: element.videoHeight });
    const draw = canvas.getContext('2d');
    draw.drawImage(element, 0, 0);
    const [r, g, b] = draw.getImageData(canvas.width >> 1, canvas.height >> 1, 1, 1).data;
    return { r, g, b, frames: element.getVideoPlaybackQuality().totalVideoFrames, width: canvas.width, height: canvas.height };
  },
  seesColour(attendee, want) {
    const got = window.story.sees(attendee);
    if (!got) return false;
    const target = { red: [255, 0, 0], green: [0, 128, 0], blue: [0, 0, 255], yellow: [255, 255, 0] }[want];
    return [got.r, got.g, got.b].every((value, i) => Math.abs(value - target[i]) < 70);
  },
  seesWidth: (attendee, width) => window.story.sees(attendee)?.width === width,
  seesNothing: (attendee) => window.story.tileOf(attendee) === 0,
  pauseTile(attendee) { session.audioVideo.pauseVideoTile(window.story.tileOf(attendee)); },
  unpauseTile(attendee) { session.audioVideo.unpauseVideoTile(window.story.tileOf(attendee)); },

  async share(name) {
    colour = name;
    await session.audioVideo.startContentShare(pictureStream(960, 540));
  },
  contentStopped: (times) => seen.content.filter((e) => e === 'stop').length === times,
  stopShare() { session.audioVideo.stopContentShare(); },

  async iceTransport() {
    const pc = session.audioVideoController.meetingSessionContext.peer;
    const stats = [...(await pc.getStats()).values()];
    const pair = stats.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
    const local = stats.find((s) => s.id === pair?.localCandidateId);
    return { type: local?.candidateType, relay: local?.relayProtocol, url: local?.url };
  },
  // codec chooses what the camera is sent with: VP8 or H264.
  codec(name) {
    const capability = chime.VideoCodecCapability[{ VP8: 'vp8', H264: 'h264ConstrainedBaselineProfile' }[name]]();
    session.audioVideo.setVideoCodecSendPreferences([capability]);
  },
  // sends tells of each stream of the camera that is sent now.
  async sends() {
    const stats = await session.audioVideoController.meetingSessionContext.peer.getStats();
    return [...stats.values()].filter((s) => s.type === 'outbound-rtp' && s.kind === 'video' && s.framesEncoded && s.active !== false)
      .map((s) => ({ rid: s.rid, width: s.frameWidth, frames: s.framesEncoded, codec: stats.get(s.codecId)?.mimeType }));
  },
  sendsCodec: async (name) => (await window.story.sends()).some((s) => s.codec === `video/${name}`),
  // videoPackets counts what arrived on each video stream, by SSRC.
  async videoPackets() {
    const stats = await session.audioVideoController.meetingSessionContext.peer.getStats();
    return Object.fromEntries([...stats.values()].filter((s) => s.type === 'inbound-rtp' && s.kind === 'video').map((s) => [s.ssrc, s.packetsReceived]));
  },
};
