import * as uvu from 'uvu';

/** A test that could not run, and what it would have needed. */
export type Skip = { readonly suite: string; readonly name: string; readonly reason: string };

type Context = Record<string, unknown>;

export type Suite<T> = {
  (name: string, test: uvu.Callback<T>): void;
  readonly before: Hook<T>;
  readonly after: Hook<T>;
  /**
   * Says that the tests that follow need something that may be missing here: `null` means it is there and they run,
   * a text (`'no EventStoreDB at KEYLEDGER_EVENTSTORE'`) skips each of them by name, and their hooks with them.
   * To be called before the first hook or test.
   */
  skipUnless(missing: string | null): void;
  /** Every suite ends with this; one that was forgotten fails its file. */
  run(): void;
};

type Hook<T> = { (hook: uvu.Callback<T>): void; each(hook: uvu.Callback<T>): void };

/** What the suites of this process told: read by the test runner, which imports the test file beside this module. */
export const told: { readonly unrun: Set<string>; readonly skips: Skip[] } = { unrun: new Set(), skips: [] };

/**
 * uvu's `suite`, with two holes closed: a suite never run and a hook that throws both fail, where uvu passes them
 * in silence; and with skips that carry a name and a reason. The file still runs alone: `node test/x.test.ts`.
 */
export const suite = <T = Context>(title: string, context?: T): Suite<T> => {
  const inner = uvu.suite<T>(title, context);
  const { skip: countSkip } = inner;
  const name = told.unrun.has(title) ? `${title} (${told.unrun.size})` : title;
  told.unrun.add(name);
  let reason: string | null = null;
  let begun = false;

  const hook = (register: (hook: uvu.Callback<T>) => void) => (body: uvu.Callback<T>) => {
    begun = true;
    if (reason === null) register(loud(title, body));
  };
  const hooks = (register: Hook<T>): Hook<T> => Object.assign(hook(register), { each: hook(register.each) });

  const test = (testName: string, body: uvu.Callback<T>) => {
    begun = true;
    if (reason === null) return inner(testName, body);
    told.skips.push({ suite: title, name: testName, reason });
    process.stdout.write(`skipped: ${title}: ${testName} (${reason})\n`);
    countSkip();
  };

  return Object.assign(test, {
    before: hooks(inner.before),
    after: hooks(inner.after),
    skipUnless: (missing: string | null) => {
      if (begun) throw new Error(`skipUnless comes before the first hook and test of "${title}"`);
      reason = missing;
    },
    run: () => {
      told.unrun.delete(name);
      inner.run();
    },
  });
};

// uvu drops what a `before` hook throws and reports success; the exit code tells, also without the runner.
const loud =
  <T>(title: string, body: uvu.Callback<T>): uvu.Callback<T> =>
  async (context) => {
    try {
      await body(context);
    } catch (error) {
      hookThrew = true;
      console.error(`a hook of "${title}" threw:`, error);
      throw error;
    }
  };

let hookThrew = false;

process.on('exit', () => {
  for (const title of told.unrun) console.error(`the suite "${title}" never calls .run(): its tests did not run`);
  if (told.unrun.size > 0 || hookThrew) process.exitCode = 1;
});
