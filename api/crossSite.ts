import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './refusal.ts';

export const crossSite = () => new Refusal('cross-site', { detail: 'The request comes from a page of another site' });

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

const isLoopback = (hostname: string) =>
  hostname === 'localhost' ||
  hostname.endsWith('.localhost') ||
  hostname === '[::1]' ||
  /^127(\.\d{1,3}){3}$/.test(hostname);

const isOurs = (origin: string, publicOrigin: string | null) => {
  if (!URL.canParse(origin)) return false;
  return publicOrigin === null ? isLoopback(new URL(origin).hostname) : origin === publicOrigin;
};

/**
 * Whether a page of another site may be behind this request. A cookie travels by itself, a credential in a header does
 * not: only requests that rely on the cookie are looked at.
 * @param publicOrigin scheme, host and port of the public URL; null where none is configured: then a loopback host's
 */
export const isCrossSite = (method: string, headers: IncomingHttpHeaders, publicOrigin: string | null): boolean => {
  if (safeMethods.has(method)) return false;
  if (headers.authorization !== undefined || headers['x-api-key'] !== undefined) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return headers.origin !== undefined && !isOurs(headers.origin, publicOrigin);
};
