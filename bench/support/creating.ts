import type { UserId } from '../../domain/ids.ts';
import { keyringStream } from '../../domain/keyring.ts';
import type { Sample } from '../figure.ts';
import type { Installation } from './installation.ts';
import { registerMembers } from './people.ts';

/** Each owner makes one key after the other. Owners of their own for each round, so that no round finds longer keyrings than the one before. */
export const creatingRound = async (
  installation: Installation,
  create: (owner: UserId) => Promise<unknown>,
  owners: number,
  roundMs: number,
): Promise<Sample> => {
  const members = await registerMembers(installation, owners);
  const took: number[] = [];
  const began = performance.now();
  const until = began + roundMs;
  await Promise.all(
    members.map(async (owner) => {
      for (let at = performance.now(); at < until; ) {
        await create(owner);
        const now = performance.now();
        took.push(now - at);
        at = now;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await acknowledgedOnly(installation, members, took.length);
  took.sort((a, b) => a - b);
  const at = (share: number) => took[Math.floor(took.length * share)]!;
  return { rate: took.length / seconds, more: { 'p50 ms': at(0.5), 'p99 ms': at(0.99) } };
};

/** Every answered key stands in the log, once. */
const acknowledgedOnly = async ({ store }: Installation, members: readonly UserId[], answered: number) => {
  let stored = 0;
  for (const member of members) {
    for (let end = false, from = 0; !end; ) {
      const page = await store.readStream(keyringStream(member), from, 1_000);
      stored += page.events.length;
      from += page.events.length;
      end = page.end;
    }
  }
  if (stored !== answered) throw new Error(`${answered} keys were answered and ${stored} stand in the log`);
};
