import type { Clock } from '../../commands/environment.ts';

export const systemClock = (): Clock => ({ now: () => Date.now(), monotonic: () => performance.now() });
