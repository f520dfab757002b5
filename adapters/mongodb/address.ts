export type MongoAddress = {
  /** The servers alone, for messages: no credentials. */
  readonly name: string;
  /** The database that the URL names, which the names of ours begin with; null: it names none. */
  readonly database: string | null;
};

/**
 * What of `mongodb://user:password@a:27017,b:27017/database?options` we look at ourselves; the rest is the driver's.
 * @throws Error saying what is wrong with it, without any of its credentials
 */
export const mongoAddress = (text: string): MongoAddress => {
  const parts = /^mongodb(?:\+srv)?:\/\/(?:[^@/?]*@)?(?<hosts>[^@/?]+)(?:\/(?<database>[^?]*))?(?:\?.*)?$/.exec(text);
  if (parts === null) throw new Error('is no URL of MongoDB: mongodb://user:password@host:27017');
  const { hosts = '', database = '' } = parts.groups!;
  if (!/^[A-Za-z0-9_-]{0,40}$/.test(database))
    throw new Error('names a database of other characters than 40 letters, digits, _ or -');
  return { name: hosts, database: database === '' ? null : database };
};
