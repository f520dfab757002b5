import * as assert from 'uvu/assert';
import { expectStatus } from '../../support/client.ts';
import { suite } from '../../support/suite.ts';
import { startWholeApp, type WholeApp } from '../../support/wholeApp.ts';

const s = suite('documents');

type Json = { readonly [field: string]: unknown };
type Operation = Json & {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Json;
  }[];
  readonly responses: { readonly [status: string]: { readonly description: string; readonly content?: Json } };
  readonly requestBody?: { readonly content: { readonly [type: string]: { readonly schema: Json } } };
  readonly security: readonly Json[];
};

let app: WholeApp;
let document: {
  readonly openapi: string;
  readonly info: Json;
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
  readonly components: { readonly schemas: Json; readonly securitySchemes: Json };
};

s.before(async () => {
  app = await startWholeApp();
  document = expectStatus(await app.nobody.get('/openapi.json'), 200).body;
});

s.after(async () => {
  assert.equal(app.unexpected, []);
  await app.close();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

/** Every object in a value, with the way to it. */
function* objectsIn(value: unknown, way = ''): Generator<readonly [string, Json]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [way, value as Json];
  for (const [name, inner] of Object.entries(value)) yield* objectsIn(inner, `${way}/${name}`);
}

s('is OpenAPI 3.1 of every call there is', () => {
  assert.is(document.openapi, '3.1.0');
  assert.is(document.info.version, '1.2.3');
  const declared = app.routes.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
  const bare = [
    'POST /v1/verify',
    'POST /v1/introspect',
    'GET /v1/forward-auth',
    'POST /v1/forward-auth',
    'POST /v1/usage',
    'GET /v1/revocations',
    'GET /v1/revocations/stream',
    'GET /v1/revocations/signing-key',
    'POST /v1/revocations/ack',
  ];
  const described = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`);
  assert.equal(described.sort(), [...declared, ...bare].sort());
  for (const path of Object.keys(document.paths)) assert.match(path, /^\//);
});

s('says of what proxies and streams bring and are told in headers', () => {
  const { get, post } = document.paths['/v1/forward-auth']!;
  for (const call of [get!, post!]) {
    assert.equal(call.security, [{ key: [] }, { keyHeader: [] }]);
    const told = Object.keys((call.responses[204] as unknown as { readonly headers: Json }).headers);
    for (const name of ['Keyledger-Key-Id', 'Keyledger-Owner-Id', 'Keyledger-Scopes', 'Keyledger-Scopes-Omitted'])
      assert.ok(told.includes(name), name);
  }
  const taken = document.paths['/v1/revocations/stream']!.get!.parameters.filter((one) => one.in === 'header');
  assert.equal(taken.map(({ name }) => name).sort(), ['Keyledger-Min-Position', 'Last-Event-ID']);
});

s('gives every call a name of its own, words, answers and its parameters', () => {
  const names = operations().map(({ operation }) => operation.operationId);
  assert.is(new Set(names).size, names.length);
  for (const { path, method, operation } of operations()) {
    const where = `${method} ${path}`;
    assert.match(operation.operationId, /^[a-z][A-Za-z0-9]*$/, where);
    assert.ok(operation.summary.length > 0 && operation.tags.length === 1, where);
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = operation.parameters.filter((parameter) => parameter.in === 'path');
    assert.equal(
      declared.map(({ name }) => name),
      inPath,
      where,
    );
    assert.ok(
      declared.every(({ required }) => required),
      where,
    );
    const keys = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
    assert.is(new Set(keys).size, keys.length, where);
    for (const parameter of operation.parameters) assert.type(parameter.schema, 'object', where);
    assert.ok(
      Object.keys(operation.responses).some((status) => /^[2-5]\d\d$/.test(status)),
      where,
    );
    for (const [status, { description }] of Object.entries(operation.responses)) {
      assert.match(status, /^(\d{3}|default)$/);
      assert.ok(description.length > 0, where);
    }
    for (const scheme of operation.security.flatMap((one) => Object.keys(one)))
      assert.ok(Object.hasOwn(document.components.securitySchemes, scheme), `${where}: ${scheme}`);
    if (method === 'get') assert.is(operation.requestBody, undefined, where);
  }
});

s('refers only to what is there', () => {
  let references = 0;
  for (const [way, { $ref }] of objectsIn(document)) {
    if ($ref === undefined) continue;
    references += 1;
    assert.match(String($ref), /^#\/components\/schemas\/\w+$/, way);
    assert.ok(
      Object.hasOwn(document.components.schemas, String($ref).slice('#/components/schemas/'.length)),
      `${way}: ${$ref}`,
    );
  }
  assert.ok(references > 20);
  for (const name of ['Key', 'Event', 'User', 'Problem', 'Revocation'])
    assert.ok(Object.hasOwn(document.components.schemas, name), name);
});

const types = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

s('has schemas that JSON Schema knows', () => {
  for (const [way, schema] of objectsIn(document)) {
    assert.not.ok(Object.hasOwn(schema, '$schema') || Object.hasOwn(schema, '$defs'), way);
    if (!/\/(schema|items|schemas\/\w+)$/.test(way) || schema.type === undefined) continue;
    for (const type of [schema.type].flat()) assert.ok(types.includes(String(type)), `${way}: ${type}`);
    if (typeof schema.pattern === 'string') new RegExp(schema.pattern, 'u');
    const { properties, required } = schema as { properties?: Json; required?: readonly string[] };
    for (const name of required ?? []) assert.ok(Object.hasOwn(properties ?? {}, name), `${way}: ${name}`);
  }
});

s('names the headers of answers, and where it is served', () => {
  const headersOf = (path: string, method: string, status: string) =>
    Object.keys((document.paths[path]![method]!.responses[status] as unknown as { headers: object }).headers);
  assert.equal(headersOf('/v1/api-keys', 'post', '201'), ['Keyledger-Position', 'Idempotency-Replayed', 'ETag']);
  assert.equal(headersOf('/v1/api-keys/{id}', 'delete', '204'), ['Keyledger-Position', 'Idempotency-Replayed']);
  assert.equal(headersOf('/v1/session', 'post', '200'), ['Keyledger-Position', 'ETag']);
  assert.equal(headersOf('/v1/me', 'get', '200'), ['ETag']);
  assert.equal(headersOf('/v1/me', 'get', 'default'), ['Retry-After', 'WWW-Authenticate']);
  assert.equal((document as unknown as { servers: readonly Json[] }).servers[0]?.url, '/');
});

s('says that a body may be left out where it may', () => {
  const body = (path: string) => document.paths[path]!.post!.requestBody as Json | undefined;
  assert.is(body('/v1/admin/api-keys/{id}/revoke')?.required, false);
  assert.is(body('/v1/verify')?.required, true);
  assert.is(body('/v1/sessions/end-all'), undefined);
});

const isShut = (policy: string | null) => {
  assert.match(policy ?? '', /^default-src 'none'; style-src 'sha256-[^']+'; /);
  assert.match(policy ?? '', /frame-ancestors 'none'/);
  assert.not.match(policy ?? '', /unsafe|https?:/);
};

s('is a page to read, whole in itself', async () => {
  const { headers, body } = expectStatus(await app.nobody.get('/docs', { accept: 'text/html' }), 200);
  assert.match(headers.get('content-type')!, /^text\/html; charset=utf-8/);
  isShut(headers.get('content-security-policy'));
  const page = String(body);
  for (const { path, method, operation } of operations()) {
    assert.ok(page.includes(`<code>${method.toUpperCase()} ${path}</code>`), `${method} ${path}`);
    assert.ok(page.includes(`id="${operation.operationId}"`));
  }
  assert.not.match(page, /<script|<link|<img|src=|url\(|@import/);
  for (const [, target] of page.matchAll(/href="([^"]*)"/g)) {
    if (target!.startsWith('#')) assert.ok(page.includes(`id="${target!.slice(1)}"`), target);
    else assert.is(target, '/openapi.json');
  }
  assert.match(
    page,
    /<tr id="problem-api-key-limit-reached"><td><code>api-key-limit-reached<\/code><\/td><td>409<\/td>/,
  );
});

s('leads from the front page and from a problem’s type to the rest', async () => {
  const front = expectStatus(await app.nobody.get('/', { accept: 'text/html' }), 200);
  isShut(front.headers.get('content-security-policy'));
  for (const [, target] of String(front.body).matchAll(/href="([^"]*)"/g))
    assert.ok((await app.nobody.get(target!)).status === 200, target);
  const problem = await app.nobody.get('/v1/nothing');
  assert.is(problem.body.type, '/problems/not-found');
  assert.match(String(expectStatus(await app.nobody.get(problem.body.type), 200).body), /status 404/);
  expectStatus(await app.nobody.get('/problems/constructor'), 404);
});

s.run();
