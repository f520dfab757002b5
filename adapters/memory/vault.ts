import type { Clock } from '../../commands/environment.ts';
import { Failure } from '../../commands/failure.ts';
import type { Vault, VaultRow, VaultWrite } from '../../commands/ports/vault.ts';
import { compareTexts } from '../node/textOrder.ts';

type Lease = { readonly holder: string | null; readonly fence: number; readonly until: number };

/** A vault that lasts as long as its process: for tests and simulations. */
export const createMemoryVault = (clock: Clock): Vault => {
  const kinds = new Map<string, Map<string, VaultRow>>();
  const leases = new Map<string, Lease>();
  // One count for all rows, so that no version comes back when a row is removed and put again.
  let version = 0;
  let closed = false;

  const open = () => {
    if (closed) throw new Failure('store-unavailable', 'The vault is closed.');
  };
  const rowsOf = (kind: string) => {
    const rows = kinds.get(kind) ?? new Map<string, VaultRow>();
    kinds.set(kind, rows);
    return rows;
  };
  const isLive = (row: VaultRow) => row.expiresAt === null || row.expiresAt > clock.now();
  const standing = (kind: string, id: string): VaultRow | null => {
    const row = rowsOf(kind).get(id);
    return row !== undefined && isLive(row) ? row : null;
  };
  const write = ({ kind, id, value, person, ref, expiresAt }: VaultWrite): number => {
    version += 1;
    rowsOf(kind).set(id, Object.freeze({ kind, id, version, value, person, ref, expiresAt }));
    return version;
  };
  const removeWhere = (condemned: (row: VaultRow) => boolean, limit = Number.POSITIVE_INFINITY): number => {
    let removed = 0;
    for (const rows of kinds.values()) {
      for (const row of rows.values()) {
        if (removed === limit) return removed;
        if (condemned(row) && rows.delete(row.id)) removed += 1;
      }
    }
    return removed;
  };

  return {
    get: async (kind, id) => {
      open();
      return standing(kind, id);
    },
    put: async (row, expect) => {
      open();
      const current = standing(row.kind, row.id);
      const met = expect === 'any' || (expect === 'absent' ? current === null : current?.version === expect);
      return met ? { put: true, version: write(row) } : { put: false, current };
    },
    putAll: async (rows) => {
      open();
      rows.forEach(write);
    },
    remove: async (kind, id, expect) => {
      open();
      const current = standing(kind, id);
      if (current === null || (expect !== undefined && current.version !== expect)) return false;
      return rowsOf(kind).delete(id);
    },
    find: async (kind, { person, ref }, { after, limit }) => {
      open();
      return [...rowsOf(kind).values()]
        .filter((row) => person === undefined || row.person === person)
        .filter((row) => ref === undefined || row.ref === ref)
        .filter((row) => (after === null || compareTexts(row.id, after) > 0) && isLive(row))
        .sort((a, b) => compareTexts(a.id, b.id))
        .slice(0, limit);
    },
    purgePerson: async (person) => {
      open();
      return removeWhere((row) => row.person === person);
    },
    removeExpired: async (limit) => {
      open();
      return removeWhere((row) => !isLive(row), limit);
    },
    lease: async (name, holder, ttlMs) => {
      open();
      const now = clock.now();
      const lease = leases.get(name) ?? { holder: null, fence: 0, until: 0 };
      if (lease.holder !== null && lease.holder !== holder && lease.until > now) return null;
      const fence = lease.holder === holder ? lease.fence : lease.fence + 1;
      leases.set(name, { holder, fence, until: now + ttlMs });
      return { fence };
    },
    releaseLease: async (name, holder) => {
      open();
      const lease = leases.get(name);
      if (lease?.holder === holder) leases.set(name, { holder: null, fence: lease.fence, until: 0 });
    },
    close: async () => {
      closed = true;
    },
  };
};
