import { z } from 'zod';
import { position, positionPattern } from '../schemas/common.ts';

/** What POST /v1/verify takes. */
export type VerifyBody = {
  readonly key: string;
  readonly scopes?: readonly string[] | undefined;
  /** The answer must be of this position of the log or a later one. */
  readonly minPosition?: string | undefined;
  /** Of the caller whose key it is, as the asking service sees it. */
  readonly ip?: string | undefined;
  readonly userAgent?: string | undefined;
};

const mostScopes = 100;
const longestUserAgent = 1024;
const scopePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}:[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const { ipv4, ipv6 } = z.regexes;
const dottedTail = new RegExp(ipv4.source.replace('^', '(?<=:)'));

/** Sockets and proxies write the last two groups of an IPv6 address as an IPv4 one where it is meant: that is one, too. */
export const isIpAddress = (text: string): boolean => ipv4.test(text) || ipv6.test(text.replace(dottedTail, '0:0'));

export const ipAddress = z.string().refine(isIpAddress, 'Not an IP address');

/** The same as `isVerifyBody`, which answers requests; this one explains refusals and is in the OpenAPI document. */
export const verifyBody = z.strictObject({
  key: z.string().meta({ description: 'The whole text of the key.' }),
  scopes: z
    .array(z.string().regex(scopePattern, 'Not a scope: give application:action'))
    .max(mostScopes)
    .optional()
    .meta({ description: 'Scopes that the key must have, all of them.' }),
  minPosition: position.optional().meta({ description: 'Answer as of this position or later, or 503 after 2 s.' }),
  ip: ipAddress.optional().meta({ description: 'The address that sent the key, for its last use.' }),
  userAgent: z.string().max(longestUserAgent).optional(),
});

/** What /v1/forward-auth takes: `?scope=a:b&scope=c:d`. */
export const forwardAuthQuery = z.strictObject({
  scope: z
    .array(z.string().regex(scopePattern, 'Not a scope: give application:action'))
    .max(mostScopes)
    .optional()
    .meta({ description: 'A scope that the key must have; may be given several times.' }),
});

const areScopes = (value: unknown): boolean => {
  if (!Array.isArray(value) || value.length > mostScopes) return false;
  for (const scope of value) if (typeof scope !== 'string' || !scopePattern.test(scope)) return false;
  return true;
};

const isField = (name: string, value: unknown): boolean => {
  switch (name) {
    case 'key':
      return typeof value === 'string';
    case 'scopes':
      return areScopes(value);
    case 'minPosition':
      return typeof value === 'string' && positionPattern.test(value);
    case 'ip':
      return typeof value === 'string' && isIpAddress(value);
    case 'userAgent':
      return typeof value === 'string' && value.length <= longestUserAgent;
    default:
      return false;
  }
};

/** Whether a value that JSON.parse gave has the shape of `verifyBody`; at request speed. */
export const isVerifyBody = (value: unknown): value is VerifyBody => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name in value) if (!isField(name, (value as Record<string, unknown>)[name])) return false;
  return typeof (value as { key?: unknown }).key === 'string' && Object.hasOwn(value, 'key');
};
