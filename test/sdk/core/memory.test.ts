import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createMemory } from '../../../sdk/src/core/memory.ts';
import { suite } from '../../support/suite.ts';
import { entryOf } from './entry.ts';

const memory = suite("the verifier's memory");

// Few, and all in three slots, so that everything collides with everything.
const name = fc.nat(7);
const hashOf = (n: number) => `slot${n % 3}`.slice(0, 4) + n;
const step = fc.oneof(
  fc.record({ type: fc.constant('put' as const), hash: name, key: name, owner: fc.nat(2) }),
  fc.record({ type: fc.constantFrom('use', 'drop', 'dropKey', 'dropOwner'), of: name }),
  fc.record({ type: fc.constant('clear' as const) }),
);

memory('holds what a plain list would, the one used longest ago last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
      const real = createMemory(capacity);
      // Newest first.
      let model: { hash: string; keyId: string; ownerId: string }[] = [];
      for (const one of steps) {
        if (one.type === 'clear') {
          real.clear();
          model = [];
        } else if (one.type === 'put' && 'hash' in one) {
          const put = { hash: hashOf(one.hash), keyId: `k${one.key}`, ownerId: `o${one.owner}` };
          real.put(entryOf(put.hash, put.keyId, put.ownerId));
          model = [put, ...model.filter(({ hash, keyId }) => hash !== put.hash && keyId !== put.keyId)].slice(
            0,
            capacity,
          );
        } else if ('of' in one) {
          const [hash, keyId, ownerId] = [hashOf(one.of), `k${one.of}`, `o${one.of}`];
          if (one.type === 'use') {
            const found = real.find(hash);
            if (found !== undefined) real.touch(found);
            model = [...model.filter((held) => held.hash === hash), ...model.filter((held) => held.hash !== hash)];
          }
          if (one.type === 'drop') {
            real.drop(hash);
            model = model.filter((held) => held.hash !== hash);
          }
          if (one.type === 'dropKey') {
            real.dropKey(keyId);
            model = model.filter((held) => held.keyId !== keyId);
          }
          if (one.type === 'dropOwner') {
            real.dropOwner(ownerId);
            model = model.filter((held) => held.ownerId !== ownerId);
          }
        }
        assert.is(real.size(), model.length);
        for (let n = 0; n < 8; n++) {
          const held = model.find(({ hash }) => hash === hashOf(n));
          assert.is(real.find(hashOf(n))?.key.keyId, held?.keyId);
        }
      }
    }),
    { numRuns: 500 },
  );
});

memory.run();
