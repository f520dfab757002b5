import { type Logger, pino } from 'pino';

/** Names under which something secret or personal could reach a log line by mistake; its value is never written. */
const hidden = [
  'authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'password',
  'currentPassword',
  'newPassword',
  'confirmPassword',
  'passwordHash',
  'key',
  'token',
  'secret',
  'code',
  'email',
  'ip',
  'userAgent',
  'firstName',
  'lastName',
  'fullName',
  'phone',
  'body',
  'headers',
];

export type { Logger };

/** JSON lines on standard error: standard output is for what a person or a script waits for. */
export const createLog = (level: string): Logger => {
  const destination = pino.destination({ fd: 2, sync: true });
  // There is nowhere left to tell it, and whoever asks whether a key is good must not suffer from it.
  destination.on('error', () => {});
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: hidden.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`]),
        censor: '[hidden]',
      },
      serializers: { err: describeError },
    },
    destination,
  );
};

// A driver's error may carry the statement's parameters in other fields: only these three are written.
const describeError = (error: unknown): unknown =>
  error instanceof Error
    ? {
        type: error.name,
        message: error.message,
        stack: error.stack,
        ...('code' in error && { errorCode: String(error.code) }),
        ...(error.cause !== undefined && { cause: describeError(error.cause) }),
      }
    : String(error);
