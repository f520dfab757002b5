import { z } from 'zod';
import { instant } from '../../domain/instant.ts';
import { parsed } from '../refusal.ts';
import { readJson } from '../requestBody.ts';
import { type Acknowledgement, callerOf, type DataPlane, type Exchange } from './context.ts';
import { provePlace } from './feedPlace.ts';
import { position } from './verifyBody.ts';

const acknowledgeLimit = 8192;

/** What POST /v1/revocations/ack takes. */
export const acknowledgeBody = z.strictObject({
  instance: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, '1 to 128 visible ASCII characters')
    .optional()
    .meta({ description: 'Which of several processes of the subscriber.' }),
  epoch: z.string().min(1).max(128),
  position,
});

/** Acknowledgements are kept one per subscriber and instance; another instance never hides one that is behind. */
export const acknowledgementId = (name: string, instance: string | null): string =>
  `${encodeURIComponent(name)}/${instance === null ? '' : encodeURIComponent(instance)}`;

/** Goes forward only, within an epoch: an answer that was long on its way takes nothing back. */
const keep = async ({ acknowledgements }: DataPlane, told: Acknowledgement): Promise<void> => {
  const id = acknowledgementId(told.name, told.instance);
  for (;;) {
    const before = await acknowledgements.get(id);
    const further =
      before !== null && before.value.epoch === told.epoch && before.value.position > told.position
        ? { ...told, position: before.value.position }
        : told;
    const put = await acknowledgements.put(id, further, before?.version ?? 'absent', { ref: told.name });
    if (put.put) return;
  }
};

/** POST /v1/revocations/ack: everything up to the position was taken in. */
export const acknowledge = async (plane: DataPlane, { request, response, requestId }: Exchange): Promise<void> => {
  callerOf(plane, request, 'revocations:read');
  const body = await readJson(request, acknowledgeLimit);
  const told = parsed(acknowledgeBody, body.value, 'body');
  await provePlace(plane, { epoch: told.epoch, after: told.position });
  const { token } = callerOf(plane, request, 'revocations:read');
  await keep(plane, {
    name: token.name,
    instance: told.instance ?? null,
    epoch: told.epoch,
    position: told.position,
    at: instant(plane.clock.now()),
  });
  response.writeHead(204, { 'Cache-Control': 'no-store', 'Keyledger-Request-Id': requestId });
  response.end();
};
