import type { EventTypes } from './event.ts';
import type { UserId } from './ids.ts';

export const rolesStream = 'roles';

// Stored shapes: add fields and events, never rename or reuse one.
export type RolesEvent =
  | { type: 'RoleDefined'; data: { name: string; permissions: readonly string[]; scopes: readonly string[] } }
  | { type: 'RoleRemoved'; data: { name: string } }
  | { type: 'AdministratorGranted'; data: { userId: UserId } }
  | { type: 'AdministratorRemoved'; data: { userId: UserId } };

export const rolesEvents: EventTypes<RolesEvent> = {
  RoleDefined: { version: 1, personal: [], person: 'actor', narrows: true },
  RoleRemoved: { version: 1, personal: [], person: 'actor', narrows: true },
  AdministratorGranted: { version: 1, personal: [], person: { field: 'userId' }, narrows: false },
  AdministratorRemoved: { version: 1, personal: [], person: { field: 'userId' }, narrows: true },
};
