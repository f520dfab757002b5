const parameters: ReadonlySet<string> = new Set(
  [
    'tls',
    'tlsCAFile',
    'userCertFile',
    'userKeyFile',
    'connectionName',
    'maxDiscoverAttempts',
    'discoveryInterval',
    'gossipTimeout',
    'nodePreference',
    'defaultDeadline',
    'keepAliveInterval',
    'keepAliveTimeout',
  ].map((name) => name.toLowerCase()),
);

/**
 * A connection string as the client takes it: `esdb://user:password@host:2113?tls=true&tlsCAFile=/run/ca.pem`,
 * `esdb+discover://` or several hosts for a cluster; `kurrentdb` is another name for `esdb`. What the client would print
 * or throw with the password in it is found out here.
 * @throws Error saying what is wrong, without any of its credentials
 */
export const checkedConnectionString = (given: string): string => {
  const text = given.trim().replace(/^kurrentdb/, 'esdb');
  const parts = /^esdb(\+discover)?:\/\/(?:[^@/?]+:[^@/?]*@)?(?<hosts>[^@/?]+)\/?(?:\?(?<query>.*))?$/.exec(text);
  if (parts === null) throw new Error('is no connection string: esdb://user:password@host:2113?tls=true');
  for (const host of parts.groups!.hosts!.split(','))
    if (!/^[^\s:]+(:\d{1,5})?$/.test(host)) throw new Error('names hosts as host or host:port');
  for (const parameter of parts.groups!.query?.split('&') ?? []) {
    const [name = '', value = ''] = parameter.split('=');
    if (!parameters.has(name.toLowerCase().replace(/[_-]/g, ''))) throw new Error(`has the unknown parameter ${name}`);
    if (value === '') throw new Error(`has no value for ${name}`);
  }
  return text;
};
