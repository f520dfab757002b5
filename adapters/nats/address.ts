import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'nats';

export type NatsAddress = {
  readonly options: Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'token' | 'tls'>;
  /** The servers alone, for messages: no credentials. */
  readonly name: string;
  /** How the stream is made where there is none. */
  readonly stream: StreamSize;
};

/** `replicas`: how many servers of a cluster keep it. `maxBytes`: from there on the oldest message goes; null: what the server has. */
export type StreamSize = { readonly replicas: number; readonly maxBytes: number | null };

const parameters: ReadonlySet<string> = new Set(['tlsCaFile', 'tlsCertFile', 'tlsKeyFile', 'replicas', 'maxBytes']);

/** @returns the part of a URL's user information as it was meant */
const decoded = (part: string): string | undefined => {
  try {
    return part === '' ? undefined : decodeURIComponent(part);
  } catch {
    throw new Error('has credentials that cannot be decoded');
  }
};

/** A URL for each of several servers, whatever stands only at the first or the last of them. */
const urlsOf = (text: string): readonly URL[] => {
  const parts = text.split(',');
  const scheme = /^(\w+):\/\//.exec(parts[0]!)?.[0] ?? '';
  return parts.map((part, at) => {
    const whole = at === 0 || part.includes('://') ? part : scheme + part;
    if (!URL.canParse(whole)) throw new Error('is no URL');
    return new URL(whole);
  });
};

/**
 * `nats://user:password@host:4222` or `nats://token@host`; `tls://` insists on TLS; several servers of one cluster are
 * separated by commas, credentials and parameters given once: `tls://user:password@a:4222,b:4222?tlsCaFile=/run/ca.pem`.
 * @throws Error saying what is wrong with it, without any of its credentials
 */
export const natsAddress = (text: string): NatsAddress => {
  const urls = urlsOf(text);
  const schemes = new Set(urls.map(({ protocol }) => protocol));
  const [scheme] = schemes;
  if (schemes.size > 1 || (scheme !== 'nats:' && scheme !== 'tls:')) throw new Error('starts with nats:// or tls://');
  if (urls.some(({ hostname, pathname }) => hostname === '' || !/^\/?$/.test(pathname)))
    throw new Error('names servers as host or host:port');

  const query = urls.flatMap(({ searchParams }) => [...searchParams]);
  const unknown = query.find(([name]) => !parameters.has(name));
  if (unknown !== undefined) throw new Error(`has an unknown parameter${nameOf(unknown[0], urls)}`);
  const { tlsCaFile, tlsCertFile, tlsKeyFile, replicas = '1', maxBytes } = Object.fromEntries(query);
  if (!/^[1-5]$/.test(replicas)) throw new Error('asks for replicas other than 1 to 5');
  if (maxBytes !== undefined && !/^[1-9]\d{5,14}$/.test(maxBytes))
    throw new Error('has a maxBytes below 100000, or one that is no number');
  const files = { caFile: tlsCaFile, certFile: tlsCertFile, keyFile: tlsKeyFile };
  for (const file of Object.values(files)) if (file !== undefined) requireReadable(file);

  const login = urls.find(({ username }) => username !== '');
  const user = decoded(login?.username ?? '');
  const pass = decoded(login?.password ?? '');
  const servers = urls.map(({ hostname, port }) => `${hostname}:${port === '' ? '4222' : port}`);
  return {
    options: {
      servers,
      ...(pass === undefined ? user !== undefined && { token: user } : { user: user ?? '', pass }),
      ...((scheme === 'tls:' || Object.values(files).some((file) => file !== undefined)) && { tls: defined(files) }),
    },
    name: servers.join(','),
    stream: { replicas: Number(replicas), maxBytes: maxBytes === undefined ? null : Number(maxBytes) },
  };
};

/** What is no word, or has an @ somewhere behind it, may be what a `?` cut off the credentials. */
const nameOf = (parameter: string, urls: readonly URL[]): string =>
  /^[A-Za-z]+$/.test(parameter) && !urls.some(({ search }) => search.includes('@'))
    ? ` ${parameter}`
    : '; a ? in credentials is written as %3F';

const requireReadable = (file: string) => {
  try {
    readFileSync(file);
  } catch (error) {
    throw new Error(`names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
};

const defined = (fields: { readonly [name: string]: string | undefined }) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
