import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const keyLength = 32;

/** A key that was given and cannot be used. The message names the variable or the file, never what stood there. */
export class UnusableKey extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'UnusableKey';
  }
}

export type FoundKey = {
  /** 32 bytes */
  readonly key: Uint8Array;
  readonly source: 'environment' | 'file' | 'made';
  /** Of the file it was read from or written to; null: it stood in the environment itself. */
  readonly path: string | null;
};

/**
 * A key of 32 bytes, written as base64, base64url or hex: from the variable, else from the file that the variable with
 * `_FILE` names, else from `file`, which is made, 0600, where `make` says so and it is not there.
 * @param variable such as `KEYLEDGER_MASTER_KEY`
 * @returns null where it is nowhere and none may be made
 * @throws UnusableKey
 */
export const findKey = (
  environment: { readonly [variable: string]: string | undefined },
  variable: string,
  file: string | null,
  make: boolean,
): FoundKey | null => {
  const text = environment[variable];
  const named = environment[`${variable}_FILE`];
  if (text !== undefined && named !== undefined) {
    throw new UnusableKey(`${variable} and ${variable}_FILE are both set: set one of them`);
  }
  if (text !== undefined) return { key: parsed(text, variable), source: 'environment', path: null };
  if (named !== undefined) {
    const read = contents(named, `${variable}_FILE`);
    if (read === null) throw new UnusableKey(`${variable}_FILE names a file that does not exist: ${named}`);
    return { key: parsed(read, `the file that ${variable}_FILE names`), source: 'file', path: named };
  }
  if (file === null) return null;
  return existing(file) ?? (make ? made(file) : null);
};

const existing = (file: string): FoundKey | null => {
  const read = contents(file, file);
  if (read === null) return null;
  if ((statSync(file).mode & 0o077) !== 0) {
    throw new UnusableKey(`${file} can be read by others than its owner: chmod 600 ${file}`);
  }
  return { key: parsed(read, file), source: 'file', path: file };
};

/** Linked into place when it is whole and on disk: a crash leaves no key or the key, and of two makers one wins. */
const made = (file: string): FoundKey => {
  const key = randomBytes(keyLength);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const descriptor = openSync(draft, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      writeSync(descriptor, `${key.toString('base64')}\n`);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    linkSync(draft, file);
    const folder = openSync(dirname(file), constants.O_RDONLY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    return { key, source: 'made', path: file };
  } catch (cause) {
    const other = coded(cause, 'EEXIST') ? existing(file) : null;
    if (other) return other;
    throw new UnusableKey(`${file} cannot be written`, { cause });
  } finally {
    rmSync(draft, { force: true });
  }
};

const contents = (file: string, name: string): string | null => {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (coded(cause, 'ENOENT')) return null;
    throw new UnusableKey(`${name}: the file cannot be read`, { cause });
  }
};

const parsed = (text: string, name: string): Uint8Array => {
  const trimmed = text.trim();
  if (/^[0-9a-f]{64}$/i.test(trimmed)) return Buffer.from(trimmed, 'hex');
  const base64 = trimmed.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const bytes = Buffer.from(base64, 'base64');
  // Node's decoder skips what it does not know, so what came out must say the same as what went in.
  if (bytes.length === keyLength && bytes.toString('base64').replace(/=+$/, '') === base64) return bytes;
  throw new UnusableKey(`${name} must hold ${keyLength} bytes, as base64 or as 64 hexadecimal digits`);
};

const coded = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;
