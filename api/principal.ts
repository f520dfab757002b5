import type { UserId } from '../domain/ids.ts';
import type { Permission } from '../domain/permissions.ts';

/** Whoever is behind a request, as the verification index knows them at this moment. */
export type Principal = Person | KeyHolder | Machine | Nobody;

/** Somebody signed in. */
export type Person = {
  readonly kind: 'session';
  readonly userId: UserId;
  readonly sessionId: string;
  /** The one of theirs in which they signed in. */
  readonly ownerEpoch: number;
  readonly permissions: ReadonlySet<Permission>;
  /** Scope patterns of the roles. */
  readonly scopes: readonly string[];
  readonly mustChangePassword: boolean;
};

/** Another system, with a person's API key. */
export type KeyHolder = {
  readonly kind: 'key';
  readonly userId: UserId;
  readonly keyId: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly scopes: readonly string[] | null;
};

/** A service, with its own token. */
export type Machine = {
  readonly kind: 'service';
  readonly tokenId: string;
  readonly name: string;
  readonly permissions: ReadonlySet<Permission>;
  readonly applications: readonly string[] | null;
  /** Milliseconds since 1970, or null. */
  readonly expiresAt: number | null;
};

export type Nobody = { readonly kind: 'nobody' };
export const nobody: Nobody = { kind: 'nobody' };
