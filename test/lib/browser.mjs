// A real Chromium with the story page, in which attendees are played by the
// published amazon-chime-sdk-js.
import { chromium } from 'playwright-core';
import { createServer } from 'node:http';
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { createHash, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { out, root } from './server.mjs';
import { until } from './until.mjs';

const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream', '--autoplay-policy=no-user-gesture-required',
  '--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows', '--disable-renderer-backgrounding',
];

// spkiHash names the one certificate that Chromium is told to trust.
export function spkiHash(pemFile) {
  const key = new X509Certificate(readFileSync(pemFile)).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}

// Browser is one Chromium that ends with the story t. sdk is the version of the
// client that its attendees use: latest, 3.15 or 3.0.
export class Browser {
  static async start(t, { trust = [], sdk = 'latest' } = {}) {
    const browser = new Browser();
    browser.t = t;
    browser.console = [];
    const args = [...flags];
    if (trust.length) args.push(`--ignore-certificate-errors-spki-list=${trust.map(spkiHash).join(',')}`);
    browser.chromium = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args });
    browser.sdk = sdk;
    browser.pages = await servePages();
    t.after(async () => {
      await browser.chromium.close();
      browser.pages.close();
      mkdirSync(out, { recursive: true });
      writeFileSync(join(out, `${t.name.replace(/[^a-zA-Z0-9]+/g, '-')}.console.log`), browser.console.join('\n'));
    });
    return browser;
  }

  // page opens a page and keeps its console under name.
  async page(name, url, options = {}) {
    const context = await this.chromium.newContext({ permissions: ['microphone', 'camera'], ...options });
    const page = await context.newPage();
    page.on('console', (m) => this.console.push(`${name}: ${m.text()}`));
    page.on('pageerror', (e) => this.console.push(`${name}: PAGE ERROR ${e.stack}`));
    await page.goto(url);
    return page;
  }

  // attendee opens the story page for one attendee; nothing is joined yet.
  async attendee(name, { sdk = this.sdk, ...options } = {}) {
    const page = await this.page(name, `http://127.0.0.1:${this.pages.address().port}/${sdk}`, options);
    return new Attendee(name, page);
  }
}

function servePages() {
  const server = createServer((req, res) => {
    const script = req.url.match(/^\/(story-[\w.]+\.js)$/)?.[1];
    res.setHeader('Content-Type', script ? 'text/javascript' : 'text/html');
    res.end(script ? readFileSync(join(root, 'test/page/dist', script))
      : `<!doctype html><meta charset="utf-8"><title>story</title><body><script src="/story-${req.url.slice(1)}.js"></script>`);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

// Attendee drives the story page. Every method of page/story.js can be called.
export class Attendee {
  constructor(name, page) {
    this.name = name;
    this.page = page;
    return new Proxy(this, {
      get: (target, key) => key in target || typeof key === 'symbol' || key === 'then' ? target[key]
        : (...args) => target.page.evaluate(([method, args]) => window.story[method](...args), [key, args]),
    });
  }

  // waitFor waits until story[method](...args) is truthy.
  waitFor(method, ...args) {
    return until(`${this.name}: ${method}(${args.map((a) => JSON.stringify(a)).join(', ')})`,
      () => this.page.evaluate(([method, args]) => window.story[method](...args), [method, args]));
  }
}
