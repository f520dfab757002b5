import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { startOn, writeManyKeys } from '../../bench/support/manyKeys.ts';
import { settled } from '../../bench/support/settled.ts';
import { portOf, startLoad } from '../../bench/support/verifying.ts';
import { startChild } from '../../bench/verify/child.ts';
import { verifyCall } from '../../bench/verify/requests.ts';
import { instant } from '../../domain/instant.ts';
import { suite } from '../support/suite.ts';
import { temporaryFolder } from '../support/temporaryFolder.ts';

const many = suite('many keys, written without commands');

many('work in the real program, which fills its lists with them', async () => {
  const data = join(temporaryFolder(), 'data');
  const end = instant(Date.now() + 86_400_000);
  const { token, keys, events } = await writeManyKeys(data, {
    owners: 3,
    keysEach: 4,
    expiresAt: () => end,
    texts: 12,
  });
  assert.is(new Set(keys.map(({ text }) => text)).size, 12);

  const scanning = startChild('../million/scan.ts');
  const scanned = await scanning.ask<{ events: number }>(join(data, 'log.sqlite'));
  await scanning.close();
  assert.is(scanned.events, events);

  const server = await startOn(data);
  try {
    assert.ok(await settled(server, 60_000));
    const on = { port: portOf(server), pid: server.pid, token, keys: keys.map(({ text }) => text) };
    // It fails at the first answer that is not "valid".
    const load = await startLoad(verifyCall, on);
    const { rate } = await load.round(2, 200);
    await load.close();
    assert.ok(rate > 0);
  } finally {
    await server.stop();
  }
});

many.run();
