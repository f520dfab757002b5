import shared from '@eventstore/db-client/generated/shared_pb.js';
import status from '@eventstore/db-client/generated/status_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerDuplexStream, ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { Message } from 'google-protobuf';
import any from 'google-protobuf/google/protobuf/any_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import { notLeader, streamDeleted, tooLarge } from './errors.ts';
import type { Faults } from './faults.ts';
import type { Appended, Expected, Log } from './log.ts';
import { nameOf, proposed, streamIdentifier } from './messages.ts';
import type { Proposed } from './record.ts';
import { refusal } from './refusal.ts';

export type Serving = {
  readonly log: Log;
  readonly faults: Faults;
  /** Ends every connection, as a network does. */
  readonly cut: () => void;
  /** Counts what was sent to whoever read. */
  readonly served: { events: number };
};

/** Bytes that one append may hold. */
const maxAppendSize = 1024 * 1024;

type Request = { readonly stream: string; readonly expected: Expected; readonly events: readonly Proposed[] };
type Outcome = Appended | { readonly result: 'too-large' } | { readonly result: 'silence' };

/** What one append does, whichever way it came. */
const effect = async ({ log, faults, cut }: Serving, request: Request): Promise<Outcome> => {
  const size = request.events.reduce((sum, { data, metadata }) => sum + data.length + metadata.length, 0);
  if (size > maxAppendSize) return { result: 'too-large' };
  await faults.gate('append');
  const fault = faults.append(request.stream);
  if (fault === 'cut-before') {
    cut();
    return { result: 'silence' };
  }
  const appended = log.append(request.stream, request.expected, request.events);
  if (fault === 'cut-after') cut();
  return fault === 'none' ? appended : { result: 'silence' };
};

type AppendCall = ServerReadableStream<streams.AppendReq, streams.AppendResp>;

/** One call for one append: what the client does where it is given credentials with the call. */
export const append =
  (serving: Serving) =>
  async (call: AppendCall, answer: sendUnaryData<streams.AppendResp>): Promise<void> => {
    const refused = refusal(serving.faults, call.metadata);
    if (refused !== null) return answer(refused);
    let options: streams.AppendReq.Options | undefined;
    const events: Proposed[] = [];
    try {
      for await (const message of call as AsyncIterable<streams.AppendReq>) {
        options ??= message.getOptions();
        const event = message.getProposedMessage();
        if (event !== undefined) events.push(proposed(event));
      }
    } catch {
      return; // The client went away before it had said everything.
    }
    const stream = nameOf(options?.getStreamIdentifier());
    const { ExpectedStreamRevisionCase: cases } = streams.AppendReq.Options;
    const expected = expectedOf(options!.getExpectedStreamRevisionCase(), Number(options!.getRevision()), {
      any: cases.ANY,
      exists: cases.STREAM_EXISTS,
      none: cases.NO_STREAM,
    });
    const outcome = await effect(serving, { stream, expected, events });
    if (call.cancelled) return;
    switch (outcome.result) {
      case 'silence':
        return;
      case 'deleted':
        return answer(streamDeleted(stream));
      case 'too-large':
        return answer(tooLarge(maxAppendSize));
      case 'wrong-version':
        return answer(null, new streams.AppendResp().setWrongExpectedVersion(wrongVersion(expected, outcome.current)));
      case 'appended': {
        const success = new streams.AppendResp.Success().setCurrentRevision(String(outcome.revision));
        const position = String(outcome.position);
        if (serving.faults.withoutPositions) success.setNoPosition(new shared.Empty());
        else
          success.setPosition(
            new streams.AppendResp.Position().setCommitPosition(position).setPreparePosition(position),
          );
        return answer(null, new streams.AppendResp().setSuccess(success));
      }
    }
  };

const expectedOf = (
  given: number,
  revision: number,
  cases: { readonly any: number; readonly exists: number; readonly none: number },
): Expected => {
  if (given === cases.any) return 'any';
  if (given === cases.exists) return 'exists';
  return given === cases.none ? -1 : revision;
};

const wrongVersion = (expected: Expected, current: number): streams.AppendResp.WrongExpectedVersion => {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new shared.Empty());
  else wrong.setCurrentRevision(String(current));
  if (expected === 'any') return wrong.setExpectedAny(new shared.Empty());
  if (expected === 'exists') return wrong.setExpectedStreamExists(new shared.Empty());
  return expected < 0 ? wrong.setExpectedNoStream(new shared.Empty()) : wrong.setExpectedRevision(String(expected));
};

type BatchCall = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;
type Pending = { readonly options: streams.BatchAppendReq.Options; readonly events: Proposed[] };

/** One call for all appends of a connection: what the client does where a call has no credentials of its own. */
export const batchAppend =
  (serving: Serving) =>
  (call: BatchCall): void => {
    const refused = refusal({ ...serving.faults, starting: false, leader: null }, call.metadata);
    if (refused !== null) {
      call.emit('error', refused);
      return;
    }
    const pending = new Map<string, Pending>();

    const answer = async (request: streams.BatchAppendReq) => {
      const correlation = request.getCorrelationId()!;
      const key = correlation.getString();
      const options = request.getOptions();
      if (options !== undefined) pending.set(key, { options, events: [] });
      const held = pending.get(key);
      if (held === undefined) return;
      held.events.push(...request.getProposedMessagesList().map(proposed));
      if (!request.getIsFinal()) return;
      pending.delete(key);
      const response = await batchResponse(serving, held);
      if (response === null || call.cancelled) return;
      call.write(response.setCorrelationId(correlation).setStreamIdentifier(held.options.getStreamIdentifier()));
    };

    call.on('data', (request: streams.BatchAppendReq) => {
      answer(request).catch((error: unknown) => call.emit('error', error));
    });
    call.on('error', () => {});
    call.on('end', () => call.end());
  };

const batchResponse = async (serving: Serving, held: Pending): Promise<streams.BatchAppendResp | null> => {
  const { faults } = serving;
  const { options, events } = held;
  const stream = nameOf(options.getStreamIdentifier());
  const response = new streams.BatchAppendResp();
  if (faults.starting) return response.setError(problem(new empty.Empty(), 'Server Is Not Ready', emptyName));
  if (faults.leader !== null) throw notLeader(faults.leader);
  const deadline = options.getDeadline()?.toDate().getTime() ?? Number.POSITIVE_INFINITY;
  if (deadline <= Date.now()) return response.setError(problem(new shared.Timeout(), 'Timeout', named('Timeout')));
  const { ExpectedStreamPositionCase: cases } = streams.BatchAppendReq.Options;
  const expected = expectedOf(options.getExpectedStreamPositionCase(), Number(options.getStreamPosition()), {
    any: cases.ANY,
    exists: cases.STREAM_EXISTS,
    none: cases.NO_STREAM,
  });
  const outcome = await effect(serving, { stream, expected, events });
  switch (outcome.result) {
    case 'silence':
      return null;
    case 'deleted':
      return response.setError(
        problem(new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream)), '', named('StreamDeleted')),
      );
    case 'too-large':
      return response.setError(
        problem(
          new shared.MaximumAppendSizeExceeded().setMaxappendsize(maxAppendSize),
          '',
          named('MaximumAppendSizeExceeded'),
        ),
      );
    case 'wrong-version':
      return response.setError(
        problem(batchWrongVersion(expected, outcome.current), '', named('WrongExpectedVersion')),
      );
    case 'appended': {
      const success = new streams.BatchAppendResp.Success().setCurrentRevision(String(outcome.revision));
      const position = String(outcome.position);
      if (faults.withoutPositions) success.setNoPosition(new empty.Empty());
      else success.setPosition(new shared.AllStreamPosition().setCommitPosition(position).setPreparePosition(position));
      return response.setSuccess(success);
    }
  }
};

const emptyName = 'google.protobuf.Empty';
const named = (name: string) => `event_store.client.${name}`;

const problem = (details: Message, message: string, type: string): status.Status => {
  const packed = new any.Any();
  packed.pack(details.serializeBinary(), type);
  return new status.Status().setMessage(message).setDetails(packed);
};

const batchWrongVersion = (expected: Expected, current: number): shared.WrongExpectedVersion => {
  const wrong = new shared.WrongExpectedVersion();
  if (current < 0) wrong.setCurrentNoStream(new empty.Empty());
  else wrong.setCurrentStreamRevision(String(current));
  if (expected === 'any') return wrong.setExpectedAny(new empty.Empty());
  if (expected === 'exists') return wrong.setExpectedStreamExists(new empty.Empty());
  return expected < 0
    ? wrong.setExpectedNoStream(new empty.Empty())
    : wrong.setExpectedStreamPosition(String(expected));
};
