import { activityStream } from './activity.ts';
import { auditStream } from './audit.ts';
import { emailClaimStream } from './emailClaim.ts';
import { installationStream } from './installation.ts';
import { policyStream } from './keyPolicy.ts';
import { keyringStream } from './keyring.ts';
import { receiptsStream } from './receipts.ts';
import { rolesStream } from './roles.ts';
import { servicesStream } from './services.ts';
import { userStream } from './user.ts';

const single: ReadonlySet<string> = new Set([
  installationStream,
  policyStream,
  rolesStream,
  servicesStream,
  auditStream,
  receiptsStream,
]);

const starts = [userStream(''), keyringStream(''), activityStream(''), emailClaimStream('')];

/** Whether a stream of Keyledger may have this name. */
export const isStreamName = (name: string): boolean =>
  single.has(name) || starts.some((start) => name.startsWith(start) && name.length > start.length);
