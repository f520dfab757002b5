import { connect } from 'nats';
import { type NatsBusOptions, openNatsBus } from '../../../adapters/nats/bus.ts';
import { signedOf } from '../../../adapters/nats/signature.ts';
import { streamName } from '../../../adapters/nats/stream.ts';
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

/** Of somebody else: what one signs the other does not know. */
const otherSeed = new Uint8Array(32).fill(8);
export const otherKey: MessageSignatures = {
  signer: async () => (bytes) => ({ keyId: 'k2', signature: ed25519.sign(otherSeed, bytes) }),
  verify: async (_, { keyId }) => keyId === 'k2',
};

export const openBus = (url: string, own: Partial<NatsBusOptions> = {}) =>
  openNatsBus({
    url,
    scheduler: systemScheduler(),
    signatures: oneKey,
    installation: async () => 'i1',
    ...own,
  });

export type Kept = {
  readonly sequence: number;
  readonly subject: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly header: (name: string) => string | undefined;
};

/** Looks at a server past the bus. */
export const lookAt = async (url: string) => {
  const nc = await connect({ servers: url });
  const jsm = await nc.jetstreamManager();
  return {
    nc,
    streams: jsm.streams,
    /** Everything in the stream, oldest first. */
    kept: async (): Promise<readonly Kept[]> => {
      const { state } = await jsm.streams.info(streamName);
      const kept: Kept[] = [];
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
        const { subject, data, header } = await jsm.streams.getMessage(streamName, { seq });
        kept.push({
          sequence: seq,
          subject,
          bytes: data,
          text: Buffer.from(data).toString(),
          header: (name) => header?.get(name),
        });
      }
      return kept;
    },
    close: () => nc.close(),
  };
};

export const isSigned = ({ bytes, header }: Pick<Kept, 'bytes' | 'header'>): boolean => {
  const signed = signedOf(header('Keyledger-Signature'));
  return signed !== null && signed.keyId === 'k1' && ed25519.verify(publicKey, bytes, signed.signature);
};
