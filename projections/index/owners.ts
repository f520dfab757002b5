import type { UserId } from '../../domain/ids.ts';
import type { UserKind, UserStatus } from '../../domain/user.ts';
import { createBytesTable } from './bytesTable.ts';
import { createColumn } from './column.ts';
import { createInterner } from './interner.ts';
import { readUuid, writeUuid } from './uuidBytes.ts';

/** Everybody whom the log names, as rows of numbers. `unknown`: named by another stream, without an event of their own yet. */
export type Owners = ReturnType<typeof createOwners>;

export type OwnerStatus = UserStatus | 'unknown';

// Written into snapshots as their places in these lists: add at the end, never reorder.
const statuses: readonly OwnerStatus[] = ['unknown', 'invited', 'active', 'deactivated', 'deleted', 'erased'];
const kinds: readonly UserKind[] = ['human', 'service'];

const administrator = 1;
const mustChangePassword = 2;
const accepted = 4;

export const createOwners = () => {
  const ids = createBytesTable(16);
  const columns = {
    status: createColumn(Uint8Array),
    kind: createColumn(Uint8Array),
    flags: createColumn(Uint8Array),
    ownerEpoch: createColumn(Int32Array),
    sessionEpoch: createColumn(Int32Array),
    roles: createColumn(Int32Array),
    groups: createColumn(Int32Array),
    organizations: createColumn(Int32Array),
    // Row of the owner's newest key plus one; 0: none.
    newestKey: createColumn(Int32Array),
  };
  let sets = createInterner([[]]);
  const id = new Uint8Array(16);

  const setFlag = (owner: number, flag: number, on: boolean) => {
    const flags = columns.flags.get(owner);
    columns.flags.set(owner, on ? flags | flag : flags & ~flag);
  };

  return {
    columns,
    size: ids.size,
    ids: ids.bytes,
    find: (userId: UserId) => (readUuid(userId, id) ? ids.find(id) : -1),
    /** The row of a user, a new one where the log had not named them. @throws where the id is no UUID */
    named: (userId: UserId) => {
      if (!readUuid(userId, id)) throw new Error('the id of a user is no UUID');
      const owner = ids.find(id);
      return owner >= 0 ? owner : ids.add(id);
    },
    userId: (owner: number): UserId => writeUuid(ids.buffer(), owner * 16),

    status: (owner: number) => statuses[columns.status.get(owner)]!,
    setStatus: (owner: number, status: OwnerStatus) => columns.status.set(owner, statuses.indexOf(status)),
    kind: (owner: number) => kinds[columns.kind.get(owner)]!,
    setKind: (owner: number, kind: UserKind) => columns.kind.set(owner, kinds.indexOf(kind)),

    isAdministrator: (owner: number) => (columns.flags.get(owner) & administrator) !== 0,
    setAdministrator: (owner: number, on: boolean) => setFlag(owner, administrator, on),
    mustChangePassword: (owner: number) => (columns.flags.get(owner) & mustChangePassword) !== 0,
    setMustChangePassword: (owner: number, on: boolean) => setFlag(owner, mustChangePassword, on),

    /** Whether they ever were more than invited: reactivation leads back to what they were. */
    accepted: (owner: number) => (columns.flags.get(owner) & accepted) !== 0,
    setAccepted: (owner: number, on: boolean) => setFlag(owner, accepted, on),

    ownerEpoch: columns.ownerEpoch.get,
    setOwnerEpoch: columns.ownerEpoch.set,
    sessionEpoch: columns.sessionEpoch.get,
    endSessions: (owner: number) => columns.sessionEpoch.set(owner, columns.sessionEpoch.get(owner) + 1),

    /** Number of the set of assigned roles: owners with equal roles share it. */
    roleSet: columns.roles.get,
    roles: (owner: number) => sets.get(columns.roles.get(owner)),
    setRoles: (owner: number, roles: readonly string[]) => columns.roles.set(owner, sets.intern(roles)),
    rolesOfSet: (set: number) => sets.get(set),
    groups: (owner: number) => sets.get(columns.groups.get(owner)),
    setGroups: (owner: number, groups: readonly string[]) => columns.groups.set(owner, sets.intern(groups)),
    organizations: (owner: number) => sets.get(columns.organizations.get(owner)),
    setOrganizations: (owner: number, organizations: readonly string[]) =>
      columns.organizations.set(owner, sets.intern(organizations)),

    sets: () => sets.all(),
    loadSets: (known: readonly (readonly string[])[]) => {
      sets = createInterner(known);
    },
    loadIds: ids.load,
  };
};
