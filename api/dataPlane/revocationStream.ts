import { instant } from '../../domain/instant.ts';
import type { FeedItem } from '../../projections/feed/feed.ts';
import type { Proof, ProvenIndex } from '../../projections/provenIndex.ts';
import { parsed } from '../refusal.ts';
import { callerOf, type DataPlane, type Exchange } from './context.ts';
import { type FeedPlace, placeOfEventId, provePlace } from './feedPlace.ts';
import { queryOf, revocationsQuery, waitForPosition } from './revocations.ts';

const heartbeatMs = 1000;
// A receiver that takes longer to make room is not keeping up: it comes again and resumes.
const drainMs = 5000;
const itemsAtOnce = 256;

const streamQuery = revocationsQuery.omit({ limit: true });

/** Last-Event-ID, or for those who cannot set it, `after` and `epoch`; neither: from the first message. */
const placeOf = ({ request }: Exchange): FeedPlace => {
  const { after = null, epoch = null } = parsed(streamQuery, queryOf(request.url ?? ''), 'query');
  const id = request.headers['last-event-id'];
  // Nothing in it is what a receiver has that was told no id yet.
  return typeof id === 'string' && id !== '' ? placeOfEventId(id) : { after, epoch };
};

const messageFrame = (epoch: string, { message, json }: FeedItem) =>
  `id: ${epoch}:${message.position}\ndata: ${json}\n\n`;

const heartbeatFrame = (reader: ProvenIndex, provenAt: number) => {
  const feed = reader.feed();
  const heartbeat = {
    epoch: feed.epoch(),
    head: reader.position(),
    lastMessage: feed.lastMessage(),
    provenAt: instant(provenAt),
  };
  return `event: heartbeat\ndata: ${JSON.stringify(heartbeat)}\n\n`;
};

/** GET /v1/revocations/stream: the feed as server-sent events, until its receiver, its token or this process ends. */
export const revocationStream = async (plane: DataPlane, exchange: Exchange, closing: AbortSignal): Promise<void> => {
  const { reader, clock, scheduler } = plane;
  const { request, response } = exchange;
  if (reader.proven() === null) await reader.prove();
  const { hash } = callerOf(plane, request, 'revocations:read');
  const place = placeOf(exchange);
  await waitForPosition(plane, request.headers['keyledger-min-position']);
  await provePlace(plane, place);
  if (response.destroyed) return;

  let { after } = place;
  let lastBeat = Number.NEGATIVE_INFINITY;
  let lastProof: Proof | null = null;
  // What happens while a pass runs must not be slept over.
  let again = false;
  let wake = () => {};
  const stir = () => {
    again = true;
    wake();
  };

  /** Ended, as far as this process knows, however old that knowledge is. */
  const tokenEnded = () => reader.proven(Number.POSITIVE_INFINITY)?.token(hash, clock.now()) === null;

  const isOver = () => response.destroyed || closing.aborted || reader.halted() !== null || tokenEnded();

  /** Writes, and waits for room where there is none. @returns whether the receiver kept up */
  const write = async (text: string): Promise<boolean> => {
    if (response.write(text)) return true;
    const drained = new AbortController();
    const end = () => drained.abort();
    response.once('drain', end);
    response.once('close', end);
    const until = clock.monotonic() + drainMs;
    try {
      // Meanwhile its right to hear anything may end.
      for (let left = drainMs; left > 0 && !drained.signal.aborted && !isOver(); left = until - clock.monotonic())
        await scheduler.sleep(Math.min(left, heartbeatMs), drained.signal);
      return drained.signal.aborted && !response.destroyed;
    } finally {
      response.off('drain', end);
      response.off('close', end);
    }
  };

  const beatIsDue = () => clock.monotonic() - lastBeat >= heartbeatMs;

  const isCaughtUp = () => reader.feed().firstAfter(after) === reader.feed().length();

  /**
   * Everything up to the log's end as this process has read it, or as far as the receiver may still hear it.
   * @returns false where the receiver did not keep up
   */
  const catchUp = async (): Promise<boolean> => {
    while (!isCaughtUp() && !isOver()) {
      const items = await reader.feedPage(after, itemsAtOnce);
      const epoch = reader.feed().epoch()!;
      if (!(await write(items.map((item) => messageFrame(epoch, item)).join('')))) return false;
      after = items.at(-1)!.message.position;
    }
    return true;
  };

  /** Only after a read that found the end, and after every message up to there. */
  const beat = (): Promise<boolean> | true => {
    const proof = reader.proof();
    if (!beatIsDue() || proof === null || proof === lastProof || reader.proven() === null) return true;
    if (!isCaughtUp()) {
      again = true;
      return true;
    }
    lastBeat = clock.monotonic();
    lastProof = proof;
    return write(heartbeatFrame(reader, proof.wall));
  };

  const rest = async () => {
    if (again) return;
    const woken = new AbortController();
    wake = () => woken.abort();
    const untilBeat = lastBeat + heartbeatMs - clock.monotonic();
    // Where one is due and none could be sent, the next proof calls.
    await scheduler.sleep(untilBeat > 0 ? untilBeat : heartbeatMs, woken.signal);
    wake = () => {};
  };

  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'Keyledger-Request-Id': exchange.requestId,
    // Proxies that gather an answer before they pass it on would hold messages back.
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
  const deaf = [
    reader.feed().listen(stir),
    reader.onProof(() => {
      if (beatIsDue()) stir();
    }),
  ];
  response.once('close', stir);
  closing.addEventListener('abort', stir);
  try {
    while (!isOver()) {
      again = false;
      if (reader.proven() !== null && !((await catchUp()) && (await beat()))) {
        response.destroy();
        return;
      }
      await rest();
    }
    response.end();
  } finally {
    for (const end of deaf) end();
    response.off('close', stir);
    closing.removeEventListener('abort', stir);
  }
};
