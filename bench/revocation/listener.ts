// A process of its own that hears revocations, over NATS and as server-sent events, and notes when.
import { connect } from 'nats';
import { now } from './now.ts';

export type Question =
  | { readonly listen: { readonly nats: string | null; readonly sse: { url: string; token: string } | null } }
  | 'heard';

/** When each message came, by its way and what it is about. */
export type Heard = { readonly [way: string]: { readonly [keyId: string]: number } };

let heard: { [way: string]: { [keyId: string]: number } } = {};
const note = (way: string, text: string) => {
  const at = now();
  const keyId = /"keyId":"([^"]+)"/.exec(text)?.[1];
  if (keyId === undefined) return;
  heard[way] ??= {};
  heard[way][keyId] = at;
};

const overNats = async (servers: string) => {
  const nc = await connect({ servers });
  const utf8 = new TextDecoder();
  nc.subscribe('keyledger.revocations.>', { callback: (_, { data }) => note('NATS', utf8.decode(data)) });
  await nc.flush();
};

const overSse = async ({ url, token }: { url: string; token: string }) => {
  const { body, status } = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  if (status !== 200 || body === null) throw new Error(`the stream answers ${status}`);
  const started = Promise.withResolvers<void>();
  const read = async () => {
    let text = '';
    for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
      const frames = (text + chunk).split('\n\n');
      text = frames.pop()!;
      for (const frame of frames) {
        // All that was there before comes before it.
        if (frame.startsWith('event: heartbeat')) started.resolve();
        else note('SSE', frame);
      }
    }
    throw new Error('the stream ended');
  };
  read().catch((error: unknown) => {
    if (process.connected) throw error;
  });
  await started.promise;
};

const answer = async (question: Question) => {
  if (question === 'heard') return heard;
  const { nats, sse } = question.listen;
  if (nats !== null) await overNats(nats);
  if (sse !== null) await overSse(sse);
  heard = {};
  return true;
};

process.on('message', async (question: Question) => process.send!(await answer(question)));
process.on('disconnect', () => process.exit());
