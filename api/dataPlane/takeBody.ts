import { Refusal } from '../refusal.ts';
import { collectBody } from './bodyBytes.ts';
import { type DataPlane, type Exchange, fail } from './context.ts';

/** Hands the whole body over and answers what is thrown over it; a longer one is refused. Without a promise on its way. */
export const takeBody = (
  plane: DataPlane,
  exchange: Exchange,
  limit: number,
  take: (plane: DataPlane, exchange: Exchange, bytes: Buffer) => void,
): void =>
  collectBody(exchange.request, limit, (bytes) => {
    try {
      if (bytes === null) throw new Refusal('payload-too-large', { params: { limit } });
      take(plane, exchange, bytes);
    } catch (error) {
      fail(plane, exchange, error);
    }
  });
