/** What a person's role may permit. A closed list: events, roles and tokens hold nothing else. */
export const permissions = [
  'api-keys:use',
  'keys:read',
  'keys:revoke',
  'keys:import',
  'policy:read',
  'policy:write',
  'users:read',
  'users:write',
  'roles:write',
  'services:write',
  'mail:write',
  'audit:read',
  'operations',
] as const;

/** What only a service token may hold. */
export const servicePermissions = [
  'verify',
  'revocations:read',
  'notices:send',
  'leaks:report',
  'owners:read',
] as const;

export type PeoplesPermission = (typeof permissions)[number];
export type ServicePermission = (typeof servicePermissions)[number];
export type Permission = PeoplesPermission | ServicePermission;

const peoples: ReadonlySet<string> = new Set(permissions);
const services: ReadonlySet<string> = new Set(servicePermissions);

export const isPeoplesPermission = (name: string): name is PeoplesPermission => peoples.has(name);

/** A token owns no API keys, so `api-keys:use` would say nothing on it; everything else may be handed to a machine. */
export const mayStandOnToken = (name: string): name is Permission =>
  services.has(name) || (peoples.has(name) && name !== 'api-keys:use');
