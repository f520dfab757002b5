import type { RawHeaders } from '../../support/rawHttp.ts';
import { bytesOf, chunked } from '../../support/rawHttp.ts';
import { keyText, tokenText } from './rig.ts';

/** A number in 0..1. */
type Chance = () => number;

/** One request of a seeded stranger. None of them asks about a key that works as somebody who may ask. */
export type WireRequest = {
  readonly path: string;
  readonly method: string;
  readonly bytes: Buffer;
};

/** The keys that the log knows: one that works, the others ended, each in its way. */
export const goodKey = keyText(1);
export const endedKeys = [keyText(2), keyText(3), keyText(4)];
const goodToken = tokenText(1);
/** May do other things than verify. */
const otherToken = tokenText(2);

const below = (chance: Chance, limit: number) => Math.floor(chance() * limit);
const oneOf = <T>(chance: Chance, of: readonly T[]): T => of[below(chance, of.length)]!;
const happens = (chance: Chance, share: number) => chance() < share;
const textOf = (chance: Chance, alphabet: string, longest: number) =>
  Array.from({ length: below(chance, longest + 1) }, () => oneOf(chance, [...alphabet])).join('');
const bytesOfAnyKind = (chance: Chance, longest: number) =>
  Uint8Array.from({ length: below(chance, longest + 1) }, () => below(chance, 256));

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** One character of it is another one: never the text itself. */
const nearly = (chance: Chance, text: string): string => {
  const at = below(chance, text.length);
  const put = oneOf(
    chance,
    [...base62].filter((character) => character !== text[at]),
  );
  return text.slice(0, at) + put + text.slice(at + (happens(chance, 0.7) ? 1 : 0));
};

const visible = '!#$%&\'*+-.^_`|~0123456789ABCXYZabcxyz:;=?@[]{}()<>/\\" ';
const ofHeader = `${visible}\t\u00a0\u00e9\u00ff`;

const noKey = (chance: Chance): string => {
  switch (below(chance, 7)) {
    case 0:
      return nearly(chance, goodKey);
    case 1:
      return oneOf(chance, endedKeys);
    case 2:
      // The 62nd after it is the same again.
      return keyText(10 + below(chance, 50));
    case 3:
      return goodToken;
    case 4:
      return `${textOf(chance, base62, 8)}.${textOf(chance, base62, 32)}`;
    case 5:
      return oneOf(chance, ['', ' ', '__proto__', goodKey.toLowerCase(), `${goodKey}${goodKey}`, 'x'.repeat(3000)]);
    default:
      return textOf(chance, `${visible}é€😀\u0000\u001f`, 80);
  }
};

const scopes = ['a:b', 'reports:read', 'reports:*', '*:*', ':', 'a:b:c', 'a', '', '__proto__:x', `${'a'.repeat(65)}:b`];
const positions = ['0', '0000000000000001', 'zzzz', 'ZZ', '-1', '', 'g'.repeat(65)];
const addresses = ['203.0.113.9', '::1', '2001:db8::1', '1.2.3', '1.2.3.4\n', '999.1.1.1', '::ffff:1.2.3.4', ''];
const oddJson = ['null', '1', '-0', '1e999', 'true', '""', '[]', '{}', '{"$gt":""}', '"\\ud800"', '[[[[]]]]'];

const jsonMember = (chance: Chance): string => {
  const text = (value: string) => JSON.stringify(value);
  switch (below(chance, 9)) {
    case 0:
      return `"scopes":${JSON.stringify(Array.from({ length: below(chance, 4) }, () => oneOf(chance, scopes)))}`;
    case 1:
      return `"scopes":[${Array.from({ length: 99 + below(chance, 4) }, () => '"a:b"').join(',')}]`;
    case 2:
      return `"minPosition":${text(oneOf(chance, positions))}`;
    case 3:
      return `"ip":${text(oneOf(chance, addresses))}`;
    case 4:
      return `"userAgent":${text('x'.repeat(below(chance, 2) * 1000 + below(chance, 40)))}`;
    case 5:
      return `${text(oneOf(chance, ['__proto__', 'constructor', 'toString', '', 'Key', 'token']))}:${oneOf(chance, oddJson)}`;
    case 6:
      return `"key":${oneOf(chance, oddJson)}`;
    default:
      return `"${oneOf(chance, ['scopes', 'minPosition', 'ip', 'userAgent'])}":${oneOf(chance, oddJson)}`;
  }
};

const jsonBody = (chance: Chance): string => {
  const members = happens(chance, 0.4) ? [] : Array.from({ length: 1 + below(chance, 3) }, () => jsonMember(chance));
  members.splice(below(chance, members.length + 1), 0, `"key":${JSON.stringify(noKey(chance))}`);
  return `{${members.join(oneOf(chance, [',', ',', ' ,\n']))}}`;
};

const formBody = (chance: Chance): string => {
  const token = `token=${happens(chance, 0.8) ? encodeURIComponent(noKey(chance).toWellFormed()) : noKey(chance)}`;
  const more = ['token_type_hint=access_token', 'token_type_hint=', 'token=', '__proto__=1', 'x=%zz', '%', '=', '&'];
  const parts = Array.from({ length: below(chance, 3) }, () => oneOf(chance, more));
  parts.splice(below(chance, parts.length + 1), 0, ...(happens(chance, 0.9) ? [token] : []));
  return parts.join('&');
};

/** Cut, doubled, overwritten, or deeper than anybody nests. */
const damaged = (chance: Chance, body: string): string | Uint8Array => {
  const at = below(chance, body.length + 1);
  switch (below(chance, 16)) {
    case 0:
      return body.slice(0, at);
    case 1:
      return body.slice(0, at) + textOf(chance, '"\\{}[],:0e-.\u0000\ufeff', 4) + body.slice(at);
    case 2:
      return body + body;
    case 3:
      return `{"key":${'['.repeat(below(chance, 3500))}`;
    case 4:
      return bytesOfAnyKind(chance, 200);
    case 5:
      return `${body}${' '.repeat(8000 + below(chance, 400))}`;
    case 6:
      return Buffer.concat([Buffer.from(body), bytesOfAnyKind(chance, 3)]);
    default:
      return body;
  }
};

/** Whoever asks with these may not ask, or may and has no key that works. */
const credentials = (chance: Chance, credential: string): RawHeaders => {
  const scheme = oneOf(chance, ['Bearer ', 'bearer ', 'Bearer   ', 'BEARER ']);
  switch (below(chance, 24)) {
    case 0:
      return [];
    case 1:
      return [['X-API-KEY', credential]];
    case 2:
      return [['Authorization', textOf(chance, ofHeader, 60)]];
    case 3:
      return [
        ['Authorization', `${scheme}${credential}`],
        ['X-Api-Key', textOf(chance, ofHeader, 60)],
      ];
    case 4:
      return [
        ['Authorization', `${scheme}${credential}`],
        ['authorization', `Bearer ${textOf(chance, base62, 40)}`],
      ];
    case 5:
      return [['Authorization', `Basic ${Buffer.from(`${credential}:`).toString('base64')}`]];
    case 6:
      return [['X-API-KEY', nearly(chance, credential)]];
    default:
      return [['Authorization', `${scheme}${credential}`]];
  }
};

const types = {
  json: [
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON ;x',
    'application/jsonx',
    'text/plain',
  ],
  form: ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded;charset=UTF-8', 'text/plain', ''],
};

const odd = [
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'Accept',
  'Cookie',
  'Origin',
  'Range',
  'If-Match',
  'Keyledger-Min-Position',
  'Idempotency-Key',
  'Content-Encoding',
  'Accept-Encoding',
  '__proto__',
  'constructor',
  'Via',
  'Forwarded',
  'Trailer',
];

const oddHeaders = (chance: Chance): RawHeaders =>
  Array.from(
    { length: below(chance, 4) },
    () => [oneOf(chance, odd), happens(chance, 0.02) ? 'x'.repeat(4000) : textOf(chance, ofHeader, 30).trim()] as const,
  );

const queries = ['?', '?scope=reports:read', '?scope=a&scope=b:c', '?scope=%ff', '?x=1', '?__proto__=1', '?&&&='];
const query = (chance: Chance) => (happens(chance, 0.85) ? '' : oneOf(chance, queries));

/** With the body's length told, in chunks, or in chunks of odd sizes. */
const framed = (chance: Chance, body: string | Uint8Array): { headers: RawHeaders; body: string | Uint8Array } => {
  if (happens(chance, 0.7)) return { headers: [], body };
  const bytes = Buffer.from(body as string);
  const at = below(chance, bytes.length + 1);
  // A chunk of no bytes would be the last one.
  const chunks = [bytes.subarray(0, at), bytes.subarray(at)].filter(({ length }) => length > 0);
  return { headers: [['Transfer-Encoding', 'chunked']], body: chunked(...chunks) };
};

const request = (
  chance: Chance,
  method: string,
  path: string,
  headers: RawHeaders,
  body: string | Uint8Array | null,
): WireRequest => {
  const all = [...headers, ...oddHeaders(chance)];
  if (body === null) return { path, method, bytes: bytesOf({ method, path, headers: all }) };
  const frame = framed(chance, body);
  return { path, method, bytes: bytesOf({ method, path, headers: [...all, ...frame.headers], body: frame.body }) };
};

const others = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];
const postMostly = (chance: Chance) => (happens(chance, 0.93) ? 'POST' : oneOf(chance, others));

const verifying = (chance: Chance): WireRequest => {
  const token = happens(chance, 0.8) ? goodToken : oneOf(chance, [otherToken, goodKey, nearly(chance, goodToken)]);
  const type = happens(chance, 0.85) ? types.json[0]! : oneOf(chance, types.json);
  const body = damaged(chance, jsonBody(chance));
  const headers: RawHeaders = [...credentials(chance, token), ['Content-Type', type]];
  return request(chance, postMostly(chance), `/v1/verify${query(chance)}`, headers, body);
};

const introspecting = (chance: Chance): WireRequest => {
  const token = happens(chance, 0.8) ? goodToken : oneOf(chance, [otherToken, goodKey, nearly(chance, goodToken)]);
  const type = happens(chance, 0.85) ? types.form[0]! : oneOf(chance, types.form);
  const body = damaged(chance, formBody(chance));
  const headers: RawHeaders = [...credentials(chance, token), ['Content-Type', type]];
  return request(chance, postMostly(chance), `/v1/introspect${query(chance)}`, headers, body);
};

const ofLine = (text: string) => text.replace(/[^\t\x20-\x7e]/g, '?');

const forwarding = (chance: Chance): WireRequest => {
  const headers = credentials(chance, ofLine(noKey(chance)) || '?');
  const method = happens(chance, 0.8) ? oneOf(chance, ['GET', 'HEAD', 'POST']) : oneOf(chance, others);
  const body = happens(chance, 0.2) ? damaged(chance, jsonBody(chance)) : null;
  return request(chance, method, `/v1/forward-auth${query(chance)}`, headers, body);
};

/** The key that works, asked about in a way that must not be answered with yes. */
const misused = (chance: Chance): WireRequest => {
  const json: RawHeaders = [['Content-Type', 'application/json']];
  const ask = JSON.stringify({ key: goodKey });
  const post = (path: string, headers: RawHeaders, body: string) => request(chance, 'POST', path, headers, body);
  const bearer = (text: string): readonly [string, string] => ['Authorization', `Bearer ${text}`];
  switch (below(chance, 8)) {
    case 0:
      return post('/v1/verify', [...json, bearer(nearly(chance, goodToken))], ask);
    case 1:
      return post('/v1/verify', [...json, bearer(otherToken)], ask);
    case 2:
      return post('/v1/verify', [...json, bearer(goodToken), bearer(otherToken)], ask);
    case 3:
      return post('/v1/verify', [...json, bearer(goodToken)], JSON.stringify({ key: goodKey, scopes: ['x'] }));
    case 4:
      return post(
        '/v1/verify',
        [...json, bearer(goodToken)],
        `{"key":"${goodKey}","key":"${nearly(chance, goodKey)}"}`,
      );
    case 5: {
      const type = ['Content-Type', 'application/x-www-form-urlencoded'] as const;
      return post('/v1/introspect', [type, bearer(goodToken)], `token=${goodKey}&token=${goodKey}`);
    }
    case 6:
      return request(
        chance,
        'GET',
        '/v1/forward-auth',
        [bearer(goodKey), ['X-API-KEY', nearly(chance, goodKey)]],
        null,
      );
    default:
      return request(chance, 'GET', '/v1/forward-auth', [bearer(nearly(chance, goodKey)), bearer(goodKey)], null);
  }
};

/** Whole: exactly one answer is due to it, whatever comes before and after it on the connection. */
export const wholeRequest = (chance: Chance): WireRequest => {
  const kind = chance();
  if (kind < 0.45) return verifying(chance);
  if (kind < 0.7) return introspecting(chance);
  return kind < 0.9 ? forwarding(chance) : misused(chance);
};

/** What is no HTTP, or not to its end: after it, nothing on the connection can be counted on. */
export const brokenEnd = (chance: Chance): Buffer => {
  const { bytes, method } = wholeRequest(chance);
  // One byte more in the name of a header, and what made the use of a good key wrong may no longer be there.
  if (method === 'HEAD' || bytes.includes(goodKey)) return brokenEnd(chance);
  const at = below(chance, bytes.length);
  const insert = (what: string | Uint8Array) =>
    Buffer.concat([bytes.subarray(0, at), Buffer.from(what as string), bytes.subarray(at)]);
  const inHead = (line: string) => {
    const end = bytes.indexOf('\r\n') + 2;
    return Buffer.concat([bytes.subarray(0, end), Buffer.from(`${line}\r\n`, 'latin1'), bytes.subarray(end)]);
  };
  switch (below(chance, 10)) {
    case 0:
      return Buffer.from(bytes.subarray(0, at));
    case 1:
      return insert(bytesOfAnyKind(chance, 8));
    case 2:
      return Buffer.from(bytesOfAnyKind(chance, 400));
    case 3:
      return insert(oneOf(chance, ['\r\n', '\n', '\r', '\r\n\r\n', '\u0000', '\n\n']));
    case 4:
      return inHead(
        oneOf(chance, ['Content-Length: 5', 'Content-Length: -1', 'Content-Length: 1e3', 'Content-Length: 4, 5']),
      );
    case 5:
      return inHead(
        oneOf(chance, ['Transfer-Encoding: chunked', 'Transfer-Encoding: gzip', 'Transfer-Encoding:\tchunked, x']),
      );
    case 6:
      return inHead(`X-Long: ${'x'.repeat(16_000 + below(chance, 2_000))}`);
    case 7:
      return inHead(
        oneOf(chance, [
          'Host: other',
          ' folded',
          'no colon',
          ': no name',
          'A b: c',
          'Expect: 100-continue',
          'Expect: x',
        ]),
      );
    case 8:
      return inHead(
        oneOf(chance, ['Connection: close', 'Connection: upgrade\r\nUpgrade: h2c', 'Connection: keep-alive, close']),
      );
    default:
      return Buffer.from(
        bytes
          .toString('latin1')
          .replace(
            /^\S+ \S+ HTTP\/1\.1/,
            oneOf(chance, [
              'CONNECT x:1 HTTP/1.1',
              'PRI * HTTP/2.0',
              'POST /v1/verify',
              'GET http://[ HTTP/1.1',
              'POST /v1/verify HTTP/1.0',
              'post /v1/verify HTTP/1.1',
              'GET /v1/verify HTTP/9.9',
            ]),
          ),
        'latin1',
      );
  }
};
