import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { isRejection } from '../../domain/decider.ts';
import { type ServicesCommand, services, servicesStream, serviceTokenOf } from '../../domain/services.ts';
import { played } from '../support/played.ts';
import { suite } from '../support/suite.ts';

const model = suite('service tokens against a simple model');

/** Hours after the start; a token's end is one, too. */
const at = (hour: number) => new Date(Date.UTC(2027, 0, 1, hour)).toISOString();

type Chosen = { readonly what: number; readonly who: number; readonly secret: number; readonly end: number | null };

const chosen: fc.Arbitrary<Chosen> = fc.record({
  what: fc.nat(9),
  who: fc.nat(2),
  secret: fc.nat(3),
  end: fc.option(fc.nat(40), { nil: null }),
});

/** The n-th command comes in the n-th hour. */
const commandOf = ({ what, who, secret, end }: Chosen, hour: number): ServicesCommand => {
  const tokenId = `t${who}`;
  const made = { tokenId, secretHash: `h${secret}`, mask: `svc_${secret}` };
  if (what === 9) return { type: 'RemoveSubscriber', name: `n${who}` };
  if (what > 6) return { type: 'RevokeServiceToken', tokenId };
  if (what > 3) return { type: 'RotateServiceToken', at: at(hour), ...made };
  const expiresAt = end === null ? null : at(end);
  const granted = { permissions: ['verify'], applications: null, expiresAt };
  return { type: 'CreateServiceToken', at: at(hour), name: `n${who}`, ...made, ...granted };
};

/** A token, as the contract describes its life in words. */
type Token = { hash: string; end: string | null; revoked: boolean };

/** What is refused, or whether there was something to do. */
const expected = (tokens: Map<string, Token>, command: ServicesCommand): string | boolean => {
  if (command.type === 'RemoveSubscriber') return true;
  const token = tokens.get(command.tokenId);
  if (command.type === 'CreateServiceToken') {
    if (token) return 'conflict';
    if (command.expiresAt !== null && command.expiresAt <= command.at) return 'expiry-in-past';
    tokens.set(command.tokenId, { hash: command.secretHash, end: command.expiresAt, revoked: false });
    return true;
  }
  if (!token) return 'not-found';
  if (command.type === 'RevokeServiceToken') {
    const first = !token.revoked;
    token.revoked = true;
    return first;
  }
  if (token.revoked || (token.end !== null && token.end <= command.at)) return 'already-ended';
  const other = token.hash !== command.secretHash;
  token.hash = command.secretHash;
  return other;
};

model('whatever is asked in whatever order', () => {
  fc.assert(
    fc.property(fc.array(chosen, { maxLength: 40, size: 'max' }), (choices) => {
      const tokens = new Map<string, Token>();
      const revisions = new Map<string, number>();
      played(services, servicesStream, choices.map(commandOf), (command, decision, state, revision) => {
        const answer = expected(tokens, command);
        assert.is(isRejection(decision) ? decision.rejected : decision.length > 0, answer);
        if (answer === true && command.type !== 'RemoveSubscriber') revisions.set(command.tokenId, revision);
        for (const [tokenId, { hash, end, revoked }] of tokens) {
          const token = serviceTokenOf(tokenId, state)!;
          assert.is(token.secretHash, hash);
          assert.is(token.expiresAt, end);
          assert.is(token.revokedAt !== null, revoked);
          assert.is(token.revision, revisions.get(tokenId));
        }
        assert.is(Object.keys(state.tokens).length, tokens.size);
      });
    }),
  );
});

model.run();
