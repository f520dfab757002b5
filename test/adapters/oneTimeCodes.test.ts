import * as assert from 'uvu/assert';
import { oneTimeCodes } from '../../adapters/node/oneTimeCodes.ts';
import { codeAt } from '../support/authenticatorApp.ts';
import { suite } from '../support/suite.ts';

const s = suite('one-time codes');

const codes = oneTimeCodes();
const secret = codes.secretOf(Buffer.from('12345678901234567890'));

s('are those of RFC 6238, appendix B, cut to six digits', () => {
  assert.is(secret, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  const vectors: readonly (readonly [seconds: number, code: string])[] = [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ];
  for (const [seconds, code] of vectors)
    assert.is(codes.stepOf(secret, code, seconds * 1000), Math.floor(seconds / 30), code);
});

s('are right for thirty seconds, and thirty before and after, to the millisecond', () => {
  const step = 1_000_000;
  const [from, to] = [step * 30_000, (step + 1) * 30_000 - 1];
  const code = codeAt(secret, from);
  for (const at of [from, to, from - 30_000, to + 30_000]) assert.is(codes.stepOf(secret, code, at), step, String(at));
  for (const at of [from - 30_001, to + 30_001]) assert.is(codes.stepOf(secret, code, at), null, String(at));
});

s('are six digits and nothing else', () => {
  for (const text of ['', '28708', '2870820', '28708a', ' 287082', '２８７０８２', '287082\n', '-87082', '1e5'])
    assert.is(codes.stepOf(secret, text, 59_000), null, JSON.stringify(text));
});

s('come to an app by a link that names who issued them and for whom', () => {
  const url = new URL(codes.urlOf(secret, 'ada+x&y@example.com'));
  assert.is(url.protocol, 'otpauth:');
  assert.is(url.host, 'totp');
  assert.is(decodeURIComponent(url.pathname), '/Keyledger:ada+x&y@example.com');
  assert.equal([url.searchParams.get('secret'), url.searchParams.get('issuer')], [secret, 'Keyledger']);
});

s.run();
