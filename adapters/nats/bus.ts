import { headers } from 'nats';
import type { Scheduler } from '../../commands/environment.ts';
import type { Bus, MessageSignatures } from '../../commands/ports/bus.ts';
import { type NatsAddress, natsAddress } from './address.ts';
import { openConnection, type Report } from './connection.ts';
import { heartbeatBytes, heartbeats } from './envelope.ts';
import { asUnavailable, isUnavailable, NatsRefused, refusalIn, unavailable } from './errors.ts';
import { createListening } from './listening.ts';
import { createPublishing } from './publishing.ts';
import { signatureHeader, signatureText } from './signature.ts';

export { NatsRefused };

export type NatsBusOptions = {
  /** As natsAddress reads it. */
  readonly url: string;
  readonly scheduler: Scheduler;
  readonly signatures: MessageSignatures;
  /** Id of the installation, which messages name as their source; asked for when there is one to publish. */
  readonly installation: () => Promise<string>;
  /** Told when NATS goes away and comes back. */
  readonly report?: Report;
};

const addressOf = (url: string): NatsAddress => {
  try {
    return natsAddress(url);
  } catch (error) {
    throw new NatsRefused(`the URL ${(error as Error).message}`);
  }
};

/**
 * Messages in a JetStream stream, heartbeats beside it, both signed. The stream's last message is the checkpoint of
 * whoever publishes, and the sequence that every message must follow the fence: of two publishers one is out of step.
 * While NATS is away everything but subscribing fails at once with `bus-unavailable`; nothing is kept to be sent later.
 *
 * @throws NatsRefused where the URL is wrong, or NATS is there and does not let this user in, has no JetStream, or has a
 * stream with other settings. That it is away is no reason: it may come.
 */
export const openNatsBus = async (options: NatsBusOptions): Promise<Bus> => {
  const { signatures, installation, report = () => {} } = options;
  const { options: client, name, stream } = addressOf(options.url);
  const connection = await openConnection(client, { name, scheduler: options.scheduler, report });
  const publishing = createPublishing({ connection, signatures, installation, size: stream, report });
  const listening = createListening(connection);

  const close = async () => {
    await connection.close();
    listening.end();
  };

  try {
    await publishing.last();
  } catch (error) {
    const refusal = refusalIn(error, connection.hasJetStream());
    if (refusal !== null || !isUnavailable(error)) {
      await close();
      throw refusal ?? error;
    }
    report(`the stream on ${name} could not be looked at`, error);
  }

  const asPort = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw asUnavailable(error);
    }
  };

  return {
    last: () => asPort(publishing.last),

    publish: (messages, after) => asPort(() => publishing.publish(messages, after)),

    heartbeat: async (heartbeat) => {
      const { nc, within } = connection.link();
      const bytes = heartbeatBytes(heartbeat);
      const sign = await signatures.signer();
      const head = headers();
      head.set(signatureHeader, signatureText(sign(bytes)));
      nc.publish(heartbeats, bytes, { headers: head });
      await within(nc.flush());
    },

    subscribe: (signal) => {
      if (connection.isClosed()) throw unavailable('the bus is closed');
      return listening.subscribe(signal);
    },

    close,
  };
};
