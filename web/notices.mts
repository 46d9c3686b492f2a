// Writes the licences of all bundled packages into one file of the build.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

interface Package { name: string; version: string; license: string; homepage: string; texts: string[] }

const head = `Carillon's web application
==========================

Carillon is not affiliated with Amazon.

The web application contains the following packages, with thanks to their authors.
`;

// A licence that says to keep its text must come with it. What a package ships
// under these names is that text.
const licenceFile = /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i;

// notices collects the packages from the modules that really went into a chunk,
// so that the list is neither too short nor full of build tools.
export function notices(fileName: string): Plugin {
  return {
    name: 'carillon-notices',
    generateBundle(_options, bundle) {
      const found = new Map<string, Package>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const module of chunk.moduleIds) {
          const made = packageOf(module);
          if (made) found.set(`${made.name}@${made.version}`, made);
        }
      }
      const packages = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
      for (const { name, texts } of packages) {
        if (texts.length === 0) this.warn(`${name} ships no licence text`);
      }
      this.emitFile({ type: 'asset', fileName, source: head + packages.map(entry).join('') });
    },
  };
}

function packageOf(module: string): Package | null {
  const file = module.replace(/^\0/, '').replace(/\?.*$/, '');
  if (!file.includes('/node_modules/')) return null;
  for (let folder = dirname(file); folder.includes('/node_modules/'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version, license, homepage = '' } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (!version) continue; // a package.json that only sets the module type of its folder
    const texts = readdirSync(folder).filter((f) => licenceFile.test(f)).map((f) => readFileSync(join(folder, f), 'utf8').trim());
    return { name, version, license: String(license), homepage, texts };
  }
  return null;
}

function entry({ name, version, license, homepage, texts }: Package): string {
  const title = `${name} ${version}`;
  return ['', '', title, '-'.repeat(title.length), `Licence: ${license}`, ...(homepage ? [homepage] : []), '', ...texts, ''].join('\n');
}
