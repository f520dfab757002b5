import type { Route } from '../route.ts';
import { keysAsOf } from './audit/allKeys.ts';
import type { AuditContext } from './audit/context.ts';
import { exportEvents, listEvents } from './audit/events.ts';
import { keyHistoryRoute, policyHistoryRoute, userHistoryRoute } from './audit/histories.ts';

/** What auditors read. */
export const auditRoutes = (context: AuditContext): readonly Route[] => [
  listEvents(context),
  exportEvents(context),
  keyHistoryRoute(context),
  userHistoryRoute(context),
  keysAsOf(context),
  policyHistoryRoute(context),
];
