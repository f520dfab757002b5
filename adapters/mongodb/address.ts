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
  // What looks like no host may be a user and a password behind which the rest was forgotten: it is not repeated.
  if (!hosts.split(',').every((host) => isHost(host))) throw new Error('names servers as host or host:port');
  requireTaken(text, secretsIn(login, query));
  for (const file of filesIn(query)) requireReadable(file);
  return { name: hosts, database: database === '' ? null : database };
};

/** A name or address, or the path of a socket, and a port. */
const isHost = (host: string): boolean => {
  const parts = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]|[\w%.-]+\.sock)(?::(?<port>\d{1,5}))?$/.exec(host);
  const port = Number(parts?.groups?.port ?? 1);
  return parts !== null && port >= 1 && port <= 65_535;
};

/** The password, and the values of options, some of which are secrets, too: as they are written and as they are meant. */
const secretsIn = (login: string, query: string): readonly string[] =>
  [login, ...query.split('&').map((option) => option.replace('=', ':'))]
    .flatMap((pair) => pair.split(/[:,]/).slice(1))
    .flatMap((word) => [word, decoded(word)])
    // What is as short as this stands in every message by chance.
    .filter(({ length }) => length > 2);

const decoded = (word: string): string => {
  try {
    return decodeURIComponent(word);
  } catch {
    return '';
  }
};

/** The driver looks at the whole of it before it asks anybody. It would say no password, and is not trusted to. */
const requireTaken = (text: string, secrets: readonly string[]) => {
  try {
    const { MongoClient } = driver();
    new MongoClient(text);
  } catch (error) {
    const { message } = error as Error;
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
