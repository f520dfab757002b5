import type { Recorded } from '../../domain/event.ts';
import type { AnyEvent } from '../../domain/events.ts';
import { instant } from '../../domain/instant.ts';
import { presets } from '../../domain/presets.ts';

/** A position as the stores give it. */
export const positionAt = (n: number) => n.toString(16).padStart(16, '0');

/** The n-th UUID of a kind: `uuid('a', 1)`. */
export const uuid = (kind: string, n: number) => `${kind.repeat(8)}-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;

export const userId = (n: number) => uuid('a', n);
export const keyId = (n: number) => uuid('b', n);
export const tokenId = (n: number) => uuid('c', n);
/** SHA-256 in hex, of nothing in particular. */
export const hashHex = (n: number) => (n + 1).toString(16).padStart(8, '0').repeat(8);
export const hashBytes = (n: number) => new Uint8Array(Buffer.from(hashHex(n), 'hex'));

export const start = Date.UTC(2027, 0, 1);
export const epoch = uuid('e', 1);

export type Told = { readonly stream: string } & AnyEvent;

/** Events as the log has them, one second apart, each stream's revisions counted. */
export const logOf = (told: readonly Told[], first = 1): Recorded<AnyEvent>[] => {
  const revisions = new Map<string, number>();
  return told.map(({ stream, type, data }, i) => {
    const revision = revisions.get(stream) ?? 0;
    revisions.set(stream, revision + 1);
    return {
      type,
      data,
      stream,
      revision,
      eventId: uuid('d', first + i),
      position: positionAt(first + i),
      metadata: {
        at: instant(start + (first + i) * 1000),
        correlationId: 'correlation',
        causationId: null,
        actor: { kind: 'worker', id: null },
        ip: null,
        userAgent: null,
        requestId: null,
        policyRevision: null,
        version: 1,
        reason: null,
      },
    } as Recorded<AnyEvent>;
  });
};

export const installed: Told = {
  stream: 'installation',
  type: 'InstallationCreated',
  data: { installationId: uuid('f', 1), epoch, minReader: 1 },
};

export const registered = (n: number, roles: readonly string[] = ['member']): Told => ({
  stream: `user-${userId(n)}`,
  type: 'UserRegistered',
  data: {
    userId: userId(n),
    kind: 'human',
    email: null,
    claim: null,
    externalProvider: null,
    passwordHash: null,
    mustChangePassword: false,
    profile: null,
    roles,
    groups: ['ops'],
    organizations: [],
  },
});

type KeyOptions = {
  readonly ownerEpoch?: number;
  readonly hash?: number;
  readonly scopes?: readonly string[] | null;
  readonly expiresAt?: number | null;
};

/** Key n of user `owner`; its hash is number n too. */
export const created = (n: number, owner: number, options: KeyOptions = {}): Told => ({
  stream: `keyring-${userId(owner)}`,
  type: 'ApiKeyCreated',
  data: {
    keyId: keyId(n),
    ownerEpoch: options.ownerEpoch ?? 0,
    name: null,
    description: null,
    secretHash: hashHex(options.hash ?? n),
    mask: 'api_abcd…wxyz',
    scopes: options.scopes ?? null,
    expiresAt: options.expiresAt == null ? null : instant(options.expiresAt),
    recoverable: false,
    replaces: null,
  },
});

export const policy = (changes: { readonly enabled?: boolean; readonly requireRole?: boolean }): Told => ({
  stream: 'policy',
  type: 'KeyPolicyChanged',
  data: { policy: { ...presets.qalyptus, enabled: true, requireRole: false, ...changes } },
});

export const catalog = (
  items: readonly { readonly application: string; readonly actions: readonly string[] }[],
): Told => ({
  stream: 'policy',
  type: 'ScopeCatalogChanged',
  data: { items },
});

export const onKey = (owner: number, type: string, data: object): Told =>
  ({ stream: `keyring-${userId(owner)}`, type, data }) as unknown as Told;

export const onUser = (n: number, type: string, data: object = {}): Told =>
  ({ stream: `user-${userId(n)}`, type, data }) as unknown as Told;

export const onRoles = (type: string, data: object): Told => ({ stream: 'roles', type, data }) as unknown as Told;

export const onServices = (type: string, data: object): Told => ({ stream: 'services', type, data }) as unknown as Told;

export const token = (
  n: number,
  options: {
    readonly permissions?: readonly string[];
    readonly applications?: readonly string[] | null;
    readonly expiresAt?: number | null;
    readonly hash?: string;
  } = {},
): Told =>
  onServices('ServiceTokenCreated', {
    tokenId: tokenId(n),
    name: `service-${n}`,
    secretHash: options.hash ?? hashHex(10_000 + n),
    mask: 'svc_abcd…wxyz',
    permissions: options.permissions ?? ['verify', 'revocations:read'],
    applications: options.applications ?? null,
    expiresAt: options.expiresAt == null ? null : instant(options.expiresAt),
  });
