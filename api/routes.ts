import { type AdminKeysContext, adminKeyRoutes } from './resources/admin/apiKeys.ts';
import { type PolicyContext, policyRoutes } from './resources/admin/policy.ts';
import { type RolesContext, roleRoutes } from './resources/admin/roles.ts';
import { type ScopesContext, scopeRoutes } from './resources/admin/scopes.ts';
import { type ServiceTokensContext, serviceTokenRoutes } from './resources/admin/serviceTokens.ts';
import { type AdminUsersContext, adminUserRoutes } from './resources/admin/users.ts';
import { apiKeyRoutes, type OwnKeysContext } from './resources/apiKeys.ts';
import type { AuditContext } from './resources/audit/context.ts';
import { auditRoutes } from './resources/audit.ts';
import { meRoutes } from './resources/me.ts';
import { type PasswordContext, passwordRoutes } from './resources/password.ts';
import { type ProfileContext, profileRoutes } from './resources/profile.ts';
import { type SessionContext, sessionRoutes } from './resources/session.ts';
import { type SessionsContext, sessionsRoutes } from './resources/sessions.ts';
import type { Route } from './route.ts';

/**
 * What all resources need together; each declares its own part. A new resource adds its context here and its routes
 * below, then `npm run docs` writes them into docs/calls.md.
 */
export type RoutesContext = OwnKeysContext &
  AdminKeysContext &
  AdminUsersContext &
  PolicyContext &
  ScopesContext &
  RolesContext &
  ServiceTokensContext &
  AuditContext &
  SessionContext &
  SessionsContext &
  ProfileContext &
  PasswordContext;

/** Every call that Express answers. */
export const allRoutes = (context: RoutesContext): readonly Route[] => [
  ...sessionRoutes(context),
  ...sessionsRoutes(context),
  ...meRoutes(context),
  ...profileRoutes(context),
  ...passwordRoutes(context),
  ...apiKeyRoutes(context),
  ...scopeRoutes(context),
  ...policyRoutes(context),
  ...adminUserRoutes(context),
  ...roleRoutes(context),
  ...adminKeyRoutes(context),
  ...serviceTokenRoutes(context),
  ...auditRoutes(context),
];
