import { headers, type JetStreamClient } from 'nats';
import { Failure, failedWith } from '../../commands/failure.ts';
import type { MessageSignatures, Signed } from '../../commands/ports/bus.ts';
import type { Position } from '../../commands/ports/eventStore.ts';
import type { RevocationMessage } from '../../domain/revocation.ts';
import type { StreamSize } from './address.ts';
import type { Connection, Link, Report } from './connection.ts';
import { envelope, messageOf, sourceNamed, sourceOf, subjectOf } from './envelope.ts';
import { asFailure, unavailable } from './errors.ts';
import { signatureHeader, signatureText, signedOf } from './signature.ts';
import { answerMs, streamName, streamOver } from './stream.ts';

/** The stream's last message, and the sequence that the next one follows: it goes on rising when the stream is emptied. */
type Standing = {
  readonly link: Link;
  readonly last: { readonly epoch: string; readonly position: Position } | null;
  readonly sequence: number;
  /** Whose the last message says it is; null: there is none, or it is our own. */
  readonly stranger: string | null;
};

/** What all messages of one call have in common. */
type Batch = {
  readonly stream: JetStreamClient;
  readonly sign: (bytes: Uint8Array) => Signed;
  /** Id of the installation. */
  readonly source: string;
};

// So many are on their way at once.
const inFlight = 500;

const outOfStep = (why: string) => new Failure('bus-out-of-step', why);

/** @throws Failure as the port says */
const put = async ({ stream, sign, source }: Batch, message: RevocationMessage, after: number): Promise<void> => {
  const bytes = envelope(message, source);
  const head = headers();
  head.set('Content-Type', 'application/cloudevents+json');
  head.set(signatureHeader, signatureText(sign(bytes)));
  const { duplicate, seq } = await stream.publish(subjectOf(message), bytes, {
    msgID: message.id,
    headers: head,
    expect: { lastSequence: after, streamName },
  });
  // The server looks for the id before it looks at the sequence.
  if (duplicate) throw outOfStep(`the stream has taken message ${message.id} before, as number ${seq}`);
};

/** All at once, in order: where one is not taken, none after it is. */
const putAll = async (link: Link, batch: Batch, messages: readonly RevocationMessage[], after: number) => {
  const puts = messages.map((message, at) => put(batch, message, after + at));
  const settled = await link.within(Promise.allSettled(puts));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed !== undefined) throw asFailure(failed.reason);
};

/** Who puts messages into the stream; what it remembers of the stream it has from its own last answer. */
export const createPublishing = (parts: {
  readonly connection: Connection;
  readonly signatures: MessageSignatures;
  readonly installation: () => Promise<string>;
  readonly size: StreamSize;
  readonly report: Report;
}) => {
  const { connection, signatures, installation, size, report } = parts;
  let known: Standing | null = null;
  let source: string | null = null;
  let told = false;

  /** Makes the stream where there is none. A last message that is not this installation's own, signed, is none. */
  const look = async (): Promise<Standing> => {
    const link = connection.link();
    const stream = streamOver(link.nc, size);
    const { sequence, isEmpty } = await link.within(stream.state());
    const stored = isEmpty ? null : await link.within(stream.last());
    const message = stored && messageOf(stored.data);
    const signed = stored && signedOf(stored.header?.get(signatureHeader));
    const isOwn = stored && message && signed && (await signatures.verify(stored.data, signed));
    const last = isOwn ? { epoch: message.epoch, position: message.position } : null;
    known = { link, sequence, last, stranger: stored && !isOwn ? sourceOf(stored.data) : null };
    return known;
  };

  /** Where it is refused although the stream still stands there, its caller could do nothing but try for ever. */
  const putFirst = async (link: Link, batch: Batch, message: RevocationMessage, after: number) => {
    try {
      await putAll(link, batch, [message], after);
    } catch (error) {
      if (!failedWith(error, 'bus-out-of-step') || (await look()).sequence !== after) throw error;
      throw unavailable(`${error.message}; it has lost it since, and takes it again when it has forgotten it`, error);
    }
  };

  return {
    /** Also makes and checks the stream. @throws NatsRefused where it is there with other settings */
    last: async () => (await look()).last,

    publish: async (messages: readonly RevocationMessage[], after: Position | null): Promise<void> => {
      const first = messages[0];
      if (first === undefined) return;
      const link = connection.link();
      const { last, sequence, stranger } = known?.link === link ? known : await look();
      // A message of another log is none: the first of a new one comes after nothing.
      const stands = last?.epoch === first.epoch ? last.position : null;
      if (stands !== after && last?.position !== after) throw outOfStep(`the bus stands at ${stands}, not at ${after}`);

      source ??= await installation();
      if (stranger !== null && stranger !== sourceNamed(source) && !told) {
        told = true;
        report(`the stream holds messages of ${stranger}, another installation: each needs a NATS account of its own`);
      }
      const batch = { stream: link.nc.jetstream({ timeout: answerMs }), sign: await signatures.signer(), source };
      known = null;
      // The first alone: whoever is out of step hears of it before the rest, which plain subscribers would get all the same.
      await putFirst(link, batch, first, sequence);
      for (let from = 1; from < messages.length; from += inFlight)
        await putAll(link, batch, messages.slice(from, from + inFlight), sequence + from);
      const { epoch, position } = messages.at(-1)!;
      known = { link, last: { epoch, position }, sequence: sequence + messages.length, stranger: null };
    },
  };
};
