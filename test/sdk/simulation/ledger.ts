import type { RevocationMessage } from '../../../sdk/src/types.ts';

/** What is true of a key at some moment. */
type Standing = { readonly works: boolean; readonly scopes: readonly string[] };

export type Key = {
  readonly text: string;
  readonly keyId: string;
  readonly ownerId: string;
  /** Milliseconds since 1970 by the server's clock; null: never. */
  readonly expiresAt: number | null;
};

export type Fact =
  | { readonly type: 'key-ended'; readonly keyId: string }
  | { readonly type: 'scopes'; readonly keyId: string; readonly scopes: readonly string[] }
  | { readonly type: 'owner-ended'; readonly ownerId: string }
  | { readonly type: 'switch'; readonly on: boolean }
  | { readonly type: 'epoch' }
  | { readonly type: 'nothing' };

type Recorded = { readonly position: string; readonly fact: Fact; readonly message: RevocationMessage | null };

const reasons = {
  'key-ended': 'owner',
  scopes: 'scopes-changed',
  'owner-ended': 'owner-deactivated',
  switch: 'policy-changed',
  epoch: 'epoch-opened',
} as const;

export const positionOf = (number: number): string => number.toString(16).padStart(16, '0');

export const allScopes = ['a:read', 'a:write', 'b:read'];

/** The log, and what was true of every key at every moment of the run. */
export const createLedger = (keys: readonly Key[], now: () => number) => {
  let log: Recorded[] = [];
  let epoch = 'epoch-0';
  let epochs = 0;
  let number = 0;
  let serverOffset = 0;
  const history: { readonly at: number; readonly offset: number; readonly of: ReadonlyMap<string, Standing> }[] = [];

  const fold = (upTo: string | null): ReadonlyMap<string, Standing> => {
    const ended = new Set<string>();
    const scopes = new Map<string, readonly string[]>();
    let on = true;
    for (const { position, fact } of log) {
      if (upTo === null || position > upTo) break;
      if (fact.type === 'key-ended') ended.add(fact.keyId);
      if (fact.type === 'owner-ended') ended.add(fact.ownerId);
      if (fact.type === 'scopes') scopes.set(fact.keyId, fact.scopes);
      if (fact.type === 'switch') on = fact.on;
    }
    return new Map(
      keys.map(({ keyId, ownerId }) => [
        keyId,
        { works: on && !ended.has(keyId) && !ended.has(ownerId), scopes: scopes.get(keyId) ?? allScopes },
      ]),
    );
  };

  const end = () => log.at(-1)?.position ?? null;
  const remember = () => history.push({ at: now(), offset: serverOffset, of: fold(end()) });
  const lastMessage = (upTo: string | null): RevocationMessage | null =>
    log.findLast(({ position, message }) => message !== null && upTo !== null && position <= upTo)?.message ?? null;

  const messageOf = (fact: Fact, position: string): RevocationMessage | null => {
    if (fact.type === 'nothing') return null;
    const common = {
      position,
      previous: lastMessage(end())?.position ?? null,
      epoch,
      id: `${epoch}-${position}`,
      effect: fact.type === 'key-ended' || fact.type === 'owner-ended' ? 'ended' : 'recheck',
      reason: reasons[fact.type],
      at: '2030-01-01T00:00:00.000Z',
      effectiveAt: '2030-01-01T00:00:00.000Z',
    } as const;
    if (fact.type === 'owner-ended') return { ...common, kind: 'owner', ownerId: fact.ownerId };
    if (fact.type === 'switch' || fact.type === 'epoch') return { ...common, kind: 'all' };
    return { ...common, kind: 'key', keyId: fact.keyId };
  };

  const append = (fact: Fact) => {
    number++;
    const position = positionOf(number);
    const recorded = { position, fact, message: messageOf(fact, position) };
    log = [...log, recorded];
    remember();
  };

  append({ type: 'epoch' });

  const works = (key: Key, standing: Standing, asked: readonly string[], wall: number) =>
    standing.works &&
    asked.every((scope) => standing.scopes.includes(scope)) &&
    (key.expiresAt === null || wall < key.expiresAt);

  return {
    append,
    end,
    epoch: () => epoch,
    lastMessage,
    messagesAfter: (after: string | null, upTo: string | null): readonly RevocationMessage[] =>
      log.flatMap(({ position, message }) =>
        message !== null && (after === null || position > after) && upTo !== null && position <= upTo ? [message] : [],
      ),
    standing: (key: Key, upTo: string | null) => fold(upTo).get(key.keyId)!,
    works,
    serverOffset: () => serverOffset,
    stepServerClock: (offset: number) => {
      serverOffset = offset;
      remember();
    },
    /** An older copy, accepted: what was appended since is gone, and it is another log. */
    restore: (lost: number) => {
      log = log.slice(0, Math.max(1, log.length - lost));
      number = Number.parseInt(end()!, 16);
      epochs++;
      epoch = `epoch-${epochs}`;
      append({ type: 'epoch' });
    },
    /** Whether it was so at any moment in a stretch of time. */
    wasSo: (key: Key, asked: readonly string[], from: number, to: number, expected: boolean): boolean => {
      let first = history.length - 1;
      while (first > 0 && history[first]!.at > from) first--;
      return history.slice(first).some(({ at, offset, of }, index, all) => {
        const until = Math.min(to, all[index + 1]?.at ?? to);
        const since = Math.max(from, at);
        if (since > to) return false;
        return [since, until].some(
          (moment) => works(key, of.get(key.keyId)!, asked, wallAt(moment, offset)) === expected,
        );
      });
    },
  };
};

export type Ledger = ReturnType<typeof createLedger>;

export const beginning = Date.parse('2030-01-01T00:00:00Z');
export const wallAt = (moment: number, offset: number) => beginning + moment + offset;
