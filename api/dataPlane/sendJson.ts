import type { Exchange } from './context.ts';

/** Answers 200 with a text that is JSON. */
export const sendJson = ({ response, requestId }: Exchange, text: string): void => {
  const bytes = Buffer.byteLength(text);
  response.writeHead(200, [
    'Content-Type',
    'application/json; charset=utf-8',
    'Content-Length',
    String(bytes),
    'Cache-Control',
    'no-store',
    'Keyledger-Request-Id',
    requestId,
  ]);
  // As many bytes as characters: ASCII, which needs no conversion on its way out.
  response.end(text, bytes === text.length ? 'latin1' : 'utf8');
};
