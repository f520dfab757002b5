import { apiKeyRoutes, type OwnKeysContext } from './resources/apiKeys.ts';
import type { Route } from './route.ts';

/**
 * What all resources need together; each declares its own part. A new resource adds its context here and its routes
 * below, then `npm run docs` writes them into docs/calls.md.
 */
export type RoutesContext = OwnKeysContext;

/** Every call that Express answers. */
export const allRoutes = (context: RoutesContext): readonly Route[] => [...apiKeyRoutes(context)];
