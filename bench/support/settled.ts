import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import { cpuSecondsOf } from '../verify/child.ts';

const everyMs = 500;
/** Of one core: what a process does that has nothing to do. */
const idleShare = 0.1;

type Lists = { readonly checks: { readonly lists: { readonly ok: boolean; readonly items: readonly Item[] } } };
type Item = { readonly lagMs: number };

/** Resolves when the lists are filled and nothing runs by itself any more. @returns false where that takes longer than `maxMs` */
export const settled = async ({ url, pid }: Pick<Server, 'url' | 'pid'>, maxMs: number): Promise<boolean> => {
  const until = performance.now() + maxMs;
  let quiet = 0;
  while (quiet < 3) {
    if (performance.now() > until) return false;
    const before = cpuSecondsOf(pid);
    await sleep(everyMs);
    const after = cpuSecondsOf(pid);
    const used = before === null || after === null ? 0 : (after - before) / (everyMs / 1000);
    const { lists } = ((await (await fetch(`${url}/readyz`)).json()) as Lists).checks;
    const filled = lists.ok && lists.items.every(({ lagMs }) => lagMs === 0);
    quiet = filled && used <= idleShare ? quiet + 1 : 0;
  }
  return true;
};

/** Until keys can be verified there. */
export const ready = async ({ url }: Pick<Server, 'url'>): Promise<void> => {
  while ((await fetch(`${url}/readyz`)).status !== 200) await sleep(5);
};
