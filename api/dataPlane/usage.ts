import { z } from 'zod';
import { millis } from '../../domain/instant.ts';
import { parsed } from '../refusal.ts';
import { readJson } from '../requestBody.ts';
import { id, time } from '../schemas/common.ts';
import { callerOf, type DataPlane, type Exchange } from './context.ts';
import { ipAddress } from './verifyBody.ts';

/** Bytes that a report may have: a thousand items, and room to spare. */
const usageLimit = 262_144;

/** What POST /v1/usage takes: use of keys that a service verified from its own memory. */
export const usageBody = z.strictObject({
  items: z
    .array(
      z.strictObject({
        keyId: id,
        lastAt: time,
        count: z.int().min(1),
        ip: ipAddress.optional(),
      }),
    )
    .max(1000),
});

/**
 * POST /v1/usage. One wrong item refuses the report before any of it is marked, and the errors name its index; keys that
 * nobody knows are passed over: a report may be older than what it speaks of.
 */
export const reportUsage = async (plane: DataPlane, exchange: Exchange): Promise<void> => {
  callerOf(plane, exchange.request, 'verify');
  const body = await readJson(exchange.request, usageLimit);
  const { items } = parsed(usageBody, body.value, 'body');
  const { index } = callerOf(plane, exchange.request, 'verify');
  const now = plane.clock.now();
  for (const { keyId, lastAt, ip = null } of items) {
    const key = index.key(keyId);
    // Another machine's clock may be ahead of ours; a use is never later than its report.
    if (key !== null) plane.markUse(keyId, key.ownerId, Math.min(millis(lastAt), now), ip);
  }
  exchange.response.writeHead(204, { 'Cache-Control': 'no-store', 'Keyledger-Request-Id': exchange.requestId });
  exchange.response.end();
};
