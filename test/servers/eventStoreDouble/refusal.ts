import type { Metadata, ServiceError } from '@grpc/grpc-js';
import { accessDenied, notLeader, notReady } from './errors.ts';
import type { Faults } from './faults.ts';

/** Why a call is not served at all, or null. */
export const refusal = (
  { starting, leader, credentials }: Pick<Faults, 'starting' | 'leader' | 'credentials'>,
  headers: Metadata,
): Partial<ServiceError> | null => {
  if (starting) return notReady();
  const basic = `Basic ${Buffer.from(credentials ?? '').toString('base64')}`;
  if (credentials !== null && headers.get('authorization')[0] !== basic) return accessDenied();
  return leader !== null && headers.get('requires-leader')[0] === 'true' ? notLeader(leader) : null;
};
