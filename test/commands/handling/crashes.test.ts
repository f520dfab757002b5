import * as assert from 'uvu/assert';
import type { Command, Outcome, Request } from '../../../commands/command.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Json } from '../../../domain/json.ts';
import { createBed } from '../../support/commandBed.ts';
import { dying, type When } from '../../support/dying.ts';
import { suite } from '../../support/suite.ts';
import { addNote, register, removeNote, toyCatalogue } from './toys.ts';

const crashes = suite('crashes between any two writes');
/** Every moment of death that lies before the end of `act`, each on a fresh set of stores. */
const atEveryDeath = async (
  test: (death: { nth: number; when: When }) => Promise<{ died: boolean }>,
): Promise<number> => {
  let deaths = 0;
  for (const when of ['before', 'after'] as const) {
    for (let nth = 1; (await test({ nth, when })).died; nth += 1) deaths += 1;
  }
  return deaths;
};

/** The same command, and every secret that any run of it made up, by the command's id. */
const watched = <I, R extends Json>(command: Command<I, R>) => {
  const secrets = new Map<string, Set<string>>();
  const watching: Command<I, R> = {
    ...command,
    run: async (input, run) => {
      const texts = secrets.get(run.commandId) ?? new Set();
      secrets.set(run.commandId, texts.add(Buffer.from(run.secretBytes('text', 15)).toString('hex')));
      return command.run(input, run);
    },
  };
  return { command: watching, secrets };
};

const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`rejected: ${outcome.rejected}`);
  return outcome;
};

/** Runs it in one process that dies there; in a second that dies there too; in a third that lives. */
const throughTwoDeaths = async <I, R extends Json>(
  bed: ReturnType<typeof createBed>,
  first: { nth: number; when: When },
  second: { nth: number; when: When },
  command: Command<I, R>,
  input: I,
  request: () => Request,
) => {
  const dies = async (death: { nth: number; when: When }) => {
    const mortal = dying(bed.store, bed.vault, death.nth, death.when);
    const { handler } = bed.process(mortal);
    const outcome = await handler.execute(command, input, request()).catch(() => null);
    await handler.flush().catch(() => {});
    return { died: mortal.fate.died, outcome };
  };
  const one = await dies(first);
  const two = await dies(second);
  const three = done(await bed.process().handler.execute(command, input, request()));
  for (const { outcome } of [one, two]) {
    if (outcome) assert.equal({ ...done(outcome), replayed: true }, { ...three, replayed: true });
  }
  return { died: one.died, diedAgain: two.died, outcome: three };
};

const ids = async (store: EventStore, stream: string) =>
  (await store.readStream(stream, 0, 100)).events.map(({ id }) => id);

for (const times of [1, 3]) {
  crashes(`a command on one stream with ${times} events, with its Idempotency-Key, is there once`, async () => {
    let second = 0;
    const first = await atEveryDeath(async (death) => {
      let died = false;
      second += await atEveryDeath(async (again) => {
        const bed = createBed({ catalogue: toyCatalogue });
        const { command, secrets } = watched(addNote);
        const request = bed.request({ key: 'k' });
        const ended = await throughTwoDeaths(
          bed,
          death,
          again,
          command,
          { person: 'p1', text: 'one', times },
          () => request,
        );
        died = ended.died;
        const { outcome } = ended;
        assert.is(outcome.result.count, times);
        const stored = await ids(bed.store, 'user-p1');
        assert.is(stored.length, times);
        assert.is(new Set(stored).size, times);
        for (const texts of secrets.values()) assert.is(texts.size, 1);
        const all = [...secrets.values()].flatMap((texts) => [...texts]);
        assert.ok(all.includes(outcome.secret!.text));
        return { died: ended.diedAgain };
      });
      return { died };
    });
    // Intent, person's key, event, answer, mark.
    assert.ok(first >= 8, `${first} deaths`);
    assert.ok(second > first);
  });
}

crashes('a command that ends something, with its Idempotency-Key, is there once and marked', async () => {
  const deaths = await atEveryDeath(async (death) => {
    const bed = createBed({ catalogue: toyCatalogue });
    const before = done(await bed.process().handler.execute(addNote, { person: 'p1', text: 'one' }, bed.request()));
    const request = bed.request({ key: 'k' });
    const input = { person: 'p1', id: before.result.id };
    const ended = await throughTwoDeaths(bed, death, { nth: 1_000, when: 'after' }, removeNote, input, () => request);
    assert.is(ended.outcome.result.count, 0);
    assert.is((await ids(bed.store, 'user-p1')).length, 2);
    return { died: ended.died };
  });
  assert.ok(deaths >= 6, `${deaths} deaths`);
});

for (const key of [undefined, 'k']) {
  crashes(
    `a command on three streams ${key ? 'with' : 'without'} a key is finished by a worker, also one that dies`,
    async () => {
      const streams = ['tally', 'user-p1', 'tally-p1'];
      let second = 0;
      const first = await atEveryDeath(async (death) => {
        let died = false;
        second += await atEveryDeath(async (again) => {
          const bed = createBed({ catalogue: toyCatalogue });
          const mortal = dying(bed.store, bed.vault, death.nth, death.when);
          const one = bed.process(mortal);
          const request = bed.request(key === undefined ? {} : { key });
          const answered = await one.handler
            .execute(register, { person: 'p1', text: 'one' }, request)
            .catch(() => null);
          died = mortal.fate.died;
          const begun = (await bed.vault.find('intent', {}, { after: null, limit: 10 })).length > 0;
          const atDeath = await Promise.all(streams.map((stream) => ids(bed.store, stream)));

          const mortalWorker = dying(bed.store, bed.vault, again.nth, again.when);
          const two = bed.process(mortalWorker);
          await two.handler.finishIntents({ Register: register }, 0).catch(() => null);
          const three = bed.process();
          const { failed } = await three.handler.finishIntents({ Register: register }, 0);
          assert.is(failed, 0, three.reports.join());

          const now = await Promise.all(streams.map((stream) => ids(bed.store, stream)));
          const happened = answered !== null || begun;
          assert.equal(
            now.map(({ length }) => length),
            streams.map(() => (happened ? 1 : 0)),
          );
          atDeath.forEach((stored, n) => {
            assert.equal(now[n]!.slice(0, stored.length), stored);
          });
          assert.equal(await bed.vault.find('intent', { ref: 'unfinished' }, { after: null, limit: 10 }), []);
          if (key !== undefined) {
            const repeat = done(await three.handler.execute(register, { person: 'p1', text: 'one' }, request));
            assert.is(repeat.replayed, happened);
            if (answered) assert.equal(repeat.result, done(answered).result);
            assert.is((await ids(bed.store, 'tally')).length, 1);
          }
          return { died: mortalWorker.fate.died };
        });
        return { died };
      });
      assert.ok(first >= 10, `${first} deaths`);
      assert.ok(second >= first, `${second} deaths of workers`);
    },
  );
}

crashes('a person whose key was made by a run that died keeps it', async () => {
  const bed = createBed({ catalogue: toyCatalogue });
  // Writes: the intent, the key; dead before the event.
  const one = bed.process(dying(bed.store, bed.vault, 3, 'before'));
  const request = bed.request({ key: 'k' });
  assert.is(await one.handler.execute(addNote, { person: 'p1', text: 'one' }, request).catch(() => 'died'), 'died');
  const key = await bed.process().keys.find('p1');
  const three = bed.process();
  done(await three.handler.execute(addNote, { person: 'p1', text: 'one' }, request));
  assert.is(Buffer.from((await three.keys.find('p1'))!).toString('hex'), Buffer.from(key!).toString('hex'));
});

crashes.run();
