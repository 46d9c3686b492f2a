// Bundles the story page once for each version of the published client.
import { build } from 'esbuild';

for (const [name, pkg] of [['latest', 'amazon-chime-sdk-js'], ['3.0', 'chime-3.0'], ['3.15', 'chime-3.15']]) {
  await build({
    entryPoints: [new URL('story.js', import.meta.url).pathname],
    outfile: new URL(`dist/story-${name}.js`, import.meta.url).pathname,
    mainFields: ['browser', 'module', 'main'],
    bundle: true, format: 'iife', target: 'chrome110', logLevel: 'warning',
    alias: { 'chime-client': pkg },
    define: { global: 'globalThis' },
  });
}
