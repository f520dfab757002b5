import * as fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Command, Outcome, Request } from '../../../commands/command.ts';
import { Failure, failedWith } from '../../../commands/failure.ts';
import { readMark } from '../../../commands/handling/mark.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Json } from '../../../domain/json.ts';
import { createBed, orderlyScheduler } from '../../support/commandBed.ts';
import { type Fault, withFaults } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';
import { addNote, register, removeNote, toyCatalogue } from './toys.ts';

const races = suite('three processes, failing stores, impatient clients');

/** Numbers in 0..1 that follow from the seed (mulberry32). */
const chances = (seed: number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

const world = (seed: number, faulty: number) => {
  const chance = chances(seed);
  const bed = createBed({ catalogue: toyCatalogue, folds: { snapshotEvery: 4, pageSize: 3 } });
  const scheduler = orderlyScheduler(bed.clock);
  let calm = false;
  const fault = (): Fault | undefined => {
    if (calm || chance() >= faulty) return undefined;
    return chance() < 0.5 ? 'fail' : 'lost';
  };
  const store = withFaults(bed.store, { append: fault, read: () => (fault() ? 'fail' : undefined) });
  const vault = vaultWithFaults(bed.vault, fault);
  const processes = Array.from({ length: 3 }, () => bed.process({ store, vault, scheduler }));
  const someone = () => processes[Math.floor(chance() * processes.length)]!;

  /** Sends it to any process until there is an answer; `twice`: also while the first is still under way. */
  const insist = async <I, R extends Json>(command: Command<I, R>, input: I, request: Request): Promise<Outcome<R>> => {
    for (;;) {
      const sent = Array.from({ length: chance() < 0.3 ? 2 : 1 }, () =>
        someone().handler.execute(command, input, request),
      );
      const outcomes = await Promise.allSettled(sent);
      const answers = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' || waits(outcome.value) ? [] : [outcome.value],
      );
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected' && !failedWith(outcome.reason, 'store-unavailable')) throw outcome.reason;
      }
      const [answer] = answers;
      if (!answer) continue;
      for (const other of answers) {
        assert.equal(lasting(other), lasting(answer));
      }
      return answer;
    }
  };
  const settle = () => {
    calm = true;
  };
  return { ...bed, chance, someone, insist, settle, processes };
};

const waits = (outcome: Outcome<Json>) => isRejection(outcome) && outcome.rejected === 'idempotency-in-progress';

/**
 * What every run of a command answers. How many notes there are is of the moment it is asked; and a run that found
 * nothing left to do, and could not learn that its own other run had done it, names the end of the stream.
 */
const lasting = <R extends Json>(outcome: Outcome<R>) =>
  isRejection(outcome)
    ? outcome
    : {
        ...outcome,
        replayed: null,
        position: outcome.secret && outcome.position,
        result: { ...(outcome.result as { [field: string]: Json }), count: null },
      };

const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`rejected: ${outcome.rejected}`);
  return outcome;
};

races('every command with a key is done once, and every repeat is answered alike', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(0, 0.05, 0.15), async (seed, faulty) => {
      const { insist, request, store, vault, settle, processes, chance } = world(seed, faulty);
      const answers = await Promise.all(
        Array.from({ length: 12 }, async (_, n) => {
          const person = `p${n % 2}`;
          const sent = request({ key: `key ${n}` });
          const added = done(await insist(addNote, { person, text: `text ${n}` }, sent));
          assert.is(added.result.text, `text ${n}`);
          const repeat = done(await insist(addNote, { person, text: `text ${n}` }, { ...sent, ifMatch: '0' }));
          assert.equal(lasting(repeat), lasting(added));
          assert.is(repeat.replayed, true);
          if (chance() < 0.5) return { person, id: added.result.id, removed: false };
          done(await insist(removeNote, { person, id: added.result.id }, request({ key: `remove ${n}` })));
          return { person, id: added.result.id, removed: true };
        }),
      );
      settle();
      for (const person of ['p0', 'p1']) {
        const { events } = await store.readStream(`user-${person}`, 0, 1_000);
        const opened = await processes[0]!.codec.openAll(events);
        const happened = opened.map(({ type, data }) => `${type} ${data['id' as string]}`).sort();
        const expected = answers.flatMap((answer) => {
          if (answer.person !== person) return [];
          return answer.removed ? [`NoteAdded ${answer.id}`, `NoteRemoved ${answer.id}`] : [`NoteAdded ${answer.id}`];
        });
        assert.equal(happened, expected.sort());
      }
      const marked = (await readMark(vault))!;
      const narrowing = (await store.readAll(null, 1_000)).events.findLast(({ type }) => type === 'NoteRemoved');
      assert.ok(!narrowing || marked.position >= narrowing.position);
    }),
    { numRuns: 40 },
  ),
);

races('a command on several streams is done on all of them or on none, however its processes fail', () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(0.05, 0.2), fc.boolean(), async (seed, faulty, keyed) => {
      const { someone, request, store, vault, settle, processes, insist } = world(seed, faulty);
      const input = (n: number) => ({ person: `p${n}`, text: 'text', limit: 7 });
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, n) =>
          keyed
            ? insist(register, input(n), request({ key: `key ${n}` }))
            : someone().handler.execute(register, input(n), request()),
        ),
      );
      await Promise.all(
        processes.map(({ handler }) => handler.finishIntents({ Register: register }, 0).catch(unavailable)),
      );
      settle();
      assert.is((await processes[0]!.handler.finishIntents({ Register: register }, 0)).failed, 0);
      assert.equal(await vault.find('intent', { ref: 'unfinished' }, { after: null, limit: 10 }), []);

      const length = async (stream: string) => (await store.readStream(stream, 0, 100)).events.length;
      let registered = 0;
      for (const [n, outcome] of outcomes.entries()) {
        const [notes, tallied] = [await length(`user-p${n}`), await length(`tally-p${n}`)];
        assert.is(notes, tallied);
        assert.ok(notes <= 1);
        registered += notes;
        if (outcome.status === 'fulfilled') assert.is(notes, isRejection(outcome.value) ? 0 : 1);
        else assert.ok(failedWith(outcome.reason, 'store-unavailable'), String(outcome.reason));
      }
      assert.is(await length('tally'), registered);
      assert.ok(registered <= 7);
      if (keyed) assert.is(registered, 7);
    }),
    { numRuns: 40 },
  ),
);

const unavailable = (error: unknown) => {
  if (!(error instanceof Failure)) throw error;
};

races.run();
