import { type Decider, type Decision, type FieldError, reject } from './decider.ts';
import type { Actor, EventTypes, Recorded } from './event.ts';
import type { ServiceTokenId, Sha256Hex } from './ids.ts';
import type { Instant } from './instant.ts';
import { mayStandOnToken } from './permissions.ts';
import { scopePartPattern } from './scopes.ts';
import { sortedSet, textError, tidy } from './text.ts';
import { unknownEvent } from './unknownEvent.ts';

export const servicesStream = 'services';

// Stored shapes: add fields and events, never rename or reuse one.
export type ServicesEvent =
  | {
      type: 'ServiceTokenCreated';
      data: {
        tokenId: ServiceTokenId;
        name: string;
        secretHash: Sha256Hex;
        mask: string;
        permissions: readonly string[];
        /** Null: scopes of every application. */
        applications: readonly string[] | null;
        expiresAt: Instant | null;
      };
    }
  /** The old secret ends with it. */
  | { type: 'ServiceTokenRotated'; data: { tokenId: ServiceTokenId; secretHash: Sha256Hex; mask: string } }
  | { type: 'ServiceTokenRevoked'; data: { tokenId: ServiceTokenId } }
  | { type: 'SubscriberRemoved'; data: { name: string } };

export const servicesEvents: EventTypes<ServicesEvent> = {
  ServiceTokenCreated: { version: 1, personal: [], person: 'actor', narrows: false },
  ServiceTokenRotated: { version: 1, personal: [], person: 'actor', narrows: true },
  ServiceTokenRevoked: { version: 1, personal: [], person: 'actor', narrows: true },
  SubscriberRemoved: { version: 1, personal: [], person: 'actor', narrows: false },
};

/** A machine's credential. `revision`: of its own last event, and its ETag. */
export type ServiceToken = {
  readonly tokenId: ServiceTokenId;
  readonly name: string;
  readonly secretHash: Sha256Hex;
  readonly mask: string;
  readonly permissions: readonly string[];
  readonly applications: readonly string[] | null;
  readonly expiresAt: Instant | null;
  readonly createdAt: Instant;
  readonly createdBy: Actor;
  readonly rotatedAt: Instant | null;
  readonly revokedAt: Instant | null;
  readonly revision: number;
};

export type Services = { tokens: { [id: ServiceTokenId]: ServiceToken } };

/** Null where there never was one. */
export const serviceTokenOf = (tokenId: ServiceTokenId, services: Services): ServiceToken | null =>
  Object.hasOwn(services.tokens, tokenId) ? (services.tokens[tokenId] ?? null) : null;

/** Not revoked, and before its end. */
export const isTokenAlive = (token: ServiceToken, at: Instant): boolean =>
  token.revokedAt === null && (token.expiresAt === null || at < token.expiresAt);

export type ServicesCommand =
  | {
      readonly type: 'CreateServiceToken';
      readonly at: Instant;
      readonly tokenId: ServiceTokenId;
      readonly name: string;
      readonly secretHash: Sha256Hex;
      readonly mask: string;
      readonly permissions: readonly string[];
      readonly applications: readonly string[] | null;
      readonly expiresAt: Instant | null;
    }
  | {
      readonly type: 'RotateServiceToken';
      readonly at: Instant;
      readonly tokenId: ServiceTokenId;
      readonly secretHash: Sha256Hex;
      readonly mask: string;
    }
  | { readonly type: 'RevokeServiceToken'; readonly tokenId: ServiceTokenId }
  /** A follower of the feed is forgotten; should it come back, it is a new one. */
  | { readonly type: 'RemoveSubscriber'; readonly name: string };

/** In code points. Followers of the feed go by the name of their token. */
export const longestTokenName = 100;
export const mostApplications = 100;

const decide = (command: ServicesCommand, services: Services): Decision<ServicesEvent> => {
  switch (command.type) {
    case 'CreateServiceToken':
      return createToken(command, services);
    case 'RotateServiceToken': {
      const { tokenId, secretHash, mask, at } = command;
      const token = serviceTokenOf(tokenId, services);
      if (token === null) return reject('not-found');
      if (!isTokenAlive(token, at)) return reject('already-ended');
      if (token.secretHash === secretHash) return [];
      return [{ type: 'ServiceTokenRotated', data: { tokenId, secretHash, mask } }];
    }
    case 'RevokeServiceToken': {
      const { tokenId } = command;
      const token = serviceTokenOf(tokenId, services);
      if (token === null) return reject('not-found');
      return token.revokedAt === null ? [{ type: 'ServiceTokenRevoked', data: { tokenId } }] : [];
    }
    case 'RemoveSubscriber':
      return [{ type: 'SubscriberRemoved', data: { name: command.name } }];
  }
};

type Create = Extract<ServicesCommand, { type: 'CreateServiceToken' }>;

const createToken = (command: Create, services: Services): Decision<ServicesEvent> => {
  const { tokenId, secretHash, mask, expiresAt } = command;
  if (serviceTokenOf(tokenId, services) !== null) return reject('conflict');
  const name = tidy(command.name);
  const errors = [
    name === null ? { field: '/name', detail: 'Empty.' } : textError('/name', name, longestTokenName),
    command.permissions.length === 0 ? { field: '/permissions', detail: 'At least one.' } : null,
    ...command.permissions.map((permission, i) =>
      mayStandOnToken(permission) ? null : { field: `/permissions/${i}`, detail: 'Not a permission of services.' },
    ),
    ...applicationErrors(command.applications),
  ].filter((error) => error !== null);
  if (name === null || errors.length > 0) return reject('validation-failed', undefined, errors);
  if (expiresAt !== null && expiresAt <= command.at) return reject('expiry-in-past');
  const permissions = sortedSet(command.permissions);
  const applications = command.applications && sortedSet(command.applications);
  const data = { tokenId, name, secretHash, mask, permissions, applications, expiresAt };
  return [{ type: 'ServiceTokenCreated', data }];
};

const applicationErrors = (applications: readonly string[] | null): readonly FieldError[] => {
  if (applications === null) return [];
  const field = '/applications';
  if (applications.length === 0) return [{ field, detail: 'At least one, or null for all.' }];
  if (applications.length > mostApplications) return [{ field, detail: `At most ${mostApplications} of them.` }];
  return applications.flatMap((name, i) =>
    scopePartPattern.test(name) ? [] : [{ field: `${field}/${i}`, detail: 'Not a name of an application.' }],
  );
};

const evolve = (services: Services, event: Recorded<ServicesEvent>): Services => {
  const { revision } = event;
  const { at, actor } = event.metadata;
  const change = (tokenId: ServiceTokenId, changes: Partial<ServiceToken>) => {
    const token = serviceTokenOf(tokenId, services);
    if (token === null) throw new Error(`${event.type} of a service token that was never created`);
    services.tokens[tokenId] = { ...token, ...changes, revision };
  };
  switch (event.type) {
    case 'ServiceTokenCreated':
      services.tokens[event.data.tokenId] = {
        ...event.data,
        createdAt: at,
        createdBy: actor,
        rotatedAt: null,
        revokedAt: null,
        revision,
      };
      return services;
    case 'ServiceTokenRotated':
      change(event.data.tokenId, { secretHash: event.data.secretHash, mask: event.data.mask, rotatedAt: at });
      return services;
    case 'ServiceTokenRevoked':
      change(event.data.tokenId, { revokedAt: at });
      return services;
    case 'SubscriberRemoved':
      return services;
    default:
      throw unknownEvent(event);
  }
};

/**
 * Credentials of services, and who follows the feed. Rejections: `not-found`, `already-ended`, `conflict` (the id is
 * taken), `expiry-in-past`, `validation-failed`.
 */
export const services: Decider<Services, ServicesCommand, ServicesEvent> = {
  name: 'services',
  foldVersion: 1,
  initialState: () => ({ tokens: {} }),
  decide,
  evolve,
};
