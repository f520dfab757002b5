import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemoryEventStore } from '../../adapters/memory/eventStore.ts';
import { createMemoryLists } from '../../adapters/memory/lists.ts';
import { nodeCryptography } from '../../adapters/node/crypto.ts';
import { createIndexReader } from '../../workers/indexReader.ts';
import { created, hashBytes, installed, keyId, onKey, policy, registered } from '../projections/logs.ts';
import { type Fault, withFaults } from '../support/faultyEventStore.ts';
import { createManualTime } from '../support/manualTime.ts';
import { suite } from '../support/suite.ts';
import { createLogWriter, view } from './storedLog.ts';

const freshness = suite('index reader, any course of things');

const keys = 12;
const boundMs = 2000;

/** `revoke`: somebody else's process ends the next key. `silent`, `slow`: what the store does from here on. */
type Step =
  | { readonly do: 'revoke' }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'store'; readonly how: 'well' | 'silent' | 'slow' }
  | { readonly do: 'set-clock'; readonly by: number };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'revoke' }) },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 1500 }).map((ms): Step => ({ do: 'pass', ms })) },
  { weight: 3, arbitrary: fc.constantFrom('well', 'silent', 'slow').map((how): Step => ({ do: 'store', how })) },
  { weight: 1, arbitrary: fc.integer({ min: -5000, max: 5000 }).map((by): Step => ({ do: 'set-clock', by })) },
);

freshness('what ended two seconds ago is refused, or everything is', () =>
  fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 20, maxLength: 60 }), async (steps) => {
      const time = createManualTime();
      let how: 'well' | 'silent' | 'slow' = 'well';
      // A slow read looks first and answers much later.
      const fault = (): Fault | undefined =>
        how === 'silent' ? 'fail' : how === 'slow' ? { after: () => time.sleep(1800) } : undefined;
      const plain = createMemoryEventStore();
      const append = createLogWriter(plain);
      await append(installed, policy({}), registered(1), ...Array.from({ length: keys }, (_, n) => created(n, 1)));
      const reader = createIndexReader({
        store: withFaults(plain, { read: fault }),
        view,
        blobs: createMemoryLists(),
        sha256: nodeCryptography().sha256,
        clock: time,
        scheduler: time,
      });
      const stop = new AbortController();
      const running = reader.run(stop.signal);
      await time.settle();

      const endedAt: number[] = [];
      const check = () => {
        const index = reader.proven();
        if (index === null) return;
        for (const [n, at] of endedAt.entries()) {
          const { code } = index.verify(
            { hash: hashBytes(n), wellFormed: () => true, scopes: [], applications: null },
            0,
          );
          if (time.monotonic() - at > boundMs)
            assert.is(code, 'revoked', `key ${n}, ended ${time.monotonic() - at} ms ago`);
        }
      };

      for (const step of steps) {
        if (step.do === 'store') how = step.how;
        if (step.do === 'set-clock') time.setWall(time.now() + step.by);
        if (step.do === 'pass') await time.advance(step.ms);
        if (step.do === 'revoke' && endedAt.length < keys) {
          await append(onKey(1, 'ApiKeyRevoked', { keyId: keyId(endedAt.length), reason: 'owner', note: null }));
          endedAt.push(time.monotonic());
        }
        check();
      }
      // Whatever happened, it recovers by itself.
      how = 'well';
      await time.advance(boundMs);
      assert.ok(reader.proven());
      check();
      stop.abort();
      await time.advance(0);
      await running;
    }),
    { numRuns: 100 },
  ),
);

freshness.run();
