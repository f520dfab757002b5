import { randomUUID } from 'node:crypto';

const endings = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'));

/**
 * Ids that no other request of any process has, in the form of UUIDs: 256 in a row differ in their last two digits only.
 * They name requests in logs and are no secret; a random one for each would cost as much as hashing a key.
 */
export const createRequestIds = (): (() => string) => {
  let beginning = '';
  let next = endings.length;
  return () => {
    if (next === endings.length) {
      beginning = randomUUID().slice(0, -2);
      next = 0;
    }
    return beginning + endings[next++];
  };
};
