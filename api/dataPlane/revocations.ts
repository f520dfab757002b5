import { z } from 'zod';
import { parsed, Refusal } from '../refusal.ts';
import { position } from '../schemas/common.ts';
import { callerOf, type DataPlane, type Exchange, unavailable } from './context.ts';
import { provePlace } from './feedPlace.ts';

const mostItems = 1000;

/** What GET /v1/revocations takes. */
export const revocationsQuery = z.strictObject({
  after: position.optional().meta({ description: 'Messages beyond this position; without it, from the first.' }),
  epoch: z.string().min(1).max(128).optional().meta({ description: 'The log that `after` is of.' }),
  limit: z
    .string()
    .regex(/^\d{1,4}$/, `Give a whole number, 1 to ${mostItems}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= mostItems, `Give a whole number, 1 to ${mostItems}`)
    .default(200)
    .meta({ description: `How many at most, 1 to ${mostItems}; without it, 200.` }),
});

/** The parameters of a request target, each once. @throws Refusal validation-failed */
export const queryOf = (url: string): { readonly [name: string]: string } => {
  const start = url.indexOf('?');
  const parameters = new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
  const names = [...parameters.keys()];
  const seen = new Set<string>();
  // Looked for without going back over all before it: a stranger may send thousands.
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined)
    throw new Refusal('validation-failed', { errors: [{ in: 'query', pointer: twice, detail: 'Given twice' }] });
  return Object.fromEntries(parameters);
};

/** @throws Refusal validation-failed, not-caught-up */
export const waitForPosition = async ({ reader }: DataPlane, header: string | string[] | undefined) => {
  if (header === undefined) return;
  const asked = position.safeParse(header);
  if (!asked.success)
    throw new Refusal('validation-failed', {
      errors: [{ in: 'header', pointer: 'Keyledger-Min-Position', detail: 'Not a position of this service' }],
    });
  if (!(await reader.waitFor(asked.data, 2000))) throw new Refusal('not-caught-up');
};

/**
 * GET /v1/revocations: a page of the feed, proven to be all there was when it was asked for. `head` is how far the log
 * was read: the receiver stands there after a page shorter than its limit, else at the page's last item.
 */
export const revocations = async (plane: DataPlane, { request, response, requestId }: Exchange): Promise<void> => {
  const { reader } = plane;
  // Not proven for long is the only reason to refuse: a proof a moment late is waited for.
  if (reader.proven() === null) await reader.prove();
  callerOf(plane, request, 'revocations:read');
  const { after = null, epoch = null, limit } = parsed(revocationsQuery, queryOf(request.url ?? ''), 'query');
  await waitForPosition(plane, request.headers['keyledger-min-position']);
  await provePlace(plane, { after, epoch });
  const head = reader.position();
  const items = await reader.feedPage(after, limit);
  if (reader.halted() !== null) throw unavailable();
  const text = `{"items":[${items.map(({ json }) => json).join(',')}],"head":${JSON.stringify(head)},"epoch":${JSON.stringify(reader.feed().epoch())}}`;
  response.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'Keyledger-Request-Id': requestId,
  });
  response.end(text);
};
