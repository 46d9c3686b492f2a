// A signalling socket without a client behind it: sends whatever it is told to,
// well formed or not, and keeps what comes back. Frames are coded with the
// published client's own protocol.
import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { once } from 'node:events';
import { until } from './until.mjs';

const { SdkSignalFrame } = createRequire(import.meta.url)('amazon-chime-sdk-js/build/signalingprotocol/SignalingProtocol.js');
export const Type = SdkSignalFrame.Type;

// What published clients append to the SignalingUrl: from 1.19 on, and before.
const query = '?X-Chime-Control-Protocol-Version=3&X-Amzn-Chime-Send-Close-On-Error=1';
export const oldQuery = '?X-Chime-Control-Protocol-Version=3';

export class Socket {
  // open connects to a meeting's SignalingUrl. token null offers no subprotocol.
  static async open(t, signalingUrl, token, suffix = query) {
    const url = new URL(signalingUrl.replace(/^ws/, 'http') + suffix);
    const socket = new Socket();
    Object.assign(socket, { frames: [], closed: null, ended: false, buffer: Buffer.alloc(0), status: 0 });
    socket.tcp = connect(Number(url.port), url.hostname);
    t.after(() => socket.tcp.destroy());
    socket.tcp.on('error', () => {});
    socket.tcp.on('close', () => { socket.ended = true; });
    socket.tcp.on('data', (data) => { socket.buffer = Buffer.concat([socket.buffer, data]); socket.read(); });
    await once(socket.tcp, 'connect');
    const protocol = token === null ? '' : `Sec-WebSocket-Protocol: _aws_wt_session, ${token}\r\n`;
    socket.tcp.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`
      + `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${protocol}\r\n`);
    await until('an answer to the handshake', () => socket.status || socket.ended);
    return socket;
  }

  read() {
    if (!this.status) {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.status = Number(this.buffer.toString('latin1', 9, 12));
      this.buffer = this.buffer.subarray(end + 4);
    }
    while (this.status === 101 && this.buffer.length >= 2) {
      const opcode = this.buffer[0] & 15;
      let length = this.buffer[1] & 127, head = 2;
      if (length === 126) [length, head] = [this.buffer.length >= 4 ? this.buffer.readUInt16BE(2) : Infinity, 4];
      else if (length === 127) [length, head] = [this.buffer.length >= 10 ? Number(this.buffer.readBigUInt64BE(2)) : Infinity, 10];
      if (this.buffer.length < head + length) return;
      const payload = this.buffer.subarray(head, head + length);
      this.buffer = this.buffer.subarray(head + length);
      if (opcode === 2) this.frames.push(SdkSignalFrame.decode(payload.subarray(1)));
      if (opcode === 8) this.closed = { code: payload.length >= 2 ? payload.readUInt16BE(0) : 1005, reason: payload.toString('utf8', 2) };
    }
  }

  // raw sends bytes as they are, below WebSocket.
  raw(bytes) { if (!this.ended) this.tcp.write(bytes); }

  // message sends one WebSocket message; opcode 2 is binary.
  message(payload, opcode = 2) {
    const size = payload.length;
    let head = Buffer.from([128 | opcode, 128 | size]);
    if (size >= 65536) {
      head = Buffer.from([128 | opcode, 255, ...Array(8)]);
      head.writeBigUInt64BE(BigInt(size), 2);
    } else if (size >= 126) {
      head = Buffer.from([128 | opcode, 254, size >> 8, size & 255]);
    }
    this.raw(Buffer.concat([head, Buffer.alloc(4), payload])); // a mask of zeros leaves the payload as it is
  }

  // signal sends a frame as clients do.
  signal(fields) {
    this.message(Buffer.concat([Buffer.from([5]), SdkSignalFrame.encode({ timestampMs: Date.now(), ...fields }).finish()]));
  }
  join() {
    this.signal({ type: Type.JOIN, join: { protocolVersion: 2, flags: 2, audioSessionId: randomBytes(4).readUInt32BE() } });
  }

  // frame waits for a frame of a type.
  frame(type) { return until(`a frame of type ${type}`, () => this.frames.find((f) => f.type === type)); }
  // close waits until the server has closed and returns its code and reason.
  close() { return until('the server to close', () => this.closed ?? (this.ended && { code: 1006, reason: '' })); }
}
