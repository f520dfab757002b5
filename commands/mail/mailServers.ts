import { isRejection, type Rejection, reject } from '../../domain/decider.ts';
import { type MailServer, policyStream } from '../../domain/keyPolicy.ts';
import { type MailServerSetting, mailServer, showsPassword } from '../../domain/mailServer.ts';
import type { Command } from '../command.ts';
import type { MailAccess } from '../ports/mailer.ts';
import type { Vault } from '../ports/vault.ts';
import type { Boxes } from '../sealing/boxes.ts';
import { sealedTable, type VaultTable } from '../sealing/vaultTable.ts';

/** A mail server that is set. `revision`: of the event that set it; null: the environment did. */
export type SetMailServer = {
  readonly access: MailAccess;
  readonly source: 'environment' | 'stored';
  readonly revision: number | null;
};

/** Through which server mails go. What the environment says comes before what an administrator set. */
export type MailServers = {
  /** @returns null: none is set */
  readonly current: () => Promise<SetMailServer | null>;
};

type Password = { readonly password: string };

/** By the id of the event that it belongs to: no server is ever given another one's. */
export type MailPasswords = VaultTable<Password>;

const mailPasswordKind = 'mail-password';

export const mailPasswords = (vault: Vault, boxes: Boxes): MailPasswords =>
  sealedTable<Password>(vault, mailPasswordKind, boxes);

export const createMailServers = (deps: {
  readonly fromEnvironment: MailAccess | null;
  readonly passwords: MailPasswords;
  readonly load: () => Promise<MailServerSetting>;
}): MailServers => {
  let known: SetMailServer | null = null;
  return {
    current: async () => {
      if (deps.fromEnvironment !== null) return { access: deps.fromEnvironment, source: 'environment', revision: null };
      const { server, changed } = await deps.load();
      if (server === null || changed === null) return null;
      if (known?.revision !== changed.revision) {
        const kept = (await deps.passwords.get(changed.eventId))?.value.password ?? null;
        // Refused since, but an older release may have stored it so.
        const password = showsPassword(server) ? null : kept;
        known = { access: { ...server, password }, source: 'stored', revision: changed.revision };
      }
      return known;
    },
  };
};

export type ChangeMailServerInput = {
  readonly server: MailServer;
  /** Undefined: as it is. Null: none. */
  readonly password: string | null | undefined;
};

const passwordAgain = (): Rejection =>
  reject('validation-failed', undefined, [
    { field: '/password', detail: 'Give the password again: it was given for another server or user.' },
  ]);

/** A password goes to nobody but whom it was given for. */
const isSameDoor = (a: MailServer, b: MailServer | null): boolean =>
  b !== null && a.host === b.host && a.port === b.port && a.security === b.security && a.username === b.username;

/**
 * The password goes to the vault before the event goes to the log, under the event's id. If-Match is the setting's own
 * revision. Rejections: `validation-failed`, `set-by-environment`, `revision-mismatch`.
 */
const changeMailServer = (deps: {
  readonly fromEnvironment: boolean;
  readonly passwords: MailPasswords;
}): Command<ChangeMailServerInput, { readonly changed: true }> => ({
  name: 'ChangeMailServer',
  several: false,
  run: async ({ server, password }, run) => {
    let before: string | null = null;
    const step = await run.step(
      mailServer,
      policyStream,
      async (state) => {
        if (deps.fromEnvironment) return reject('set-by-environment');
        before = state.changed?.eventId ?? null;
        const kept = before === null ? null : ((await deps.passwords.get(before))?.value.password ?? null);
        const keeps = password === undefined && server.username !== null && kept !== null;
        if (keeps && !isSameDoor(server, state.server)) return passwordAgain();
        const next = server.username === null ? null : keeps ? kept : (password ?? null);
        const decision = mailServer.decide({ type: 'ChangeMailServer', server, newPassword: next !== kept }, state);
        if (isRejection(decision) || decision.length === 0) return decision;
        if (next !== null) await deps.passwords.put(run.eventId(policyStream, 0), { password: next }, 'any');
        return decision;
      },
      { revisionOf: (state) => state.changed?.revision ?? null },
    );
    if (isRejection(step)) return step;
    if (step.events.length > 0 && before !== null && before !== step.events[0]?.eventId)
      await deps.passwords.remove(before);
    return { result: { changed: true } };
  },
});

export const mailServerCommands = (deps: { readonly fromEnvironment: boolean; readonly passwords: MailPasswords }) => ({
  changeMailServer: changeMailServer(deps),
});

export type MailServerCommands = ReturnType<typeof mailServerCommands>;
