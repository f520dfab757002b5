import { z } from 'zod';
import type { Condition, Document, Sort } from '../../../commands/ports/lists.ts';
import { isRejection } from '../../../domain/decider.ts';
import { eventTypes } from '../../../domain/events.ts';
import type { Json } from '../../../domain/json.ts';
import { eventShape } from '../../../projections/eventShape.ts';
import { type EventFilter, eventsWhere, storedEvent } from '../../../projections/lists/auditEvents.ts';
import { eventLines } from '../../eventLines.ts';
import { allDocuments, listPage, openList } from '../../listing.ts';
import { sortOf } from '../../paging.ts';
import { route } from '../../route.ts';
import { id, oneOf, page, paging, position, sortBy, time } from '../../schemas/common.ts';
import { eventSchema } from '../../schemas/event.ts';
import { streamText } from '../../streaming.ts';
import { type AuditContext, auditTag } from './context.ts';

const list = 'auditEvents';

const named = z.string().min(1).max(200);

const filterFields = {
  subject: named.optional().meta({ description: 'An id, or kind:id as in user:…, role:…, policy:policy.' }),
  key: id.optional().meta({ description: 'Events that name this key.' }),
  actor: named.optional(),
  type: oneOf(Object.keys(eventTypes) as [string, ...string[]]).optional(),
  from: time.optional().meta({ description: 'At this time or later.' }),
  to: time.optional().meta({ description: 'Before this time.' }),
  correlation: named.optional().meta({ description: 'Everything that one request led to.' }),
  after: position.optional().meta({ description: 'Beyond this position of the log.' }),
  sort: sortBy(['position']).optional(),
};

const listQuery = z.strictObject({ ...paging, ...filterFields });
const exportQuery = z.strictObject(filterFields);

type Filtering = z.infer<typeof exportQuery>;

const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const filterOf = ({ sort: _sort, ...fields }: Filtering): EventFilter => given(fields);

const orderOf = (sort: string | undefined, otherwise: string): Sort => ({
  column: 'id',
  descending: sortOf(sort, otherwise).descending,
});

export const listEvents = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/events',
    summary: 'Everything that happened, newest first',
    tag: auditTag,
    access: ['audit:read'],
    query: listQuery,
    answers: { 200: page(eventSchema) },
    refuses: ['cursor-mismatch', 'not-caught-up'],
    handle: async ({ query, minPosition }) => {
      const { limit: _limit, cursor: _cursor, count: _count, ...filtering } = query;
      const find = { where: eventsWhere(filterOf(filtering)), sort: orderOf(query.sort, '-position'), minPosition };
      const { documents, nextCursor, asOf, total } = await listPage(context, list, query, find);
      const opened = await context.labelled(documents.map(storedEvent));
      const items = opened.map(({ event, label }) => eventShape(event, label));
      return { status: 200, body: { items, nextCursor, asOf, ...total } };
    },
  });

async function* storedPages(pages: AsyncIterable<readonly Document[]>) {
  for await (const documents of pages) yield documents.map(storedEvent);
}

export const exportEvents = (context: AuditContext) =>
  route({
    method: 'GET',
    path: '/v1/audit/events/export',
    summary: 'Everything that happened, as a file, in the order of the log',
    tag: auditTag,
    access: ['audit:read'],
    query: exportQuery,
    answers: { 200: z.string() },
    produces: 'application/x-ndjson',
    command: { command: 'ExportAudit', stream: 'audit', events: ['AuditExported'], message: 'none', rejections: [] },
    handle: async ({ query, minPosition, command, incoming }) => {
      // Whatever can fail does so before the export is put down, and it is put down before its first byte.
      const { position } = await openList(context, list, minPosition);
      const headers = {
        'Content-Type': 'application/x-ndjson; charset=utf-8',
        'Content-Disposition': 'attachment; filename="events.ndjson"',
      };
      if (incoming.method === 'HEAD') return { status: 200, headers };
      const recorded = await context.execute(
        context.commands.recordAuditExport,
        { type: 'AuditExported', data: { filter: given(query) as Json } },
        command(),
      );
      if (isRejection(recorded)) return recorded;
      // As of when it was asked for: what happens meanwhile, this export too, is in the next one.
      const until: readonly Condition[] = position === null ? [] : [{ column: 'id', op: 'lte', value: position }];
      const where = [...eventsWhere(filterOf(query)), ...until];
      const pages = allDocuments(context, list, { where, sort: orderOf(query.sort, 'position') });
      const lines = eventLines(storedPages(pages), context.labelled);
      return { status: 200, headers, position: recorded.position, stream: (response) => streamText(response, lines) };
    },
  });
