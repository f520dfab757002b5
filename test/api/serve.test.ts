import { PassThrough } from 'node:stream';
import * as assert from 'uvu/assert';
import { z } from 'zod';
import type { Credentials, OwnerRights } from '../../api/authenticate.ts';
import { Refusal } from '../../api/refusal.ts';
import { route } from '../../api/route.ts';
import { type Serving, serve } from '../../api/serve.ts';
import type { Permission } from '../../domain/permissions.ts';
import { suite } from '../support/suite.ts';

const serving = suite('serving a call');

const rights: OwnerRights = {
  active: true,
  ownerEpoch: 0,
  sessionEpoch: 0,
  permissions: new Set<Permission>(['users:write']),
  scopes: [],
  mustChangePassword: false,
};

/** A call whose body comes in two parts, the second only when the test says so. */
const slowCall = () => {
  let owner = rights;
  let asked = () => {};
  const begun = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const credentials: Credentials = {
    cookieName: 'keyledger',
    requireProven: () => {},
    catchUp: async () => {},
    owner: () => owner,
    session: async () => {
      asked();
      return { id: 'session', userId: 'ada', ownerEpoch: 0, sessionEpoch: 0 };
    },
    key: () => null,
    serviceToken: () => null,
  };
  const handled: unknown[] = [];
  const editing = route({
    method: 'POST',
    path: '/things',
    summary: '',
    tag: '',
    access: ['users:write'],
    body: z.strictObject({ name: z.string() }),
    answers: { 204: null },
    handle: async ({ body }) => {
      handled.push(body);
      return { status: 204 };
    },
  });
  const headers = { 'content-type': 'application/json', cookie: 'keyledger=token' };
  const incoming = Object.assign(new PassThrough(), {
    method: 'POST',
    path: '/things',
    headers,
    params: {},
    query: {},
    ip: '192.0.2.1',
    get: (name: string) => headers[name as 'cookie'],
  });
  const own: Serving = {
    newRequestId: () => 'request',
    credentials,
    publicOrigin: null,
    now: () => '2026-01-01T00:00:00.000Z',
    waitFor: async () => {},
  };
  incoming.write('{"name":');
  const answer = serve(editing, incoming as never, 'request', own);
  return {
    handled,
    answer,
    begun,
    change: (to: Partial<OwnerRights>) => {
      owner = { ...rights, ...to };
    },
    finish: () => incoming.end('"x"}'),
  };
};

const refusedWith = async (answer: Promise<unknown>): Promise<string> => {
  try {
    await answer;
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return 'not refused';
};

serving('does what is asked once the whole body is there', async () => {
  const call = slowCall();
  await call.begun;
  call.finish();
  assert.equal(await call.answer, { status: 204 });
  assert.equal(call.handled, [{ name: 'x' }]);
});

const ends: readonly (readonly [string, Partial<OwnerRights>, string])[] = [
  ['turned off', { active: false, ownerEpoch: 1 }, 'unauthenticated'],
  ['signed out everywhere', { sessionEpoch: 1 }, 'unauthenticated'],
  ['left without the permission', { permissions: new Set<Permission>() }, 'forbidden'],
];

for (const [what, to, code] of ends)
  serving(`refuses who was ${what} while their body was on its way`, async () => {
    const call = slowCall();
    await call.begun;
    call.change(to);
    call.finish();
    assert.is(await refusedWith(call.answer), code);
    assert.equal(call.handled, []);
  });

serving.run();
