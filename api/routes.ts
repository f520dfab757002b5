import { dataPlaneCalls } from './dataPlane/description.ts';
import { openapiOf } from './openapi.ts';
import { type AdminKeysContext, adminKeyRoutes } from './resources/admin/apiKeys.ts';
import { type AdminCredentialsContext, adminCredentialRoutes } from './resources/admin/credentials.ts';
import { type ImportKeysContext, importKeysRoutes } from './resources/admin/importKeys.ts';
import { type LeaksContext, leakRoutes } from './resources/admin/leaks.ts';
import { type ListsContext, listRoutes } from './resources/admin/lists.ts';
import { type MailServerContext, mailServerRoutes } from './resources/admin/mailServer.ts';
import { type MailsContext, mailsRoutes } from './resources/admin/mails.ts';
import { type PolicyContext, policyRoutes } from './resources/admin/policy.ts';
import { type RolesContext, roleRoutes } from './resources/admin/roles.ts';
import { type ScopesContext, scopeRoutes } from './resources/admin/scopes.ts';
import { type ServiceTokensContext, serviceTokenRoutes } from './resources/admin/serviceTokens.ts';
import { type AdminSubscribersContext, subscriberRoutes } from './resources/admin/subscribers.ts';
import { type SummaryContext, summaryRoutes } from './resources/admin/summary.ts';
import { type AdminUsersContext, adminUserRoutes } from './resources/admin/users.ts';
import { apiKeyRoutes, type OwnKeysContext } from './resources/apiKeys.ts';
import type { AuditContext } from './resources/audit/context.ts';
import { auditRoutes } from './resources/audit.ts';
import { type AvatarContext, avatarRoutes } from './resources/avatar.ts';
import { type DeleteAccountContext, deleteAccountRoutes } from './resources/deleteAccount.ts';
import { documentRoutes } from './resources/documents.ts';
import { type HealthContext, healthRoutes } from './resources/health.ts';
import { meRoutes } from './resources/me.ts';
import { type NoticesContext, noticesRoutes } from './resources/notices.ts';
import { type NotificationsContext, notificationsRoutes } from './resources/notifications.ts';
import { type PasswordContext, passwordRoutes } from './resources/password.ts';
import { type PasswordResetContext, passwordResetRoutes } from './resources/passwordReset.ts';
import { type ProfileContext, profileRoutes } from './resources/profile.ts';
import { serviceUserRoutes } from './resources/serviceUsers.ts';
import { type SessionContext, sessionRoutes } from './resources/session.ts';
import { type SessionsContext, sessionsRoutes } from './resources/sessions.ts';
import { type TwoFactorContext, twoFactorRoutes } from './resources/twoFactor.ts';
import { type UnsubscribeContext, unsubscribeRoutes } from './resources/unsubscribe.ts';
import type { Route } from './route.ts';

/**
 * What all resources need together; each declares its own part. A new resource adds its context here and its routes
 * below, then `npm run docs` writes them into docs/calls.md.
 */
export type RoutesContext = OwnKeysContext &
  AdminKeysContext &
  LeaksContext &
  ImportKeysContext &
  AdminUsersContext &
  AdminCredentialsContext &
  PolicyContext &
  ScopesContext &
  RolesContext &
  ServiceTokensContext &
  AuditContext &
  ListsContext &
  SummaryContext &
  AdminSubscribersContext &
  HealthContext &
  SessionContext &
  SessionsContext &
  ProfileContext &
  AvatarContext &
  PasswordContext &
  PasswordResetContext &
  TwoFactorContext &
  NotificationsContext &
  NoticesContext &
  UnsubscribeContext &
  MailServerContext &
  MailsContext &
  DeleteAccountContext & {
    /** Of this program. */
    readonly version: string;
  };

/** Every call that Express answers. */
export const allRoutes = (context: RoutesContext): readonly Route[] => {
  const routes: readonly Route[] = [
    ...sessionRoutes(context),
    ...sessionsRoutes(context),
    ...meRoutes(context),
    ...profileRoutes(context),
    ...avatarRoutes(context),
    ...passwordRoutes(context),
    ...passwordResetRoutes(context),
    ...twoFactorRoutes(context),
    ...deleteAccountRoutes(context),
    ...notificationsRoutes(context),
    ...unsubscribeRoutes(context),
    ...serviceUserRoutes(context),
    ...noticesRoutes(context),
    ...mailServerRoutes(context),
    ...mailsRoutes(context),
    ...apiKeyRoutes(context),
    ...scopeRoutes(context),
    ...policyRoutes(context),
    ...adminUserRoutes(context),
    ...adminCredentialRoutes(context),
    ...roleRoutes(context),
    ...importKeysRoutes(context),
    ...adminKeyRoutes(context),
    ...leakRoutes(context),
    ...serviceTokenRoutes(context),
    ...auditRoutes(context),
    ...listRoutes(context),
    ...summaryRoutes(context),
    ...subscriberRoutes(context),
    ...healthRoutes(context),
    ...documentRoutes({ document: () => openapiOf([...routes, ...dataPlaneCalls], context.version) }),
  ];
  return routes;
};
