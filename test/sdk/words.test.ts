import * as assert from 'uvu/assert';
import type { MessageReason, RevocationKind } from '../../domain/revocation.ts';
import type { VerificationCode } from '../../domain/verification.ts';
import type { InvalidCode, RevocationMessage, RevocationReason } from '../../sdk/src/types.ts';
import { suite } from '../support/suite.ts';

const words = suite('the words of the verifier');

/** Each of the one is one of the other, and back. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;

// The package imports nothing of the server, so it names them again. The types are what fails where they differ.
words('are those of the server', () => {
  const reasons: Same<RevocationReason, MessageReason> = true;
  const codes: Same<InvalidCode, Exclude<VerificationCode, 'valid'>> = true;
  const kinds: Same<RevocationMessage['kind'], RevocationKind> = true;
  assert.ok(reasons && codes && kinds);
});

words.run();
