import { randomBytes } from 'node:crypto';

// Random: nothing of the machine, and never that of another process, be it a container with the same host name and pid.
const ofThisProcess = randomBytes(6).toString('hex');
let verifiers = 0;

/** A name that no other process has, nor another verifier of this one: the service's, and what tells them apart. */
export const defaultInstance = (name: string): string => {
  verifiers++;
  const which = verifiers === 1 ? '' : `-${verifiers}`;
  return `${name.replace(/[^\x21-\x7e]/g, '-').slice(0, 100)}-${ofThisProcess}${which}`;
};
