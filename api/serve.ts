import type { ServerResponse } from 'node:http';
import type { Request as ExpressRequest } from 'express';
import type { z } from 'zod';
import type { Request as CommandRequest } from '../commands/command.ts';
import type { Actor } from '../domain/event.ts';
import type { Instant } from '../domain/instant.ts';
import { authenticate, type Credentials, cookieOf, unauthenticated } from './authenticate.ts';
import { crossSite, isCrossSite } from './crossSite.ts';
import { plainAddress } from './plainAddress.ts';
import { nobody, type Principal } from './principal.ts';
import { parsed, Refusal } from './refusal.ts';
import { type ReadBody, readBody, readBytes, readJson } from './requestBody.ts';
import type { Access, Answer, Route } from './route.ts';
import { positionPattern } from './schemas/common.ts';

export type Serving = {
  /** For each request, when it comes without one from a trusted proxy. */
  readonly newRequestId: () => string;
  readonly credentials: Credentials;
  /** Scheme, host and port that browsers see; null where none is configured. */
  readonly publicOrigin: string | null;
  readonly now: () => Instant;
  /** @throws Failure not-caught-up where this process has not read that far within 2 s */
  readonly waitFor: (position: string) => Promise<void>;
};

/** @throws Refusal unauthenticated, forbidden, key-not-allowed-here, password-change-required */
const admit = (principal: Principal, access: Access, beforePasswordChange: boolean): void => {
  if (access === 'open') return;
  if (principal.kind === 'nobody') throw unauthenticated();
  if (principal.kind === 'key' && access !== 'session-or-key')
    throw new Refusal('key-not-allowed-here', { detail: 'Keys are for other systems; sign in to do this' });
  if (principal.kind === 'session' && principal.mustChangePassword && !beforePasswordChange)
    throw new Refusal('password-change-required', { detail: 'Change your password first' });
  if (typeof access === 'string') {
    if (principal.kind === 'service')
      throw new Refusal('forbidden', { detail: 'This is for a signed-in person, not for a service token' });
    return;
  }
  if (!access.some((permission) => principal.permissions.has(permission)))
    throw new Refusal('forbidden', { params: { anyOf: access } });
};

const actorOf = (principal: Principal, path: string): Actor => {
  if (principal.kind === 'service') return { kind: 'service', id: principal.tokenId };
  if (principal.kind === 'nobody') return { kind: 'anonymous', id: null };
  const administering = path.startsWith('/v1/admin/') || path.startsWith('/v1/audit/');
  return { kind: administering ? 'admin' : 'user', id: principal.userId };
};

const header = (request: ExpressRequest, name: string): string | null => request.get(name) ?? null;

const positionHeader = (request: ExpressRequest): string | null => {
  const position = header(request, 'keyledger-min-position');
  if (position === null || positionPattern.test(position)) return position;
  throw new Refusal('validation-failed', {
    errors: [{ in: 'header', pointer: 'Keyledger-Min-Position', detail: 'Not a position of this service' }],
  });
};

const ifMatchOf = (request: ExpressRequest): string | null => {
  const value = header(request, 'if-match');
  if (value === null || value.trim() === '*') return null;
  const tag = /^(?:W\/)?"([^"]*)"$/.exec(value.trim())?.[1];
  if (tag !== undefined) return tag;
  throw new Refusal('validation-failed', {
    errors: [{ in: 'header', pointer: 'If-Match', detail: 'Send one entity tag, in quotes, or *' }],
  });
};

const idempotencyOf = (request: ExpressRequest, body: ReadBody): CommandRequest['idempotency'] => {
  const key = header(request, 'idempotency-key');
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new Refusal('validation-failed', {
      errors: [{ in: 'header', pointer: 'Idempotency-Key', detail: '1 to 255 visible ASCII characters' }],
    });
  return { key, route: `${request.method} ${request.path}`, body: body.text };
};

const noBody: ReadBody = { text: '', value: undefined };
const noBytes = new Uint8Array(0);

const bodyOf = async (route: Route, request: ExpressRequest): Promise<ReadBody> => {
  if (route.byLink) {
    await readBody(request, 65_536);
    return noBody;
  }
  if (route.takesBytes !== undefined) return readBytes(request, route.takesBytes);
  if (route.body !== undefined) return readJson(request, route.bodyLimit ?? 65_536);
  if (route.method === 'GET') return noBody;
  const sent = await readJson(request, 65_536);
  if (sent.value === undefined || isEmptyObject(sent.value)) return sent;
  throw new Refusal('validation-failed', { errors: [{ in: 'body', pointer: '', detail: 'Takes no body' }] });
};

const isEmptyObject = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;

// A client that asks for a thing by a text that is no id of ours asks for something that is not there.
const paramsOf = (schema: z.ZodObject | undefined, params: unknown) => {
  if (schema === undefined) return {};
  const result = schema.safeParse(params);
  if (!result.success) throw new Refusal('not-found');
  return result.data;
};

const addressOf = ({ ip }: ExpressRequest): string | null => (ip === undefined ? null : plainAddress(ip));

/** Who asks, as is known now, if they may. @throws Refusal, Failure */
const admitted = async (route: Route, request: ExpressRequest, { credentials }: Serving): Promise<Principal> => {
  const caller = route.ignoresCredentials
    ? nobody
    : await authenticate(request.headers, addressOf(request), credentials);
  admit(caller, route.access, route.beforePasswordChange === true);
  return caller;
};

/** To whoever repeats what has ended their session; null: it is no such repeat. */
const toldBefore = async (
  { afterwards, ...route }: Route,
  request: ExpressRequest,
  { credentials }: Serving,
  refused: unknown,
): Promise<Answer | null> => {
  if (afterwards === undefined || !(refused instanceof Refusal) || refused.code !== 'unauthenticated') return null;
  const token = cookieOf(request.headers, credentials.cookieName);
  if (token === null || header(request, 'idempotency-key') === null) return null;
  const call = idempotencyOf(request, await bodyOf(route, request));
  return call && afterwards(token, call);
};

/** From request to answer: cross-site, who, may they, is it well-formed, then the handler. @throws Refusal, Failure */
export const serve = async (route: Route, request: ExpressRequest, requestId: string, serving: Serving) => {
  if (!route.byLink && isCrossSite(request.method, request.headers, serving.publicOrigin)) throw crossSite();
  let first: Principal;
  try {
    first = await admitted(route, request, serving);
  } catch (error) {
    const told = await toldBefore(route, request, serving, error);
    if (told !== null) return told;
    throw error;
  }
  const params = paramsOf(route.params, request.params);
  const query = route.query === undefined ? noQuery(request) : parsed(route.query, request.query, 'query');
  const body = await bodyOf(route, request);
  const value = route.body === undefined ? undefined : parsed(route.body, body.value, 'body');
  const minPosition = route.method === 'GET' ? positionHeader(request) : null;
  if (minPosition !== null) await serving.waitFor(minPosition);
  // A body may come as slowly as its sender likes: who they were when they began counts for nothing once it is there.
  const waited = route.method !== 'GET' || minPosition !== null;
  const caller = waited && first.kind !== 'nobody' ? await admitted(route, request, serving) : first;
  const ip = addressOf(request);
  const userAgent = header(request, 'user-agent')?.slice(0, 512) ?? null;
  const idempotency = route.notIdempotent || route.method === 'GET' ? null : idempotencyOf(request, body);
  const ifMatch = route.method === 'PATCH' || route.method === 'PUT' ? ifMatchOf(request) : null;
  return route.handle({
    caller: caller as never,
    params,
    query,
    body: value as never,
    bytes: body.bytes ?? noBytes,
    ip,
    userAgent,
    requestId,
    minPosition,
    incoming: request,
    command: () => ({
      at: serving.now(),
      actor: actorOf(caller, request.path),
      ip,
      userAgent,
      requestId,
      correlationId: requestId,
      causationId: null,
      idempotency,
      ifMatch,
    }),
  });
};

const noQuery = (request: ExpressRequest) => {
  const names = Object.keys(request.query);
  if (names.length === 0) return {};
  throw new Refusal('validation-failed', {
    errors: names.slice(0, 20).map((name) => ({ in: 'query', pointer: name, detail: 'Unknown parameter' })),
  });
};

/** Writes an answer that is no rejection. */
export const send = async (response: ServerResponse, answer: Answer): Promise<void> => {
  const { status, body, bytes, etag, position, replayed, headers = {} } = answer;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (etag !== undefined && etag !== null) response.setHeader('ETag', `"${etag}"`);
  if (position !== undefined && position !== null) response.setHeader('Keyledger-Position', position);
  if (replayed === true) response.setHeader('Idempotency-Replayed', 'true');
  response.statusCode = status;
  if (answer.stream !== undefined) return answer.stream(response);
  if (bytes !== undefined) {
    response.setHeader('Content-Length', bytes.byteLength);
    response.end(bytes);
    return;
  }
  if (body === undefined) {
    response.end();
    return;
  }
  const text = JSON.stringify(body);
  if (!response.hasHeader('content-type')) response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
};
