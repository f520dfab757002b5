import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { openEventStore } from '../../adapters/sqlite/eventStore.ts';
import { openLists } from '../../adapters/sqlite/lists.ts';
import { openVault } from '../../adapters/sqlite/vault.ts';
import { uuid7 } from '../../commands/handling/eventIds.ts';
import { resetMark } from '../../commands/handling/mark.ts';
import type { UserId } from '../../domain/ids.ts';
import { type Instant, instant } from '../../domain/instant.ts';
import { keyringStream } from '../../domain/keyring.ts';
import { makeKeyText, maskOf } from '../../domain/keyText.ts';
import { userStream } from '../../domain/user.ts';
import { type Server, startServer } from '../../test/support/server.ts';
import { clock, masterKey, randomness, withoutCaches } from './installation.ts';
import { created, registration } from './people.ts';
import { prepareService } from './verifying.ts';
import { writer } from './writer.ts';

/** One of the keys that were made. */
export type MadeKey = { readonly text: string; readonly expiresAt: Instant };

export type ManyKeys = {
  readonly owners: number;
  readonly keysEach: number;
  /** Of the nth key that is made, from 0. */
  readonly expiresAt: (n: number) => Instant;
  /** So many of all texts are kept, evenly spread. */
  readonly texts: number;
};

/** Starts the program on a folder whose keys are those that this process writes with. */
export const startOn = (data: string): Promise<Server> =>
  startServer({ KEYLEDGER_DATA: data, KEYLEDGER_MASTER_KEY: Buffer.from(masterKey).toString('hex') });

/**
 * An installation of the real program with very many keys in it, stopped: begun by the program, with a service token and
 * the API on; then its members and their keys appended as commands would have, without any command.
 */
export const writeManyKeys = async (
  data: string,
  many: ManyKeys,
): Promise<{ readonly token: string; readonly keys: readonly MadeKey[]; readonly events: number }> => {
  const token = await begin(data);
  return { token, ...(await append(data, many)) };
};

const begin = async (data: string): Promise<string> => {
  const server = await startOn(data);
  try {
    return (await prepareService(server)).token;
  } finally {
    await server.stop();
  }
};

const ownersAtOnce = 512;

const append = async (data: string, { owners, keysEach, expiresAt, texts }: ManyKeys) => {
  const vault = await openVault({ file: join(data, 'vault.sqlite'), clock });
  const store = await openEventStore({ file: join(data, 'log.sqlite') });
  const lists = await openLists({ file: join(data, 'lists.sqlite') });
  try {
    const core = withoutCaches({ store, vault, lists });
    const write = writer(core, store);
    const kept: MadeKey[] = [];
    const every = Math.max(1, Math.floor((owners * keysEach) / texts));
    let made = 0;

    const owner = async () => {
      const userId = newId();
      await core.keys.ensure(userId);
      await write(userStream(userId), [registration(userId)]);
      const events = Array.from({ length: keysEach }, (_, n) => {
        const text = makeKeyText({ form: 'prefixed', prefix: 'api' }, drawn);
        const key = { text, expiresAt: expiresAt(made) };
        if (made % every === 0 && kept.length < texts) kept.push(key);
        made += 1;
        const secretHash = createHash('sha256').update(text).digest('hex');
        return created(newId(), { name: `Key ${n}`, secretHash, mask: maskOf(text), expiresAt: key.expiresAt });
      });
      const actor = { kind: 'user', id: userId } as const;
      await write(keyringStream(userId), events, { actor });
    };

    let begun = 0;
    const ownersInTurn = async () => {
      while (begun < owners) {
        begun += 1;
        await owner();
      }
    };
    await Promise.all(Array.from({ length: ownersAtOnce }, ownersInTurn));
    return { keys: kept, events: await raiseMark(store, vault) };
  } finally {
    await store.close();
    await vault.close();
    await lists.close();
  }
};

/** As the last command would have left it. @returns how many events the log has */
const raiseMark = async (
  store: Awaited<ReturnType<typeof openEventStore>>,
  vault: Awaited<ReturnType<typeof openVault>>,
) => {
  let events = 0;
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof store.readAll>> = await store.readAll(after, 1_000);
    events += page.events.length;
    after = page.position;
    const last = page.events.at(-1);
    if (last && page.end) await resetMark(vault, { position: last.position, eventId: last.id });
    if (page.end) return events;
  }
};

const newId = (): UserId => uuid7(instant(clock.now()), randomness.bytes(10));

let pool = Buffer.alloc(0);
/** Random bytes by the thousand: asking for few at a time takes longer than all the rest. */
const drawn = (length: number): Uint8Array => {
  if (pool.length < length) pool = randomBytes(64 * 1024);
  const bytes = pool.subarray(0, length);
  pool = pool.subarray(length);
  return bytes;
};
