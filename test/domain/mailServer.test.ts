import * as assert from 'uvu/assert';
import { type MailServer, policyStream } from '../../domain/keyPolicy.ts';
import { mailServer, senderOf } from '../../domain/mailServer.ts';
import { presets } from '../../domain/presets.ts';
import { givenOf } from '../support/given.ts';
import { suite } from '../support/suite.ts';

const s = suite('domain/mailServer');
const given = givenOf(mailServer, policyStream);

const server: MailServer = {
  host: 'mail.example.com',
  port: 587,
  security: 'starttls',
  username: 'keyledger',
  from: 'Keyledger <no-reply@example.com>',
};
const change = (own: Partial<MailServer> = {}, newPassword = false) =>
  ({ type: 'ChangeMailServer', server: { ...server, ...own }, newPassword }) as const;
const changed = (own: Partial<MailServer> = {}) => ({
  type: 'MailServerChanged' as const,
  data: { server: { ...server, ...own } },
});

s('is set, and set again only where something changes', () => {
  given().when(change()).then(changed());
  given(changed()).when(change()).then();
  given(changed()).when(change({}, true)).then(changed());
  for (const own of [
    { host: 'a.example.com' },
    { port: 25 },
    { security: 'tls' },
    { username: null },
    { from: 'a@example.com' },
  ] as const)
    given(changed()).when(change(own)).then(changed(own));
});

s('passes over the other settings of its stream', () => {
  const state = given({ type: 'KeyPolicyChanged', data: { policy: presets.aip } }, changed(), {
    type: 'ScopeCatalogChanged',
    data: { items: [] },
  }).state();
  assert.equal(state.server, server);
  assert.is(state.changed?.revision, 1);
});

s('refuses what no server can be', () => {
  for (const own of [
    { host: '' },
    { host: '[::1]' },
    { host: 'a b' },
    { host: 'x'.repeat(254) },
    { host: '-a' },
    { port: 0 },
    { port: 1.5 },
    { port: 70_000 },
    { username: '' },
    { username: 'a\u0000b' },
    { from: '' },
    { from: 'Keyledger' },
  ] as const)
    given().when(change(own)).thenRejected('validation-failed');
  for (const host of ['mail', '::1', '2001:db8::25', '192.0.2.25', 'a_b.example.com'])
    given().when(change({ host })).then(changed({ host }));
});

s('nobody signs in over the network without encryption: the password would be read on the way', () => {
  given()
    .when(change({ security: 'none' }))
    .thenRejected('validation-failed');
  given()
    .when(change({ security: 'none', username: null }))
    .then(changed({ security: 'none', username: null }));
  for (const host of ['localhost', 'Localhost', '127.0.0.1', '127.1.2.3', '::1'])
    given()
      .when(change({ host, security: 'none' }))
      .then(changed({ host, security: 'none' }));
  for (const host of ['127.example.com', 'localhost.example.com', '::2', '10.0.0.1', '127.1'])
    given()
      .when(change({ host, security: 'none' }))
      .thenRejected('validation-failed');
});

s('reads whom mails come from', () => {
  assert.equal(senderOf('a@example.com'), { name: '', address: 'a@example.com' });
  assert.equal(senderOf(' "Key, Ledger"  <a@example.com> '), { name: 'Key, Ledger', address: 'a@example.com' });
  for (const none of [
    '',
    'a',
    'a <b>',
    'a@example.com <b@example.com> c',
    'x\r\ny <a@example.com>',
    'a"b <a@example.com>',
    `${'x'.repeat(101)} <a@example.com>`,
  ])
    assert.is(senderOf(none), null, none);
});

s.run();
