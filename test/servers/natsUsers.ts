import { readFileSync } from 'node:fs';
import type { NatsSettings } from './nats.ts';

export type NatsPasswords = { readonly [user in 'publisher' | 'subscriber' | 'administrator']: string };

/** The users that deploy/ ships, with their rights. */
export const deployedUsers = (passwords: NatsPasswords): NatsSettings => ({
  more: 'include "users.conf"',
  files: {
    'users.conf': readFileSync('deploy/nats/users.conf', 'utf8'),
    'passwords.conf': Object.entries(passwords)
      .map(([user, password]) => `${user.toUpperCase()}_PASSWORD: "${password}"\n`)
      .join(''),
  },
});
