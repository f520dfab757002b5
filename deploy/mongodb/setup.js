// Run by mongosh, and as often as you like: the replica set is there, and so is Keyledger's user, with the password that
// the secret now has.
const { readFileSync } = require('node:fs');

const secret = (name) => readFileSync(`/run/secrets/${name}`, 'utf8').trim();
const root = encodeURIComponent(secret('mongodb-root-password'));

// The first start of the image's own makes the root user before it listens to anybody else.
const connected = () => {
  for (let tries = 120; ; tries--) {
    try {
      // Asked at once: mongosh tells only then, and in here, that nobody is there.
      const database = connect(`mongodb://root:${root}@mongodb:27017/admin?directConnection=true`);
      database.adminCommand({ ping: 1 });
      return database;
    } catch (error) {
      if (tries === 0) throw error;
      sleep(1000);
    }
  }
};

const admin = connected();

try {
  admin.adminCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error;
  admin.adminCommand({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: 'mongodb:27017' }] } });
}

for (let tries = 120; !admin.adminCommand({ hello: 1 }).isWritablePrimary; tries--) {
  if (tries === 0) throw new Error('no primary after two minutes');
  sleep(1000);
}

const rights = {
  pwd: secret('mongodb-password'),
  roles: [
    { role: 'readWrite', db: 'keyledger-vault' },
    // Lists may be dropped: they are filled again from the log.
    { role: 'readWrite', db: 'keyledger-lists' },
    { role: 'dbAdmin', db: 'keyledger-lists' },
  ],
};
const { users } = admin.runCommand({ usersInfo: 'keyledger' });
admin.runCommand(users.length === 0 ? { createUser: 'keyledger', ...rights } : { updateUser: 'keyledger', ...rights });
print('MongoDB is ready for Keyledger.');
