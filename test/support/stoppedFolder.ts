import { isEventName } from '../../domain/events.ts';
import { readConfiguration } from '../../main/configuration.ts';
import { environment, type Inside, wireInside } from '../../main/core.ts';
import { createLog } from '../../main/log.ts';
import { openStores } from '../../main/stores.ts';

/** Works on the data folder of a server that was stopped, with what the server itself works with. */
export const withFolder = async <R>(data: string, work: (inside: Inside) => Promise<R>): Promise<R> => {
  const stores = await openStores(readConfiguration({ KEYLEDGER_DATA: data }), environment, 'tool');
  try {
    return await work(wireInside(stores, createLog('silent')));
  } finally {
    await stores.close();
  }
};

type Foreign = { readonly stream: string; readonly type: string; readonly data: object };

/** Appends at a stream's end, sealed as every event is, what no command of this release would decide. */
export const appendForeign = (data: string, { stream, type, data: fields }: Foreign): Promise<string> =>
  withFolder(data, async ({ stores: { store }, codec }) => {
    const { events } = await store.readStream(stream, 0, 1_000);
    const id = crypto.randomUUID();
    const envelope = {
      at: new Date().toISOString(),
      actor: { kind: 'worker', id: null },
      correlationId: id,
      causationId: null,
      ip: null,
      userAgent: null,
      requestId: null,
      policyRevision: null,
      reason: null,
    } as const;
    // What nobody here knows, nobody here can seal: it goes as one that has nothing to seal.
    const [sealed] = await codec.seal(
      stream,
      [{ id, type: isEventName(type) ? type : 'SubscriberRemoved', data: fields as never }],
      envelope,
    );
    const result = await store.append(stream, events.length === 0 ? 'no-stream' : events.length - 1, [
      { ...sealed!.toAppend, type },
    ]);
    if (!result.appended) throw new Error('somebody else writes to this log');
    return id;
  });
