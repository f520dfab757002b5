import * as assert from 'uvu/assert';
import { nodeCryptography } from '../../../adapters/node/crypto.ts';
import { isPhoneNumber } from '../../../adapters/node/phoneNumbers.ts';
import type { Command, Outcome, Request } from '../../../commands/command.ts';
import type { Core } from '../../../commands/core.ts';
import { settingsCommands } from '../../../commands/installation/settings.ts';
import type { EventStore } from '../../../commands/ports/eventStore.ts';
import type { Vault } from '../../../commands/ports/vault.ts';
import { claimCommands } from '../../../commands/users/claims.ts';
import type { EditUserInput } from '../../../commands/users/editUser.ts';
import { emailAddresses } from '../../../commands/users/emailAddresses.ts';
import { type RegisterUserInput, userCommands } from '../../../commands/users/users.ts';
import { isRejection } from '../../../domain/decider.ts';
import type { emailClaim } from '../../../domain/emailClaim.ts';
import type { Json } from '../../../domain/json.ts';
import { roles, rolesStream } from '../../../domain/roles.ts';
import { userStream } from '../../../domain/user.ts';
import { user } from '../../../domain/userDecider.ts';
import { type Bed, createBed } from '../../support/commandBed.ts';
import { createGate, dyingAt, withFaults } from '../../support/faultyEventStore.ts';
import { vaultDyingAt } from '../../support/faultyVault.ts';
import { suite } from '../../support/suite.ts';

const users = suite('commands on users');

const crypto = nodeCryptography();
type Process = ReturnType<typeof over>;
const over = (core: Core) => ({
  ...core,
  commands: userCommands({
    addresses: emailAddresses({ crypto, purposeKeys: core.purposeKeys }),
    tokens: { issue: async () => true },
    isPhoneNumber,
  }),
});

/** A bed, a process, and a way to ask it. */
const begin = () => {
  const bed = createBed();
  const process = (own: { store?: EventStore; vault?: Vault } = {}) => over(bed.process(own));
  return { bed, process, here: process() };
};

const newcomer = (own: Partial<RegisterUserInput> = {}): RegisterUserInput => ({
  kind: 'human',
  email: 'ada@example.com',
  passwordHash: 'hash',
  externalProvider: null,
  mustChangePassword: false,
  invite: false,
  profile: {},
  roles: ['member'],
  groups: [],
  organizations: [],
  ...own,
});

const done = <R extends Json>(outcome: Outcome<R>) => {
  if (isRejection(outcome)) throw new Error(`rejected: ${outcome.rejected} ${JSON.stringify(outcome.params ?? {})}`);
  return outcome;
};
const code = <R extends Json>(outcome: Outcome<R>) => (isRejection(outcome) ? outcome.rejected : 'done');

const register = async (bed: Bed, process: Process, own: Partial<RegisterUserInput> = {}) =>
  done(await process.handler.execute(process.commands.registerUser, newcomer(own), bed.request())).result.userId;

const edit = (process: Process, request: Request, input: EditUserInput) =>
  process.handler.execute(process.commands.editUser, input, request);

/** What stands in the log of somebody, as a new process reads it. */
const shown = async (bed: Bed, userId: string) => {
  const { folds } = bed.process();
  const [account, administrators] = await Promise.all([
    folds.read(user, userStream(userId), ({ state }) => state && structuredClone(state)),
    folds.read(roles, rolesStream, ({ state }) => [...state.administrators]),
  ]);
  return { account, administrator: administrators.includes(userId) };
};

const types = async ({ store }: Bed, stream: string) =>
  (await store.readStream(stream, 0, 1000)).events.map(({ type }) => type);

const inLog = async ({ store }: Bed) => (await store.readAll(null, 10_000)).events.map(({ type }) => type);

users('registers, invites, and takes a service without an address', async () => {
  const { bed, here } = begin();
  const ada = await register(bed, here, { profile: { firstName: 'Ada' }, groups: ['g'], mustChangePassword: true });
  const grace = await register(bed, here, { email: 'grace@example.com', passwordHash: null, invite: true });
  const robot = await register(bed, here, { kind: 'service', email: null, passwordHash: null });
  const { account } = await shown(bed, ada);
  assert.is(account?.email, 'ada@example.com');
  assert.is(account?.status, 'active');
  assert.is(account?.mustChangePassword, true);
  assert.is(account?.profile.firstName, 'Ada');
  assert.equal(account?.groups, ['g']);
  assert.is((await shown(bed, grace)).account?.status, 'invited');
  assert.is((await shown(bed, robot)).account?.kind, 'service');
  assert.is((await shown(bed, robot)).account?.claim, null);
});

users('keeps no address out of the vault, neither in the log nor in the names of streams', async () => {
  const { bed, here } = begin();
  await register(bed, here);
  const { events } = await bed.store.readAll(null, 100);
  assert.is(events.length, 2);
  assert.not.ok(JSON.stringify(events).toLowerCase().includes('ada@example'));
});

for (const [what, own, expected] of [
  ['no address', { email: 'not an address' }, 'validation-failed'],
  ['a role that nobody defined', { roles: ['member', 'nobody'] }, 'unknown-role'],
  ['a human without address', { email: null }, 'email-required'],
  ['a human with neither password nor provider', { passwordHash: null }, 'validation-failed'],
  ['a password beside a provider', { externalProvider: 'idp' }, 'externally-managed'],
  ['a bad profile', { profile: { phone: 'none' } }, 'validation-failed'],
  ['a number of no country', { profile: { phone: '+999123456789' } }, 'validation-failed'],
] as const)
  users(`refuses ${what} and writes nothing`, async () => {
    const { bed, here } = begin();
    const outcome = await here.handler.execute(here.commands.registerUser, newcomer(own), bed.request());
    assert.is(code(outcome), expected);
    assert.equal(await inLog(bed), []);
    assert.equal(await bed.vault.find('intent', {}, { after: null, limit: 10 }), []);
  });

users('one address in twelve spellings, at once in two processes: one user', async () => {
  const { bed, process } = begin();
  const two = [process(), process()];
  const spellings = ['ada@example.com', 'Ada@example.com', ' ADA@EXAMPLE.COM', 'ada@Example.Com '];
  const outcomes = await Promise.all(
    Array.from({ length: 12 }, (_, n) => {
      const { handler, commands } = two[n % 2]!;
      return handler.execute(commands.registerUser, newcomer({ email: spellings[n % 4]! }), bed.request());
    }),
  );
  assert.equal(outcomes.map(code).sort(), ['done', ...Array(11).fill('email-taken')]);
  assert.equal(await inLog(bed), ['EmailClaimed', 'UserRegistered']);
});

users('an administrator is made after the user, and stops being one before them', async () => {
  const { bed, here } = begin();
  const boss = await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here, { roles: ['member', 'admin'] });
  assert.equal((await shown(bed, ada)).account?.roles, ['member']);
  assert.is((await shown(bed, ada)).administrator, true);
  done(await here.handler.execute(here.commands.deactivateUser, { userId: ada, reason: null }, bed.request()));
  assert.equal((await inLog(bed)).slice(-4), [
    'UserRegistered',
    'AdministratorGranted',
    'AdministratorRemoved',
    'UserDeactivated',
  ]);
  assert.is((await shown(bed, ada)).administrator, false);
  done(await here.handler.execute(here.commands.reactivateUser, { userId: ada }, bed.request()));
  assert.is((await shown(bed, ada)).administrator, false);
  assert.is((await shown(bed, boss)).administrator, true);
});

for (const ending of ['deactivateUser', 'deleteUser', 'eraseUser'] as const)
  users(`two administrators at once, ${ending} each of the other: one is the last`, async () => {
    const { bed, process } = begin();
    const [here, there] = [process(), process()];
    const one = await register(bed, here, { email: 'one@example.com', roles: ['admin'] });
    const two = await register(bed, here, { email: 'two@example.com', roles: ['admin'] });
    const input = (userId: string) => ({ userId, reason: null });
    const outcomes = await Promise.all([
      here.handler.execute(here.commands[ending], input(two), bed.request({ actor: { kind: 'admin', id: one } })),
      there.handler.execute(there.commands[ending], input(one), bed.request({ actor: { kind: 'admin', id: two } })),
    ]);
    assert.equal(outcomes.map(code).sort(), ['done', 'last-administrator']);
    const left = await Promise.all([one, two].map((userId) => shown(bed, userId)));
    assert.equal(left.filter(({ administrator, account }) => administrator && account?.status === 'active').length, 1);
  });

users('the last administrator stays, however they would go', async () => {
  const { bed, here } = begin();
  const boss = await register(bed, here, { roles: ['admin'] });
  const before = await inLog(bed);
  for (const ending of ['deactivateUser', 'deleteUser', 'eraseUser'] as const) {
    const outcome = await here.handler.execute(here.commands[ending], { userId: boss, reason: null }, bed.request());
    assert.is(code(outcome), 'last-administrator');
  }
  assert.is(code(await edit(here, bed.request(), { userId: boss, roles: [] })), 'last-administrator');
  const moving = { userId: boss, roles: ['member'], email: 'other@example.com' };
  assert.is(code(await edit(here, bed.request(), moving)), 'last-administrator');
  assert.equal(await inLog(bed), before);
});

users('whoever cannot act is no second administrator', async () => {
  const { bed, here } = begin();
  const boss = await register(bed, here, { roles: ['admin'] });
  await register(bed, here, { email: 'grace@example.com', passwordHash: null, invite: true, roles: ['admin'] });
  const outcome = await here.handler.execute(
    here.commands.deactivateUser,
    { userId: boss, reason: null },
    bed.request(),
  );
  assert.is(code(outcome), 'last-administrator');
});

users('nobody becomes administrator while they are turned off', async () => {
  const { bed, here } = begin();
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here);
  done(await here.handler.execute(here.commands.deactivateUser, { userId: ada, reason: null }, bed.request()));
  const outcome = await edit(here, bed.request(), { userId: ada, roles: ['admin'] });
  assert.equal(outcome, { rejected: 'conflict', params: { status: 'deactivated' } });
  assert.is((await shown(bed, ada)).administrator, false);
});

users('nobody is made administrator who was turned off on the way', async () => {
  const { bed, process } = begin();
  const gate = createGate();
  const slow = process({
    store: withFaults(bed.store, {
      append: (_stream, events) =>
        events.some(({ type }) => type === 'AdministratorGranted') ? { before: gate.pass } : undefined,
    }),
  });
  const here = process();
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here);
  const granting = edit(slow, bed.request(), { userId: ada, roles: ['admin'] });
  await gate.reached;
  done(await here.handler.execute(here.commands.deactivateUser, { userId: ada, reason: null }, bed.request()));
  // Another grant in between makes the held one decide anew, and find them turned off.
  await register(bed, here, { email: 'grace@example.com', roles: ['admin'] });
  gate.open();
  done(await granting);
  assert.is((await shown(bed, ada)).administrator, false);
});

users('whoever is made administrator while they are being turned off is not turned off unnoticed', async () => {
  const { bed, process } = begin();
  const gate = createGate();
  const slow = process({
    store: withFaults(bed.store, {
      append: (_stream, events) =>
        events.some(({ type }) => type === 'GroupsAssigned') ? { before: gate.pass } : undefined,
    }),
  });
  const here = process();
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here);
  // In one process what is done to one stream waits in line: the deactivation has looked who is administrator by then.
  const editing = edit(slow, bed.request(), { userId: ada, groups: ['g'] });
  await gate.reached;
  const ending = { userId: ada, reason: null };
  const turningOff = slow.handler.execute(slow.commands.deactivateUser, ending, bed.request());
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  done(await edit(here, bed.request(), { userId: ada, roles: ['member', 'admin'] }));
  gate.open();
  done(await editing);
  assert.is(code(await turningOff), 'conflict');
  assert.is((await shown(bed, ada)).administrator, true);
  assert.is((await shown(bed, ada)).account?.status, 'active');
});

users('an administrator who was turned off at that very moment does not count as the second', async () => {
  const { bed, process } = begin();
  const gate = createGate();
  const slow = process({
    store: withFaults(bed.store, {
      append: (_stream, events) =>
        events.some(({ type }) => type === 'UserDeactivated') ? { before: gate.pass } : undefined,
    }),
  });
  const here = process();
  const boss = await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here);
  const input = (userId: string) => ({ userId, reason: null });
  const turningOff = slow.handler.execute(slow.commands.deactivateUser, input(ada), bed.request());
  await gate.reached;
  // Granted without an event of her own, so the append that is on its way does not conflict.
  done(await edit(here, bed.request(), { userId: ada, roles: ['member', 'admin'] }));
  gate.open();
  done(await turningOff);
  const outcome = await here.handler.execute(here.commands.deactivateUser, input(boss), bed.request());
  assert.is(code(outcome), 'last-administrator');
});

users(
  'changes address and everything else with one If-Match, and the old address is free for others later',
  async () => {
    const { bed, here } = begin();
    await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
    const ada = await register(bed, here);
    const input = {
      userId: ada,
      email: 'Ada@Example.org',
      profile: { firstName: 'Ada' },
      roles: ['guest', 'admin'],
      groups: ['g'],
      organizations: ['o'],
    };
    done(await edit(here, bed.request({ ifMatch: '0' }), input));
    assert.equal(await types(bed, userStream(ada)), [
      'UserRegistered',
      'EmailChanged',
      'ProfileChanged',
      'RolesAssigned',
      'GroupsAssigned',
      'OrganizationsAssigned',
    ]);
    const { account, administrator } = await shown(bed, ada);
    assert.is(account?.email, 'ada@example.org');
    assert.is(administrator, true);
    // Nothing is left to do: nothing is appended.
    const before = await inLog(bed);
    done(await edit(here, bed.request(), input));
    assert.equal(await inLog(bed), before);
  },
);

users('refuses an edit before anything of it is done', async () => {
  const { bed, here } = begin();
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  await register(bed, here, { email: 'taken@example.com' });
  const ada = await register(bed, here);
  const gone = await register(bed, here, { email: 'gone@example.com' });
  done(await here.handler.execute(here.commands.deleteUser, { userId: gone, reason: null }, bed.request()));
  const before = await inLog(bed);
  const refusals: [EditUserInput, string, string | null][] = [
    [{ userId: ada, email: 'taken@example.com', groups: ['g'] }, 'email-taken', null],
    [{ userId: ada, email: 'no address' }, 'validation-failed', null],
    [{ userId: ada, email: 'new@example.com', roles: ['nobody'] }, 'unknown-role', null],
    [{ userId: ada, email: 'new@example.com', profile: { phone: 'x' } }, 'validation-failed', null],
    [{ userId: ada, email: 'new@example.com', profile: { phone: '+431' } }, 'validation-failed', null],
    [{ userId: ada, email: 'new@example.com', groups: ['\u0000'] }, 'validation-failed', null],
    [{ userId: ada, email: 'new@example.com' }, 'revision-mismatch', '7'],
    [{ userId: ada, email: 'ada@example.com' }, 'revision-mismatch', '7'],
    [{ userId: ada, profile: { firstName: 'A' } }, 'revision-mismatch', '7'],
    [{ userId: ada, roles: [] }, 'revision-mismatch', '7'],
    [{ userId: gone, email: 'gone@example.com' }, 'already-ended', null],
    [{ userId: gone, groups: ['g'] }, 'already-ended', null],
    [{ userId: 'nobody', email: 'new@example.com' }, 'not-found', null],
    [{ userId: 'nobody', groups: ['g'] }, 'not-found', null],
  ];
  for (const [input, expected, ifMatch] of refusals)
    assert.is(code(await edit(here, bed.request({ ifMatch }), input)), expected, JSON.stringify(input));
  assert.equal(await inLog(bed), before);
});

users('twenty edits of one state at once: one', async () => {
  for (const field of ['profile', 'email', 'both'] as const) {
    const { bed, process } = begin();
    const two = [process(), process()];
    const ada = await register(bed, two[0]!);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        edit(two[n % 2]!, bed.request({ ifMatch: '0' }), {
          userId: ada,
          ...(field !== 'email' && { profile: { firstName: `Ada ${n}` } }),
          ...(field !== 'profile' && { email: `ada.${n}@example.com` }),
        }),
      ),
    );
    assert.equal(outcomes.map(code).sort(), ['done', ...Array(19).fill('revision-mismatch')], field);
  }
});

users('two who ask for the same change of address at once both have it', async () => {
  const { bed, process } = begin();
  const two = [process(), process()];
  const ada = await register(bed, two[0]!);
  const outcomes = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      edit(two[n % 2]!, bed.request(), { userId: ada, email: 'new@example.com', groups: ['g'] }),
    ),
  );
  assert.equal(outcomes.map(code), Array(6).fill('done'));
  assert.equal(await types(bed, userStream(ada)), ['UserRegistered', 'EmailChanged', 'GroupsAssigned']);
});

for (const next of ['free', 'of somebody else'])
  users(`a command run again long after looks at its own claim, when the address is ${next}`, async () => {
    const { bed, process, here } = begin();
    const ada = await register(bed, here);
    const mover = process({ store: dyingAt(bed.store, 2, 'before') });
    await edit(mover, bed.request(), { userId: ada, email: 'new@example.com', groups: ['g'] }).catch(() => null);
    await carryClaims(bed, here);
    done(await edit(here, bed.request(), { userId: ada, email: 'newer@example.com' }));
    const claim = emailAddresses({ crypto, purposeKeys: here.purposeKeys }).signInAddress('new@example.com')!.claim;
    done(await here.handler.execute(claimCommands.releaseEmail, { claim, userId: ada }, bed.request()));
    if (next !== 'free') await register(bed, here, { email: 'new@example.com' });
    await finish(process());
    const { account } = await shown(bed, ada);
    assert.is(account?.email, 'newer@example.com');
    assert.equal(account?.groups, ['g']);
  });

users('what refuses an edit of an administrator leaves them one', async () => {
  const { bed, here } = begin();
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here, { roles: ['admin'] });
  const before = await inLog(bed);
  for (const [own, ifMatch, expected] of [
    [{ roles: ['nobody'] }, null, 'unknown-role'],
    [{ roles: [], groups: ['\u0000'] }, null, 'validation-failed'],
    [{ roles: [] }, '7', 'revision-mismatch'],
  ] as const)
    assert.is(code(await edit(here, bed.request({ ifMatch }), { userId: ada, ...own })), expected);
  assert.equal(await inLog(bed), before);
});

users('an edit that took administration away goes on, whatever happens to the user meanwhile', async () => {
  const { bed, process, here } = begin();
  const gate = createGate();
  const slow = process({
    store: withFaults(bed.store, {
      append: (_stream, events) =>
        events.some(({ type }) => type === 'AdministratorRemoved') ? { after: gate.pass } : undefined,
    }),
  });
  await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here, { roles: ['admin'] });
  const editing = edit(slow, bed.request({ ifMatch: '0' }), { userId: ada, roles: ['guest'] });
  await gate.reached;
  done(await edit(here, bed.request(), { userId: ada, groups: ['g'] }));
  gate.open();
  done(await editing);
  assert.equal((await shown(bed, ada)).account?.roles, ['guest']);
});

users('recovers whoever is locked out', async () => {
  const { bed, here } = begin();
  const boss = await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here);
  const idp = await register(bed, here, { email: 'idp@example.com', passwordHash: null, externalProvider: 'idp' });
  await here.handler.execute(twoFactorOn, { userId: ada }, bed.request());
  done(await here.handler.execute(here.commands.deactivateUser, { userId: ada, reason: null }, bed.request()));
  const recover = (userId: string) =>
    here.handler.execute(here.commands.recoverAdministrator, { userId, passwordHash: 'new' }, bed.request());
  done(await recover(ada));
  const { account, administrator } = await shown(bed, ada);
  assert.is(account?.status, 'active');
  assert.is(account?.passwordHash, 'new');
  assert.is(account?.twoFactor, null);
  assert.is(administrator, true);
  assert.is(code(await recover('nobody')), 'not-found');
  assert.is(code(await recover(idp)), 'externally-managed');
  done(await here.handler.execute(here.commands.deleteUser, { userId: boss, reason: null }, bed.request()));
  assert.is(code(await recover(boss)), 'already-ended');
});

const twoFactorOn: Command<{ userId: string }, null> = {
  name: 'TwoFactorOn',
  several: false,
  run: async ({ userId }, run) => {
    const step = await run.step(user, userStream(userId), (state) =>
      user.decide({ type: 'EnableTwoFactor', secret: 's', recoveryCodeHashes: [] }, state),
    );
    return isRejection(step) ? step : { result: null };
  },
};

users('ends sessions, keeps the reason for the history, and does nothing twice', async () => {
  const { bed, here } = begin();
  const ada = await register(bed, here);
  const run = (name: 'endAllSessions' | 'reactivateUser') =>
    here.handler.execute(here.commands[name], { userId: ada }, bed.request());
  done(await run('endAllSessions'));
  done(await run('reactivateUser'));
  const ending = { userId: ada, reason: 'left the company' };
  done(await here.handler.execute(here.commands.deactivateUser, ending, bed.request()));
  done(await here.handler.execute(here.commands.deactivateUser, ending, bed.request()));
  done(await run('endAllSessions'));
  assert.equal(await types(bed, userStream(ada)), ['UserRegistered', 'AllSessionsEnded', 'UserDeactivated']);
  const { events } = await bed.store.readStream(userStream(ada), 2, 1);
  assert.is((await here.codec.open(events[0]!)).metadata.reason, 'left the company');
  assert.not.ok(JSON.stringify(events).includes('company'));
  assert.is(
    code(await here.handler.execute(here.commands.deleteUser, { userId: 'x', reason: null }, bed.request())),
    'not-found',
  );
});

/** What the effect that follows claims does, for all of the log. */
const carryClaims = async (bed: Bed, process: Process) => {
  const { events } = await bed.store.readAll(null, 10_000);
  for (const event of await process.codec.openAll(events)) {
    if (event.type !== 'EmailClaimed') continue;
    const { userId, committedEventId, committed } = event.data as never as NonNullable<
      ReturnType<typeof emailClaim.initialState>
    >;
    const claim = event.stream.slice(event.stream.indexOf('-') + 1);
    const input = { claim, userId, committedEventId, committed };
    done(await process.handler.execute(claimCommands.completeClaim, input, bed.request()));
  }
};

const finish = async (process: Process) => {
  const { registerUser, editUser, deactivateUser, deleteUser, eraseUser, recoverAdministrator } = process.commands;
  const several = [registerUser, editUser, deactivateUser, deleteUser, eraseUser, recoverAdministrator];
  const registry = Object.fromEntries(several.map((command) => [command.name, command as never]));
  const result = await process.handler.finishIntents(registry, 0);
  assert.is(result.failed, 0);
};

type Act = (process: Process, bed: Bed, people: { boss: string; ada: string }) => Promise<Outcome<Json>>;

/** Everything that a crash could leave half done; times are of whoever finished it. */
const whole = async (bed: Bed) => {
  const { folds } = bed.process();
  const { events } = await bed.store.readAll(null, 10_000);
  const streams = [...new Set(events.map(({ stream }) => stream))].filter((stream) => stream.startsWith('user-'));
  const administrators = await folds.read(roles, rolesStream, ({ state }) => [...state.administrators]);
  return Promise.all(
    streams.map((stream) =>
      folds.read(user, stream, ({ state }) => {
        const { userId, email, status, profile, roles: assigned, groups, ownerEpoch } = state!;
        const administrator = administrators.includes(userId);
        return { email, status, fullName: profile.fullName, assigned, groups, ownerEpoch, administrator };
      }),
    ),
  );
};

const acts: { readonly [what: string]: Act } = {
  'registering an administrator': ({ handler, commands }, bed) =>
    handler.execute(commands.registerUser, newcomer({ email: 'new@example.com', roles: ['admin'] }), bed.request()),
  'inviting somebody': ({ handler, commands }, bed) =>
    handler.execute(
      commands.registerUser,
      newcomer({ email: 'new@example.com', passwordHash: null, invite: true }),
      bed.request(),
    ),
  'changing everything of an administrator': ({ handler, commands }, bed, { ada }) =>
    handler.execute(
      commands.editUser,
      { userId: ada, email: 'new@example.com', profile: { fullName: 'Ada' }, roles: ['guest'], groups: ['g'] },
      bed.request({ ifMatch: '0' }),
    ),
  'making an administrator of somebody': ({ handler, commands }, bed, { ada }) =>
    handler.execute(commands.editUser, { userId: ada, roles: ['admin', 'guest'] }, bed.request({ ifMatch: '0' })),
  'making an administrator of somebody, who keeps their address': ({ handler, commands }, bed, { ada }) =>
    handler.execute(
      commands.editUser,
      { userId: ada, email: 'ada@example.com', roles: ['admin', 'guest'] },
      bed.request({ ifMatch: '0' }),
    ),
  'turning an administrator off': ({ handler, commands }, bed, { ada }) =>
    handler.execute(commands.deactivateUser, { userId: ada, reason: 'left' }, bed.request()),
  'erasing an administrator': ({ handler, commands }, bed, { ada }) =>
    handler.execute(commands.eraseUser, { userId: ada, reason: null }, bed.request()),
};

/** Two people, and somebody who does it to the second of them. */
const beginWith = async (what: string) => {
  const begun = begin();
  const { bed, here } = begun;
  const boss = await register(bed, here, { email: 'boss@example.com', roles: ['admin'] });
  const ada = await register(bed, here, { roles: what.startsWith('making') ? ['member'] : ['admin'] });
  return { ...begun, people: { boss, ada } };
};

type Mortal = (bed: Bed, nth: number, when: 'before' | 'after') => { store: EventStore } | { vault: Vault };
const deaths: { readonly [where: string]: Mortal } = {
  'an append': (bed, nth, when) => ({ store: dyingAt(bed.store, nth, when) }),
  'a write to the vault': (bed, nth, when) => ({ vault: vaultDyingAt(bed.vault, nth, when) }),
};

users('brings nobody back as administrator who was made one while they were being turned off', async () => {
  const { bed, here } = begin();
  const ada = await register(bed, here, { roles: ['member', 'admin'] });
  const ben = await register(bed, here, { email: 'ben@example.com' });
  done(await here.handler.execute(here.commands.deactivateUser, { userId: ben, reason: null }, bed.request()));
  // The grant had looked at them before that.
  const granting: Command<null, null> = {
    name: 'Grant',
    several: false,
    run: async (_, run) => {
      const step = await run.step(roles, rolesStream, (state) =>
        roles.decide({ type: 'GrantAdministrator', userId: ben }, state),
      );
      return isRejection(step) ? step : { result: null };
    },
  };
  done(await here.handler.execute(granting, null, bed.request()));
  const reactivate = (userId: string) => here.handler.execute(here.commands.reactivateUser, { userId }, bed.request());
  done(await reactivate(ben));
  const back = await shown(bed, ben);
  assert.equal([back.account?.status, back.administrator], ['active', false]);
  // Of who is not turned off it takes nothing away.
  done(await reactivate(ada));
  assert.is((await shown(bed, ada)).administrator, true);
});

for (const [what, act] of Object.entries(acts))
  for (const [where, mortal] of Object.entries(deaths))
    users(`a crash at ${where}, before or after it, never leaves half of ${what}`, async () => {
      const alive = await beginWith(what);
      const before = await whole(alive.bed);
      done(await act(alive.here, alive.bed, alive.people));
      const after = await whole(alive.bed);
      let died = 0;
      let rolledForward = 0;

      /** @returns whether it died */
      const once = async (nth: number, when: 'before' | 'after', claimsFirst: boolean) => {
        const { bed, process, people } = await beginWith(what);
        const dying = process(mortal(bed, nth, when));
        const outcome = await act(dying, bed, people).catch(() => null);
        await dying.handler.flush().catch(() => {});
        const next = process();
        if (claimsFirst) await carryClaims(bed, next);
        await finish(next);
        const left = await whole(bed);
        const forward = JSON.stringify(left) === JSON.stringify(after);
        if (outcome !== null || forward) assert.equal(left, after);
        else assert.equal(left, before, `${when} the ${nth}th`);
        died += outcome === null ? 1 : 0;
        rolledForward += outcome === null && forward ? 1 : 0;
        return outcome === null;
      };
      for (const when of ['before', 'after'] as const)
        for (const claimsFirst of [false, true]) for (let nth = 1; await once(nth, when, claimsFirst); nth += 1);
      assert.ok(died >= 4, `it died ${died} times`);
      assert.ok(rolledForward >= 2, `it rolled forward ${rolledForward} times`);
    });

users('a role that was removed is not brought back by whoever changes what they have seen', async () => {
  const { bed, here } = begin();
  const { execute } = here.handler;
  const { defineRole, removeRole } = settingsCommands;
  const input = { name: 'ops', permissions: ['users:read'], scopes: null };
  done(await execute(defineRole, input, bed.request()));
  done(await execute(defineRole, { ...input, permissions: [] }, bed.request({ ifMatch: '0' })));
  assert.is(code(await execute(defineRole, input, bed.request({ ifMatch: '0' }))), 'revision-mismatch');
  done(await execute(removeRole, { name: 'ops', inUseBy: 0 }, bed.request()));
  assert.is(code(await execute(defineRole, input, bed.request({ ifMatch: '1' }))), 'revision-mismatch');
  done(await execute(defineRole, input, bed.request()));
});

users.run();
