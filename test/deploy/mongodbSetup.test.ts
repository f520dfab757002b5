import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.ts';

const script = readFileSync('deploy/mongodb/setup.js', 'utf8');

type Command = { readonly [name: string]: unknown };
type Answer = { readonly [field: string]: unknown };

/** A MongoDB as far as the script can see: asleep at first, then without replica set, then primary after a while. */
const server = ({ asleep = 0, initiated = false, user = false, broken = false } = {}) => {
  const state = { asleep, initiated, user, slept: 0, waiting: 2 };
  const commands: Command[] = [];
  const urls: string[] = [];
  const answer = (command: Command): Answer => {
    // The script's objects are of another realm.
    commands.push(JSON.parse(JSON.stringify(command)) as Command);
    if ('replSetGetStatus' in command) {
      if (broken) throw Object.assign(new Error('no'), { codeName: 'Unauthorized' });
      if (!state.initiated) throw Object.assign(new Error('no'), { codeName: 'NotYetInitialized' });
    }
    if ('replSetInitiate' in command) state.initiated = true;
    if ('hello' in command) return { isWritablePrimary: state.initiated && state.waiting-- <= 0 };
    if ('usersInfo' in command) return { users: state.user ? [{}] : [] };
    if ('createUser' in command) state.user = true;
    return { ok: 1 };
  };
  const database = { adminCommand: answer, runCommand: answer };
  const globals = {
    require: (name: string) => {
      assert.is(name, 'node:fs');
      return { readFileSync: (path: string) => `${path.replace('/run/secrets/', 'the ')}\n` };
    },
    connect: (url: string) => {
      urls.push(url);
      if (state.asleep-- > 0) throw new Error('connect ECONNREFUSED');
      return database;
    },
    sleep: () => {
      state.slept += 1;
    },
    print: () => {},
  };
  return { run: () => runInContext(script, createContext(globals)), commands, urls, state };
};

const names = (commands: readonly Command[]) => commands.map((command) => Object.keys(command)[0]!);
const asked = (commands: readonly Command[]) => names(commands).filter((name) => !['ping', 'hello'].includes(name));

const setup = suite('deploy/mongodb/setup.js');

setup('makes the replica set and the user, as root', () => {
  const { run, commands, urls } = server();
  run();
  assert.equal(urls, ['mongodb://root:the%20mongodb-root-password@mongodb:27017/admin?directConnection=true']);
  assert.equal(asked(commands), ['replSetGetStatus', 'replSetInitiate', 'usersInfo', 'createUser']);
  const [initiate] = commands.filter((command) => 'replSetInitiate' in command);
  const { members } = initiate!.replSetInitiate as { members: { host: string }[] };
  assert.equal(
    members.map(({ host }) => host),
    ['mongodb:27017'],
  );
});

setup('gives the user two databases, and of the vault nothing beyond reading and writing', () => {
  const { run, commands } = server();
  run();
  const made = commands.find((command) => 'createUser' in command)!;
  assert.is(made.createUser, 'keyledger');
  assert.is(made.pwd, 'the mongodb-password');
  const roles = (made.roles as { role: string; db: string }[]).map(({ role, db }) => `${role} ${db}`);
  assert.equal(roles, ['readWrite keyledger-vault', 'readWrite keyledger-lists', 'dbAdmin keyledger-lists']);
  // Where Keyledger keeps them when the URL names no database.
  const places = readFileSync('main/places.ts', 'utf8');
  for (const part of ['vault', 'lists']) assert.ok(places.includes(`\`\${database ?? 'keyledger'}-${part}\``), part);
});

setup('waits for the server, and then for its being primary', () => {
  const { run, commands, state } = server({ asleep: 3 });
  run();
  assert.is(state.slept, 3 + 2);
  assert.is(names(commands).at(-1), 'createUser');
});

setup('may be run again: the user gets the password that the secret has now', () => {
  const { run, commands } = server({ initiated: true, user: true });
  run();
  assert.equal(asked(commands), ['replSetGetStatus', 'usersInfo', 'updateUser']);
  assert.is(commands.at(-1)!.pwd, 'the mongodb-password');
});

setup('fails where something else is wrong, or where nobody ever answers', () => {
  assert.throws(server({ broken: true }).run, /no/);
  const silent = server({ asleep: 10_000 });
  assert.throws(silent.run, /ECONNREFUSED/);
  assert.is(silent.state.slept, 120);
});

setup.run();
