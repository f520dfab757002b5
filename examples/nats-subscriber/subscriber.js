// Follows every revocation over NATS, none missing: one line of JSON for each.
import { PassThrough } from 'node:stream';
import { connect } from 'nats';
import { isSigned, revocationsAfter } from './keyledger.js';

const { NATS_URL: servers, NATS_USER: user, NATS_PASSWORD: pass } = process.env;
const nats = await connect({ servers, user, pass, waitOnFirstConnect: true, maxReconnectAttempts: -1 });
// Both in the order in which they come.
const told = new PassThrough({ objectMode: true });
for (const subject of ['keyledger.revocations.>', 'keyledger.heartbeat'])
  nats.subscribe(subject, { callback: (error, message) => (error ? told.destroy(error) : told.write(message)) });

let last = {};
const forget = (message) => {
  // Here a service drops what it remembers of message.keyId, of message.ownerId, or, with neither, of everything.
  console.log(JSON.stringify(message));
  last = message;
};

for await (const message of told) {
  if (!(await isSigned(message))) continue;
  // A message says which one came before it; a heartbeat says which one was the newest.
  const { data, lastMessage, epoch = data.epoch } = message.json();
  const previous = (data ? data.previous : lastMessage) ?? '';
  if (epoch !== last.epoch) forget({ kind: 'all', epoch, position: previous });
  while (previous > last.position) (await revocationsAfter(last)).forEach(forget);
  if (data && previous === last.position) forget(data);
}
