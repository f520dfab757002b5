// The baseline: a process that does nothing but publish to a JetStream stream and wait for the answer.
import { connect } from 'nats';
import { now } from './now.ts';

const utf8 = new TextEncoder();

/** @returns when each was answered */
const publish = async (servers: string, keyIds: readonly string[]): Promise<{ [keyId: string]: number }> => {
  const nc = await connect({ servers });
  const jsm = await nc.jetstreamManager();
  await jsm.streams.add({ name: 'BARE', subjects: ['keyledger.revocations.>'] });
  const answered: { [keyId: string]: number } = {};
  for (const keyId of keyIds) {
    answered[keyId] = now();
    await nc.jetstream().publish(`keyledger.revocations.key.${keyId}`, utf8.encode(JSON.stringify({ keyId })));
  }
  await nc.close();
  return answered;
};

process.on('message', async ({ nats, keyIds }: { nats: string; keyIds: readonly string[] }) => {
  process.send!(await publish(nats, keyIds));
});
process.on('disconnect', () => process.exit());
