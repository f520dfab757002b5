import type { Delivery, MailAccess, Mailer, MailMessage } from '../../commands/ports/mailer.ts';
import { openSession, type Session } from './connection.ts';
import { loadNodemailer, type Nodemailer } from './nodemailer.ts';

/** Servers end a session that goes on too long, some after as few mails. */
const mailsPerSession = 100;
const longestResponse = 300;

type Failed = Error & {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
};

const shown = (text: string): string => text.replace(/\s+/g, ' ').slice(0, longestResponse);

const refused = (blame: 'server' | 'mail', permanent: boolean, error: unknown): Delivery => ({
  accepted: false,
  blame,
  permanent,
  response: shown(error instanceof Error ? ((error as Failed).response ?? error.message) : String(error)),
});

/** Storage exceeded: of all answers to MAIL FROM the one that is about the mail, by its size. */
const tooLarge = 552;

/** What a failure after the session was open says about the mail. */
const verdict = (error: Failed): Delivery => {
  const { responseCode = 0, command = '' } = error;
  const permanent = responseCode >= 500 && responseCode < 600 && responseCode !== 503;
  // A sender that the server does not take is no mail's fault; neither is one who wants a pause.
  if (responseCode === 421 || (command === 'MAIL FROM' && responseCode > 0 && responseCode !== tooLarge))
    return refused('server', false, error);
  // Said here, before anything was sent: no such address can be written in SMTP, or the mail is larger than is taken.
  const never = responseCode === 0 && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE');
  return refused('mail', permanent || never, error);
};

const composed = ({ MailComposer }: Nodemailer, message: MailMessage): Promise<Buffer> =>
  new MailComposer({
    messageId: message.messageId,
    from: message.from,
    to: { name: '', address: message.to },
    subject: message.subject,
    text: message.text,
    html: message.html,
    date: new Date(message.date),
    headers: { 'Auto-Submitted': 'auto-generated', ...message.headers },
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();

/** Over SMTP, by nodemailer. A session that is at rest is used again, until `close` or as long as the server likes. */
export const createSmtpMailer = (): Mailer => {
  type Resting = { readonly session: Session; readonly server: string; readonly mails: number };
  let resting: Resting[] = [];

  const closeAll = () => {
    for (const { session } of resting) session.close();
    resting = [];
  };

  const taken = async (
    nodemailer: Nodemailer,
    access: MailAccess,
    server: string,
    signal: AbortSignal,
  ): Promise<Resting> => {
    resting = resting.filter(({ session }) => session.alive());
    // Another server than before: the old sessions are of no use to anybody.
    if (resting.some((other) => other.server !== server)) closeAll();
    return resting.pop() ?? { session: await openSession(nodemailer, access, signal), server, mails: 0 };
  };

  return {
    send: async (access, message, signal) => {
      const nodemailer = await loadNodemailer();
      const server = JSON.stringify(access);
      let bytes: Buffer;
      try {
        bytes = await composed(nodemailer, message);
      } catch (error) {
        return refused('mail', true, error);
      }
      let held: Resting;
      try {
        held = await taken(nodemailer, access, server, signal);
      } catch (error) {
        return refused('server', false, error);
      }
      const { session, mails } = held;
      try {
        const envelope = { from: message.from.address, to: [message.to], size: bytes.length };
        const response = await session.send(envelope, bytes, signal);
        if (session.alive() && mails + 1 < mailsPerSession) resting.push({ ...held, mails: mails + 1 });
        else session.close();
        return { accepted: true, response: shown(response) };
      } catch (error) {
        session.close();
        return verdict(error as Failed);
      }
    },
    close: async () => closeAll(),
  };
};
