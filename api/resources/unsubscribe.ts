import { z } from 'zod';
import type { Execute, Loaded } from '../../commands/command.ts';
import type { Mails } from '../../commands/mail/mail.ts';
import { languageOf } from '../../commands/mail/render.ts';
import { type Fold, isRejection } from '../../domain/decider.ts';
import { isGone, notificationsOf, type User, userStream } from '../../domain/user.ts';
import { user } from '../../domain/userDecider.ts';
import { answerForm, answerPage, html, pageOf } from '../html.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';

export type UnsubscribeContext = {
  readonly execute: Execute;
  readonly load: <S, E>(fold: Fold<S, E>, stream: string) => Promise<Loaded<S>>;
  readonly mails: Pick<Mails, 'tokens'> & { readonly commands: Pick<Mails['commands'], 'unsubscribe'> };
};

const tag = 'Profile';
const query = z.strictObject({ token: z.string().min(1).max(2000) });

const words = {
  en: {
    title: 'Notices by mail',
    on: 'Notices are sent to you by mail.',
    off: 'Notices are no longer sent to you by mail.',
    button: 'Turn notices off',
    rest: 'Mails about signing in, and about a key of yours that leaked, still come. In your profile you can turn notices on again.',
  },
  de: {
    title: 'Benachrichtigungen per Mail',
    on: 'Sie erhalten Benachrichtigungen per Mail.',
    off: 'Sie erhalten keine Benachrichtigungen per Mail mehr.',
    button: 'Benachrichtigungen ausschalten',
    rest: 'Mails zur Anmeldung und zu einem öffentlich gewordenen Schlüssel kommen weiterhin. In Ihrem Profil können Sie Benachrichtigungen wieder einschalten.',
  },
} as const;

const page = (of: User, token: string): string => {
  const language = languageOf(of.profile.language);
  const { title, on, off, button, rest } = words[language];
  const body = notificationsOf(of).enabled
    ? html`<h1>${title}</h1>
<p>${on}</p>
<form method="post" action="/unsubscribe?token=${token}"><button type="submit">${button}</button></form>`
    : html`<h1>${title}</h1>
<p>${off}</p>
<p class="quiet">${rest}</p>`;
  return pageOf(title, body, language);
};

/** Whose link it was nobody knows any more, nor in which language they read. */
const deadLink = pageOf(
  'This link does not work',
  html`<h1>This link does not work</h1>
<p>It was cut off on its way, or belongs to an account that is gone. Take it from the mail once more, or sign in and look at your profile.</p>
<p lang="de">Dieser Link funktioniert nicht: Er wurde unterwegs gekürzt oder gehört zu einem Konto, das es nicht mehr gibt. Rufen Sie ihn noch einmal aus der Mail auf, oder melden Sie sich an und sehen Sie in Ihr Profil.</p>`,
);

/** @throws Refusal not-found where the token is none of ours, or its person is gone */
const personOf = async ({ mails, load }: UnsubscribeContext, token: string): Promise<User> => {
  const userId = mails.tokens.readUnsubscribe(token);
  const found = userId === null ? null : (await load(user, userStream(userId))).state;
  if (found === null || isGone(found))
    throw new Refusal('not-found', { detail: 'The link is not, or no longer, good' });
  return found;
};

const look = (context: UnsubscribeContext) =>
  route({
    method: 'GET',
    path: '/unsubscribe',
    summary: 'Where the link in a mail leads: to the profile where you are signed in, else to a page with the switch',
    tag,
    access: 'open',
    query,
    answers: { 200: z.string(), 303: null },
    produces: 'text/html',
    refuses: ['not-found'],
    handle: async ({ caller, query: { token }, incoming }) => {
      const isPerson = incoming.headers.accept?.includes('text/html') === true;
      const person = await personOf(context, token).catch((error: unknown) => {
        if (isPerson && error instanceof Refusal && error.code === 'not-found') return null;
        throw error;
      });
      if (person === null) return { ...answerPage(deadLink), status: 404 };
      if (caller.kind === 'session') return { status: 303, headers: { Location: '/profile#notifications' } };
      return answerForm(page(person, token));
    },
  });

const turnOff = (context: UnsubscribeContext) =>
  route({
    method: 'POST',
    path: '/unsubscribe',
    summary: 'Turn notices off, by the token alone: from the page, or by a mail program (RFC 8058)',
    tag,
    access: 'open',
    query,
    answers: { 200: z.string() },
    produces: 'text/html',
    ignoresCredentials: true,
    byLink: true,
    notIdempotent: true,
    command: {
      command: 'Unsubscribe',
      stream: 'user-<id>, activity-<userId>',
      events: ['NotificationSettingsChanged', 'Unsubscribed'],
      message: 'none',
      rejections: ['not-found'],
    },
    handle: async ({ query: { token }, command }) => {
      const { userId } = await personOf(context, token);
      const outcome = await context.execute(context.mails.commands.unsubscribe, { userId }, command());
      if (isRejection(outcome)) return outcome;
      return { ...answerForm(page(await personOf(context, token), token)), position: outcome.position };
    },
  });

/** Out of the mails, without signing in. */
export const unsubscribeRoutes = (context: UnsubscribeContext): readonly Route[] => [look(context), turnOff(context)];
