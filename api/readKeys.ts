import type { Opened } from '../commands/handling/eventCodec.ts';
import type { Folds } from '../commands/handling/folds.ts';
import type { StoredEvent } from '../commands/ports/eventStore.ts';
import { activityStream } from '../domain/activity.ts';
import type { AnyEvent } from '../domain/events.ts';
import { keyIdsOf } from '../domain/events.ts';
import type { KeyId, UserId } from '../domain/ids.ts';
import type { Instant } from '../domain/instant.ts';
import { policyStream } from '../domain/keyPolicy.ts';
import { type Key, keyringFold, keyringStream } from '../domain/keyring.ts';
import { keyView, type OwnerStanding } from '../domain/keyView.ts';
import { effectiveRights, roles, rolesOfUser, rolesStream } from '../domain/roles.ts';
import { policyStanding, type Settings, settings } from '../domain/settings.ts';
import { userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import { keyShape, type LastUse } from './keyShape.ts';
import { Refusal } from './refusal.ts';
import type { KeyShape } from './schemas/key.ts';

/** An event of the log, and the name of who acted. */
export type OpenedEvent = { readonly event: Opened & AnyEvent; readonly label: string | null };

export type ReadKeysContext = {
  readonly now: () => Instant;
  readonly folds: Pick<Folds, 'read'>;
  readonly lastUse: (keyId: KeyId) => Promise<LastUse | null>;
  /** The events of a stream, or those that are wanted, oldest first. Only these are decrypted. */
  readonly history: (stream: string, wanted?: (event: StoredEvent) => boolean) => Promise<readonly OpenedEvent[]>;
};

export type Ring = {
  readonly ownerId: UserId;
  readonly keys: ReadonlyMap<KeyId, Key>;
  readonly owner: OwnerStanding;
  readonly rules: Settings;
  readonly at: Instant;
};

/** One user's keys with all that their standing follows from, each read to the end of its own stream. */
export const readRing = async (
  context: Pick<ReadKeysContext, 'folds' | 'now'>,
  ownerId: UserId,
): Promise<Ring | null> => {
  const { folds } = context;
  // What a fold holds goes on changing: each is copied as far as it is looked at.
  const [keys, owner, rules, rolesNow] = await Promise.all([
    folds.read(keyringFold, keyringStream(ownerId), ({ state }) => new Map(state.keys)),
    folds.read(user, userStream(ownerId), ({ state }) => state && { ...state, endedEpochs: [...state.endedEpochs] }),
    folds.read(settings, policyStream, ({ state }) => state),
    folds.read(roles, rolesStream, ({ state }) => ({ ...state, defined: { ...state.defined } })),
  ]);
  if (owner === null) return null;
  const { status, ownerEpoch, endedEpochs } = owner;
  const held = rolesOfUser(ownerId, owner.roles, rolesNow);
  const mayUseApi = effectiveRights(held, rolesNow).permissions.includes('api-keys:use');
  return { ownerId, keys, owner: { status, ownerEpoch, endedEpochs, mayUseApi }, rules, at: context.now() };
};

export const shownKey = async (context: Pick<ReadKeysContext, 'lastUse'>, ring: Ring, key: Key): Promise<KeyShape> => {
  const lastUse = await context.lastUse(key.keyId);
  return keyShape(
    { ...key, ownerId: ring.ownerId, standing: key },
    ring.owner,
    policyStanding(ring.rules),
    lastUse,
    ring.at,
  );
};

/** A key's status alone, for which nothing has to be read. */
export const statusOf = ({ owner, rules, at }: Ring, key: Key): KeyShape['status'] =>
  keyView(key, owner, policyStanding(rules), at).status;

const notFound = () => new Refusal('not-found');

/** One key of somebody. @throws Refusal not-found: also where it is another's */
export const readKey = async (
  context: Pick<ReadKeysContext, 'folds' | 'now' | 'lastUse'>,
  ownerId: UserId,
  keyId: KeyId,
): Promise<{ readonly shape: KeyShape; readonly revision: number; readonly key: Key; readonly ring: Ring }> => {
  const ring = await readRing(context, ownerId);
  const key = ring?.keys.get(keyId);
  if (ring === null || key === undefined) throw notFound();
  return { shape: await shownKey(context, ring, key), revision: key.revision, key, ring };
};

/** The biography of one key: its own events, what was done with its text, and the closing that ended it. */
export const keyHistory = async (
  context: Pick<ReadKeysContext, 'history'>,
  ownerId: UserId,
  key: Key,
): Promise<readonly OpenedEvent[]> => {
  const isOwn = (event: StoredEvent) =>
    event.type === 'KeyringClosed'
      ? event.data.ownerEpoch === key.ownerEpoch
      : keyIdsOf(event as unknown as AnyEvent).includes(key.keyId);
  const streams = [keyringStream(ownerId), activityStream(ownerId)];
  const events = await Promise.all(streams.map((stream) => context.history(stream, isOwn)));
  return events.flat().sort((a, b) => (a.event.position < b.event.position ? -1 : 1));
};
