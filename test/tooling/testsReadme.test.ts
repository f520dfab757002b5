import { existsSync, readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const readme = suite('the README of the tests');

const text = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const isThere = (path: string) =>
  existsSync(new URL(`../${path}`, import.meta.url)) || existsSync(new URL(`../../${path}`, import.meta.url));

readme('names only files that are there', () => {
  const named = [...text.matchAll(/`([\w/.-]+\.ts)`/g)].map(([, path]) => path!);
  assert.ok(named.length > 30);
  const missing = named.filter((path) => !isThere(path) && !isThere(`support/${path}`));
  assert.equal(
    missing.filter((path) => !isThere(`adapters/${path}`)),
    [],
  );
});

readme.run();
