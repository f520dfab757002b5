import * as assert from 'uvu/assert';
import { authenticate, type Credentials } from '../../api/authenticate.ts';
import { Refusal } from '../../api/refusal.ts';
import { Failure } from '../../commands/failure.ts';
import { suite } from '../support/suite.ts';

const who = suite('who is calling');

const nothing: ReadonlySet<never> = new Set();
const rights = { active: true, ownerEpoch: 1, sessionEpoch: 2, permissions: nothing, scopes: [] };

/** One session, one key, one token, and what was asked of whom. */
const credentials = (own: Partial<Credentials> = {}) => {
  const asked: unknown[] = [];
  const from: Credentials = {
    cookieName: 'keyledger',
    requireProven: () => {},
    catchUp: async () => {},
    owner: () => ({ ...rights, mustChangePassword: false }),
    session: async (token) => (token === 'cookie' ? { id: 's1', userId: 'u1', ownerEpoch: 1, sessionEpoch: 2 } : null),
    key: (text, ip) => {
      asked.push([text, ip]);
      return text === 'api_1' ? { userId: 'u2', keyId: 'k1', permissions: nothing, scopes: null } : null;
    },
    serviceToken: (text) =>
      text === 'svc_1' ? { tokenId: 't1', name: 't', permissions: nothing, applications: null, expiresAt: null } : null,
    ...own,
  };
  return { asked, from };
};

const kind = async (headers: object, own: Partial<Credentials> = {}) => {
  const { from } = credentials(own);
  return authenticate(headers as never, '192.0.2.1', from).then(
    (principal) => principal.kind,
    (error: unknown) => {
      if (error instanceof Refusal) return error.code;
      throw error;
    },
  );
};

const cookie = 'other=1; keyledger=cookie';

who('nobody, a session, a key by either header, a service token', async () => {
  assert.is(await kind({}), 'nobody');
  assert.is(await kind({ cookie }), 'session');
  assert.is(await kind({ authorization: 'Bearer api_1' }), 'key');
  assert.is(await kind({ 'x-api-key': 'api_1' }), 'key');
  assert.is(await kind({ authorization: 'bearer  svc_1' }), 'service');
});

who('a header beats the cookie, also where it is not accepted', async () => {
  assert.is(await kind({ cookie, 'x-api-key': 'api_1' }), 'key');
  assert.is(await kind({ cookie, 'x-api-key': 'api_2' }), 'invalid-key');
  assert.is(await kind({ cookie, authorization: 'Bearer svc_2' }), 'invalid-key');
  assert.is(await kind({ cookie, authorization: 'Basic YWRhOnB3' }), 'invalid-key');
});

who('two that are one are taken, two that differ are refused', async () => {
  assert.is(await kind({ authorization: 'Bearer api_1', 'x-api-key': 'api_1' }), 'key');
  assert.is(await kind({ authorization: 'Bearer api_1', 'x-api-key': 'api_2' }), 'ambiguous-credentials');
  assert.is(await kind({ authorization: 'Basic YWRhOnB3', 'x-api-key': 'api_1' }), 'ambiguous-credentials');
});

who('a session of an epoch that is over, or of somebody turned off, is nobody', async () => {
  const owner = (own: object) => ({ owner: () => ({ ...rights, mustChangePassword: false, ...own }) });
  assert.is(await kind({ cookie }, owner({ ownerEpoch: 2 })), 'nobody');
  assert.is(await kind({ cookie }, owner({ sessionEpoch: 3 })), 'nobody');
  assert.is(await kind({ cookie }, owner({ active: false })), 'nobody');
  assert.is(await kind({ cookie }, { owner: () => null }), 'nobody');
});

who('a session that another process has just begun or carried on is known once the log is read', async () => {
  for (const before of [null, { sessionEpoch: 1 }, { ownerEpoch: 0 }]) {
    let read = 0;
    const known = { ...rights, mustChangePassword: false };
    const own = {
      owner: () => (read > 0 ? known : before && { ...known, ...before }),
      catchUp: async () => {
        read += 1;
      },
    };
    assert.is(await kind({ cookie }, own), 'session');
    assert.is(read, 1);
  }
});

who('for a session that is over nothing is read', async () => {
  const catchUp = () => {
    throw new Error('it was read');
  };
  const owner = () => ({ ...rights, mustChangePassword: false, sessionEpoch: 3 });
  assert.is(await kind({ cookie }, { owner, catchUp }), 'nobody');
});

who('nobody is let in on knowledge that is not proven', async () => {
  const requireProven = () => {
    throw new Failure('store-unavailable', 'not proven');
  };
  for (const headers of [{ cookie }, { 'x-api-key': 'api_1' }, { authorization: 'Bearer svc_1' }]) {
    const failed = await kind(headers, { requireProven }).catch((error: unknown) => error);
    assert.instance(failed, Failure);
  }
  assert.is(await kind({}, { requireProven }), 'nobody');
});

who('a key’s use is known with the address it came from', async () => {
  const { from, asked } = credentials();
  await authenticate({ 'x-api-key': 'api_1' }, '192.0.2.9', from);
  assert.equal(asked, [['api_1', '192.0.2.9']]);
});

who.run();
