import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// Settings are read at every start, and the driver is needed only where this one is given.
const driver = (): typeof import('mongodb') => createRequire(import.meta.url)('mongodb');

export type MongoAddress = {
  /** The servers alone, for messages: no credentials. */
  readonly name: string;
  /** The database that the URL names, which the names of ours begin with; null: it names none. */
  readonly database: string | null;
};

/**
 * What of `mongodb://user:password@a:27017,b:27017/database?options` we look at ourselves; the rest is the driver's.
 * @throws Error saying what is wrong with it, without any of its credentials
 */
export const mongoAddress = (text: string): MongoAddress => {
  const parts =
    /^mongodb(?:\+srv)?:\/\/(?:(?<login>[^@/?]*)@)?(?<hosts>[^@/?]+)(?:\/(?<database>[^?]*))?(?:\?(?<query>.*))?$/.exec(
      text,
    );
  if (parts === null) throw new Error('is no URL of MongoDB: mongodb://user:password@host:27017');
  const { login = '', hosts = '', database = '', query = '' } = parts.groups!;
  if (!/^[A-Za-z0-9_-]{0,40}$/.test(database))
    throw new Error('names a database of other characters than 40 letters, digits, _ or -');
  requireTaken(text, login);
  for (const file of filesIn(query)) requireReadable(file);
  return { name: hosts, database: database === '' ? null : database };
};

/** The driver looks at the whole of it before it asks anybody. It would say no password, and is not trusted to. */
const requireTaken = (text: string, login: string) => {
  try {
    const { MongoClient } = driver();
    new MongoClient(text);
  } catch (error) {
    const { message } = error as Error;
    const secrets = login.split(':').slice(1);
    throw new Error(
      secrets.some((secret) => message.includes(secret)) ? 'is not understood' : `is not understood: ${message}`,
    );
  }
};

const files: ReadonlySet<string> = new Set(['tlscafile', 'tlscertificatekeyfile', 'tlscrlfile']);

const filesIn = (query: string): readonly string[] =>
  [...new URLSearchParams(query)].filter(([name]) => files.has(name.toLowerCase())).map(([, file]) => file);

const requireReadable = (file: string) => {
  try {
    readFileSync(file);
  } catch (error) {
    throw new Error(`names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
};
