// A process of its own that embeds the verifier, as a service does, and asks it about a key again and again: from its
// memory, until it refuses.
import { createVerifier, type Verifier } from '../../sdk/src/index.ts';
import { now } from './now.ts';

export type Question =
  | { readonly embed: { readonly url: string; readonly token: string; readonly nats: string | null } }
  /** In the order in which they will be revoked. */
  | { readonly watch: readonly { readonly id: string; readonly key: string }[] }
  | 'refused';

/** When each key was refused for the first time, by the way the verifier hears of it. */
export type Refused = { readonly [way: string]: { readonly [keyId: string]: number } };

/** Between two questions about the key that is to be revoked next. */
const everyMs = 1;

const verifiers = new Map<string, Verifier>();
let refused: { [way: string]: { [keyId: string]: number } } = {};
let round = 0;

const embed = async ({ url, token, nats }: { url: string; token: string; nats: string | null }) => {
  verifiers.set('SDK, SSE', createVerifier({ url, token, name: 'watching', feed: 'sse' }));
  if (nats !== null) verifiers.set('SDK, NATS', createVerifier({ url, token, name: 'watching', feed: { nats } }));
  for (const verifier of verifiers.values()) await verifier.ready();
};

type Watched = readonly { readonly id: string; readonly key: string }[];

const untilRefused = async (way: string, verifier: Verifier, keys: Watched, of: number) => {
  const found: { [keyId: string]: number } = {};
  refused[way] = found;
  for (const { id, key } of keys) {
    while ((await verifier.verify(key)).valid) {
      if (of !== round) return;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    found[id] = now();
  }
};

const watch = async (keys: Watched) => {
  round += 1;
  refused = {};
  for (const [way, verifier] of verifiers) {
    for (const { key } of keys)
      if (!(await verifier.verify(key)).valid) throw new Error('a key that works was refused');
    const { state } = verifier.status();
    if (state !== 'live') throw new Error(`the verifier is ${state}`);
    untilRefused(way, verifier, keys, round).catch((error: unknown) => {
      if (process.connected) throw error;
    });
  }
};

const answer = async (question: Question) => {
  if (question === 'refused') return refused;
  if ('embed' in question) await embed(question.embed);
  else await watch(question.watch);
  return true;
};

process.on('message', async (question: Question) => process.send!(await answer(question)));
process.on('disconnect', () => process.exit());
