import { isRejection, type Rejection } from '../../domain/decider.ts';
import type { ServiceTokenId } from '../../domain/ids.ts';
import type { Instant } from '../../domain/instant.ts';
import { makeServiceTokenText, maskOf } from '../../domain/keyText.ts';
import { type ServicesCommand, services, servicesStream } from '../../domain/services.ts';
import type { Command, Done, Run } from '../command.ts';
import type { Cryptography } from '../environment.ts';
import { toHex } from '../sealing/encoding.ts';

type Deps = { readonly crypto: Cryptography };

export type ServiceTokenAnswer = { readonly tokenId: ServiceTokenId };

export type CreateServiceTokenInput = {
  readonly name: string;
  readonly permissions: readonly string[];
  /** Null: scopes of every application. */
  readonly applications: readonly string[] | null;
  readonly expiresAt: Instant | null;
};

type Secret = { readonly secretHash: string; readonly mask: string };

/** The text goes out as `secret`, under the token's id: the copy kept for a repeat is destroyed when the token is revoked. */
const withText = async (
  { crypto }: Deps,
  run: Run,
  tokenId: ServiceTokenId,
  command: (secret: Secret) => ServicesCommand,
): Promise<Done<ServiceTokenAnswer> | Rejection> => {
  // Each call takes the next bytes; the labels make the same text in every run of the command.
  let call = 0;
  const text = makeServiceTokenText((length) => run.secretBytes(`service token ${call++}`, length));
  const secret = { secretHash: toHex(crypto.sha256(text)), mask: maskOf(text) };
  const step = await run.step(services, servicesStream, (state) => services.decide(command(secret), state));
  return isRejection(step) ? step : { result: { tokenId }, secret: { keyId: tokenId, text } };
};

/** Rejections: `expiry-in-past`, `validation-failed`. */
const createServiceToken = (deps: Deps): Command<CreateServiceTokenInput, ServiceTokenAnswer> => ({
  name: 'CreateServiceToken',
  several: false,
  run: (input, run) => {
    const tokenId = run.newId('service token');
    const { at } = run.request;
    return withText(deps, run, tokenId, (secret) => ({
      type: 'CreateServiceToken',
      at,
      tokenId,
      ...secret,
      ...input,
    }));
  },
});

/** A new text in place of the old one, which ends with it. Rejections: `not-found`, `already-ended`. */
const rotateServiceToken = (deps: Deps): Command<{ readonly tokenId: ServiceTokenId }, ServiceTokenAnswer> => ({
  name: 'RotateServiceToken',
  several: false,
  run: ({ tokenId }, run) => {
    const { at } = run.request;
    return withText(deps, run, tokenId, (secret) => ({ type: 'RotateServiceToken', at, tokenId, ...secret }));
  },
});

/** Final. Rejection: `not-found`. */
const revokeServiceToken: Command<{ readonly tokenId: ServiceTokenId }, ServiceTokenAnswer> = {
  name: 'RevokeServiceToken',
  several: false,
  run: async ({ tokenId }, run) => {
    const step = await run.step(services, servicesStream, (state) =>
      services.decide({ type: 'RevokeServiceToken', tokenId }, state),
    );
    return isRejection(step) ? step : { result: { tokenId } };
  },
};

/** Records that a follower of the feed is no longer waited for. */
const removeSubscriber: Command<{ readonly name: string }, { readonly name: string }> = {
  name: 'RemoveSubscriber',
  several: false,
  run: async ({ name }, run) => {
    const step = await run.step(services, servicesStream, (state) =>
      services.decide({ type: 'RemoveSubscriber', name }, state),
    );
    return isRejection(step) ? step : { result: { name } };
  },
};

export const serviceTokenCommands = (deps: Deps) => ({
  createServiceToken: createServiceToken(deps),
  rotateServiceToken: rotateServiceToken(deps),
  revokeServiceToken,
  removeSubscriber,
});

export type ServiceTokenCommands = ReturnType<typeof serviceTokenCommands>;
