import type { EventTypes } from './event.ts';
import type { ServiceTokenId, Sha256Hex } from './ids.ts';
import type { Instant } from './instant.ts';

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
