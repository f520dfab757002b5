import { convertToCommandError, type EventStoreDBClient } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import grpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ExpectedRevision } from '../../commands/ports/eventStore.ts';
import { unavailable } from './errors.ts';
import { isLogPosition, type LogPosition } from './positions.ts';

/** An event as it goes over the wire. */
export type WireEvent = {
  readonly id: string;
  readonly type: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};

export type WireAppend = {
  /** The stream's name at the server. */
  readonly name: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly WireEvent[];
};

export type WireAnswer =
  /** `position`: of the last event; null where the server does not say. */
  | { readonly result: 'appended'; readonly revision: number; readonly position: LogPosition | null }
  | { readonly result: 'wrong-version'; readonly actual: ExpectedRevision }
  | { readonly result: 'deleted' | 'denied' | 'too-large' }
  /** The server could not, or does not know. */
  | { readonly result: 'open'; readonly why: string };

export type BatchAppends = {
  /** Rejects when the call ends before the answer; the outcome is open then. */
  readonly append: (append: WireAppend) => Promise<WireAnswer>;
  /** What is awaited rejects. */
  readonly end: () => void;
  /** Ends when nothing is awaited any more; nothing new is taken. */
  readonly finish: () => void;
  readonly isEnded: () => boolean;
};

type Call = ReturnType<grpc.StreamsClient['batchAppend']>;

/** What the client's own calls are made of: credentials, discovery of the leader and reconnection are in there. */
type Inside = {
  readonly GRPCStreamCreator: (
    service: typeof grpc.StreamsClient,
    name: string,
    open: (client: grpc.StreamsClient) => Call,
  ) => () => Promise<Call>;
  readonly callArguments: (
    options: { readonly requiresLeader: boolean },
    more: { readonly deadline: number },
  ) => Parameters<grpc.StreamsClient['batchAppend']>;
};

/**
 * One call that carries all appends, as the client's own `appendToStream` opens it. That one is not used: it keeps what
 * is awaited of all clients of the process in one table, so that a connection that breaks takes the answers of the
 * others along; an answer that it does not expect, and a connection that breaks while it is writing, are errors that
 * nobody can catch and end the process; and it awaits the server's capabilities for ever where they were once refused.
 */
export const openBatchAppends = async (client: EventStoreDBClient): Promise<BatchAppends> => {
  const inside = client as unknown as Inside;
  const call = await inside.GRPCStreamCreator(grpc.StreamsClient, 'batchAppend', (stub) =>
    stub.batchAppend(...inside.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })),
  )();
  const awaited = new Map<string, PromiseWithResolvers<WireAnswer>>();
  let count = 0;
  let ended = false;
  let finishing = false;

  const end = (error: unknown) => {
    ended = true;
    for (const { reject } of awaited.values()) reject(error);
    awaited.clear();
  };

  const giveUp = (why: string) => {
    end(unavailable(why));
    call.cancel();
  };

  const endIfDone = () => {
    if (finishing && !ended && awaited.size === 0) giveUp('the connection is not used any more');
  };

  call.on('data', (response: streams.BatchAppendResp) => {
    const id = response.getCorrelationId()?.getString() ?? '';
    awaited.get(id)?.resolve(answerIn(response));
    awaited.delete(id);
    endIfDone();
  });
  call.on('error', (error: Error) => end(convertToCommandError(error)));
  call.on('end', () => end(unavailable('the server ended the call for appends')));

  return {
    append: (append) => {
      if (ended || finishing) throw unavailable('the connection is gone');
      count += 1;
      const id = `00000000-0000-4000-8000-${count.toString(16).padStart(12, '0')}`;
      const answer = Promise.withResolvers<WireAnswer>();
      const request = requestOf(append).setCorrelationId(new shared.UUID().setString(id));
      awaited.set(id, answer);
      call.write(request);
      return answer.promise;
    },
    end: () => giveUp('the connection is given up'),
    finish: () => {
      finishing = true;
      endIfDone();
    },
    isEnded: () => ended || finishing,
  };
};

const requestOf = ({ name, expected, events }: WireAppend): streams.BatchAppendReq => {
  const options = new streams.BatchAppendReq.Options().setStreamIdentifier(
    new shared.StreamIdentifier().setStreamName(new TextEncoder().encode(name)),
  );
  if (expected === 'no-stream') options.setNoStream(new shared.Empty());
  else options.setStreamPosition(String(expected));
  return new streams.BatchAppendReq()
    .setOptions(options)
    .setProposedMessagesList(events.map(messageOf))
    .setIsFinal(true);
};

const messageOf = ({ id, type, data, metadata }: WireEvent): streams.BatchAppendReq.ProposedMessage => {
  const message = new streams.BatchAppendReq.ProposedMessage()
    .setId(new shared.UUID().setString(id))
    .setData(data)
    .setCustomMetadata(metadata);
  message.getMetadataMap().set('type', type).set('content-type', 'application/json');
  return message;
};

const answerIn = (response: streams.BatchAppendResp): WireAnswer => {
  const success = response.getSuccess();
  if (success !== undefined) {
    const at = success.getPosition();
    const position = at && { commit: BigInt(at.getCommitPosition()), prepare: BigInt(at.getPreparePosition()) };
    return {
      result: 'appended',
      revision: Number(success.getCurrentRevision()),
      position: isLogPosition(position) ? position : null,
    };
  }
  const error = response.getError();
  const details = error?.getDetails();
  switch (details?.getTypeName()) {
    case 'event_store.client.WrongExpectedVersion': {
      const wrong = shared.WrongExpectedVersion.deserializeBinary(details.getValue_asU8());
      const actual = wrong.hasCurrentStreamRevision() ? Number(wrong.getCurrentStreamRevision()) : 'no-stream';
      return { result: 'wrong-version', actual };
    }
    case 'event_store.client.StreamDeleted':
      return { result: 'deleted' };
    case 'event_store.client.AccessDenied':
      return { result: 'denied' };
    case 'event_store.client.MaximumAppendSizeExceeded':
      return { result: 'too-large' };
    case 'event_store.client.Timeout':
      return { result: 'open', why: 'it took too long to write' };
    default:
      return { result: 'open', why: error?.getMessage() ?? '' };
  }
};
