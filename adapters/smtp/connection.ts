import type { SMTPEnvelope } from 'nodemailer/lib/smtp-connection';
import type { MailAccess } from '../../commands/ports/mailer.ts';
import type { Nodemailer } from './nodemailer.ts';

/** One session with a mail server, signed in, that takes mails one after the other. */
export type Session = {
  /** @returns the server's words @throws what nodemailer says */
  readonly send: (envelope: SMTPEnvelope, message: Buffer, signal: AbortSignal) => Promise<string>;
  /** It can take another mail. */
  readonly alive: () => boolean;
  readonly close: () => void;
};

const second = 1_000;
const timeouts = {
  dnsTimeout: 10 * second,
  connectionTimeout: 10 * second,
  greetingTimeout: 15 * second,
  socketTimeout: 60 * second,
  socketCloseTimeout: second,
};

/** What a server that answers too much may keep in memory here. */
const maxResponseSize = 64 * 1024;

const security = {
  none: { secure: false, ignoreTLS: true },
  starttls: { secure: false, requireTLS: true },
  tls: { secure: true },
} as const;

/** @throws what nodemailer says; then there is no connection */
export const openSession = async (
  { SMTPConnection }: Nodemailer,
  server: MailAccess,
  signal: AbortSignal,
): Promise<Session> => {
  const connection = new SMTPConnection({
    host: server.host,
    port: server.port,
    ...security[server.security],
    ...timeouts,
    maxResponseSize,
    logger: false,
  });
  let alive = true;
  const fall: { reject: (error: Error) => void } = { reject: () => {} };
  connection.on('error', (error: Error) => {
    alive = false;
    fall.reject(error);
  });
  connection.once('end', () => {
    alive = false;
    fall.reject(new Error('the connection has ended'));
  });

  /** A step that ends with its own answer, with the connection, or with the signal. */
  const step = <T>(until: AbortSignal, begin: (done: (error: Error | null | undefined, value?: T) => void) => void) =>
    new Promise<T | undefined>((resolve, reject) => {
      const stop = () => {
        connection.close();
        reject(new Error('it took too long'));
      };
      const over = () => until.removeEventListener('abort', stop);
      fall.reject = (error) => {
        over();
        reject(error);
      };
      if (until.aborted) return stop();
      until.addEventListener('abort', stop, { once: true });
      begin((error, value) => {
        over();
        if (error) reject(error);
        else resolve(value);
      });
    });

  try {
    await step(signal, (done) => connection.connect((error) => done(error)));
    const { username, password } = server;
    if (username !== null)
      await step(signal, (done) =>
        connection.login(
          { user: username, pass: password ?? '', credentials: { user: username, pass: password ?? '' } },
          (error) => done(error),
        ),
      );
  } catch (error) {
    connection.close();
    throw error;
  }

  return {
    send: async (envelope, message, until) => {
      const info = await step<{ readonly response?: string }>(until, (done) =>
        connection.send(envelope, message, (error, sent) => done(error, sent as { readonly response?: string })),
      );
      return info?.response ?? '';
    },
    alive: () => alive,
    close: () => {
      alive = false;
      connection.quit();
    },
  };
};
