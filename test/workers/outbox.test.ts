import * as assert from 'uvu/assert';
import { createMemoryMailer } from '../../adapters/memory/mailer.ts';
import { createSmtpMailer } from '../../adapters/smtp/mailer.ts';
import type { Delivery } from '../../commands/ports/mailer.ts';
import { instant } from '../../domain/instant.ts';
import { quiet } from '../support/listsBed.ts';
import { createMailBed, eager } from '../support/mailBed.ts';
import { politely, startMailbox, startRudeServer } from '../support/mailbox.ts';
import { suite } from '../support/suite.ts';
import { runUntil } from '../support/workerBed.ts';

const s = suite('workers/outbox');

const minute = 60_000;
const hour = 60 * minute;

const refusing = (delivery: Omit<Extract<Delivery, { accepted: false }>, 'accepted'>): Delivery => ({
  accepted: false,
  ...delivery,
});

s('sends what is queued, once, and says so in the person’s history', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  const { worker } = bed.sender(bed.mailer);
  await runUntil([worker], async () => (await bed.statusOf('notice:1')) === 'sent');
  assert.is(bed.mailer.sent.length, 1);
  const { message } = bed.mailer.sent[0]!;
  assert.is(message.to, 'ada@example.com');
  assert.is(message.subject, 'Notice notice:1');
  assert.match(message.messageId, /^<[0-9a-f]{40}@example\.com>$/);
  assert.match(message.headers['List-Unsubscribe']!, /^<https:\/\/keys\.example\.com\/unsubscribe\?token=[\w-]+>$/);
  assert.is(message.headers['List-Unsubscribe-Post'], 'List-Unsubscribe=One-Click');
  assert.equal(await bed.activities(ada), [
    { type: 'NoticeSent', data: { noticeId: 'notice:1', category: 'job.failed' } },
  ]);
});

s('takes the same id for the same mail, also once it was sent, and keeps nothing of what it said', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  for (let i = 0; i < 3; i += 1) {
    assert.is(await bed.queue(ada, 'notice:1'), true);
    await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('notice:1')) === 'sent');
  }
  assert.is(bed.mailer.sent.length, 1);
  assert.is((await bed.row('notice:1'))?.params, null);
});

s('refuses an id that could hold anything', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  for (const id of ['', 'a b', 'a/b', 'x'.repeat(201)]) {
    await bed.queue(ada, id).then(
      () => assert.unreachable(id),
      (error: Error) => assert.match(error.message, /id/),
    );
  }
});

s(
  'sends again under the same Message-ID where the server took it and the connection ended before it said so',
  async () => {
    const taken: string[] = [];
    const server = await startRudeServer((line, mail) => {
      if (line !== 'DATA END') return politely(line);
      taken.push(mail);
      return taken.length < 3 ? null : '250 taken';
    });
    const bed = createMailBed({ access: server.access });
    const ada = await bed.register({ email: 'ada@example.com' });
    await bed.queue(ada, 'notice:1');
    const { worker } = bed.sender(createSmtpMailer());
    await runUntil([worker], async () => {
      bed.bed.clock.advance(minute);
      return (await bed.statusOf('notice:1')) === 'sent';
    });
    await server.close();
    assert.is(taken.length, 3);
    assert.is(new Set(taken.map((mail) => /^Message-ID: (.*)$/im.exec(mail)?.[1])).size, 1);
    assert.is((await bed.activities(ada)).length, 1);
  },
);

s('sends again where the process died before it could write down what the server said', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  // It dies for good: from the moment at which the server has taken the mail, nothing it writes arrives.
  let dead = false;
  const dying = createMemoryMailer(() => {
    dead = true;
    return { accepted: true, response: '250' };
  });
  const vault = {
    ...bed.bed.vault,
    put: async (...of: Parameters<typeof bed.bed.vault.put>) => {
      if (dead) throw new Error('dead');
      return bed.bed.vault.put(...of);
    },
  };
  await runUntil([bed.sender(dying, { vault }).worker], () => dead);
  assert.is(dying.sent.length, 1);
  assert.is(await bed.statusOf('notice:1'), 'later');
  bed.bed.clock.advance(minute);
  await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('notice:1')) === 'sent');
  assert.is(bed.mailer.sent.length, 1);
  assert.is(bed.mailer.sent[0]?.message.messageId, dying.sent[0]?.message.messageId);
});

s('does not send again where only the history was not written', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  let died = 0;
  const dies = () => {
    died += 1;
    throw new Error('dead');
  };
  await runUntil([bed.sender(bed.mailer, { dies }).worker], () => died > 0);
  assert.is(await bed.statusOf('notice:1'), 'taken');
  bed.bed.clock.advance(minute);
  await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('notice:1')) === 'sent');
  assert.is(bed.mailer.sent.length, 1);
  assert.is((await bed.activities(ada)).length, 1);
});

s('two senders send each mail once', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const ids = Array.from({ length: 120 }, (_, i) => `notice:${i}`);
  for (const id of ids) await bed.queue(ada, id);
  const [a, b] = [bed.sender(bed.mailer), bed.sender(bed.mailer)];
  const done = async () => (await Promise.all(ids.map(bed.statusOf))).every((status) => status === 'sent');
  await runUntil([a.worker, b.worker], done);
  assert.is(bed.mailer.sent.length, 120);
  assert.is(new Set(bed.mailer.sent.map(({ message }) => message.messageId)).size, 120);
});

s('one that lost its lease while it slept sends nothing that another has taken on', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  await bed.queue(ada, 'notice:2');
  // The first claims and is held in the middle of sending; the second takes over once the lease has run out.
  let holding = 0;
  const gate: { open: () => void } = { open: () => {} };
  const opened = new Promise<void>((resolve) => {
    gate.open = resolve;
  });
  const slow = createMemoryMailer(async () => {
    holding += 1;
    await opened;
    return { accepted: true, response: '250' };
  });
  // It sleeps as a whole: neither does it renew its lease.
  const asleep = {
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
  };
  const first = bed.sender(slow, { scheduler: asleep });
  await runUntil([first.worker], async () => {
    if (holding < 2) return false;
    bed.bed.clock.advance(minute);
    const second = bed.sender(bed.mailer);
    await runUntil([second.worker], async () => (await bed.statusOf('notice:2')) === 'sent');
    gate.open();
    return true;
  });
  // At least once, and never under another Message-ID; the late one changed nothing of what the second had settled.
  assert.is(bed.mailer.sent.length, 2);
  assert.is(await bed.statusOf('notice:1'), 'sent');
  assert.is((await bed.activities(ada)).length, 2);
  const ids = (mails: typeof bed.mailer.sent) => mails.map(({ message }) => message.messageId).sort();
  assert.equal(ids(slow.sent), ids(bed.mailer.sent));
});

s('waits longer and longer for a mail that is not taken, and gives it up after three days', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const at: number[] = [];
  const grey = createMemoryMailer(() => {
    at.push(bed.bed.clock.now());
    return refusing({ blame: 'mail', permanent: false, response: '450 <ada@example.com> greylisted' });
  });
  await bed.queue(ada, 'notice:1');
  const begun = bed.bed.clock.now();
  const step = 30_000;
  // Nobody's sleep moves this clock: it goes on by a step at each turn, and some turns pass until a mail that is due goes.
  const turns = { sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };
  await runUntil([bed.sender(grey, { scheduler: turns }).worker], async () => {
    bed.bed.clock.advance(step);
    return (await bed.statusOf('notice:1')) === 'dead';
  });
  const waits = at.slice(1).map((time, i) => time - at[i]!);
  for (const [tried, wait] of waits.entries()) {
    const due = Math.min(hour, 10_000 * 2 ** tried);
    assert.ok(wait >= due && wait <= due + 8 * step, `${wait} ms after attempt ${tried + 1}`);
  }
  assert.ok(at.at(-1)! - begun > 2.9 * 24 * hour);
  const row = await bed.row('notice:1');
  assert.is(row?.lastError, '450 <(address)> greylisted');
  assert.equal(await bed.activities(ada), []);
});

s('gives up at once what will never be taken, and goes on with the rest', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const bob = await bed.register({ email: 'bob@example.com' });
  const mailer = createMemoryMailer(({ message }) =>
    message.to === 'ada@example.com'
      ? refusing({ blame: 'mail', permanent: true, response: '550 no such user' })
      : { accepted: true, response: '250' },
  );
  await bed.queue(ada, 'notice:1');
  await bed.queue(bob, 'notice:2');
  await runUntil([bed.sender(mailer).worker], async () => (await bed.statusOf('notice:2')) === 'sent');
  assert.is(await bed.statusOf('notice:1'), 'dead');
  assert.is((await bed.row('notice:1'))?.attempts, 1);
});

s('an operator has a given up mail tried again, or forgets it', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  let broken = true;
  const mailer = createMemoryMailer(() =>
    broken ? refusing({ blame: 'mail', permanent: true, response: '550 no' }) : { accepted: true, response: '250' },
  );
  await bed.queue(ada, 'notice:1');
  await bed.queue(ada, 'notice:2');
  await runUntil([bed.sender(mailer).worker], async () =>
    (await Promise.all(['notice:1', 'notice:2'].map(bed.statusOf))).every((status) => status === 'dead'),
  );
  broken = false;
  bed.bed.clock.advance(hour);
  assert.is(await bed.mails.queue.retry('notice:1'), true);
  assert.is(await bed.mails.queue.retry('notice:1'), false);
  assert.is(await bed.mails.queue.forget('notice:2'), true);
  await runUntil([bed.sender(mailer).worker], async () => (await bed.statusOf('notice:1')) === 'sent');
  assert.is(mailer.sent.length, 1);
  assert.is(await bed.statusOf('notice:2'), null);
});

s('asks a server that takes nothing with a few mails only, and sends all once it is back', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const ids = Array.from({ length: 60 }, (_, i) => `notice:${i}`);
  for (const id of ids) await bed.queue(ada, id);
  let asked = 0;
  let down = true;
  const mailer = createMemoryMailer(() => {
    asked += 1;
    return down
      ? refusing({ blame: 'server', permanent: false, response: 'refused' })
      : { accepted: true, response: '250' };
  });
  const { worker } = bed.sender(mailer);
  await runUntil([worker], async () => {
    if (down && worker.state().failures > 3) {
      assert.ok(asked < 40, `${asked}`);
      assert.is(worker.state().lastError, 'refused');
      down = false;
    }
    return !down && (await Promise.all(ids.map(bed.statusOf))).every((status) => status === 'sent');
  });
  assert.is(mailer.sent.length, 60);
});

s('sends nothing to who wants nothing, is turned off, or is gone', async () => {
  const bed = createMailBed();
  const off = await bed.register({ email: 'off@example.com' });
  const deactivated = await bed.register({ email: 'deactivated@example.com' });
  const erased = await bed.register({ email: 'erased@example.com' });
  const { commands } = bed.mails;
  await bed.execute(
    commands.changeNotifications,
    { userId: off, email: 'off@example.com', enabled: false },
    bed.bed.request(),
  );
  for (const [id, userId] of [
    ['notice:1', off],
    ['notice:2', deactivated],
    ['notice:3', erased],
  ] as const)
    await bed.queue(userId, id);
  await bed.execute(bed.commands.deactivateUser, { userId: deactivated, reason: null }, bed.bed.request());
  await bed.execute(bed.commands.eraseUser, { userId: erased, reason: null }, bed.bed.request());
  await bed.keys.destroy(erased, instant(bed.bed.clock.now()));
  await bed.bed.vault.purgePerson(erased);
  assert.is(await bed.queue(erased, 'notice:4'), false);
  await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('notice:2')) === 'dropped');
  assert.equal(bed.mailer.sent, []);
  assert.is(await bed.statusOf('notice:1'), 'dropped');
  assert.is(await bed.statusOf('notice:3'), null);
});

s('a link that has run out is not mailed any more', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const until = instant(bed.bed.clock.now() + hour);
  await bed.mails.outbox.put({
    id: 'reset:1',
    userId: ada,
    template: 'password-reset',
    params: { token: 't', until },
    until,
  });
  bed.bed.clock.advance(2 * hour);
  await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('reset:1')) === 'dead');
  assert.equal(bed.mailer.sent, []);
});

s('mails about signing in go to the address they sign in with, whatever the switch says', async () => {
  const bed = createMailBed();
  const ada = await bed.register({ email: 'ada@example.com' });
  const { changeNotifications } = bed.mails.commands;
  await bed.execute(changeNotifications, { userId: ada, email: 'ada@example.com', enabled: false }, bed.bed.request());
  const until = instant(bed.bed.clock.now() + hour);
  const at = instant(bed.bed.clock.now());
  await bed.mails.outbox.put({
    id: 'reset:1',
    userId: ada,
    template: 'password-reset',
    params: { token: 'abc', until },
    until,
  });
  const key = { keyId: 'k', name: 'ci', mask: 'api_1234…5678', revokedAt: at };
  await bed.mails.outbox.put({ id: 'leak:1', userId: ada, template: 'key-leaked', params: { ...key, source: null } });
  const gone = { ...key, reason: 'administrator', note: null } as const;
  await bed.mails.outbox.put({ id: 'revoked:1', userId: ada, template: 'key-revoked', params: gone });
  await runUntil([bed.sender(bed.mailer).worker], async () =>
    (await Promise.all(['reset:1', 'leak:1', 'revoked:1'].map(bed.statusOf))).every(
      (is) => is === 'sent' || is === 'dropped',
    ),
  );
  assert.equal(bed.mailer.sent.map(({ message }) => message.subject).sort(), [
    'API key “ci” was found where others can read it, and was revoked',
    'Set a new password',
  ]);
  for (const { message } of bed.mailer.sent) {
    assert.is(message.headers['List-Unsubscribe'], undefined);
    assert.is(message.to, 'ada@example.com');
  }
  assert.is(await bed.statusOf('revoked:1'), 'dropped');
});

s('waits for a mail server to be set', async () => {
  const bed = createMailBed({ access: null });
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  const { worker } = bed.sender(bed.mailer);
  let server: Parameters<typeof bed.mails.commands.changeMailServer.run>[0]['server'] | null = {
    host: 'mail.example.com',
    port: 587,
    security: 'starttls',
    username: 'keyledger',
    from: 'no-reply@example.org',
  };
  await runUntil([worker], async () => {
    if (server !== null && worker.state().lastSuccessAt !== null) {
      assert.equal(bed.mailer.sent, []);
      await bed.execute(bed.mails.commands.changeMailServer, { server, password: 'secret' }, bed.bed.request());
      server = null;
    }
    return (await bed.statusOf('notice:1')) === 'sent';
  });
  const [sent] = bed.mailer.sent;
  assert.is(sent?.server.password, 'secret');
  assert.match(sent!.message.messageId, /@example\.org>$/);
});

s('what nobody took in three days is given up, without a mail server too', async () => {
  const bed = createMailBed({ access: null });
  const ada = await bed.register({ email: 'ada@example.com' });
  await bed.queue(ada, 'notice:1');
  bed.bed.clock.advance(73 * hour);
  await runUntil([bed.sender(bed.mailer).worker], async () => (await bed.statusOf('notice:1')) === 'dead');
});

s('tells what became of each mail, and logs what was given up: which, never whose or what it said', async () => {
  const answers: Delivery[] = [
    { accepted: true, response: '250 taken' },
    refusing({ blame: 'mail', permanent: true, response: '550 no <ada@example.com> here' }),
  ];
  const bed = createMailBed();
  const [ada, ben] = [await bed.register({ email: 'ada@example.com' }), await bed.register({ email: 'b@example.com' })];
  await bed.queue(ada, 'notice:1');
  await bed.queue(ada, 'notice:2');
  await bed.queue(ben, 'notice:3');
  const off = { userId: ben, email: 'b@example.com', enabled: false };
  await bed.execute(bed.mails.commands.changeNotifications, off, bed.bed.request());
  const told: string[] = [];
  const logged: unknown[] = [];
  const mailer = { ...bed.mailer, send: async () => answers.shift()! };
  const { worker } = bed.sender(mailer, {
    told: (outcome, template) => told.push(`${template} ${outcome}`),
    log: { ...quiet, warn: (fields, line) => logged.push([fields, line]) },
  });
  await runUntil([worker], () => told.length === 3);
  assert.equal(told.sort(), ['service-notice dropped', 'service-notice given-up', 'service-notice sent']);
  assert.is(logged.length, 1);
  assert.match(JSON.stringify(logged), /notice:\d.*given up/);
  assert.not.match(JSON.stringify(logged), /example|Notice|Text/);
  assert.is(await bed.mails.queue.givenUp(10), 1);
});

s('10,000 notices queue and drain, a page of them in memory at a time', async () => {
  const box = await startMailbox();
  const bed = createMailBed({ access: box.access });
  const ada = await bed.register({ email: 'ada@example.com' });
  for (let i = 0; i < 10_000; i += 1) await bed.queue(ada, `notice:${String(i).padStart(5, '0')}`);
  // What is in memory is what was read and is not settled yet.
  let most = 0;
  let read = 0;
  let settled = 0;
  const vault = {
    ...bed.bed.vault,
    find: async (...of: Parameters<typeof bed.bed.vault.find>) => {
      const rows = await bed.bed.vault.find(...of);
      if (of[1].ref === 'waiting') read += rows.length;
      most = Math.max(most, read - settled);
      return rows;
    },
    put: async (...of: Parameters<typeof bed.bed.vault.put>) => {
      if (of[0].ref === 'sent') settled += 1;
      return bed.bed.vault.put(...of);
    },
  };
  const { worker } = bed.sender(createSmtpMailer(), { vault, scheduler: eager });
  const stop = new AbortController();
  const running = worker.run(stop.signal);
  while (box.received.length < 10_000 || settled < 10_000) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
  await box.close();
  assert.is(box.received.length, 10_000);
  assert.is(new Set(box.received.map(({ headers }) => headers['message-id'])).size, 10_000);
  assert.ok(most <= 50, `${most} at once`);
});

s.run();
