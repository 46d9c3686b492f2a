// A cable between a client and the server that can be pulled: a TCP proxy.
import { createServer, connect } from 'node:net';

export class Cable {
  // to starts a cable to a server URL; it is taken down when the story t ends.
  static async to(t, url) {
    const cable = new Cable();
    const { hostname, port } = new URL(url);
    cable.ends = new Set();
    cable.server = createServer((near) => {
      const far = connect(Number(port), hostname);
      for (const [a, b] of [[near, far], [far, near]]) {
        cable.ends.add(a);
        a.pipe(b);
        a.on('error', () => b.destroy());
        a.on('close', () => { cable.ends.delete(a); b.destroy(); });
      }
    });
    await new Promise((done) => cable.server.listen(0, '127.0.0.1', done));
    t.after(() => { cable.cut(); cable.server.close(); });
    return cable;
  }
  get host() { return `127.0.0.1:${this.server.address().port}`; }

  // cut resets all connections, as when the network goes away and comes back.
  cut() { for (const end of this.ends) end.resetAndDestroy(); }
}
