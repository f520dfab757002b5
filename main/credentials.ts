import type { Credentials } from '../api/authenticate.ts';
import { Failure } from '../commands/failure.ts';
import type { Sessions } from '../commands/signIn/sessions.ts';
import { classify } from '../domain/keyText.ts';
import type { Permission } from '../domain/permissions.ts';
import type { VerificationIndex } from '../projections/verificationIndex.ts';
import { environment, type Inside } from './core.ts';

/** Who a cookie, key or token is, as the verification index knows it now; nobody is let in on what may be old. */
export const credentialsOf = (inside: Inside, sessions: Sessions, cookieName: string): Credentials => {
  const { crypto, clock } = environment;
  const index = (): VerificationIndex => {
    const proven = inside.reader.proven();
    if (proven === null) throw new Failure('store-unavailable', 'the verification index is not proven');
    return proven;
  };
  const permissionSet = (names: readonly string[]) => new Set(names as readonly Permission[]);
  return {
    cookieName,
    requireProven: () => void index(),
    owner: (userId) => {
      const owner = index().owner(userId);
      return owner && { ...owner, active: owner.status === 'active', permissions: permissionSet(owner.permissions) };
    },
    catchUp: async () => void (await inside.reader.prove()),
    session: (token) => sessions.find(token),
    key: (text, ip) => {
      const hash = crypto.sha256(text);
      const wellFormed = () => classify(text) !== 'malformed';
      const answer = index().verify({ hash, wellFormed, scopes: [], applications: null }, clock.now());
      if (!answer.valid) return null;
      const { keyId, ownerId, scopes } = answer;
      inside.lastUse.mark(keyId, ownerId, clock.now(), ip);
      return { keyId, userId: ownerId, permissions: permissionSet(answer.permissions), scopes };
    },
    serviceToken: (text) => {
      const token = index().token(crypto.sha256(text), clock.now());
      if (token === null) return null;
      const { tokenId, name, applications, expiresAtMs } = token;
      return { tokenId, name, applications, permissions: permissionSet(token.permissions), expiresAt: expiresAtMs };
    },
  };
};
