import { randomUUID } from 'node:crypto';
import { createCore } from '../commands/core.ts';
import { acceptRestored as accept } from '../commands/installation/restore.ts';
import { instant } from '../domain/instant.ts';
import { forgetUnknownCheckpoints } from '../workers/checkpoints.ts';
import { presenceWorker } from '../workers/presence.ts';
import type { Configuration } from './configuration.ts';
import { environment } from './core.ts';
import { createLog } from './log.ts';
import { openExplained, requireInstallation } from './program.ts';

/** `keyledger restore accept`, while no server runs. @throws StartError */
export const acceptRestored = async (
  configuration: Configuration,
): Promise<{ readonly epoch: string; readonly lost: number }> => {
  await requireInstallation(configuration);
  const stores = await openExplained(configuration, 'restore');
  const { store, vault, presence } = stores;
  const log = createLog(configuration.logLevel);
  const done = new AbortController();
  const present = presence && presenceWorker({ ...environment, log }, presence).run(done.signal);
  try {
    const { keys, handler } = createCore({
      ...environment,
      ...stores,
      processId: randomUUID(),
      afterAppend: async () => {},
      report: (error, doing) => log.warn({ err: error }, doing),
    });
    const request = () => ({
      at: instant(environment.clock.now()),
      actor: { kind: 'cli', id: null } as const,
      ip: null,
      userAgent: null,
      requestId: null,
      correlationId: randomUUID(),
      causationId: null,
      idempotency: null,
      ifMatch: null,
    });
    await forgetUnknownCheckpoints(store, vault);
    const epoch = randomUUID();
    const lost = await accept({ store, vault, keys, execute: handler.execute, request }, epoch);
    return { epoch, lost };
  } finally {
    done.abort();
    await present;
    await stores.close();
  }
};
