import { z } from 'zod';
import type { Acknowledgement } from '../../commands/services/receipts.ts';
import { type Instant, instant } from '../../domain/instant.ts';
import { parsed } from '../refusal.ts';
import { readJson } from '../requestBody.ts';
import { position } from '../schemas/common.ts';
import { callerOf, type DataPlane, type Exchange } from './context.ts';
import { provePlace } from './feedPlace.ts';

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
  leaving: z
    .literal(true)
    .optional()
    .meta({ description: 'This process ends: no later revocation waits for it, unless it is heard of again.' }),
});

/** Acknowledgements are kept one per subscriber and instance; another instance never hides one that is behind. */
export const acknowledgementId = (name: string, instance: string | null): string =>
  `${encodeURIComponent(name)}/${instance === null ? '' : encodeURIComponent(instance)}`;

/** More than are ever made before they are put down in the log. */
const mostRecent = 20;
/** An instance that is not heard of for so long is none any more. */
const forgottenMs = 30 * 24 * 60 * 60 * 1000;

/** Goes forward only, within an epoch: an answer that was long on its way takes nothing back. */
const after = (before: Acknowledgement | null, told: Acknowledgement): Acknowledgement => {
  if (before === null || before.epoch !== told.epoch) return { ...told, from: told.position, recent: [moment(told)] };
  const { recent = [moment(before)], from } = before;
  const next = { ...told, ...(from !== undefined && { from }) };
  if (before.position >= told.position) return { ...next, position: before.position, recent };
  return { ...next, recent: [...recent, moment(told)].slice(-mostRecent) };
};

const moment = ({ position, at }: { readonly position: string; readonly at: Instant }) => ({ position, at });

const keep = async ({ acknowledgements, clock }: DataPlane, told: Acknowledgement): Promise<void> => {
  const id = acknowledgementId(told.name, told.instance);
  for (;;) {
    const before = await acknowledgements.get(id);
    const kept = after(before?.value ?? null, told);
    const options = { ref: told.name, expiresAt: clock.now() + forgottenMs };
    if ((await acknowledgements.put(id, kept, before?.version ?? 'absent', options)).put) return;
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
    ...(told.leaving && { left: true }),
  });
  response.writeHead(204, { 'Cache-Control': 'no-store', 'Keyledger-Request-Id': requestId });
  response.end();
};
