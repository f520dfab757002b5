import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

type Package = { resolved?: string; optionalDependencies?: Names };
type Names = { [name: string]: string };

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: { [path: string]: Package } };

const lock = suite('lock file');

lock('names no download address', () => {
  const addresses = Object.values(packages).flatMap(({ resolved }) => (resolved?.includes('://') ? [resolved] : []));
  assert.equal(addresses, []);
});

// npm leaves out, without a word, what the registry did not have on the day; `npm ci` then refuses the whole file.
lock('holds the packages of every platform', () => {
  const missing = Object.values(packages)
    .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
    .filter((name) => !Object.keys(packages).some((path) => path.endsWith(`node_modules/${name}`)));
  assert.equal(missing, []);
});

lock.run();
