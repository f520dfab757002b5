// Follows every revocation over NATS, none missing: one line of JSON for each.
import { setTimeout } from 'node:timers/promises';
import { connect } from 'nats';
import { ask, isSigned } from './keyledger.js';

let last = { epoch: '', position: null };

/** Here a service drops what it remembers of message.keyId, of message.ownerId, or, with neither, of everything. */
const forget = (message) => {
  last = message;
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

const hear = async (message) => {
  // The first of all, or of another log: what was remembered before it counts no more.
  if (message.epoch !== last.epoch) forget({ kind: 'all', epoch: message.epoch, position: message.previous });
  // Something came between that NATS no longer has: Keyledger has it.
  while (message.previous > last.position) {
    const { items } = await ask(`/v1/revocations?limit=1000&epoch=${last.epoch}&after=${last.position}`);
    if (items.length === 0) throw new Error(`Keyledger has nothing after ${last.position}`);
    process.stderr.write(`gap: ${items.length} messages after ${last.position} asked for\n`);
    items.forEach(forget);
  }
  // What was heard before comes again where NATS is filled again.
  if (message.previous === last.position) forget(message);
};

const { NATS_URL, NATS_USER: user, NATS_PASSWORD: pass } = process.env;
const nats = await connect({ servers: NATS_URL, user, pass, waitOnFirstConnect: true, maxReconnectAttempts: -1 });

/** What NATS keeps and what comes. Ends where its stream was lost: the next one counts from one again. */
const messagesFrom = async (since) => {
  for (;;) {
    try {
      const consumer = await nats.jetstream().consumers.get('KEYLEDGER_REVOCATIONS', { opt_start_time: since });
      const messages = await consumer.consume({ expires: 2000 });
      endAtReset(messages).catch(() => messages.stop());
      return messages;
    } catch (error) {
      process.stderr.write(`NATS: ${error.message}\n`);
      await setTimeout(1000);
    }
  }
};

const endAtReset = async (messages) => {
  for await (const { type } of await messages.status()) if (type === 'reset') messages.stop();
};

for (let since; ; ) {
  for await (const message of await messagesFrom(since)) {
    since = new Date(message.info.timestampNanos / 1e6).toISOString();
    if (await isSigned(message)) await hear(message.json().data);
  }
}
