import { Refusal } from '../refusal.ts';
import { collectBody } from './bodyBytes.ts';
import { callerOf, type DataPlane, type Exchange, fail } from './context.ts';

/** Whoever may not ask hears that, and nothing of what they sent. */
const tooLarge = (plane: DataPlane, { request }: Exchange, limit: number): Refusal => {
  callerOf(plane, request, 'verify');
  return new Refusal('payload-too-large', { params: { limit } });
};

/**
 * Hands the whole body of a question over and answers what is thrown over it; a longer one is refused. Without a promise
 * on its way.
 */
export const takeBody = (
  plane: DataPlane,
  exchange: Exchange,
  limit: number,
  take: (plane: DataPlane, exchange: Exchange, bytes: Buffer) => void,
): void =>
  collectBody(exchange.request, limit, (bytes) => {
    try {
      if (bytes === null) throw tooLarge(plane, exchange, limit);
      take(plane, exchange, bytes);
    } catch (error) {
      fail(plane, exchange, error);
    }
  });
