import * as assert from 'uvu/assert';
import { sealedTable } from '../../commands/sealing/vaultTable.ts';
import { createLastUse, type UseRow } from '../../workers/lastUse.ts';
import { fillLastUse, lastUseFlusher, showLastUse } from '../../workers/lastUseFlusher.ts';
import { hurriedScheduler } from '../support/commandBed.ts';
import { bedWith, buildOf, documentsOf, projectorOver } from '../support/listsBed.ts';
import { suite } from '../support/suite.ts';
import { runUntil, workerParts } from '../support/workerBed.ts';
import { someWorld } from '../support/world.ts';

const test = suite('last use in the list of keys');

/** Its users and keys under ids as they really are. */
const withIds = (events: ReturnType<typeof someWorld>): ReturnType<typeof someWorld> =>
  JSON.parse(
    JSON.stringify(events).replace(
      /\b([uk])(\d+)\b/g,
      (_, kind, number) => `00000000-0000-700${kind === 'u' ? 0 : 1}-8000-${number.padStart(12, '0')}`,
    ),
  );

test('is shown when it is written, is there after a rebuild, and is no difference to the log', async () => {
  const { bed, core } = await bedWith(withIds(someWorld(80)).filter(({ type }) => type !== 'UserErased'));
  const table = sealedTable<UseRow>(bed.vault, 'last-use', core.boxes);
  const lastUse = createLastUse({
    table,
    clock: bed.clock,
    scheduler: hurriedScheduler(bed.clock),
    onWritten: showLastUse(bed.lists),
  });
  const projector = projectorOver(bed, core, { fillVolatile: fillLastUse(bed.lists, table) });
  await projector.catchUp();
  const key = (await documentsOf(bed.lists, 'apiKeys')).find(({ kind }) => kind === 'key')!;
  const shown = async () => {
    const document = await bed.lists.get((await buildOf(bed.lists, 'apiKeys')).id, key.id);
    return [document?.lastUsedAt, document?.lastUsedIp];
  };
  const used = bed.clock.now();
  lastUse.mark(key.id, key.ownerId as string, used, '192.0.2.9');
  await runUntil(
    [lastUseFlusher({ ...workerParts(bed, core), lastUse })],
    async () => (await shown())[0] !== undefined,
  );
  const expected = [new Date(used).toISOString(), '192.0.2.9'];
  assert.equal(await shown(), expected);

  const before = (await buildOf(bed.lists, 'apiKeys')).id;
  const stop = new AbortController();
  const running = projector.run(stop.signal);
  await projector.rebuild('apiKeys', () => {}, stop.signal);
  stop.abort();
  await running;
  assert.is.not((await buildOf(bed.lists, 'apiKeys')).id, before);
  assert.equal(await shown(), expected);
  assert.is((await projector.verify('apiKeys', () => {}, new AbortController().signal)).count, 0);
});

test('what is only in memory is written when the worker stops', async () => {
  const { bed, core } = await bedWith([]);
  const flushed: unknown[] = [];
  const worker = lastUseFlusher({
    ...workerParts(bed, core),
    lastUse: {
      flush: async (all) => {
        flushed.push(all);
        return 0;
      },
    },
  });
  await runUntil([worker], () => flushed.length > 1);
  assert.is(flushed.at(-1), true);
});

test('what was used just before its owner was erased is neither kept nor shown', async () => {
  const { bed, core } = await bedWith([]);
  const table = sealedTable<UseRow>(bed.vault, 'last-use', core.boxes);
  const [keyId, ownerId] = ['00000000-0000-7000-8000-000000000001', '00000000-0000-7000-8000-000000000002'];
  const shown: unknown[] = [];
  const lastUse = createLastUse({
    table,
    clock: bed.clock,
    scheduler: hurriedScheduler(bed.clock),
    onWritten: async (uses) => void shown.push(...uses),
  });
  await core.keys.ensure(ownerId);
  lastUse.mark(keyId, ownerId, bed.clock.now(), '192.0.2.9');
  await core.keys.destroy(ownerId, '2027-01-01T00:00:00.000Z');
  assert.is(await lastUse.flush(), 0);
  assert.equal(shown, []);
  assert.is(lastUse.of(keyId), null);
  assert.is(await bed.vault.get('last-use', keyId), null);
});

test.run();
