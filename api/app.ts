import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { isRejection } from '../domain/decider.ts';
import { answerError, answerRejection, isInternal } from './answerError.ts';
import { Refusal } from './refusal.ts';
import type { Route } from './route.ts';
import { type Serving, send, serve } from './serve.ts';

export type AppOptions = Serving & {
  /** Addresses and CIDR ranges whose X-Forwarded-* headers are believed. */
  readonly trustedProxies: readonly string[];
  /** Told of what went wrong here, not of what callers did wrong. */
  readonly unexpected: (error: unknown, requestId: string) => void;
  /** Told of every answer. @param path as declared; null: there is none such */
  readonly answered?: (method: string, path: string | null, status: number) => void;
};

const requestIdOf = (response: Response): string => response.locals.requestId as string;

/** Methods that a path knows, HEAD with GET. */
const allowed = (routes: readonly Route[]): string[] => {
  const methods = routes.map((route) => route.method as string);
  return methods.includes('GET') ? [...methods, 'HEAD'] : methods;
};

const byPath = (routes: readonly Route[]): Map<string, Route[]> => {
  const paths = new Map<string, Route[]>();
  for (const route of routes) paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  return paths;
};

const wantsJson = (request: Request, routes: readonly Route[]) =>
  routes.some((route) => route.produces !== undefined) ||
  request.accepts(['json', 'application/problem+json']) !== false;

const mount = (app: Express, path: string, routes: readonly Route[], options: AppOptions) => {
  app.all(path, async (request, response) => {
    response.locals.path = path;
    const route = routes.find(
      ({ method }) => method === request.method || (method === 'GET' && request.method === 'HEAD'),
    );
    if (route === undefined)
      throw new Refusal('method-not-allowed', { headers: { Allow: allowed(routes).join(', ') } });
    if (!wantsJson(request, routes)) throw new Refusal('not-acceptable', { detail: 'This service answers JSON' });
    const requestId = requestIdOf(response);
    const answer = await serve(route, request, requestId, options);
    if (isRejection(answer)) answerRejection(response, answer, requestId);
    else await send(response, answer);
  });
};

const tellAnswered = ({ answered }: AppOptions, { method }: Request, { locals, statusCode }: Response) =>
  answered?.(method, (locals.path as string | undefined) ?? null, statusCode);

/** Everything but the data plane, as one Express application: routes, and problems for whatever is no answer. */
export const createApp = (routes: readonly Route[], options: AppOptions): Express => {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  app.set('case sensitive routing', true);
  app.set('trust proxy', options.trustedProxies);
  app.use((request, response, next) => {
    response.locals.requestId = options.newRequestId();
    response.setHeader('Cache-Control', 'no-store');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    // A link of a mail carries a token: no other page is told which one its reader came from.
    response.setHeader('Referrer-Policy', 'no-referrer');
    response.setHeader('Keyledger-Request-Id', requestIdOf(response));
    if (options.answered) response.once('finish', () => tellAnswered(options, request, response));
    next();
  });
  for (const [path, declared] of byPath(routes)) mount(app, path, declared, options);
  app.use(() => {
    throw new Refusal('not-found');
  });
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const requestId = requestIdOf(response);
    if (isInternal(error)) options.unexpected(error, requestId);
    // Half an answer cannot become another one: the connection ends, so that nobody takes it for whole.
    if (response.headersSent) response.destroy();
    else answerError(response, error, requestId);
  });
  return app;
};
