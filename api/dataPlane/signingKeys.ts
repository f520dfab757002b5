import { callerOf, type DataPlane, type Exchange, unavailable } from './context.ts';
import { waitForPosition } from './revocations.ts';

/** GET /v1/revocations/signing-key: what signatures on the bus are checked with. Kept by nobody longer than `notAfter`. */
export const signingKeys = async (plane: DataPlane, { request, response, requestId }: Exchange): Promise<void> => {
  if (plane.reader.proven() === null && !(await plane.reader.prove())) throw unavailable();
  callerOf(plane, request, 'revocations:read');
  await waitForPosition(plane, request.headers['keyledger-min-position']);
  const text = JSON.stringify({ keys: await plane.publicKeys() });
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'Keyledger-Request-Id': requestId,
  });
  response.end(text);
};
