import type { IncomingMessage } from 'node:http';

const nothing = Buffer.alloc(0);

/**
 * Collects a body and hands it over at its end, once; null as soon as it is longer than the limit, or announced to be.
 * What comes after that is read and dropped, so that the sender hears the answer and the connection stays usable; a
 * request that does not end is ended by the server's time limit. Not called where the sender leaves before.
 */
export const collectBody = (request: IncomingMessage, limit: number, done: (body: Buffer | null) => void): void => {
  let body: Buffer = nothing;
  let over = Number(request.headers['content-length'] ?? 0) > limit;

  request.on('data', (chunk: Buffer) => {
    if (over) return;
    if (body.length + chunk.length > limit) {
      over = true;
      body = nothing;
      done(null);
      return;
    }
    body = body.length === 0 ? chunk : Buffer.concat([body, chunk]);
  });
  request.on('end', () => {
    if (!over) done(body);
  });
  if (over) done(null);
};
