import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Clock, Scheduler } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import { instant as toInstant } from '../../domain/instant.ts';
import type { ProvenIndex } from '../../projections/provenIndex.ts';
import { unauthenticated } from '../authenticate.ts';
import { type Metric, metricsText, metricsType } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { instant } from '../schemas/common.ts';
import type { ListState } from './admin/lists.ts';

export type HealthContext = {
  readonly reader: Pick<ProvenIndex, 'proven' | 'proof' | 'position' | 'halted' | 'feed'>;
  readonly listReader: { readonly states: () => Promise<readonly ListState[]> };
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** What runs by itself. */
  readonly workers: readonly {
    readonly name: string;
    readonly state: () => { readonly status: string; readonly failures: number };
  }[];
  /** What else is measured in this process. */
  readonly metrics?: readonly Metric[];
};

const tag = 'Health';

const live = () =>
  route({
    method: 'GET',
    path: '/livez',
    summary: 'Whether this process answers at all',
    tag,
    access: 'open',
    ignoresCredentials: true,
    answers: { 200: z.object({ status: z.literal('live') }) },
    handle: async () => ({ status: 200, body: { status: 'live' } }),
  });

const ageMs = ({ reader, clock }: HealthContext): number | null => {
  const proof = reader.proof();
  if (proof === null) return null;
  return Math.round(Math.max(0, clock.now() - proof.wall, clock.monotonic() - proof.monotonic));
};

/** The reason is of this program's own words: the index sees nothing that is sealed. */
const verification = (context: HealthContext) => {
  const { reader } = context;
  const proof = reader.proof();
  const halted = reader.halted();
  return {
    ok: reader.proven() !== null,
    position: reader.position(),
    provenAt: proof === null ? null : toInstant(proof.wall),
    ageMs: ageMs(context),
    halted: halted && {
      reason: halted.reason,
      position: halted.position,
      eventId: halted.eventId,
      type: halted.type,
    },
  };
};

/** Whoever asks whether to send people here must hear it before they give it up. */
const listsMs = 1_000;

/** Null: the store of the lists does not answer, or not soon, which is no reason not to verify. */
const listStates = async ({ listReader, scheduler }: HealthContext): Promise<readonly ListState[] | null> => {
  const answered = new AbortController();
  const states = listReader.states().catch((error: unknown) => {
    if (error instanceof Failure) return null;
    throw error;
  });
  const late = scheduler.sleep(listsMs, answered.signal).then(() => null);
  try {
    return await Promise.race([states, late]);
  } finally {
    answered.abort();
  }
};

const lists = async (context: HealthContext) => {
  const states = await listStates(context);
  const items = (states ?? []).map(({ name, complete, lagMs, parked }) => ({
    name,
    complete,
    lagMs,
    parked: parked.length,
  }));
  return { ok: states !== null && items.every(({ complete, parked }) => complete && parked === 0), items };
};

const checks = z.object({
  checks: z.object({
    verification: z.object({
      ok: z.boolean(),
      position: z.string().nullable(),
      provenAt: instant.nullable(),
      ageMs: z.int().nullable(),
      halted: z
        .object({ reason: z.string(), position: z.string(), eventId: z.string(), type: z.string() })
        .nullable()
        .meta({
          description: 'The event that it cannot take in: a newer release wrote it, or it contradicts the log.',
        }),
    }),
    lists: z
      .object({
        ok: z.boolean(),
        items: z.array(z.object({ name: z.string(), complete: z.boolean(), lagMs: z.number(), parked: z.int() })),
      })
      .meta({ description: 'Told, and no reason not to be ready.' }),
  }),
});

const ready = (context: HealthContext) =>
  route({
    method: 'GET',
    path: '/readyz',
    summary: 'Whether keys can be verified here; 503 only where they cannot',
    tag,
    access: 'open',
    ignoresCredentials: true,
    answers: { 200: checks, 503: checks },
    handle: async () => {
      const [verifying, listed] = [verification(context), await lists(context)];
      const body = { checks: { verification: verifying, lists: listed } };
      return verifying.ok ? { status: 200, body } : { status: 503, body, headers: { 'Retry-After': '1' } };
    },
  });

const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
  name: `keyledger_${name}`,
  help,
  type: 'gauge',
  samples,
});

const one = (value: number) => [{ value }];

const ownMetrics = (context: HealthContext): readonly Metric[] => {
  const { reader, workers } = context;
  const index = () => reader.proven(Number.POSITIVE_INFINITY);
  const states = async () => (await listStates(context)) ?? [];
  return [
    gauge('verifying', '1 while keys can be verified here.', () => one(reader.proven() === null ? 0 : 1)),
    gauge('index_halted', '1 after an event that the index cannot read.', () => one(reader.halted() === null ? 0 : 1)),
    gauge('index_proof_age_seconds', 'Since the end of the log was last read.', () => {
      const age = ageMs(context);
      return age === null ? [] : one(age / 1000);
    }),
    gauge('index_keys', 'Keys that the index knows, ended ones too.', () => one(index()?.counts().keys ?? 0)),
    gauge('index_owners', 'Users that the index knows.', () => one(index()?.counts().owners ?? 0)),
    gauge('feed_messages', 'Messages of the feed of revocations.', () => one(reader.feed().length())),
    gauge('list_lag_seconds', 'How long the oldest event has waited that the list lacks.', async () =>
      (await states()).map(({ name, lagMs }) => ({ labels: { list: name }, value: lagMs / 1000 })),
    ),
    gauge('list_parked_streams', 'Streams that wait at an event that cannot be applied.', async () =>
      (await states()).map(({ name, parked }) => ({ labels: { list: name }, value: parked.length })),
    ),
    gauge('list_answering', '1 once the list was at the end of the log.', async () =>
      (await states()).map(({ name, complete }) => ({ labels: { list: name }, value: complete ? 1 : 0 })),
    ),
    gauge('worker_failures', 'Failures in a row.', () =>
      workers.map(({ name, state }) => ({ labels: { worker: name }, value: state().failures })),
    ),
    ...(context.metrics ?? []),
  ];
};

const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'via'];

/** By the socket, whatever proxies are trusted; and not what a proxy on this machine brings from elsewhere. */
const isFromHere = ({ socket, headers }: IncomingMessage): boolean => {
  const address = socket.remoteAddress ?? '';
  const loopback = address === '::1' || /^(?:::ffff:)?127\./.test(address);
  return loopback && forwarding.every((name) => headers[name] === undefined);
};

const metrics = (context: HealthContext) =>
  route({
    method: 'GET',
    path: '/metrics',
    summary: 'Measurements for Prometheus: from this machine, or with a service token that holds operations',
    tag,
    access: 'open',
    answers: { 200: z.string() },
    produces: 'text/plain',
    refuses: ['unauthenticated', 'forbidden'],
    handle: async ({ caller, incoming }) => {
      const permitted = caller.kind === 'service' && caller.permissions.has('operations');
      if (!permitted && !isFromHere(incoming)) {
        if (caller.kind === 'nobody') throw unauthenticated();
        throw new Refusal('forbidden', { params: { anyOf: ['operations'] } });
      }
      const text = await metricsText(ownMetrics(context));
      return {
        status: 200,
        headers: { 'Content-Type': metricsType },
        stream: async (response) => {
          response.end(text);
        },
      };
    },
  });

/** For whoever runs it, and for what runs it. */
export const healthRoutes = (context: HealthContext): readonly Route[] => [live(), ready(context), metrics(context)];
