import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import * as assert from 'uvu/assert';
import type { RevocationMessage } from '../../sdk/src/index.ts';
import { type Client, expectStatus } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { suite } from '../support/suite.ts';
import { startProxy } from './proxy.ts';
import { closeAll, codeOf, type ForService, failure, startForService, verifierOf } from './service.ts';

type Context = { world: ForService; owner: Client; ownerId: string };

const listening = async (server: HttpServer): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const well = suite<Context>('the verifier against the real process');

well.before(async (context) => {
  const world = await startForService();
  const { id, client } = await world.member('ada@example.com');
  Object.assign(context, { world, owner: client, ownerId: id });
});
well.after.each(closeAll);
well.after(async ({ world }) => void (await world.server.stop()));

well('remembers a key, and hears that it has ended before the answer that ended it', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token);
  const heard: RevocationMessage[] = [];
  verifier.on('revoked', (message) => heard.push(message));
  await verifier.ready();
  assert.is(verifier.status().state, 'live');
  const { id, key } = await world.makeKey(owner, 'ends');
  const result = await verifier.verify(key, { scopes: ['reports:read'] });
  assert.ok(result.valid);
  assert.equal(result.scopes, ['reports:read']);
  assert.is(await verifier.verify(key), await verifier.verify(key), 'the very same object');
  assert.is(verifier.status().cached, 1);
  expectStatus(await owner.delete(`/v1/api-keys/${id}`), 204);
  await eventually(() => heard.length === 1);
  assert.is(heard[0]!.keyId, id);
  assert.is(verifier.status().cached, 0);
  assert.is(await codeOf(verifier, key), 'revoked');
});

well('says no as the server does, and asks nothing about what can be no key', async ({ world, owner }) => {
  const proxy = await startProxy(world.server.url);
  const verifier = verifierOf(proxy.url, world.token);
  await verifier.ready();
  const { key } = await world.makeKey(owner, 'reads');
  assert.is(await codeOf(verifier, key, ['reports:write']), 'insufficient-scope');
  assert.is(await codeOf(verifier, `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`), 'malformed');
  proxy.cut();
  for (const text of ['', 'no key', `${key} `, key.toUpperCase()]) assert.is(await codeOf(verifier, text), 'malformed');
  await proxy.close();
});

well('changed rights of a key, its owner and all are asked for again', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token);
  await verifier.ready();
  const { id, client } = await world.member('grace@example.com');
  const hers = await world.makeKey(client, 'hers');
  const his = await world.makeKey(owner, 'his', ['reports:read', 'reports:write']);
  for (const { key } of [hers, his]) assert.is(await codeOf(verifier, key, ['reports:read']), 'valid');

  expectStatus(await owner.patch(`/v1/api-keys/${his.id}`, { scopes: ['reports:read'] }), 200);
  await eventually(async () => (await codeOf(verifier, his.key, ['reports:write'])) === 'insufficient-scope');
  expectStatus(await world.admin.post(`/v1/admin/users/${id}/deactivate`), 200);
  await eventually(async () => (await codeOf(verifier, hers.key)) === 'owner-inactive');
  assert.is(await codeOf(verifier, his.key), 'valid');
  expectStatus(await world.admin.put('/v1/admin/policy', { enabled: false }), 200);
  await eventually(async () => (await codeOf(verifier, his.key)) === 'api-keys-disabled');
  expectStatus(await world.admin.put('/v1/admin/policy', { enabled: true }), 200);
  assert.is(await codeOf(verifier, his.key), 'valid');
});

well('guards Express, plain servers and handlers of Requests', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token);
  await verifier.ready();
  const { key } = await world.makeKey(owner, 'guarded');
  const app = express();
  app.use('/reports', verifier.express({ scopes: ['reports:read'] }));
  app.use('/write', verifier.express({ scopes: ['reports:write'] }));
  app.use((request, response) => void response.json((request as { keyledger?: unknown }).keyledger));
  const guard = verifier.express();
  const plain = createServer((request, response) => guard(request, response, () => response.end('let through')));
  const servers = [createServer(app), plain];
  const [url, plainUrl] = await Promise.all(servers.map(listening));
  const get = async (path: string, headers: { [name: string]: string } = {}) => {
    const answer = await fetch(url + path, { headers });
    return {
      status: answer.status,
      challenge: answer.headers.get('www-authenticate'),
      body: (await answer.json()) as { valid?: boolean; code?: string; params?: unknown },
    };
  };

  const bearer = { authorization: `Bearer ${key}` };
  assert.is((await get('/reports', bearer)).body.valid, true);
  assert.is((await get('/reports', { 'x-api-key': key })).status, 200);
  const none = await get('/reports');
  assert.is(none.status, 401);
  assert.is(none.challenge, 'Bearer realm="keyledger"');
  const wrong = await get('/reports', { authorization: 'Bearer wrong' });
  assert.is(wrong.status, 401);
  assert.match(wrong.challenge!, 'error="invalid_token"');
  assert.is(wrong.body.code, 'invalid-key');
  const lacking = await get('/write', bearer);
  assert.is(lacking.status, 403);
  assert.match(lacking.challenge!, 'error="insufficient_scope", scope="reports:write"');
  assert.equal(lacking.body.params, { missing: ['reports:write'] });
  assert.is((await get('/reports', { ...bearer, 'x-api-key': 'another' })).status, 400);
  assert.is(await (await fetch(plainUrl!, { headers: bearer })).text(), 'let through');

  const asked = (headers: { [name: string]: string }) => verifier.handle(new Request('http://here/', { headers }));
  const through = await asked(bearer);
  assert.not.instance(through, Response);
  const refused = await asked({});
  assert.instance(refused, Response);
  assert.is((refused as Response).status, 401);
  for (const server of servers) server.close();
});

well('confirms what it heard, and tells when keys were used', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token, { instance: 'first' });
  await verifier.ready();
  const used = await world.makeKey(owner, 'used');
  const ended = await world.makeKey(owner, 'ended');
  for (let i = 0; i < 3; i++) assert.is(await codeOf(verifier, used.key), 'valid');
  expectStatus(await owner.delete(`/v1/api-keys/${ended.id}`), 204);
  await eventually(async () => {
    const { body } = await world.admin.get('/v1/admin/subscribers');
    const mine = body.items.find(({ name }: { name: string }) => name === 'billing');
    const position = mine?.instances.find(({ instance }: { instance: string }) => instance === 'first')?.position;
    return position >= body.lastMessage;
  }, 'it has confirmed');
  await verifier.close();
  const { body } = await owner.get(`/v1/api-keys/${used.id}`);
  assert.ok(body.lastUsedAt);
});

well('many equal questions at once are one', async ({ world, owner }) => {
  const verifier = verifierOf(world.server.url, world.token);
  await verifier.ready();
  const { key } = await world.makeKey(owner, 'at once');
  const results = await Promise.all(Array.from({ length: 500 }, () => verifier.verify(key)));
  assert.is(new Set(results).size, 1);
});

well('a token that may not: it is not ready, and no key is called wrong', async ({ world, owner }) => {
  const { key } = await world.makeKey(owner, 'of another');
  const permissions = ['revocations:read'];
  const made = await world.admin.post('/v1/admin/service-tokens', { name: 'listens only', permissions });
  const listener = verifierOf(world.server.url, expectStatus(made, 201).body.token);
  await listener.ready();
  assert.is(await failure(listener.verify(key)), 'VerifierUnavailable forbidden');
  const nobody = verifierOf(world.server.url, 'svc_no_such_token');
  assert.is(await failure(nobody.ready()), 'VerifierUnavailable unauthenticated');
  assert.is(await failure(nobody.verify(key)), 'VerifierUnavailable unauthenticated');
});

well.run();
