import { connect } from 'nats';
import { type NatsBusOptions, openNatsBus } from '../../../adapters/nats/bus.ts';
import { nodeSignatures } from '../../../adapters/node/ed25519.ts';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import type { MessageSignatures } from '../../../commands/ports/bus.ts';

const ed25519 = nodeSignatures();
const seed = new Uint8Array(32).fill(7);
export const publicKey = ed25519.publicKeyOf(seed);

/** One key, always the same. */
export const oneKey: MessageSignatures = {
  signer: async () => (bytes) => ({ keyId: 'k1', signature: ed25519.sign(seed, bytes) }),
  verify: async (bytes, { keyId, signature }) => keyId === 'k1' && ed25519.verify(publicKey, bytes, signature),
};

export const openBus = (url: string, own: Partial<NatsBusOptions> = {}) =>
  openNatsBus({
    url,
    scheduler: systemScheduler(),
    signatures: oneKey,
    installation: async () => 'i1',
    ...own,
  });

/** Deletes everything that a bus left on a server. */
export const deleteStream = async (url: string) => {
  const nc = await connect({ servers: url });
  try {
    const { streams } = await nc.jetstreamManager();
    for await (const { config } of streams.list()) await streams.delete(config.name);
  } finally {
    await nc.close();
  }
};
