import { hash } from 'node:crypto';
import { join } from 'node:path';
import { createVerifier } from '../../sdk/src/index.ts';
import { startForService } from '../../test/sdk/service.ts';
import type { Figure, Sample } from '../figure.ts';

const keyCount = 200;
const roundMs = 500;
// So many between two looks at the clock.
const atOnce = 1000;

export const sdkFigure: Figure = {
  name: 'sdk',
  title: 'keys verified by the SDK, from memory',
  unit: 'calls/s',
  goal: 0.5,
  rounds: 15,
  baseline: "`crypto.hash('sha256')` of the same keys",
  product: `\`await verifier.verify(key)\`, one after the other, ${keyCount} keys that are remembered, connected to \`keyledger serve\``,
  bound: 'hashing the key, then its checksum, and awaiting a promise that is there already',
  open: async (folder) => {
    const { server, token, member, makeKey } = await startForService({ KEYLEDGER_DATA: join(folder, 'data') });
    const { client } = await member('member@example.com');
    const keys = await Promise.all(
      Array.from({ length: keyCount }, async (_, i) => (await makeKey(client, `Key ${i}`)).key),
    );
    const verifier = createVerifier({ url: server.url, token });
    const close = async () => {
      await verifier.close();
      await server.stop();
    };
    try {
      await verifier.ready();
      for (const key of keys) await verifier.verify(key);
      const { cached, state } = verifier.status();
      if (cached !== keyCount || state !== 'live') throw new Error(`${cached} keys remembered, ${state}`);
      return {
        baseline: () =>
          measured(async (calls) => {
            let length = 0;
            for (let i = 0; i < calls; i++) length += hash('sha256', keys[i % keyCount]!, 'base64url').length;
            if (length === 0) throw new Error('nothing was hashed');
          }),
        product: () =>
          measured(async (calls) => {
            for (let i = 0; i < calls; i++) {
              const { valid } = await verifier.verify(keys[i % keyCount]!);
              if (!valid) throw new Error('a key that works was refused');
            }
          }),
        close,
      };
    } catch (error) {
      await close();
      throw error;
    }
  },
};

const measured = async (run: (calls: number) => Promise<void>): Promise<Sample> => {
  const began = performance.now();
  let calls = 0;
  let ms = 0;
  for (; ms < roundMs; ms = performance.now() - began) {
    await run(atOnce);
    calls += atOnce;
    // The verifier must hear what the server says meanwhile.
    if (calls % 100_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { rate: (calls * 1000) / ms };
};
