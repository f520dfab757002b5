import { generateSync } from 'otplib';

/** What an authenticator app shows at a time. @param at milliseconds since 1970 */
export const codeAt = (secret: string, at: number): string => generateSync({ secret, epoch: Math.floor(at / 1000) });

/** A code that is right at none of the times around this one. */
export const wrongCodeAt = (secret: string, at: number): string => {
  const right = [-60_000, -30_000, 0, 30_000, 60_000].map((off) => codeAt(secret, at + off));
  for (let n = 0; ; n += 1) {
    const code = String(n).padStart(6, '0');
    if (!right.includes(code)) return code;
  }
};
