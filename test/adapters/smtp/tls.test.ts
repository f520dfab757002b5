import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import * as assert from 'uvu/assert';
import { createSmtpMailer } from '../../../adapters/smtp/mailer.ts';
import type { MailAccess, MailMessage } from '../../../commands/ports/mailer.ts';
import { startMailbox } from '../../support/mailbox.ts';
import { suite } from '../../support/suite.ts';
import { temporaryFolder } from '../../support/temporaryFolder.ts';

const test = suite('adapters/smtp: encrypted');
test.skipUnless(spawnSync('openssl', ['version']).status === 0 ? null : 'no program openssl on PATH');

const folder = temporaryFolder();
const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
const trusted = getCACertificates('default');

test.before(() => {
  const made = ['-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
  const names = ['-addext', 'subjectAltName=DNS:localhost'];
  execFileSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', certificate], {
    stdio: 'ignore',
  });
});
test.after.each(() => setDefaultCACertificates(trusted));

/** As NODE_EXTRA_CA_CERTS does at the start of a process. */
const trustIt = () => setDefaultCACertificates([...trusted, readFileSync(certificate, 'utf8')]);

const message: MailMessage = {
  messageId: '<0123@example.com>',
  from: { name: 'Keyledger', address: 'no-reply@example.com' },
  to: 'ada@example.com',
  subject: 'A subject',
  text: 'A text\n',
  html: '<p>A text</p>',
  date: 0,
  headers: {},
};

const send = async (access: MailAccess) => {
  const mailer = createSmtpMailer();
  try {
    return await mailer.send(access, message, new AbortController().signal);
  } finally {
    await mailer.close();
  }
};

/** A server that takes mails only of who signed in, and lets nobody sign in before it is encrypted. */
const startSecure = async (secure: boolean) => {
  const signedIn: unknown[] = [];
  const box = await startMailbox({
    secure,
    cert: readFileSync(certificate),
    key: readFileSync(key),
    disabledCommands: [],
    allowInsecureAuth: false,
    authOptional: false,
    onAuth: ({ username, password }, { secure: encrypted }, callback) => {
      signedIn.push([username, password, encrypted]);
      callback(null, { user: username });
    },
  });
  const access = { ...box.access, host: 'localhost', username: 'keyledger', password: 'secret' } as const;
  return { box, signedIn, access };
};

for (const security of ['starttls', 'tls'] as const) {
  test(`${security}: signs in and hands over, once the line is encrypted`, async () => {
    const { box, signedIn, access } = await startSecure(security === 'tls');
    trustIt();
    const delivery = await send({ ...access, security });
    await box.close();
    assert.is(delivery.accepted, true, delivery.response);
    assert.equal(signedIn, [['keyledger', 'secret', true]]);
    assert.is(box.received[0]?.headers.subject, 'A subject');
  });

  test(`${security}: a certificate that nobody vouches for is none, and hears no password`, async () => {
    const { box, signedIn, access } = await startSecure(security === 'tls');
    const delivery = await send({ ...access, security });
    await box.close();
    assert.equal([delivery.accepted, !delivery.accepted && delivery.blame], [false, 'server']);
    assert.match(delivery.response, /self.signed/i);
    assert.equal([signedIn, box.received], [[], []]);
  });

  test(`${security}: nor is one of another name`, async () => {
    const { box, signedIn, access } = await startSecure(security === 'tls');
    trustIt();
    const delivery = await send({ ...access, host: '127.0.0.1', security });
    await box.close();
    assert.is(delivery.accepted, false);
    assert.equal([signedIn, box.received], [[], []]);
  });
}

test.run();
