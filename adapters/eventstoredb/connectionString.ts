const flat = (name: string) => name.toLowerCase().replace(/[_-]/g, '');

const texts = ['tlsCAFile', 'userCertFile', 'userKeyFile', 'connectionName'];
const values: ReadonlyMap<string, RegExp> = new Map(
  [
    ...texts.map((name) => [name, /./] as const),
    ...['tls'].map((name) => [name, /^(true|false)$/] as const),
    ...['nodePreference'].map((name) => [name, /^(leader|follower|read[_-]?only[_-]?replica|random)$/i] as const),
    ...['maxDiscoverAttempts', 'discoveryInterval', 'gossipTimeout', 'defaultDeadline'].map(
      (name) => [name, /^[1-9]\d{0,8}$/] as const,
    ),
    // The client warns of less than ten seconds whenever it connects.
    ...['keepAliveInterval', 'keepAliveTimeout'].map((name) => [name, /^(-1|[1-9]\d{4,8})$/] as const),
  ].map(([name, value]) => [flat(name), value]),
);

/**
 * A connection string as the client takes it: `esdb://user:password@host:2113?tls=true&tlsCAFile=/run/ca.pem`,
 * `esdb+discover://` or several hosts for a cluster; `kurrentdb` is another name for `esdb`. Files that it names are not
 * looked at yet, and the client, which is heavy, is not loaded for it.
 * @throws Error saying what is wrong, without any of its credentials
 */
export const checkedConnectionString = (given: string): string => {
  const text = given.trim().replace(/^kurrentdb/, 'esdb');
  const parts =
    /^esdb(\+discover)?:\/\/(?:(?<login>[^@/?]+:[^@/?]*)@)?(?<hosts>[^@/?]+)\/?(?:\?(?<query>[^@]*))?$/.exec(text);
  if (parts === null) throw new Error('is no connection string: esdb://user:password@host:2113?tls=true');
  for (const host of parts.groups!.hosts!.split(',')) {
    const [, port = '2113'] = /^[A-Za-z0-9._-]+(?::(\d{1,5}))?$/.exec(host) ?? [undefined, '0'];
    if (Number(port) < 1 || Number(port) > 65_535) throw new Error('names hosts as host or host:port');
  }
  for (const parameter of parts.groups!.query?.split('&') ?? []) {
    const [name = '', value = ''] = parameter.split('=');
    const allowed = values.get(flat(name));
    if (allowed === undefined) throw new Error(`has an unknown parameter${/^[a-z_-]+$/i.test(name) ? ` ${name}` : ''}`);
    if (value === '') throw new Error(`has no value for ${name}`);
    if (!allowed.test(value)) throw new Error(`has a value for ${name} that it cannot have`);
    if (flat(name) === 'tls' && value === 'false' && parts.groups!.login !== undefined)
      throw new Error('has user and password, which are sent over TLS alone: take them out, or tls=false');
  }
  return text;
};

/** What the client says to one that it cannot use after all: its own message holds the whole text. */
export const withoutCredentials = (error: unknown): Error => {
  const { message } = error as Error;
  if (/certificate|userCertFile/.test(message)) return new Error(`names files that cannot be used: ${message}`);
  return new Error('cannot be read: what is special in credentials and paths is written as %40');
};
