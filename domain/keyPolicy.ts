import type { EventTypes } from './event.ts';

/** All events of the key policy's stream are those of the installation's settings. */
export const policyStream = 'policy';

export type PresetName = 'qalyptus' | 'idmp' | 'aip' | 'helmut';

/** What an installation asks of its API keys; docs: the table of the HTTP contract. Stored whole in KeyPolicyChanged: add fields, never rename. */
export type KeyPolicy = {
  readonly preset: PresetName;
  readonly enabled: boolean;
  readonly requireRole: boolean;
  readonly nameRequired: boolean;
  readonly nameEditable: boolean;
  readonly uniqueNames: boolean;
  readonly maxKeysPerUser: number;
  readonly whenFull: 'refuse' | 'replace';
  readonly expiry: 'required' | 'optional' | 'none';
  readonly maxLifetimeDays: number | null;
  readonly expiryEditable: 'no' | 'shorten' | 'any';
  readonly secret: 'once' | 'recoverable';
  readonly form: 'prefixed' | 'dotted';
  readonly prefix: string | null;
  readonly scoped: boolean;
  readonly rotation: boolean;
  readonly maxGraceSeconds: number;
  readonly expiryNoticeDays: readonly number[];
  readonly endUnusedAfterDays: number | null;
};

/** Lowest action first. */
export type ScopeApplication = { readonly application: string; readonly actions: readonly string[] };
export type ScopeCatalog = readonly ScopeApplication[];

export type MailServer = {
  readonly host: string;
  readonly port: number;
  readonly security: 'none' | 'starttls' | 'tls';
  readonly username: string | null;
  readonly from: string;
};

// Stored shapes: add fields and events, never rename or reuse one.
export type PolicyEvent =
  | { type: 'KeyPolicyChanged'; data: { policy: KeyPolicy } }
  | { type: 'ScopeCatalogChanged'; data: { items: ScopeCatalog } }
  | { type: 'MailServerChanged'; data: { server: MailServer | null } };

export const policyEvents: EventTypes<PolicyEvent> = {
  KeyPolicyChanged: { version: 1, personal: [], person: 'actor', narrows: true },
  ScopeCatalogChanged: { version: 1, personal: [], person: 'actor', narrows: true },
  MailServerChanged: { version: 1, personal: [], person: 'actor', narrows: false },
};
