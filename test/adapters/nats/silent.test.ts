import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import * as assert from 'uvu/assert';
import { openConnection } from '../../../adapters/nats/connection.ts';
import { systemScheduler } from '../../../adapters/node/scheduler.ts';
import { failedWith } from '../../../commands/failure.ts';
import { eventually } from '../../support/eventually.ts';
import { suite } from '../../support/suite.ts';

const test = suite('NATS that takes connections and says nothing');

test('what is given up is closed, with every try', async () => {
  const open = new Set<Socket>();
  let tries = 0;
  const server = createServer((socket) => {
    tries += 1;
    open.add(socket.resume());
    socket.on('close', () => open.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connection = await openConnection(
    { servers: [`127.0.0.1:${port}`] },
    { name: 'it', scheduler: systemScheduler(), report: () => {} },
  );
  try {
    connection.link();
    assert.unreachable();
  } catch (error) {
    assert.ok(failedWith(error, 'bus-unavailable'));
  }
  await eventually(() => tries >= 2 && open.size <= 1, 'nothing is left of the first');
  await connection.close();
  await eventually(() => open.size === 0, 'nothing is left');
  server.close();
});

test.run();
