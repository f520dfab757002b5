import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { MailAccess } from '../../commands/ports/mailer.ts';

export type Received = {
  readonly from: string;
  readonly to: readonly string[];
  /** As it came over the wire. */
  readonly raw: string;
  /** Names in lower case; folded lines joined. */
  readonly headers: { readonly [name: string]: string };
  /** Of the parts, decoded. */
  readonly text: string;
  readonly html: string;
};

const decoded = (part: string): string => {
  const end = part.indexOf('\r\n\r\n');
  const head = part.slice(0, end).toLowerCase();
  const body = part.slice(end + 4);
  if (head.includes('base64')) return Buffer.from(body, 'base64').toString('utf8');
  if (!head.includes('quoted-printable')) return body;
  const bytes = body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
};

const encodedWord = (text: string): string =>
  text.replace(/\?=\s+=\?/g, '?==?').replace(/=\?utf-8\?(q|b)\?([^?]*)\?=/gi, (_, way: string, body: string) =>
    way.toLowerCase() === 'b'
      ? Buffer.from(body, 'base64').toString('utf8')
      : Buffer.from(
          body
            .replace(/_/g, ' ')
            .replace(/=([0-9A-F]{2})/g, (__, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        ).toString('utf8'),
  );

/** @param raw a multipart/alternative of text and HTML */
export const readMail = (raw: string): Omit<Received, 'from' | 'to'> => {
  const end = raw.indexOf('\r\n\r\n');
  const lines = raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), encodedWord(line.slice(colon + 1).trim())];
    }),
  );
  const boundary = /boundary="([^"]+)"/.exec(headers['content-type'] ?? '')?.[1] ?? 'none';
  const parts = raw.slice(end).split(`--${boundary}`);
  const of = (type: string) => decoded(parts.find((part) => part.includes(type))?.replace(/^\r\n/, '') ?? '\r\n\r\n');
  return { raw, headers, text: of('text/plain').trim(), html: of('text/html').trim() };
};

export type Mailbox = {
  readonly received: Received[];
  readonly port: number;
  readonly access: MailAccess;
  /** How many connections came. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
};

/** A real SMTP server on loopback. @param taken is asked about each mail once all of it is there; an error refuses it */
export const startMailbox = async (
  options: SMTPServerOptions & { readonly taken?: (mail: Received) => Error | null } = {},
): Promise<Mailbox> => {
  const received: Received[] = [];
  let connections = 0;
  const { taken, ...own } = options;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onConnect: (_session, callback) => {
      connections += 1;
      callback();
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? '' : mailFrom.address;
        const mail = { ...readMail(Buffer.concat(chunks).toString('utf8')), from, to: rcptTo.map((to) => to.address) };
        const refusal = taken?.(mail) ?? null;
        if (refusal === null) received.push(mail);
        callback(refusal);
      });
    },
    ...own,
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  const from = 'Keyledger <no-reply@example.com>';
  return {
    received,
    port,
    access: { host: '127.0.0.1', port, security: 'none', username: null, password: null, from },
    connections: () => connections,
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
};

/** The answer of SMTP to a mail. */
export const smtpError = (responseCode: number, message: string): Error =>
  Object.assign(new Error(message), { responseCode });

/**
 * A server by hand, for what a proper one does not do: it talks as far as it is told to.
 * @param answer what it says to each line (`DATA END` stands for the end of a mail); null: it ends the connection; undefined: nothing
 */
export const startRudeServer = async (answer: (line: string, mail: string) => string | null | undefined) => {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    let buffered = '';
    let mail: string[] | null = null;
    const say = (line: string, sent = '') => {
      const said = answer(line, sent);
      if (said === null) socket.destroy();
      else if (said !== undefined) socket.write(`${said}\r\n`);
      return said;
    };
    say('CONNECT');
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      buffered += text;
      for (let end = buffered.indexOf('\r\n'); end >= 0; end = buffered.indexOf('\r\n')) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 2);
        if (mail === null) {
          if (say(line)?.startsWith('354')) mail = [];
        } else if (line === '.') {
          const sent = mail.join('\r\n');
          mail = null;
          say('DATA END', sent);
        } else mail.push(line);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const access: MailAccess = {
    host: '127.0.0.1',
    port,
    security: 'none',
    username: null,
    password: null,
    from: 'no-reply@example.com',
  };
  return {
    access,
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
};

/** Says yes to everything. */
export const politely = (line: string): string => {
  if (line === 'CONNECT') return '220 here';
  if (line === 'DATA') return '354 go on';
  if (line.startsWith('EHLO')) return '250 here';
  return line === 'QUIT' ? '221 bye' : '250 fine';
};
