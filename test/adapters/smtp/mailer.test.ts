import * as assert from 'uvu/assert';
import { createSmtpMailer } from '../../../adapters/smtp/mailer.ts';
import type { MailAccess, MailMessage } from '../../../commands/ports/mailer.ts';
import { freePort } from '../../support/freePort.ts';
import { politely, smtpError, startMailbox, startRudeServer } from '../../support/mailbox.ts';
import { suite } from '../../support/suite.ts';

const s = suite('adapters/smtp');

const message = (own: Partial<MailMessage> = {}): MailMessage => ({
  messageId: '<0123@example.com>',
  from: { name: 'Keyledger', address: 'no-reply@example.com' },
  to: 'ada@example.com',
  subject: 'Grüße',
  text: 'Ein Text, länger als eine Zeile.\n',
  html: '<p>Ein <b>Text</b></p>',
  date: Date.UTC(2027, 0, 2, 3, 4, 5),
  headers: { 'List-Unsubscribe': '<https://keys.example.com/unsubscribe?token=abc>' },
  ...own,
});

const never = new AbortController().signal;

const sent = async (access: MailAccess, own: Partial<MailMessage> = {}, signal = never) => {
  const mailer = createSmtpMailer();
  try {
    return await mailer.send(access, message(own), signal);
  } finally {
    await mailer.close();
  }
};

s('hands a mail over as text and HTML, under its own Message-ID', async () => {
  const box = await startMailbox();
  const delivery = await sent(box.access);
  await box.close();
  assert.is(delivery.accepted, true);
  const [mail] = box.received;
  assert.is(mail?.from, 'no-reply@example.com');
  assert.equal(mail?.to, ['ada@example.com']);
  assert.is(mail?.headers['message-id'], '<0123@example.com>');
  assert.is(mail?.headers.from, 'Keyledger <no-reply@example.com>');
  assert.is(mail?.headers.subject, 'Grüße');
  assert.is(mail?.headers.date, 'Sat, 02 Jan 2027 03:04:05 +0000');
  assert.is(mail?.headers['auto-submitted'], 'auto-generated');
  assert.is(mail?.headers['list-unsubscribe'], '<https://keys.example.com/unsubscribe?token=abc>');
  assert.is(mail?.text, 'Ein Text, länger als eine Zeile.');
  assert.is(mail?.html, '<p>Ein <b>Text</b></p>');
});

s('lets nothing become a header of its own', async () => {
  const box = await startMailbox();
  const evil = 'x\r\nBcc: eve@example.com\r\n\r\nbody';
  await sent(box.access, {
    subject: evil,
    from: { name: evil, address: 'no-reply@example.com' },
    headers: { 'List-Unsubscribe': evil },
  });
  await box.close();
  const [mail] = box.received;
  assert.equal(mail?.to, ['ada@example.com']);
  assert.is(mail?.headers.bcc, undefined);
  assert.is(mail?.text, 'Ein Text, länger als eine Zeile.');
});

s('never writes to an address that breaks out of its command', async () => {
  const box = await startMailbox();
  const delivery = await sent(box.access, { to: 'ada@example.com>\r\nRCPT TO:<eve@example.com' });
  await box.close();
  assert.is(delivery.accepted, false);
  assert.equal(box.received, []);
});

s('uses a session again, and another one for another server', async () => {
  const [first, second] = [await startMailbox(), await startMailbox()];
  const mailer = createSmtpMailer();
  for (let i = 0; i < 3; i += 1) await mailer.send(first.access, message(), never);
  assert.is(first.connections(), 1);
  await mailer.send(second.access, message(), never);
  await mailer.send(first.access, message(), never);
  assert.is(first.connections(), 2);
  assert.is(first.received.length, 4);
  assert.is(second.received.length, 1);
  await mailer.close();
  await first.close();
  await second.close();
});

s('opens a session anew after a hundred mails', async () => {
  const box = await startMailbox();
  const mailer = createSmtpMailer();
  for (let i = 0; i < 101; i += 1) await mailer.send(box.access, message(), never);
  await mailer.close();
  await box.close();
  assert.is(box.received.length, 101);
  assert.is(box.connections(), 2);
});

s('signs in where there is a user', async () => {
  const seen: unknown[] = [];
  const box = await startMailbox({
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) => {
      seen.push([username, password]);
      callback(null, password === 'right' ? { user: username } : undefined);
    },
  });
  const as = (password: string) => sent({ ...box.access, username: 'keyledger', password });
  assert.is((await as('right')).accepted, true);
  const wrong = await as('wrong');
  await box.close();
  assert.equal(seen, [
    ['keyledger', 'right'],
    ['keyledger', 'wrong'],
  ]);
  assert.is(wrong.accepted, false);
  assert.is(!wrong.accepted && wrong.blame, 'server');
});

const blamed = async (
  line: string,
  said: string | null,
  expected: { readonly blame: 'server' | 'mail'; readonly permanent: boolean },
) => {
  const server = await startRudeServer((asked) => (asked.startsWith(line) ? said : politely(asked)));
  const delivery = await sent(server.access);
  await server.close();
  assert.is(delivery.accepted, false, `${line} ${said}`);
  if (!delivery.accepted)
    assert.equal({ blame: delivery.blame, permanent: delivery.permanent }, expected, `${line} ${said}`);
};

s('tells a server that takes no mails from a mail that it does not take', async () => {
  const server = { blame: 'server', permanent: false } as const;
  const later = { blame: 'mail', permanent: false } as const;
  const final = { blame: 'mail', permanent: true } as const;
  await blamed('CONNECT', '554 no service', server);
  await blamed('CONNECT', null, server);
  await blamed('EHLO', '421 busy', server);
  await blamed('MAIL FROM', '530 sign in first', server);
  await blamed('MAIL FROM', '451 slow down', server);
  await blamed('MAIL FROM', '552 too large', final);
  await blamed('RCPT TO', '550 no such user', final);
  await blamed('RCPT TO', '450 greylisted', later);
  await blamed('RCPT TO', '421 going down', server);
  await blamed('DATA END', '554 spam', final);
  await blamed('DATA END', '451 later', later);
});

s('does not know what came of a mail when the connection ends before the answer', async () => {
  await blamed('DATA END', null, { blame: 'mail', permanent: false });
  await blamed('DATA', null, { blame: 'mail', permanent: false });
});

s('takes the blame of a proper server as well', async () => {
  const box = await startMailbox({ taken: () => smtpError(554, 'looks like spam') });
  const delivery = await sent(box.access);
  await box.close();
  assert.equal(delivery, { accepted: false, blame: 'mail', permanent: true, response: '554 looks like spam' });
});

s('nobody listens', async () => {
  const port = Number(await freePort());
  const delivery = await sent({
    host: '127.0.0.1',
    port,
    security: 'none',
    username: null,
    password: null,
    from: 'no-reply@example.com',
  });
  assert.is(!delivery.accepted && delivery.blame, 'server');
});

s('demands encryption where it is asked for', async () => {
  const box = await startMailbox();
  const delivery = await sent({ ...box.access, security: 'starttls' });
  await box.close();
  assert.is(!delivery.accepted && delivery.blame, 'server');
  assert.equal(box.received, []);
});

s('signs in nowhere before it is encrypted, whatever the server offers', async () => {
  const lines: string[] = [];
  for (const offered of ['250 AUTH PLAIN LOGIN', '250-STARTTLS\r\n250 AUTH PLAIN LOGIN']) {
    const server = await startRudeServer((asked) => {
      lines.push(asked);
      if (asked.startsWith('EHLO')) return `250-here\r\n${offered}`;
      return asked === 'STARTTLS' ? '454 not now' : politely(asked);
    });
    const delivery = await sent({ ...server.access, security: 'starttls', username: 'keyledger', password: 'secret' });
    await server.close();
    assert.is(!delivery.accepted && delivery.blame, 'server');
  }
  assert.equal(
    lines.filter((line) => /^(AUTH|MAIL|RCPT|DATA)/.test(line) || line.includes('secret')),
    [],
  );
});

s('gives up a server that says nothing when it is told to', async () => {
  for (const silentAt of ['CONNECT', 'MAIL FROM', 'DATA END']) {
    const stop = new AbortController();
    const server = await startRudeServer((asked) => {
      if (!asked.startsWith(silentAt)) return politely(asked);
      setImmediate(() => stop.abort());
      return undefined;
    });
    const delivery = await sent(server.access, {}, stop.signal);
    await server.close();
    assert.is(delivery.accepted, false, silentAt);
    assert.is(!delivery.accepted && delivery.blame, silentAt === 'CONNECT' ? 'server' : 'mail');
  }
});

s('goes on with a new session after one that a server ended', async () => {
  let ended = 0;
  const server = await startRudeServer((asked) => {
    if (asked === 'DATA END' && ended++ === 0) return null;
    return politely(asked);
  });
  const mailer = createSmtpMailer();
  assert.is((await mailer.send(server.access, message(), never)).accepted, false);
  assert.is((await mailer.send(server.access, message(), never)).accepted, true);
  await mailer.close();
  await server.close();
});

s.run();
