import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { checkedConnectionString } from '../adapters/eventstoredb/connectionString.ts';
import { mongoAddress } from '../adapters/mongodb/address.ts';
import { natsAddress } from '../adapters/nats/address.ts';
import { isCommonPassword } from '../adapters/node/commonPasswords.ts';
import { findKey, UnusableKey } from '../adapters/node/keyFiles.ts';
import type { MailAccess } from '../commands/ports/mailer.ts';
import { isRejection } from '../domain/decider.ts';
import { emailNormalForm } from '../domain/emailAddress.ts';
import { choosePassword } from '../domain/password.ts';
import { readSmtpUrl } from './smtpUrl.ts';

const port = z
  .string()
  .regex(/^\d{1,5}$/, 'must be a port number, 0 to 65535')
  .transform(Number)
  .refine((value) => value <= 65_535, 'must be a port number, 0 to 65535');

const publicUrl = z
  .string()
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), 'must be an http or https URL')
  .transform((value) => new URL(value))
  .refine((url) => url.pathname === '/' && url.search === '' && url.hash === '', 'must have no path');

const isCidr = (text: string) => {
  const [address = '', length, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128));
};

/** Addresses or CIDR ranges, separated by commas. */
const cidrs = z.string().transform((value, context) => {
  const parts = value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  const wrong = parts.find((part) => !isCidr(part));
  if (wrong === undefined) return parts;
  context.addIssue({
    code: 'custom',
    message: `must be addresses or CIDR ranges separated by commas, and ${JSON.stringify(wrong)} is none`,
  });
  return z.NEVER;
});

const address = z
  .string()
  .trim()
  .refine((value) => emailNormalForm(value) !== null, 'must be an e-mail address');

const host = z
  .string()
  .regex(/^[0-9A-Za-z.:_-]+$/, 'must be an address or host name of this machine, without brackets');

const explanations: { readonly [code: string]: string } = {
  'password-too-short': 'must have 15 characters at least',
  'password-too-long': 'must have 256 characters at most',
  'password-common': 'is among the passwords that attackers try first',
};

const password = z.string().transform((value, context) => {
  const chosen = choosePassword({ password: value, confirmation: null, twoFactor: false }, isCommonPassword);
  if (!isRejection(chosen)) return chosen.password;
  context.addIssue({ code: 'custom', message: explanations[chosen.rejected] ?? chosen.rejected });
  return z.NEVER;
});

/** What is wrong is told without its credentials. */
const checked = (read: (value: string) => unknown) =>
  z.string().superRefine((value, context) => {
    try {
      read(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
    }
  });

const variables = z.object({
  KEYLEDGER_HOST: host.default('127.0.0.1'),
  KEYLEDGER_PORT: port.default(8080),
  KEYLEDGER_DATA: z.string().min(1, 'must not be empty').default('./data'),
  KEYLEDGER_PUBLIC_URL: publicUrl.optional(),
  KEYLEDGER_TRUSTED_PROXIES: cidrs.default([]),
  KEYLEDGER_ADMIN_EMAIL: address.optional(),
  KEYLEDGER_ADMIN_PASSWORD: password.optional(),
  KEYLEDGER_EVENTSTORE: checked(checkedConnectionString).optional(),
  KEYLEDGER_EVENTSTORE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_.]{0,64}$/, 'must be at most 64 letters, digits, _ or .')
    .default(''),
  KEYLEDGER_MONGODB: checked(mongoAddress).optional(),
  KEYLEDGER_NATS: checked(natsAddress).optional(),
  KEYLEDGER_SMTP_URL: z.string().optional(),
  KEYLEDGER_MASTER_KEY: z.string().optional(),
  KEYLEDGER_PEPPER: z.string().optional(),
  KEYLEDGER_ROLE: z.enum(['all', 'api', 'worker'], 'must be all, api or worker').default('all'),
  KEYLEDGER_FORWARD_AUTH_FROM: cidrs.default(['127.0.0.0/8', '::1']),
  KEYLEDGER_LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be fatal, error, warn, info, debug, trace or silent',
    )
    .default('info'),
});

/** What may also be given as `NAME_FILE`: a path whose content is the value. */
const fromFiles = [
  'KEYLEDGER_ADMIN_PASSWORD',
  'KEYLEDGER_MASTER_KEY',
  'KEYLEDGER_PEPPER',
  'KEYLEDGER_EVENTSTORE',
  'KEYLEDGER_MONGODB',
  'KEYLEDGER_NATS',
  'KEYLEDGER_SMTP_URL',
] as const;

/** A wrong setting. `message` is one line that names the variable and never shows a secret. */
export class ConfigurationError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigurationError';
  }
}

type Environment = { readonly [name: string]: string | undefined };

/** What is no key is told before a folder is made for it. */
const checkKey = (name: string, value: string | undefined) => {
  try {
    findKey({ [name]: value }, name, null, false);
  } catch (error) {
    throw error instanceof UnusableKey ? new ConfigurationError(error.message) : error;
  }
};

const contentOf = (name: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new ConfigurationError(`${name}_FILE: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`);
  }
};

/** An empty file does not say that there is no secret: what runs without it would be another installation. */
const readFileVariable = (name: string, path: string): string => {
  const content = contentOf(name, path);
  if (content.trim() === '') throw new ConfigurationError(`${name}_FILE: ${path} is empty`);
  return content;
};

const withFiles = (environment: Environment): Environment => {
  const read = fromFiles.flatMap((name) => {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path === '') return [];
    if (environment[name]) throw new ConfigurationError(`${name} and ${name}_FILE are both set: give one`);
    return [[name, readFileVariable(name, path)] as const];
  });
  return { ...environment, ...Object.fromEntries(read) };
};

/** What processes of several roles must have in common. */
const shared = ['KEYLEDGER_EVENTSTORE', 'KEYLEDGER_MONGODB', 'KEYLEDGER_MASTER_KEY', 'KEYLEDGER_PEPPER'] as const;

const requireShared = (role: string, value: { readonly [name: string]: unknown }) => {
  const missing = shared.find((name) => value[name] === undefined);
  if (missing === undefined) return;
  throw new ConfigurationError(
    `KEYLEDGER_ROLE: ${role} is one of several processes, which share everything: ${missing} is missing`,
  );
};

/** @throws ConfigurationError */
const smtpOf = (text: string | undefined, pages: URL | undefined): MailAccess | null => {
  if (text === undefined) return null;
  const read = readSmtpUrl(text, pages?.hostname ?? null);
  if (typeof read === 'string') throw new ConfigurationError(`KEYLEDGER_SMTP_URL: ${read}`);
  return read;
};

const known = new Set([...Object.keys(variables.shape), ...fromFiles.map((name) => `${name}_FILE`)]);

export type Configuration = ReturnType<typeof readConfiguration>;

/**
 * The whole configuration, checked. An empty variable counts as not set; an unknown one that starts with KEYLEDGER_ is
 * refused, because a mistyped name would be a setting that silently does nothing (KEYLEDGER_TEST_ is for tests).
 * @throws ConfigurationError
 */
export const readConfiguration = (environment: Environment) => {
  const mistyped = Object.keys(environment).find(
    (name) => name.startsWith('KEYLEDGER_') && !name.startsWith('KEYLEDGER_TEST_') && !known.has(name),
  );
  if (mistyped !== undefined) throw new ConfigurationError(`${mistyped}: no such setting`);
  const given = Object.fromEntries(Object.entries(withFiles(environment)).filter(([, value]) => value !== ''));
  const parsed = variables.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new ConfigurationError(`${String(issue?.path[0])}: ${issue?.message}`);
  }
  const value = parsed.data;
  if (value.KEYLEDGER_ROLE !== 'all') requireShared(value.KEYLEDGER_ROLE, value);
  if ((value.KEYLEDGER_ADMIN_EMAIL === undefined) !== (value.KEYLEDGER_ADMIN_PASSWORD === undefined))
    throw new ConfigurationError('KEYLEDGER_ADMIN_EMAIL and KEYLEDGER_ADMIN_PASSWORD go together: give both or none');
  for (const name of ['KEYLEDGER_MASTER_KEY', 'KEYLEDGER_PEPPER'] as const) checkKey(name, value[name]);
  return {
    host: value.KEYLEDGER_HOST,
    port: value.KEYLEDGER_PORT,
    data: value.KEYLEDGER_DATA,
    publicUrl: value.KEYLEDGER_PUBLIC_URL ?? null,
    trustedProxies: value.KEYLEDGER_TRUSTED_PROXIES,
    forwardAuthFrom: value.KEYLEDGER_FORWARD_AUTH_FROM,
    firstAdministrator:
      value.KEYLEDGER_ADMIN_EMAIL !== undefined && value.KEYLEDGER_ADMIN_PASSWORD !== undefined
        ? { email: value.KEYLEDGER_ADMIN_EMAIL, password: value.KEYLEDGER_ADMIN_PASSWORD }
        : null,
    eventStore: value.KEYLEDGER_EVENTSTORE ?? null,
    eventStorePrefix: value.KEYLEDGER_EVENTSTORE_PREFIX,
    mongodb: value.KEYLEDGER_MONGODB ?? null,
    nats: value.KEYLEDGER_NATS ?? null,
    smtp: smtpOf(value.KEYLEDGER_SMTP_URL, value.KEYLEDGER_PUBLIC_URL),
    /** As they were given; adapters/node reads them. */
    keys: { KEYLEDGER_MASTER_KEY: value.KEYLEDGER_MASTER_KEY, KEYLEDGER_PEPPER: value.KEYLEDGER_PEPPER },
    role: value.KEYLEDGER_ROLE,
    logLevel: value.KEYLEDGER_LOG_LEVEL,
  };
};
