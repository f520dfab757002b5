import { z } from 'zod';
import type { Execute, Loaded } from '../../../commands/command.ts';
import { catalogRevision, type SettingsCommands } from '../../../commands/installation/settings.ts';
import { type Fold, isRejection } from '../../../domain/decider.ts';
import { policyStream } from '../../../domain/keyPolicy.ts';
import { mostActions } from '../../../domain/scopes.ts';
import { settings } from '../../../domain/settings.ts';
import { type Answer, type Route, route } from '../../route.ts';

export type ScopesContext = {
  readonly execute: Execute;
  readonly commands: Pick<SettingsCommands, 'changeScopeCatalog'>;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
};

// What a name is, the domain says.
const name = z.string().min(1).max(200);

const catalog = z
  .strictObject({
    items: z
      .array(
        z.strictObject({
          application: name,
          actions: z
            .array(name)
            .max(mostActions)
            .meta({ description: 'Lowest first: a higher one brings the lower ones.' }),
        }),
      )
      .max(1000),
  })
  .meta({ id: 'ScopeCatalog' });

const answerCatalog = async (
  { load }: Pick<ScopesContext, 'load'>,
  answer: Omit<Answer, 'status' | 'body' | 'etag'> = {},
): Promise<Answer> => {
  const { state } = await load(settings, policyStream);
  return { ...answer, status: 200, etag: catalogRevision(state), body: { items: state.catalog } };
};

const list = (context: ScopesContext) =>
  route({
    method: 'GET',
    path: '/v1/scopes',
    summary: 'The scopes that a key may have',
    tag: 'API keys',
    access: 'session-or-key',
    answers: { 200: catalog },
    handle: () => answerCatalog(context),
  });

const read = (context: ScopesContext) =>
  route({
    method: 'GET',
    path: '/v1/admin/scopes',
    summary: 'The catalog of scopes, to be changed',
    tag: 'Administration of settings',
    access: ['policy:write'],
    answers: { 200: catalog },
    handle: () => answerCatalog(context),
  });

const change = (context: ScopesContext) =>
  route({
    method: 'PUT',
    path: '/v1/admin/scopes',
    summary:
      'Set the catalog of scopes: one that leaves it stops at every check, one that is inserted is given to no key',
    tag: 'Administration of settings',
    access: ['policy:write'],
    body: catalog,
    // What is made of it goes into one append, and EventStoreDB takes a mebibyte in one.
    bodyLimit: 1_000_000,
    answers: { 200: catalog },
    command: {
      command: 'ChangeScopeCatalog',
      stream: 'policy',
      events: ['ScopeCatalogChanged'],
      message: 'all',
      rejections: ['validation-failed', 'revision-mismatch'],
    },
    handle: async ({ body, command }) => {
      const outcome = await context.execute(context.commands.changeScopeCatalog, body, command());
      if (isRejection(outcome)) return outcome;
      return answerCatalog(context, { position: outcome.position, replayed: outcome.replayed });
    },
  });

/** The catalog of scopes: for everybody to read, for administrators to set. */
export const scopeRoutes = (context: ScopesContext): readonly Route[] => [
  list(context),
  read(context),
  change(context),
];
