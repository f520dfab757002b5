import type { ExpiryNotice } from '../commands/mail/expiryNotice.ts';
import type { Lists } from '../commands/ports/lists.ts';
import type { Vault } from '../commands/ports/vault.ts';
import { vaultTable } from '../commands/sealing/vaultTable.ts';
import { type Instant, instant, millis } from '../domain/instant.ts';
import { willExpire } from '../projections/lists/keyStatus.ts';
import { documentsIn } from './expiry.ts';
import type { ListReader } from './listReader.ts';
import { type Worker, type WorkerParts, worker } from './worker.ts';

export type ExpiryNoticesParts = WorkerParts & {
  readonly lists: Lists;
  readonly reader: Pick<ListReader, 'current'>;
  readonly vault: Vault;
  /** How many days ahead owners are told, and since when the policy has said so; none while keys are off. */
  readonly noticeDays: () => Promise<{ readonly days: readonly number[]; readonly since: Instant | null }>;
  /** Without a mail server nobody can be told: the time until there is one is made up for. */
  readonly canMail: () => Promise<boolean>;
  /** Done again, it changes nothing. */
  readonly notice: (notice: ExpiryNotice) => Promise<void>;
};

const expiryNoticesKind = 'expiry-notices';

const name = 'expiry-notices';
const dayMs = 24 * 3600 * 1000;
const everyMs = 2_000;
/** How far is written down this seldom; what is looked at twice is told once. */
const notedMs = 60_000;

// Stored shape: of each number of days, up to when keys that came so close to their end were told of.
type Told = { readonly [days: string]: Instant };

/**
 * Tells owners that a key ends in so many days, when it comes so close: neither those made later than that, nor twice
 * at once after a pause, when only the nearest of several numbers of days is told. Its due dates are the index of the
 * list of all keys. Running two is safe: `notice` is guarded.
 */
export const expiryNotices = (parts: ExpiryNoticesParts): Worker => {
  const { lists, reader, clock } = parts;
  const table = vaultTable<Told>(parts.vault, expiryNoticesKind);

  /** Those that came this close between two times. @param nearer the next smaller number of days, in ms */
  const tell = async (
    buildId: string,
    days: number,
    nearer: number,
    from: number,
    now: number,
    signal: AbortSignal,
  ) => {
    const ahead = days * dayMs;
    const bounds = [
      { column: 'endsAt', op: 'gt', value: instant(Math.max(from + ahead, now + nearer)) },
      { column: 'endsAt', op: 'lte', value: instant(now + ahead) },
    ] as const;
    for await (const document of documentsIn(lists, buildId, [...willExpire(instant(now)), ...bounds])) {
      if (signal.aborted) return;
      const expiresAt = document.expiresAt as Instant | null;
      if (expiresAt === null || millis(document.createdAt as Instant) > millis(expiresAt) - ahead) continue;
      await parts.notice({ userId: document.ownerId as string, keyId: document.id, days, expiresAt });
    }
  };

  let told: Told | null = null;
  let notedAt = Number.NEGATIVE_INFINITY;

  const note = async (next: Told) => {
    const sameDays = told !== null && Object.keys(told).join() === Object.keys(next).join();
    told = next;
    if (sameDays && clock.monotonic() - notedAt < notedMs) return;
    notedAt = clock.monotonic();
    await table.put('days', next, 'any');
  };

  return worker(parts, name, async (signal) => {
    const asked = await parts.noticeDays();
    const days = [...new Set(asked.days)].sort((a, b) => b - a);
    const now = clock.now();
    const before: Told = told ?? (await table.get('days'))?.value ?? {};
    const next: { [days: string]: Instant } = {};
    for (const ahead of days) next[ahead] = before[ahead] ?? asked.since ?? instant(now);
    if (days.length > 0 && (await parts.canMail())) {
      const { buildId, lagMs } = await reader.current('apiKeys');
      for (const [i, ahead] of days.entries()) {
        const nearer = (days[i + 1] ?? 0) * dayMs;
        await tell(buildId, ahead, nearer, millis(next[ahead]!), now, signal);
        if (signal.aborted) return 0;
        // Whatever came so close by then stands in the list already: a key is older than that moment.
        const seen = now - Math.ceil(lagMs);
        if (millis(next[ahead]!) < seen) next[ahead] = instant(seen);
      }
    }
    await note(next);
    return everyMs;
  });
};
