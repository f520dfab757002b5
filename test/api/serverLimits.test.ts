import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import * as assert from 'uvu/assert';
import { clientErrorAnswer } from '../../api/clientErrors.ts';
import { Refusal } from '../../api/refusal.ts';
import { readBody } from '../../api/requestBody.ts';
import { endStalled, hasOneHost, serverLimits } from '../../api/serverLimits.ts';
import { eventually } from '../support/eventually.ts';
import { openConnection } from '../support/rawHttp.ts';
import { assertRefused } from '../support/refused.ts';
import { suite } from '../support/suite.ts';

const limits = suite<{ url: string; close: () => Promise<void>; asked: unknown[]; thrown: unknown[] }>(
  'limits of the server',
);

limits.before.each(async (context) => {
  context.asked = [];
  context.thrown = [];
  const quick = { ...serverLimits, headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 10 };
  const server = createServer(quick, (request, response) => {
    context.asked.push(request.url);
    readBody(request, 1000).then(
      (body) => response.end(String(body.length)),
      (error: unknown) => context.thrown.push(error),
    );
  });
  server.on(
    'clientError',
    clientErrorAnswer(() => 'r1'),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
});

limits.after.each(({ close }) => close());

const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n';

for (const [what, sent] of [
  ['headers', head],
  ['a first line', 'POST /v1/verify'],
  ['a body', `${head}\r\n{"key":`],
] as const)
  limits(`${what} that never end are answered 408 in time, and the connection ends`, async ({ url }) => {
    const connection = openConnection({ url });
    connection.send(sent);
    assertRefused(await connection.answer(), 408, 'request-timeout', what);
    await connection.ended;
  });

limits('a sender who leaves in the middle of a body is no fault of ours', async ({ url, asked, thrown }) => {
  const connection = openConnection({ url });
  connection.send(`${head}\r\n{"key":`);
  await eventually(() => asked.length === 1);
  connection.close();
  await eventually(() => thrown.length === 1);
  assert.ok(thrown[0] instanceof Refusal, String(thrown[0]));
});

limits('the limits are those that were thought of', () => {
  assert.ok(serverLimits.headersTimeout <= 10_000);
  assert.ok(serverLimits.requestTimeout <= 30_000);
  assert.ok(serverLimits.connectionsCheckingInterval <= serverLimits.headersTimeout);
  assert.ok(serverLimits.maxHeaderSize <= 16_384);
});

limits('one host, but for the first version of HTTP', () => {
  const request = (host: string | undefined, httpVersion = '1.1') => ({ headers: { host }, httpVersion }) as never;
  assert.ok(hasOneHost(request('localhost')));
  assert.not(hasOneHost(request(undefined)));
  assert.not(hasOneHost(request('a, b')));
  assert.ok(hasOneHost(request(undefined, '1.0')));
});

limits('whoever asks for much and never reads it is cut off', async () => {
  const much = Buffer.alloc(64 * 1024 * 1024);
  let ended = () => {};
  const over = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const server = createServer(serverLimits, (_request, response) => {
    response.once('close', ended);
    response.end(much);
  });
  endStalled(server, 100);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  client.pause();
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await over;
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
});

limits.run();
