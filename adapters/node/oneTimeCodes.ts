import { generateURI, ScureBase32Plugin, verifySync } from 'otplib';
import type { OneTimeCodes } from '../../commands/environment.ts';

const issuer = 'Keyledger';
const seconds = 30;

/** By otplib. */
export const oneTimeCodes = (): OneTimeCodes => {
  const base32 = new ScureBase32Plugin();
  return {
    secretOf: (random) => base32.encode(random),
    stepOf: (secret, code, at) => {
      if (!/^[0-9]{6}$/.test(code)) return null;
      const epoch = Math.floor(at / 1000);
      const result = verifySync({ secret, token: code, epoch, period: seconds, epochTolerance: seconds });
      return result.valid && 'timeStep' in result ? result.timeStep : null;
    },
    urlOf: (secret, account) => generateURI({ issuer, label: account, secret }),
  };
};
