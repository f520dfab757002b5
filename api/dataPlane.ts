import type { IncomingMessage, ServerResponse } from 'node:http';
import { acknowledge } from './dataPlane/acknowledge.ts';
import { type DataPlane, type DataPlaneParts, type Exchange, fail } from './dataPlane/context.ts';
import { forwardAuth } from './dataPlane/forwardAuth.ts';
import { introspect } from './dataPlane/introspect.ts';
import { createKnownTokens } from './dataPlane/knownTokens.ts';
import { revocationStream } from './dataPlane/revocationStream.ts';
import { queryOf, revocations } from './dataPlane/revocations.ts';
import { signingKeys } from './dataPlane/signingKeys.ts';
import { reportUsage } from './dataPlane/usage.ts';
import { verify } from './dataPlane/verify.ts';
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

type Handler = (plane: DataPlane, exchange: Exchange) => void | Promise<void>;

/** A call that takes a body and no parameters: one that it does not know is refused, as everywhere. */
const withoutParameters =
  (handler: Handler): Handler =>
  (plane, exchange) => {
    const [name] = Object.keys(queryOf(exchange.request.url ?? ''));
    if (name === undefined) return handler(plane, exchange);
    throw new Refusal('validation-failed', { errors: [{ in: 'query', pointer: name, detail: 'Unknown parameter' }] });
  };

export const createDataPlane = (parts: DataPlaneParts): DataPlaneHandler => {
  const plane: DataPlane = { ...parts, knownTokens: createKnownTokens() };
  const closing = new AbortController();

  const stream: Handler = async (_, exchange) => {
    try {
      await revocationStream(plane, exchange, closing.signal);
    } catch (error) {
      fail(plane, exchange, error);
    }
  };

  const run = (
    methods: readonly string[],
    handler: Handler,
    request: IncomingMessage,
    response: ServerResponse,
  ): true => {
    const exchange: Exchange = { request, response, requestId: plane.newRequestId() };
    try {
      if (!methods.includes(request.method ?? ''))
        throw new Refusal('method-not-allowed', { headers: { Allow: methods.join(', ') } });
      const running = handler(plane, exchange);
      if (running !== undefined) running.catch((error: unknown) => fail(plane, exchange, error));
    } catch (error) {
      fail(plane, exchange, error);
    }
    return true;
  };

  return {
    handle: (request, response) => {
      const url = request.url ?? '';
      if (url === '/v1/verify') return run(post, verify, request, response);
      const query = url.indexOf('?');
      switch (query < 0 ? url : url.slice(0, query)) {
        case '/v1/verify':
          return run(post, withoutParameters(verify), request, response);
        case '/v1/introspect':
          return run(post, withoutParameters(introspect), request, response);
        case '/v1/forward-auth':
          return run(getHeadOrPost, forwardAuth, request, response);
        case '/v1/usage':
          return run(post, withoutParameters(reportUsage), request, response);
        case '/v1/revocations':
          return run(getOrHead, revocations, request, response);
        case '/v1/revocations/stream':
          return run(get, stream, request, response);
        case '/v1/revocations/signing-key':
          return run(getOrHead, withoutParameters(signingKeys), request, response);
        case '/v1/revocations/ack':
          return run(post, withoutParameters(acknowledge), request, response);
        default:
          return false;
      }
    },
    close: () => closing.abort(),
  };
};
