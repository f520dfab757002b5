import { createWhereMissing } from '../commands/installation/firstStart.ts';
import { environment } from './core.ts';
import { type AdministratorDeps, ensureFirstAdministrator } from './firstAdministrator.ts';

/**
 * Makes the installation and its first administrator where they are missing, going on wherever a crash left them; does
 * nothing where both are there. @returns the file with the first password, while that works
 */
export const completeFirstStart = async (
  deps: AdministratorDeps,
  folder: string,
  configured: { readonly email: string; readonly password: string } | null,
): Promise<string | null> => {
  const { stores, execute, request, handler, registry } = deps.inside;
  await createWhereMissing({ ...environment, ...stores, execute, request: () => request('cli') });
  // Before an administrator is looked for: one may be half made.
  await handler.finishIntents(registry, 0);
  return ensureFirstAdministrator(deps, folder, configured);
};
