import { isRejection, type Rejection } from '../../domain/decider.ts';
import type { Instant } from '../../domain/instant.ts';
import type { PasswordHasher } from '../environment.ts';
import type { Lanes } from './lanes.ts';
import type { Admitted, ThrottleKey, Throttling } from './throttling.ts';

export type PasswordCheckDeps = {
  readonly throttling: Throttling;
  readonly lanes: Lanes;
  readonly hasher: PasswordHasher;
};

export type Checked = { readonly right: boolean; readonly needsRehash: boolean; readonly admitted: Admitted };

/**
 * Compares a password with a hash, behind the throttles. The attempt counts as failed until `admitted` is told
 * otherwise; where it could not be made at all, it is taken back.
 * @param hashOf asked only where the throttles let the attempt pass, so that whoever is refused learns nothing from how
 *   long that took. Null: nobody's password; comparing takes the same time and is always wrong
 * @throws Failure too-busy
 */
export const checkPassword = async (
  { throttling, lanes, hasher }: PasswordCheckDeps,
  attempt: {
    readonly keys: readonly ThrottleKey[];
    readonly lane: string;
    readonly password: string;
    readonly hashOf: () => Promise<string | null>;
    readonly at: Instant;
  },
): Promise<Checked | Rejection> => {
  const admitted = await throttling.admit(attempt.keys, attempt.at);
  if (isRejection(admitted)) return admitted;
  try {
    const hash = await attempt.hashOf();
    // What counts against the client is an attempt of somebody who has shown nothing yet.
    const isStranger = attempt.keys.some(({ kind }) => kind === 'client');
    const inLane = isStranger ? lanes.inStrangersLane : lanes.inLane;
    const result = await inLane(attempt.lane, () => hasher.verify(attempt.password, hash));
    return { ...result, admitted };
  } catch (error) {
    await admitted.takeBack();
    throw error;
  }
};
