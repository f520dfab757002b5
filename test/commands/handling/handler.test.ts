import * as assert from 'uvu/assert';
import type { Outcome } from '../../../commands/command.ts';
import { Failure, failedWith } from '../../../commands/failure.ts';
import { readMark } from '../../../commands/handling/mark.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { Json } from '../../../domain/json.ts';
import { createBed, heldScheduler } from '../../support/commandBed.ts';
import { createGate, withFaults } from '../../support/faultyEventStore.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';
import { addNote, notes, register, removeNote, tally, toyCatalogue } from './toys.ts';

const handling = suite('command handler');
const bed = (more = {}) => createBed({ catalogue: toyCatalogue, ...more });
const p = 'p1';
const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`rejected: ${outcome.rejected}`);
  return outcome;
};
const code = <R extends Json>(outcome: Outcome<R>) => (isRejection(outcome) ? outcome.rejected : 'done');
const failure = async (promise: Promise<unknown>) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
};

handling('decides, appends and answers with the place of what it appended', async () => {
  const { process, request, store } = bed();
  const { handler, folds } = process();
  const outcome = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  assert.is(outcome.result.count, 1);
  assert.is(outcome.replayed, false);
  assert.is(outcome.secret?.text.length, 30);
  const { events } = await store.readStream(`user-${p}`, 0, 10);
  assert.equal(
    events.map(({ type, revision }) => ({ type, revision })),
    [{ type: 'NoteAdded', revision: 0 }],
  );
  assert.is(events[0]!.position, outcome.position);
  const [id] = await folds.read(notes, `user-${p}`, ({ state }) => state.notes.map((note) => note.id));
  assert.is(id, outcome.result.id);
});

handling('keeps no personal text in the log', async () => {
  const { process, request, store } = bed();
  const { handler, keys } = process();
  await keys.ensure('admin-1');
  const actor = { kind: 'admin', id: 'admin-1' } as const;
  await handler.execute(
    addNote,
    { person: p, text: 'my text' },
    request({ actor, ip: '192.0.2.1', userAgent: 'agent' }),
  );
  const { events } = await store.readStream(`user-${p}`, 0, 10);
  const text = JSON.stringify(events);
  for (const word of ['my text', '192.0.2.1', 'agent', 'a reason']) assert.not.ok(text.includes(word), word);
  assert.is(events[0]!.sealed?.person, p);
  assert.is(events[0]!.metadata.sealed?.person, 'admin-1');
});

handling('waits for the index to have read past the append, and only then', async () => {
  const { process, request } = bed();
  const waited: string[] = [];
  const { handler } = process({ afterAppend: async (position) => void waited.push(position) });
  const first = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  await handler.execute(addNote, { person: p, text: 'one' }, request());
  const nothing = done(await handler.execute(removeNote, { person: p, id: 'none' }, request()));
  assert.equal(waited, [first.position]);
  assert.is(nothing.position, first.position);
});

handling('an append of several events knows the place of each', async () => {
  const { process, request, store } = bed();
  const { handler, folds } = process();
  await handler.execute(addNote, { person: p, text: 'one', times: 3 }, request());
  const { events } = await store.readStream(`user-${p}`, 0, 10);
  const seen = await folds.read(notes, `user-${p}`, ({ state }) => [...state.seen]);
  assert.equal(
    seen,
    events.map(({ position, id }) => `${position} ${id} `),
  );
});

handling('64 at once on one stream are decided one after another, in order, and none conflicts', async () => {
  const appends: number[] = [];
  const { process, request, store } = bed();
  const faulty = withFaults(store, { append: (_stream, _events, call) => void appends.push(call) });
  const { handler } = process({ store: faulty });
  const outcomes = await Promise.all(
    Array.from({ length: 64 }, (_, n) => handler.execute(addNote, { person: p, text: `note ${n}` }, request())),
  );
  assert.equal(
    outcomes.map((outcome) => done(outcome).result.count),
    Array.from({ length: 64 }, (_, n) => n + 1),
  );
  assert.equal(
    outcomes.map((outcome) => done(outcome).result.text),
    Array.from({ length: 64 }, (_, n) => `note ${n}`),
  );
  assert.is(appends.length, 64);
});

handling('a limit holds against many at once in two processes', async () => {
  const { process, request, store } = bed();
  const two = [process(), process()];
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      two[n % 2]!.handler.execute(addNote, { person: p, text: `note ${n}`, limit: 25 }, request()),
    ),
  );
  assert.is(outcomes.filter((outcome) => code(outcome) === 'done').length, 25);
  assert.is(outcomes.filter((outcome) => code(outcome) === 'api-key-limit-reached').length, 15);
  assert.is((await store.readStream(`user-${p}`, 0, 100)).events.length, 25);
});

handling('equal names at once in two processes: one', async () => {
  const { process, request } = bed();
  const two = [process(), process()];
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, n) => two[n % 2]!.handler.execute(addNote, { person: p, text: 'same' }, request())),
  );
  assert.equal(outcomes.map(code).sort(), [...Array(9).fill('api-key-name-taken'), 'done']);
});

handling('a refusal is never made on a state of yesterday', async () => {
  const { process, request } = bed();
  const [here, there] = [process(), process()];
  const { result } = done(await here.handler.execute(addNote, { person: p, text: 'one' }, request()));
  done(await there.handler.execute(removeNote, { person: p, id: result.id }, request()));
  done(await here.handler.execute(addNote, { person: p, text: 'one' }, request()));
});

handling('gives up with 503 when the stream does not stand still for 2 s', async () => {
  const { process, request, store, clock } = bed();
  const { handler: other, keys } = process();
  await keys.ensure(p);
  let n = 0;
  const busy = withFaults(store, {
    append: () => ({
      before: async () => {
        n += 1;
        await other.execute(addNote, { person: p, text: `other ${n}` }, request());
      },
    }),
  });
  const started = clock.monotonic();
  const error = await failure(
    process({ store: busy }).handler.execute(addNote, { person: p, text: 'mine' }, request()),
  );
  assert.ok(failedWith(error, 'store-unavailable'));
  assert.ok(clock.monotonic() - started >= 2_000);
  assert.ok(n > 5);
});

handling('an append whose answer was lost is not made twice', async () => {
  const { process, request, store } = bed();
  const lossy = withFaults(store, { append: (_stream, _events, call) => (call === 1 ? 'lost' : undefined) });
  const { handler } = process({ store: lossy });
  const outcome = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  assert.is(outcome.result.count, 1);
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 1);
});

handling('an append whose answer was lost is found also behind what others appended since', async () => {
  const { process, request, store } = bed();
  const other = process();
  // A store that forgot the append's ids: it answers the second try with a conflict.
  let ended = false;
  const forgetful = {
    ...store,
    append: async (...of: Parameters<typeof store.append>) => {
      if (!ended) {
        ended = true;
        await store.append(...of);
        await other.handler.execute(addNote, { person: p, text: 'other' }, request());
        return { appended: false as const, actual: 1 };
      }
      return store.append(...of);
    },
  };
  const outcome = done(
    await process({ store: forgetful }).handler.execute(addNote, { person: p, text: 'mine' }, request()),
  );
  assert.is(outcome.result.count, 2);
  const { events } = await store.readStream(`user-${p}`, 0, 10);
  assert.is(events.length, 2);
  assert.is(outcome.position, events[0]!.position);
});

handling('an append that never gets an answer ends with 503', async () => {
  const { process, request, store } = bed();
  const { handler } = process({ store: withFaults(store, { append: () => 'fail' }) });
  assert.ok(
    failedWith(await failure(handler.execute(addNote, { person: p, text: 'one' }, request())), 'store-unavailable'),
  );
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 0);
});

handling('20 with one If-Match: one moves it, 19 are refused', async () => {
  const { process, request } = bed();
  const { handler, folds } = process();
  const { result } = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  const revision = await folds.read(notes, `user-${p}`, ({ state }) => String(state.notes[0]?.revision));
  // Something else in the stream moves; the note itself does not.
  await handler.execute(addNote, { person: p, text: 'two' }, request());
  const touch = {
    name: 'Touch',
    several: false,
    run: async (_input: null, run: Parameters<typeof addNote.run>[1]) => {
      const step = await run.step(
        notes,
        `user-${p}`,
        () => [
          { type: 'NoteRemoved' as const, data: { id: result.id } },
          { type: 'NoteAdded' as const, data: { id: result.id, text: 'one' } },
        ],
        { revisionOf: (state) => state.notes.find(({ id }) => id === result.id)?.revision ?? null },
      );
      return isRejection(step) ? step : { result: null };
    },
  };
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, () => handler.execute(touch, null, request({ ifMatch: revision }))),
  );
  assert.equal(outcomes.map(code).sort(), ['done', ...Array(19).fill('revision-mismatch')]);
  assert.is(code(await handler.execute(touch, null, request({ ifMatch: '*' }))), 'done');
});

handling('If-Match is judged on the newest state, not on the cached one', async () => {
  const { process, request } = bed();
  const [here, there] = [process(), process()];
  const first = done(await here.handler.execute(addNote, { person: p, text: 'one' }, request()));
  const { result } = done(await there.handler.execute(addNote, { person: p, text: 'two' }, request()));
  // Here the second note is not known yet.
  const outcome = await here.handler.execute(removeNote, { person: p, id: result.id }, request({ ifMatch: '1' }));
  assert.is(done(outcome).result.count, 1);
  const again = await there.handler.execute(removeNote, { person: p, id: first.result.id }, request({ ifMatch: '1' }));
  assert.equal(again, { rejected: 'revision-mismatch', params: { revision: '0' } });
});

handling('decides again when what it took from elsewhere was too old, a few times', async () => {
  const { process, request } = bed();
  const { handler } = process();
  let asked = 0;
  const stale = (until: number) => ({
    name: 'Stale',
    several: false,
    run: async (_input: null, run: Parameters<typeof addNote.run>[1]) => {
      const step = await run.step(tally, 'tally', () => {
        asked += 1;
        return asked < until
          ? { rejected: 'stale-owner-epoch' as const }
          : [{ type: 'Tallied' as const, data: { by: 'x' } }];
      });
      return isRejection(step) ? step : { result: step.state.by.length };
    },
  });
  assert.is(done(await handler.execute(stale(3), null, request())).result, 1);
  assert.is(asked, 3);
  asked = 0;
  const error = await failure(handler.execute(stale(1_000), null, request()));
  assert.ok(failedWith(error, 'store-unavailable'));
  assert.is(asked, 6);
});

handling('raises the mark before it answers what ends a right, and notes the rest now and then', async () => {
  const { process, request, vault, clock } = bed();
  const { handler } = process();
  const first = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  await handler.flush();
  assert.is((await readMark(vault))?.position, first.position);
  const second = done(await handler.execute(addNote, { person: p, text: 'two' }, request()));
  assert.is((await readMark(vault))?.position, first.position, 'less than a second later');
  const removed = done(await handler.execute(removeNote, { person: p, id: second.result.id }, request()));
  assert.is((await readMark(vault))?.position, removed.position);
  clock.advance(1_000);
  const third = done(await handler.execute(addNote, { person: p, text: 'three' }, request()));
  await handler.flush();
  const mark = await readMark(vault);
  assert.is(mark?.position, third.position);
});

handling('does not answer an ended right while the mark cannot be raised; a repeat finds it done', async () => {
  const { process, request, store, vault } = bed();
  let broken = false;
  const faulty = vaultWithFaults(vault, ({ name, of }) =>
    broken && name === 'put' && of[0].kind === 'mark' ? 'fail' : undefined,
  );
  const { handler } = process({ vault: faulty });
  const { result } = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  broken = true;
  const again = () => handler.execute(removeNote, { person: p, id: result.id }, request({ key: 'k' }));
  assert.ok(failedWith(await failure(again()), 'store-unavailable'));
  broken = false;
  const outcome = done(await again());
  assert.is(outcome.replayed, true);
  assert.is((await readMark(vault))?.position, outcome.position);
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 2);
});

handling('a state that a command holds does not move under its feet', async () => {
  const { process, request } = bed();
  const { handler } = process();
  await handler.execute(addNote, { person: p, text: 'one' }, request());
  const gate = createGate();
  const slow = handler.execute(
    {
      name: 'Slow',
      several: false,
      run: async (_input: null, run) => {
        const { state } = await run.load(notes, `user-${p}`);
        const step = await run.step(notes, `user-${p}`, (now) =>
          notes.decide({ type: 'Add', id: 'slow', text: 'slow' }, now),
        );
        if (isRejection(step)) return step;
        await gate.pass();
        return { result: { loaded: state.notes.length, stepped: step.state.notes.length } };
      },
    },
    null,
    request(),
  );
  await gate.reached;
  done(await handler.execute(addNote, { person: p, text: 'two' }, request()));
  gate.open();
  assert.equal(done(await slow).result, { loaded: 1, stepped: 2 });
});

handling('what a command answered does not change with later events', async () => {
  const { process, request } = bed();
  const { handler } = process();
  const list = {
    name: 'List',
    several: false,
    run: async (_input: null, run: Parameters<typeof addNote.run>[1]) => {
      const { state } = await run.load(notes, `user-${p}`);
      return { result: state.notes };
    },
  };
  await handler.execute(addNote, { person: p, text: 'one' }, request());
  const outcome = done(await handler.execute(list, null, request()));
  await handler.execute(addNote, { person: p, text: 'two' }, request());
  assert.is(outcome.result.length, 1);
});

handling('a command that throws leaves the stream to the next', async () => {
  const { process, request } = bed();
  const { handler } = process();
  const broken = {
    name: 'Broken',
    several: false,
    run: async (_input: null, run: Parameters<typeof addNote.run>[1]) => {
      await run.step(notes, `user-${p}`, () => {
        throw new Error('a fault in a decider');
      });
      return { result: null };
    },
  };
  assert.match(String(await failure(handler.execute(broken, null, request()))), 'a fault in a decider');
  assert.is(done(await handler.execute(addNote, { person: p, text: 'one' }, request())).result.count, 1);
});

handling('a person who was erased gets no new key', async () => {
  const { process, request, store } = bed();
  const { handler, keys } = process();
  await keys.ensure(p);
  await keys.destroy(p, '2027-01-01T00:00:00.000Z');
  assert.match(String(await failure(handler.execute(addNote, { person: p, text: 'one' }, request()))), 'was erased');
  assert.is((await store.readStream(`user-${p}`, 0, 1)).events.length, 0);
});

handling('repeats wait for their first run and get its answer', async () => {
  const { process, request, store, clock } = bed();
  const gate = createGate();
  const { scheduler, sleeping } = heldScheduler(clock);
  const slow = withFaults(store, { append: () => ({ before: gate.pass }) });
  const { handler } = process({ store: slow, scheduler });
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  const first = once();
  await gate.reached;
  const repeats = [once(), once(), once()];
  const other = handler.execute(addNote, { person: p, text: 'two' }, request({ key: 'k', body: 'another' }));
  gate.open();
  const answer = done(await first);
  for (const repeat of await Promise.all(repeats)) assert.equal(done(repeat), { ...answer, replayed: true });
  assert.is(code(await other), 'idempotency-key-reused');
  assert.is(sleeping.size, 0);
});

handling('repeats wait no longer than 10 s', async () => {
  const { process, request, store, clock } = bed();
  const gate = createGate();
  const { scheduler, sleeping, wakeAll } = heldScheduler(clock);
  const { handler } = process({ store: withFaults(store, { append: () => ({ before: gate.pass }) }), scheduler });
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  const first = once();
  await gate.reached;
  const repeat = once();
  assert.equal(
    [...sleeping].map(({ ms }) => ms),
    [10_000],
  );
  wakeAll();
  assert.is(code(await repeat), 'idempotency-in-progress');
  gate.open();
  assert.is(done(await first).replayed, false);
  assert.is(done(await once()).replayed, true);
});

handling('a repeat of a run that failed runs it again', async () => {
  const { process, request, store, clock } = bed();
  const gate = createGate();
  const { scheduler } = heldScheduler(clock);
  const broken = withFaults(store, {
    read: (_name, call) =>
      call === 1 ? { before: async () => gate.pass().then(() => Promise.reject(new Error('broken'))) } : undefined,
  });
  const { handler } = process({ store: broken, scheduler });
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  const first = failure(once());
  await gate.reached;
  const repeat = once();
  gate.open();
  assert.match(String(await first), 'broken');
  assert.is(done(await repeat).result.count, 1);
});

handling('the same key: same answer and secret; other body, route or principal', async () => {
  const { process, request, store } = bed();
  const { handler } = process();
  const send = (more: object) =>
    handler.execute(addNote, { person: p, text: `text of ${JSON.stringify(more)}` }, request({ key: 'k', ...more }));
  const first = done(await send({}));
  const elsewhere = process();
  const repeat = await elsewhere.handler.execute(addNote, { person: p, text: 'ignored' }, request({ key: 'k' }));
  assert.equal(repeat, { ...first, replayed: true });
  assert.is(code(await send({ body: '{"other":1}' })), 'idempotency-key-reused');
  done(await send({ actor: { kind: 'service', id: 's1' } }));
  done(await send({ actor: { kind: 'service', id: 's2' } }));
  done(await send({ idempotency: { key: 'k', route: 'PUT /v1/things', body: '{}' } }));
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 4);
});

handling('an answer is kept for 24 h', async () => {
  const { process, request, clock } = bed();
  const { handler } = process();
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  done(await once());
  clock.advance(24 * 3_600_000 - 1);
  assert.is(done(await once()).replayed, true);
  clock.advance(2);
  assert.is(code(await once()), 'api-key-name-taken');
});

handling('rejections are not kept', async () => {
  const { process, request, vault } = bed();
  const { handler } = process();
  const { result } = done(await handler.execute(addNote, { person: p, text: 'one' }, request()));
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  assert.is(code(await once()), 'api-key-name-taken');
  assert.equal(await vault.find('intent', {}, { after: null, limit: 10 }), []);
  await handler.execute(removeNote, { person: p, id: result.id }, request());
  assert.is(done(await once()).replayed, false);
});

handling('a refusal is not told while its intent cannot be taken back', async () => {
  const { process, request, vault, store } = bed();
  const { handler } = process({
    vault: vaultWithFaults(vault, ({ name }) => (name === 'remove' ? 'fail' : undefined)),
  });
  const refused = handler.execute(register, { person: p, text: 'one', limit: 0 }, request());
  assert.ok(failedWith(await failure(refused), 'store-unavailable'));
  const later = process();
  assert.equal(await later.handler.finishIntents({ Register: register }, 0), { finished: 1, failed: 0 });
  assert.is((await store.readStream('tally', 0, 10)).events.length, 0);
});

handling('the answer is sealed, and its secret can be destroyed alone', async () => {
  const { process, request, vault } = bed();
  const { handler } = process();
  const once = () => handler.execute(addNote, { person: p, text: 'my text' }, request({ key: 'k' }));
  const { secret, result } = done(await once());
  await vault.put({ kind: 'key-secret', id: result.id, value: 'x', person: p, ref: null, expiresAt: null }, 'absent');
  const [row] = await vault.find('intent', { ref: result.id }, { after: null, limit: 10 });
  assert.ok(row);
  for (const word of [secret!.text, 'my text', result.id]) assert.not.ok(row.value.includes(word));
  await handler.destroySecrets(result.id);
  assert.is(await vault.get('key-secret', result.id), null);
  assert.is(code(await once()), 'already-ended');
  await handler.destroySecrets(result.id);
  assert.is(code(await once()), 'already-ended');
  const other = await handler.execute(addNote, { person: p, text: 'x' }, request({ key: 'k', body: 'other' }));
  assert.is(code(other), 'idempotency-key-reused');
});

handling('a key that the index knows as ended is not repeated', async () => {
  const ended = new Set<string>();
  const { process, request } = bed();
  const { handler } = process({ keyEnded: (id) => ended.has(id) });
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  const { result } = done(await once());
  assert.is(done(await once()).replayed, true);
  ended.add(result.id);
  assert.is(code(await once()), 'already-ended');
});

handling('a key that ended before its crashed command was repeated is not shown any more', async () => {
  const { process, request, vault } = bed();
  const lossy = vaultWithFaults(vault, ({ name, of }) =>
    name === 'put' && of[0].kind === 'intent' && of[1] !== 'absent' ? 'fail' : undefined,
  );
  const input = { person: p, text: 'one' };
  const { result } = done(await process({ vault: lossy }).handler.execute(addNote, input, request({ key: 'k' })));
  const { handler } = process({ keyEnded: (id) => id === result.id });
  assert.is(code(await handler.execute(addNote, input, request({ key: 'k' }))), 'already-ended');
  assert.is(code(await process().handler.execute(addNote, input, request({ key: 'k' }))), 'already-ended');
});

handling('an answer that speaks of an erased person is gone', async () => {
  const { process, request } = bed();
  const { handler, keys } = process();
  const once = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  await once();
  await keys.destroy(p, '2027-01-01T00:00:00.000Z');
  assert.is(code(await once()), 'not-found');
});

handling('an answer that cannot be kept is answered all the same', async () => {
  const { process, request, vault, store } = bed();
  const faulty = vaultWithFaults(vault, ({ name, of }) =>
    name === 'put' && of[0].kind === 'intent' && of[1] !== 'absent' ? 'fail' : undefined,
  );
  const first = process({ vault: faulty });
  const outcome = done(await first.handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' })));
  assert.equal(first.reports, ['keeping the answer of AddNote: failed as planned']);
  const repeat = await process().handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  assert.equal(repeat, { ...outcome, replayed: true });
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 1);
});

handling('a command on several streams that came to nothing is not done later', async () => {
  const { process, request, vault, store } = bed();
  const { handler } = process();
  const busy = {
    ...register,
    run: async () => {
      throw new Error('too busy');
    },
  };
  assert.match(String(await failure(handler.execute(busy, { person: p, text: 'x' }, request()))), 'too busy');
  assert.equal(await vault.find('intent', {}, { after: null, limit: 10 }), []);
  assert.equal(await process().handler.finishIntents({ Register: register }, 0), { finished: 0, failed: 0 });
  assert.is((await store.readStream('tally', 0, 10)).events.length, 0);
});

handling('a worker finishes only what is old enough, not running, and known', async () => {
  const { process, request, store, clock } = bed();
  const gate = createGate();
  const slow = withFaults(store, { append: (stream) => (stream === `user-${p}` ? { before: gate.pass } : undefined) });
  const here = process({ store: slow });
  const first = here.handler.execute(register, { person: p, text: 'one' }, request());
  await gate.reached;
  const there = process();
  assert.equal(await here.handler.finishIntents({ Register: register }, 0), { finished: 0, failed: 0 });
  assert.equal(await there.handler.finishIntents({ Register: register }, 60_000), { finished: 0, failed: 0 });
  assert.equal(await there.handler.finishIntents({}, 0), { finished: 0, failed: 1 });
  assert.equal(there.reports, ['finishing Register: no command is named Register']);
  assert.equal(await there.handler.finishIntents({ Register: register }, 0, AbortSignal.abort()), {
    finished: 0,
    failed: 0,
  });
  clock.advance(60_000);
  assert.equal(await there.handler.finishIntents({ Register: register }, 60_000), { finished: 1, failed: 0 });
  gate.open();
  done(await first);
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 1);
  assert.is((await store.readStream('tally', 0, 10)).events.length, 1);
  assert.is((await store.readStream(`tally-${p}`, 0, 10)).events.length, 1);
});

handling('what was refused and forgotten is not run again because the vault did not say so', async () => {
  const { process, request, vault, store } = bed();
  const other = process().handler;
  const first = done(await other.execute(addNote, { person: p, text: 'one' }, request()));
  let forgotten = 0;
  const lossy = vaultWithFaults(vault, ({ name, of }) => {
    if (name !== 'remove' || of[0] !== 'intent') return undefined;
    forgotten += 1;
    if (forgotten > 1) return undefined;
    // Meanwhile the reason for the refusal is gone.
    return {
      after: async () => {
        await other.execute(removeNote, { person: p, id: first.result.id }, request());
        throw new Failure('store-unavailable', 'answer lost as planned');
      },
    };
  });
  const { handler } = process({ vault: lossy });
  const again = () => handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  assert.is(code(await again()), 'api-key-name-taken');
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 2);
  const made = done(await again());
  const repeated = done(await again());
  assert.equal([made.replayed, repeated.replayed], [false, true]);
  assert.equal(repeated.secret, made.secret);
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 3);
});

handling('what was done is kept although somebody forgot the command meanwhile', async () => {
  const { process, request, vault } = bed();
  let answers = 0;
  const robbed = vaultWithFaults(vault, ({ name, of }) => {
    if (name !== 'put' || of[0].kind !== 'intent' || of[1] === 'absent') return undefined;
    answers += 1;
    const { id } = of[0];
    return answers === 1 ? { before: () => vault.remove('intent', id) } : undefined;
  });
  const again = (deps = {}) =>
    process(deps).handler.execute(addNote, { person: p, text: 'one' }, request({ key: 'k' }));
  const made = done(await again({ vault: robbed }));
  const repeated = done(await again());
  assert.equal([repeated.replayed, repeated.result.id, repeated.secret], [true, made.result.id, made.secret]);
});

handling('an answer to nothing done is kept before it is given, or not given', async () => {
  const { process, request, vault, store } = bed();
  const first = done(await process().handler.execute(addNote, { person: p, text: 'one' }, request()));
  const input = { person: p, id: first.result.id };
  done(await process().handler.execute(removeNote, input, request()));
  let failing = Number.POSITIVE_INFINITY;
  const faulty = vaultWithFaults(vault, ({ name, of }) => {
    if (name !== 'put' || of[0].kind !== 'intent' || of[1] === 'absent') return undefined;
    failing -= 1;
    return failing >= 0 ? 'fail' : undefined;
  });
  const { handler } = process({ vault: faulty });
  const again = () => handler.execute(removeNote, input, request({ key: 'k' }));
  assert.ok(failedWith(await failure(again()), 'store-unavailable'));
  failing = 1;
  done(await again());
  done(await process().handler.execute(addNote, { person: p, text: 'one' }, request()));
  assert.is(done(await again()).replayed, true);
  assert.is((await store.readStream(`user-${p}`, 0, 10)).events.length, 3);
});

handling.run();
