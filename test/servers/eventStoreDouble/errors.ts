import { Metadata, type ServiceError, status } from '@grpc/grpc-js';

const failure = (code: status, details: string, exception?: Record<string, string>): Partial<ServiceError> => {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(exception ?? {})) metadata.set(name, value);
  return { code, details, metadata };
};

/** Headers are ASCII, stream names are not. */
const header = (stream: string) => encodeURI(stream);

export const notReady = () => failure(status.UNAVAILABLE, 'Server Is Not Ready');

export const unknown = (message: string) => failure(status.UNKNOWN, message);

export const streamDeleted = (stream: string) =>
  failure(status.FAILED_PRECONDITION, 'Event stream is deleted.', {
    exception: 'stream-deleted',
    'stream-name': header(stream),
  });

export const tooLarge = (limit: number) =>
  failure(status.INVALID_ARGUMENT, `Maximum Append Size of ${limit} Exceeded.`, {
    exception: 'maximum-append-size-exceeded',
    'maximum-append-size': String(limit),
  });

export const accessDenied = () => failure(status.PERMISSION_DENIED, 'Access Denied', { exception: 'access-denied' });

export const notLeader = ({ address, port }: { readonly address: string; readonly port: number }) =>
  failure(status.NOT_FOUND, 'Leader info available', {
    exception: 'not-leader',
    'leader-endpoint-host': address,
    'leader-endpoint-port': String(port),
  });
