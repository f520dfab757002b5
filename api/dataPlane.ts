import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Permission } from '../domain/permissions.ts';
import { acknowledge } from './dataPlane/acknowledge.ts';
import { callerOf, type DataPlane, type DataPlaneParts, type Exchange, fail } from './dataPlane/context.ts';
import { forwardAuth } from './dataPlane/forwardAuth.ts';
import { introspect } from './dataPlane/introspect.ts';
import { createKnownTokens } from './dataPlane/knownTokens.ts';
import { revocationStream } from './dataPlane/revocationStream.ts';
import { queryOf, revocations } from './dataPlane/revocations.ts';
import { signingKeys } from './dataPlane/signingKeys.ts';
import { reportUsage } from './dataPlane/usage.ts';
import { verify } from './dataPlane/verify.ts';
import { plainAddress } from './plainAddress.ts';
import { Refusal } from './refusal.ts';

/** What a service calls at request speed, on the bare server. */
export type DataPlaneHandler = {
  /** @returns false where the call is none of these: then nothing was touched */
  readonly handle: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Ends every stream. */
  readonly close: () => void;
};

const post = ['POST'];
const get = ['GET'];
const getOrHead = ['GET', 'HEAD'];
const getHeadOrPost = ['GET', 'HEAD', 'POST'];

/** A request may name the whole address of what it asks for: RFC 9112, section 3.2.2. */
const origin = /^https?:\/\/[^/]*/i;

const anybody = (_: IncomingMessage) => true;

type Handler = (plane: DataPlane, exchange: Exchange) => void | Promise<void>;

/** A call that takes no parameters: one that it does not know is refused, as everywhere, once it is known who asks. */
const withoutParameters =
  (permission: Permission, handler: Handler): Handler =>
  (plane, exchange) => {
    const { request } = exchange;
    if (!request.url?.includes('?')) return handler(plane, exchange);
    callerOf(plane, request, permission);
    const [name] = Object.keys(queryOf(request.url));
    if (name === undefined) return handler(plane, exchange);
    throw new Refusal('validation-failed', { errors: [{ in: 'query', pointer: name, detail: 'Unknown parameter' }] });
  };

export const createDataPlane = (parts: DataPlaneParts): DataPlaneHandler => {
  const plane: DataPlane = {
    ...parts,
    markUse: (keyId, ownerId, at, ip) => parts.markUse(keyId, ownerId, at, ip && plainAddress(ip)),
    knownTokens: createKnownTokens(),
  };
  const closing = new AbortController();

  const stream: Handler = (_, exchange) => revocationStream(plane, exchange, closing.signal);

  /** No token guards this: to everybody but the proxies it is not here, whatever they ask. */
  const isProxy = ({ socket }: IncomingMessage) => plane.isProxy(socket.remoteAddress);

  /** What waits for nothing counts its own answers; of the others it is told that they were given. */
  const call = (name: string, methods: readonly string[], handler: Handler, isFor = anybody) => {
    const answered = plane.answers.ofCall(name);
    return (request: IncomingMessage, response: ServerResponse): true => {
      const exchange: Exchange = { request, response, requestId: plane.newRequestId(), answered };
      try {
        if (!isFor(request)) throw new Refusal('not-found');
        if (!methods.includes(request.method ?? ''))
          throw new Refusal('method-not-allowed', { headers: { Allow: methods.join(', ') } });
        handler(plane, exchange)?.then(
          () => answered('answered'),
          (error: unknown) => fail(plane, exchange, error),
        );
      } catch (error) {
        fail(plane, exchange, error);
      }
      return true;
    };
  };

  const verifyAlone = call('verify', post, verify);
  const calls: { readonly [path: string]: ReturnType<typeof call> } = {
    '/v1/verify': call('verify', post, withoutParameters('verify', verify)),
    '/v1/introspect': call('introspect', post, withoutParameters('verify', introspect)),
    '/v1/forward-auth': call('forward-auth', getHeadOrPost, forwardAuth, isProxy),
    '/v1/usage': call('usage', post, withoutParameters('verify', reportUsage)),
    '/v1/revocations': call('revocations', getOrHead, revocations),
    '/v1/revocations/stream': call('revocations-stream', get, stream),
    '/v1/revocations/signing-key': call('signing-key', getOrHead, withoutParameters('revocations:read', signingKeys)),
    '/v1/revocations/ack': call('acknowledge', post, withoutParameters('revocations:read', acknowledge)),
  };

  return {
    handle: (request, response) => {
      const url = request.url ?? '';
      if (url === '/v1/verify') return verifyAlone(request, response);
      const query = url.indexOf('?');
      const target = query < 0 ? url : url.slice(0, query);
      const path = target.startsWith('/') ? target : target.replace(origin, '');
      return Object.hasOwn(calls, path) && calls[path]!(request, response);
    },
    close: () => closing.abort(),
  };
};
