import { type Client, expectStatus, type Response } from './client.ts';

/** Something that is to be made once, by a command with an Idempotency-Key of its own. */
export type Asked = {
  readonly name: string;
  readonly make: () => Promise<Response>;
  /** As it was answered; null: it never was. `key` is a key's text. */
  made: { readonly id: string; readonly key?: string } | null;
};

export type AskedKey = Asked & {
  readonly owner: Client;
  readonly remove: () => Promise<Response>;
  /** Whether its deletion was asked for, and answered. */
  deletion: 'none' | 'asked' | 'answered';
};

/** One value that is written again and again by one writer: a setting, a role, somebody's group. */
export type Register = {
  readonly name: string;
  /** So many can be told apart: 0 up to one less, then 0 again. */
  readonly values: number;
  readonly write: (value: number) => Promise<Response>;
  readonly read: () => Promise<number>;
  asked: number;
  answered: number;
};

/** What writers asked for and were told, for as long as the test lives: what the server must still know after a crash. */
export type Book = { readonly keys: AskedKey[]; readonly users: Asked[]; answers: number };

const once = (text: string) => ({ 'idempotency-key': text.replaceAll(' ', '-') });

const askedKey = (owner: Client, name: string): AskedKey => {
  const asked: AskedKey = {
    owner,
    name,
    make: () => owner.post('/v1/api-keys', { name }, once(`create ${name}`)),
    remove: () => owner.delete(`/v1/api-keys/${asked.made?.id}`, once(`delete ${name}`)),
    made: null,
    deletion: 'none',
  };
  return asked;
};

const askedUser = (admin: Client, name: string): Asked => {
  const user = { email: `${name.replaceAll(' ', '.')}@example.com`, externalProvider: 'directory', roles: ['member'] };
  return { name: user.email, make: () => admin.post('/v1/admin/users', user, once(`register ${name}`)), made: null };
};

/** Calls until the server is gone in the middle of one. @throws where an answer has another status */
const untilGone = async (
  book: Book,
  work: (ask: (status: number, call: Promise<Response>) => Promise<Response>) => Promise<void>,
) => {
  const gone = new Error('the server is gone');
  const ask = async (status: number, call: Promise<Response>) => {
    const answer = await call.catch(() => {
      throw gone;
    });
    expectStatus(answer, status);
    book.answers += 1;
    return answer;
  };
  try {
    for (;;) await work(ask);
  } catch (error) {
    if (error !== gone) throw error;
  }
};

/** Makes keys and deletes every third. */
export const writeKeys = (book: Book, owner: Client, name: string): Promise<void> => {
  let number = 0;
  return untilGone(book, async (ask) => {
    number += 1;
    const asked = askedKey(owner, `${name} ${number}`);
    book.keys.push(asked);
    asked.made = (await ask(201, asked.make())).body;
    if (number % 3 !== 0) return;
    asked.deletion = 'asked';
    await ask(204, asked.remove());
    asked.deletion = 'answered';
  });
};

export const writeUsers = (book: Book, admin: Client, name: string): Promise<void> => {
  let number = 0;
  return untilGone(book, async (ask) => {
    number += 1;
    const asked = askedUser(admin, `${name} ${number}`);
    book.users.push(asked);
    asked.made = (await ask(201, asked.make())).body;
  });
};

export const writeRegister = (book: Book, register: Register): Promise<void> =>
  untilGone(book, async (ask) => {
    register.asked += 1;
    await ask(200, register.write(register.asked));
    register.answered = register.asked;
  });
