import * as assert from 'uvu/assert';
import { readSmtpUrl } from '../../main/smtpUrl.ts';
import { suite } from '../support/suite.ts';

const s = suite('main/smtpUrl');

const read = (text: string, publicHost: string | null = null) => {
  const access = readSmtpUrl(text, publicHost);
  if (typeof access === 'string') throw new Error(access);
  return access;
};

s('everything of it', () => {
  assert.equal(
    read(
      'smtp://key%40ledger:p%3Ass%2F%25@mail.example.com:2525?security=starttls&from=Keyledger%20%3Cno-reply@example.com%3E',
    ),
    {
      host: 'mail.example.com',
      port: 2525,
      security: 'starttls',
      username: 'key@ledger',
      password: 'p:ss/%',
      from: 'Keyledger <no-reply@example.com>',
    },
  );
});

s('without saying so: encrypted, but to this very machine', () => {
  const of = (text: string) => {
    const { port, security } = read(text);
    return [port, security];
  };
  assert.equal(of('smtps://mail.example.com'), [465, 'tls']);
  assert.equal(of('smtps://mail.example.com:4650'), [4650, 'tls']);
  assert.equal(of('smtp://mail.example.com'), [587, 'starttls']);
  assert.equal(of('smtp://mail.example.com?security=none'), [587, 'none']);
  assert.equal(of('smtp://mail.example.com?security=tls'), [465, 'tls']);
  for (const here of ['localhost', '127.0.0.1', '[::1]']) assert.equal(of(`smtp://${here}:1025`), [1025, 'none']);
  assert.is(read('smtp://[::1]:1025').host, '::1');
});

s('mails come from the host of the pages, else from that of the server', () => {
  assert.is(read('smtp://mail.example.com').from, 'Keyledger <no-reply@mail.example.com>');
  assert.is(read('smtp://mail.example.com', 'keys.example.com').from, 'Keyledger <no-reply@keys.example.com>');
  assert.is(read('smtp://127.0.0.1').from, 'Keyledger <no-reply@localhost>');
  assert.is(read('smtp://127.0.0.1', '192.0.2.1').from, 'Keyledger <no-reply@localhost>');
  assert.equal([read('smtp://mail.example.com').username, read('smtp://mail.example.com').password], [null, null]);
});

s('what is wrong is told by the name of its part, never by the value', () => {
  for (const text of [
    'localhost',
    'mail.example.com:25',
    'http://mail.example.com',
    'smtp://',
    'smtp://user:secret@mail.example.com/path',
    'smtp://user:secret@mail.example.com?security=ssl',
    'smtps://user:secret@mail.example.com?security=none',
    'smtp://user:secret@mail.example.com?form=a@example.com',
    'smtp://user:secret@mail.example.com?from=nobody',
    'smtp://user:secret@mail.example.com#x',
    'smtp://user:%zz@mail.example.com',
    'smtp://user:secret@mail.example.com:0',
    'smtp://user:secret@mail.example.com?security=none',
  ]) {
    const wrong = readSmtpUrl(text, null);
    assert.type(wrong, 'string', text);
    assert.not.match(String(wrong), /secret|nobody/);
  }
});

s.run();
