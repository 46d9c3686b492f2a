// Starts Carillon as its owner would: the built binary, port 0, a data folder
// of its own. The server's log goes to test/out/ and is kept when a story fails.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const root = resolve(here, '../..');
export const out = join(root, 'test/out');
const binary = process.env.CARILLON_BINARY ?? join(root, 'bin/carillon'); // another build than make's, when named

// Server is one running Carillon. Start it with Server.start(t, ...).
export class Server {
  // start runs `carillon serve` with args and waits until it answers. It is
  // stopped when the story t ends.
  static async start(t, ...args) {
    const server = new Server();
    server.data = mkdtempSync(join(tmpdir(), 'carillon-story-'));
    server.args = args;
    mkdirSync(out, { recursive: true });
    server.logFile = join(out, `${t.name.replace(/[^a-zA-Z0-9]+/g, '-')}.server.log`);
    rmSync(server.logFile, { force: true });
    t.after(async () => {
      await server.stop();
      rmSync(server.data, { recursive: true, force: true });
      if (t.passed === false) console.error(`server log: ${server.logFile}`);
    });
    await server.launch(['--listen', '127.0.0.1:0', '--tls-listen', '127.0.0.1:0', '--media', '127.0.0.1:0']);
    return server;
  }

  async launch(addresses) {
    const log = openSync(this.logFile, 'a');
    this.process = spawn(binary, ['serve', '--data', this.data, '--log-level', 'debug', '--test-mode', ...addresses, ...this.args],
      { stdio: ['ignore', log, log] });
    closeSync(log);
    const process = this.process;
    this.exited = new Promise((done) => process.on('exit', (code, signal) => done({ code, signal })));
    let ended = null;
    this.exited.then((how) => { ended = how; });
    this.at = await until('the server to answer', async () => {
      if (ended) throw new Error(`carillon ended at once (${JSON.stringify(ended)}):\n${this.log()}`);
      try {
        const at = JSON.parse(readFileSync(join(this.data, 'server.json')));
        if (at.pid !== process.pid) return null;
        return (await fetch(`${at.url}/healthz`)).ok ? at : null;
      } catch { return null; }
    });
    this.keys = JSON.parse(readFileSync(join(this.data, 'keys.json')));
  }

  get url() { return this.at.url; }
  get tlsUrl() { return this.at.tlsUrl; }
  get media() { return this.at.media; }
  get caFile() { return this.at.caFile; }
  get credentials() { return { accessKeyId: this.keys.accessKeyId, secretAccessKey: this.keys.secretAccessKey }; }

  // env is the environment of `eval "$(carillon env)"`.
  env() {
    const env = { ...process.env };
    for (const line of this.command('env').split('\n')) {
      const found = line.match(/^export ([A-Z_]+)='(.*)'$/);
      if (found) env[found[1]] = found[2];
    }
    return env;
  }

  // command runs another carillon command on the data folder and returns what it printed.
  command(...args) {
    const ran = spawnSync(binary, [...args, '--data', this.data], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`carillon ${args.join(' ')}: exit ${ran.status}\n${ran.stdout}${ran.stderr}`);
    return ran.stdout;
  }

  // aws runs the AWS CLI of this machine against the server and parses its answer.
  aws(...args) {
    const ran = spawnSync('/usr/bin/aws', ['--endpoint-url', this.url, '--output', 'json', ...args], { encoding: 'utf8', env: this.env() });
    if (ran.status !== 0) throw new Error(`aws ${args.join(' ')}: exit ${ran.status}\n${ran.stderr}`);
    return ran.stdout.trim() ? JSON.parse(ran.stdout) : null;
  }

  // subscribes counts the SUBSCRIBE frames that came from an attendee.
  subscribes(attendeeId) {
    return this.log().split('\n').filter((line) => line.includes('msg=subscribed') && line.includes(`attendee=${attendeeId} `)).length;
  }

  log() { return readFileSync(this.logFile, 'utf8'); }

  // kill ends the process at once (kill -9).
  async kill() {
    this.process.kill('SIGKILL');
    return this.exited;
  }

  // restart starts again on the same folder and the same addresses.
  async restart() {
    const { listen, tlsListen, media } = this.at;
    await this.launch(['--listen', listen, '--tls-listen', tlsListen, '--media', media]);
  }

  // stop ends the server as its owner would (SIGTERM) and returns how it exited.
  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGTERM');
    return this.exited;
  }
}
