import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Vault } from '../../../commands/ports/vault.ts';
import { createCodes } from '../../../commands/signIn/codes.ts';
import { instant } from '../../../domain/instant.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { createAccounts, from } from '../../support/accounts.ts';
import { codeAt, wrongCodeAt } from '../../support/authenticatorApp.ts';
import { type Bed, createBed, seededRandomness } from '../../support/commandBed.ts';
import { vaultWithFaults } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';

const s = suite('codes of the second factor');

const recovery = 'abcde-fghjk';

/** Somebody with a second factor, and processes that check codes of it. */
const withAda = async (bed: Bed = createBed()) => {
  const accounts = createAccounts(bed);
  const ada = await accounts.register({ email: 'ada@example.com' });
  const secret = accounts.authenticator.secretOf(new Uint8Array(20).fill(7));
  const hash = accounts.codes.recoveryHash(ada, recovery);
  const twoFactor = { secret, recoveryCodeHashes: [hash] };
  const account = { userId: ada, twoFactor };
  let processes = 0;
  const process = (vault: Vault = bed.vault) => {
    processes += 1;
    const own = createAccounts(bed, { vault });
    return createCodes({
      ...own,
      vault,
      crypto: own.crypto,
      randomness: seededRandomness(`codes ${processes}`),
      oneTimeCodes: own.authenticator,
    });
  };
  const verify = (typed: string, codes = accounts.codes) => codes.verify(account, typed, from(accounts, '192.0.2.1'));
  return { accounts, bed, ada, secret, account, process, verify };
};

s('are accepted once', async () => {
  const { bed, secret, verify } = await withAda();
  const code = codeAt(secret, bed.clock.now());
  assert.is(await verify(wrongCodeAt(secret, bed.clock.now())), false);
  assert.is(await verify(code), true);
  assert.is(await verify(code), false);
  bed.clock.advance(30_000);
  assert.is(await verify(code), false, 'nor thirty seconds later, when an unused one would still do');
  assert.is(await verify(codeAt(secret, bed.clock.now())), true);
});

s('of the time before are good for nothing once a later one was used', async () => {
  const { bed, secret, verify } = await withAda();
  const [before, after] = [codeAt(secret, bed.clock.now() - 30_000), codeAt(secret, bed.clock.now() + 30_000)];
  assert.is(await verify(after), true);
  assert.is(await verify(codeAt(secret, bed.clock.now())), false);
  assert.is(await verify(before), false);
});

s('stay used where the clock is set back by an hour, or a day', async () => {
  const { bed, secret, verify } = await withAda();
  const then = bed.clock.now();
  const code = codeAt(secret, then);
  assert.is(await verify(code), true);
  for (const later of [3_600_000, 24 * 3_600_000, 20 * 24 * 3_600_000]) {
    bed.clock.advance(later);
    await bed.vault.removeExpired(1000);
    bed.clock.set(then);
    assert.is(await verify(code), false);
  }
});

s('are accepted once by however many processes at the same moment', async () => {
  for (let n = 0; n < 5; n += 1) {
    const { bed, secret, process, verify } = await withAda();
    const code = codeAt(secret, bed.clock.now());
    const answers = await Promise.all(Array.from({ length: 8 }, () => verify(code, process())));
    assert.is(answers.filter(Boolean).length, 1);
  }
});

s('that recover are accepted once by however many processes at the same moment', async () => {
  const bed = createBed();
  const { accounts, ada, secret, account, process, verify } = await withAda(bed);
  const enable = { type: 'EnableTwoFactor', secret, recoveryCodeHashes: account.twoFactor.recoveryCodeHashes } as const;
  const command = {
    name: 'Enable',
    several: false,
    run: async (_: null, run: Parameters<typeof accounts.commands.resetTwoFactor.run>[1]) => {
      await run.step(user, userStream(ada), (state) => user.decide(enable, state));
      return { result: null };
    },
  };
  await accounts.execute(command, null, bed.request());
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => verify(n % 2 === 0 ? recovery : recovery.toUpperCase(), process())),
  );
  assert.is(answers.filter(Boolean).length, 1);
  const { events } = await bed.store.readStream(userStream(ada), 0, 20);
  assert.is(events.filter(({ type }) => type === 'RecoveryCodeUsed').length, 1);
  assert.not.ok(JSON.stringify(events).includes(account.twoFactor.recoveryCodeHashes[0]!), 'its hash is sealed');
});

s('are used although whoever used them died at once, or never heard that they were', async () => {
  for (const fate of ['fail', 'lost'] as const) {
    const { bed, secret, process, verify } = await withAda();
    const code = codeAt(secret, bed.clock.now());
    const vault = vaultWithFaults(bed.vault, ({ name, of }) =>
      name === 'put' && of[0].kind === 'one-time-step' ? fate : undefined,
    );
    assert.is(await verify(code, process(vault)).catch(() => 'died'), 'died');
    assert.is(await verify(code), fate === 'fail', 'what was not written down was not used');
    assert.is(await verify(code), false);
  }
});

s('are used by the same command again and by no other', async () => {
  const { bed, secret, account, process } = await withAda();
  const at = instant(bed.clock.now());
  const code = codeAt(secret, bed.clock.now());
  const prove = (by: string) => process().prove(account, code, at, by);
  assert.equal(await prove('one'), { recoveryHash: null });
  assert.equal(await prove('one'), { recoveryHash: null });
  assert.is(await prove('two'), null);
});

s('of one secret say nothing of another', async () => {
  const { accounts, bed, secret, account, verify } = await withAda();
  const now = bed.clock.now();
  assert.is(await verify(codeAt(secret, now)), true);
  const other = accounts.authenticator.secretOf(new Uint8Array(20).fill(9));
  const renewed = { ...account, twoFactor: { ...account.twoFactor, secret: other } };
  const request = from(accounts, '192.0.2.1');
  assert.is(await accounts.codes.verify(account, codeAt(other, now), request), false);
  assert.is(await accounts.codes.verify(renewed, codeAt(other, now), request), true);
  const ben = { ...account, userId: await accounts.register({ email: 'ben@example.com' }) };
  assert.is(await accounts.codes.verify(ben, recovery, request), false, 'a recovery code is of one person');
});

s('of somebody who was erased are right no more', async () => {
  const { accounts, bed, secret, account, ada, verify } = await withAda();
  await accounts.keys.destroy(ada, bed.request().at);
  assert.is(await verify(codeAt(secret, bed.clock.now())), false);
  const forgotten = { ...account, twoFactor: { secret: null, recoveryCodeHashes: [] } };
  const request = from(accounts, '192.0.2.1');
  assert.is(await accounts.codes.verify(forgotten, codeAt(secret, bed.clock.now()), request), false);
});

// The model: the last thirty seconds whose code was used, of a clock that goes on, and of whom.
s('are accepted exactly where they are near the time and later than any before, whatever is tried', async () => {
  const tried = fc.record({
    pause: fc.integer({ min: 0, max: 100_000 }),
    off: fc.integer({ min: -4, max: 4 }),
    process: fc.nat({ max: 1 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(tried, { minLength: 1, maxLength: 30 }), async (tries) => {
      const { bed, secret, process, verify } = await withAda();
      const processes = [process(), process()];
      let last = Number.NEGATIVE_INFINITY;
      for (const { pause, off, process: n } of tries) {
        bed.clock.advance(pause);
        const now = Math.floor(bed.clock.now() / 30_000);
        const step = now + off;
        const accepted = await verify(codeAt(secret, step * 30_000), processes[n]);
        const expected = Math.abs(off) <= 1 && step > last;
        assert.is(accepted, expected, `${off} at ${now}, last ${last}`);
        if (accepted) last = step;
      }
    }),
    { numRuns: 30 },
  );
});

s.run();
