import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Serving } from './appending.ts';
import { streamDeleted, unknown } from './errors.ts';
import type { Log } from './log.ts';
import {
  caughtUpMessage,
  checkpointMessage,
  confirmationMessage,
  eventMessage,
  nameOf,
  notFoundMessage,
} from './messages.ts';
import type { LogRecord } from './record.ts';
import { refusal } from './refusal.ts';

type ReadCall = ServerWritableStream<streams.ReadReq, streams.ReadResp>;
type Options = streams.ReadReq.Options;

/** Reads and subscriptions are one call; what tells them apart is whether it has a count. */
export const read =
  (serving: Serving) =>
  async (call: ReadCall): Promise<void> => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    call.on('error', () => gone.abort());
    const { faults, log } = serving;
    const options = call.request.getOptions()!;
    try {
      const refused = refusal(faults, call.metadata);
      if (refused !== null) throw refused;
      await faults.gate(options.hasSubscription() ? 'subscribe' : 'read');
      if (options.hasSubscription()) await subscribe(call, log, options, gone.signal);
      else await page(call, serving, options, gone.signal);
    } catch (error) {
      if (!gone.signal.aborted) call.emit('error', error);
    }
  };

const page = async (
  call: ReadCall,
  { log, served, faults }: Serving,
  options: Options,
  gone: AbortSignal,
): Promise<void> => {
  const count = Number(options.getCount());
  if (count === 0) throw unknown('Unexpected ReadAllResult: Error');
  const forwards = options.getReadDirection() === streams.ReadReq.Options.ReadDirection.FORWARDS;
  const stream = options.getStream();
  let found: Iterable<LogRecord> | null;
  if (stream === undefined) found = allFrom(log, options.getAll()!, forwards);
  else found = streamFrom(log, stream, forwards);
  if (found === null) {
    await send(call, notFoundMessage(nameOf(stream?.getStreamIdentifier())), gone);
    found = [];
  }
  if (faults.shortened && stream === undefined && options.getAll()!.hasPosition()) found = [];
  let left = count;
  for (const record of found) {
    if (left === 0 || gone.aborted) break;
    left -= 1;
    served.events += 1;
    await send(call, eventMessage(record), gone);
  }
  call.end();
};

const send = async (call: ReadCall, message: streams.ReadResp, gone: AbortSignal): Promise<void> => {
  if (!gone.aborted && !call.write(message)) await once(call, 'drain', { signal: gone });
};

/** Inclusive. */
function* allFrom(log: Log, all: streams.ReadReq.Options.AllOptions, forwards: boolean): Generator<LogRecord> {
  let at = forwards ? 0 : log.records.length - 1;
  if (all.hasEnd()) at = log.records.length - (forwards ? 0 : 1);
  const position = all.getPosition();
  if (position !== undefined) {
    const commit = Number(position.getCommitPosition());
    const index = position.getPreparePosition() === position.getCommitPosition() ? log.indexOf(commit) : null;
    if (index === null) throw unknown('Unexpected ReadAllResult: Error');
    at = forwards ? index : index - 1;
  }
  // The end is where the log ends now, not where it will end while somebody reads on.
  const end = log.records.length;
  for (; at >= 0 && at < end; at += forwards ? 1 : -1) yield log.records[at]!;
}

const streamFrom = (log: Log, options: streams.ReadReq.Options.StreamOptions, forwards: boolean) => {
  const name = nameOf(options.getStreamIdentifier());
  const records = log.stream(name);
  if (records === 'deleted') throw streamDeleted(name);
  if (records === null) return null;
  const from = options.hasRevision() ? Number(options.getRevision()) : null;
  if (forwards) return options.hasEnd() ? [] : records.filter(({ revision }) => revision >= (from ?? 0));
  return records.filter(({ revision }) => from === null || revision <= from).reverse();
};

const checkpointEvery = 32;

/** Exclusive. Lives until the client or the connection goes. */
const subscribe = async (call: ReadCall, log: Log, options: Options, gone: AbortSignal): Promise<void> => {
  const stream = options.getStream();
  const name = stream === undefined ? null : nameOf(stream.getStreamIdentifier());
  if (name !== null && log.stream(name) === 'deleted') throw streamDeleted(name);
  const matches = filterOf(options.getFilter());
  const wanted = (record: LogRecord) =>
    name === null ? matches(record) : record.stream === name && record.revision > after(stream!);
  let at = name === null ? allAfter(log, options.getAll()!) : 0;
  const end = name !== null && stream!.hasEnd() ? log.records.length : 0;
  at = Math.max(at, end);

  await send(call, confirmationMessage(randomUUID()), gone);
  const filtered = options.hasFilter();
  if (filtered && at === 0) await send(call, checkpointMessage(0), gone);
  const every = checkpointEvery * (options.getFilter()?.getCheckpointintervalmultiplier() ?? 1);
  let caughtUp = false;
  let passed = 0;
  while (!gone.aborted) {
    for (; at < log.records.length && !gone.aborted; at += 1) {
      const record = log.records[at]!;
      passed = wanted(record) ? 0 : passed + 1;
      if (passed === 0) await send(call, eventMessage(record), gone);
      else if (filtered && caughtUp && passed % every === 0) await send(call, checkpointMessage(record.position), gone);
    }
    // A stream that does not exist yet is not caught up with before its first event.
    if (!caughtUp && (name === null || log.stream(name) !== null)) {
      caughtUp = true;
      await send(call, caughtUpMessage(), gone);
    }
    if (at === log.records.length) await log.waiters.wait(gone);
  }
};

const after = (options: streams.ReadReq.Options.StreamOptions): number =>
  options.hasRevision() ? Number(options.getRevision()) : -1;

const allAfter = (log: Log, all: streams.ReadReq.Options.AllOptions): number => {
  if (all.hasEnd()) return log.records.length;
  const position = all.getPosition();
  if (position === undefined) return 0;
  const index = log.indexOf(Number(position.getCommitPosition()));
  if (index === null) throw unknown('Unexpected ReadAllResult: Error');
  return index + 1;
};

const filterOf = (filter: streams.ReadReq.Options.FilterOptions | undefined): ((record: LogRecord) => boolean) => {
  if (filter === undefined) return () => true;
  const byStream = filter.getStreamIdentifier();
  const expression = byStream ?? filter.getEventType()!;
  const prefixes = expression.getPrefixList();
  const pattern = prefixes.length > 0 ? null : new RegExp(expression.getRegex());
  return ({ stream, type }) => {
    const text = byStream === undefined ? type : stream;
    return pattern?.test(text) ?? prefixes.some((prefix) => text.startsWith(prefix));
  };
};
