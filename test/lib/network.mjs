// A network between one client's media and the server that loses packets: a UDP
// proxy. Nothing else on this machine is touched.
import { createSocket } from 'node:dgram';

export class Network {
  // to starts a network to a server's media address; it ends with the story t.
  static async to(t, address) {
    const network = new Network();
    const [host, port] = address.split(':');
    network.loss = 0;
    network.lost = 0;
    network.seed = 1;
    const ways = new Map(); // from the client's address to the socket that stands for it
    const near = await open();
    near.on('message', async (packet, from) => {
      const key = `${from.address}:${from.port}`;
      if (!ways.has(key)) {
        ways.set(key, open().then((far) => {
          far.on('message', (back) => { if (!network.drops()) near.send(back, from.port, from.address); });
          return far;
        }));
      }
      const far = await ways.get(key);
      if (!network.drops()) far.send(packet, Number(port), host);
    });
    network.port = near.address().port;
    t.after(async () => {
      near.close();
      for (const way of ways.values()) (await way).close();
    });
    return network;
  }

  // drops decides about one packet, the same in each run.
  drops() {
    this.seed = (Math.imul(this.seed, 1103515245) + 12345) >>> 0;
    const drop = (this.seed >>> 8) / 2 ** 24 < this.loss;
    if (drop) this.lost++;
    return drop;
  }
}

function open() {
  const socket = createSocket('udp4');
  return new Promise((done) => socket.bind(0, '127.0.0.1', () => done(socket)));
}
