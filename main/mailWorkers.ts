import { storedEvents } from '../api/replay.ts';
import { uuid7 } from '../commands/handling/eventIds.ts';
import { createExpiryNotice } from '../commands/mail/expiryNotice.ts';
import { stillHolds } from '../commands/mail/stillHolds.ts';
import { isRejection } from '../domain/decider.ts';
import type { Recorded } from '../domain/event.ts';
import type { UserId } from '../domain/ids.ts';
import { policyStream } from '../domain/keyPolicy.ts';
import { keyringFold, keyringStream } from '../domain/keyring.ts';
import { settings } from '../domain/settings.ts';
import { type User, type UserEvent, userStream } from '../domain/user.ts';
import { user } from '../domain/userDecider.ts';
import { accountNotices } from '../workers/accountNotices.ts';
import { expiryNotices } from '../workers/expiryNotices.ts';
import { outboxWorker } from '../workers/outbox.ts';
import { ownerNotices } from '../workers/ownerNotices.ts';
import type { Worker } from '../workers/worker.ts';
import type { Inside } from './core.ts';

/** Somebody as their stream knew them before one of its events; null of whoever was erased since. */
const userBefore =
  ({ stores: { store }, codec }: Pick<Inside, 'stores' | 'codec'>) =>
  async (userId: UserId, before: number): Promise<User | null> => {
    let state = user.initialState();
    for await (const stored of storedEvents(store, userStream(userId), before - 1))
      for (const event of await codec.openAll(stored))
        state = user.evolve(state, event as unknown as Recorded<UserEvent>);
    return state === null || state.email === null ? null : state;
  };

/** What sends mails, and what has mails to send. */
export const mailWorkers = (inside: Inside): readonly Worker[] => {
  const { parts, stores, mails, folds, commands, execute, request, core } = inside;
  const { clock } = parts;
  const userOf = (userId: string) =>
    folds.read(user, userStream(userId), ({ state }) => state && structuredClone(state));
  const run = async (doing: string, outcome: Promise<unknown>) => {
    const done = await outcome;
    if (isRejection(done)) throw new Error(`${doing} was refused: ${done.rejected}`);
  };

  return [
    outboxWorker({
      ...parts,
      ...mails,
      userOf,
      processId: inside.processId,
      stillHolds: async ({ template, userId, row }) => {
        const person = await userOf(userId);
        return (
          person !== null &&
          stillHolds(folds, { ...row, template, userId }, person, clock.now(), inside.passwordTokens.isGood)
        );
      },
      recordNotice: ({ userId, mailId, category, queuedAt }) => {
        const eventId = uuid7(queuedAt, Buffer.from(mails.messageIdOf(mailId), 'hex').subarray(0, 10));
        const notice = { userId, noticeId: mailId, category, eventId };
        return run('recording a notice', execute(commands.recordNotice, notice, request('worker')));
      },
    }),
    expiryNotices({
      ...parts,
      lists: stores.lists,
      reader: inside.listReader,
      noticeDays: () =>
        folds.read(settings, policyStream, ({ state: { policy, policyChanged } }) => ({
          days: policy.enabled ? policy.expiryNoticeDays : [],
          since: policyChanged?.at ?? null,
        })),
      canMail: async () => (await mails.servers.current()) !== null,
      notice: createExpiryNotice({
        folds,
        clock,
        outbox: mails.outbox,
        record: (notice) => run('recording a notice', execute(commands.recordExpiryNotice, notice, request('worker'))),
      }),
    }),
    accountNotices({
      ...parts,
      outbox: mails.outbox,
      canMail: async () => (await mails.servers.current()) !== null,
      userBefore: userBefore(inside),
    }),
    ownerNotices({
      ...parts,
      outbox: mails.outbox,
      keyOf: (ownerId, keyId) =>
        folds.read(keyringFold, keyringStream(ownerId), ({ state }) => state.keys.get(keyId) ?? null),
      isErased: async (userId) => (await core.keys.find(userId)) === null,
    }),
  ];
};
