import { isEventName } from '../../domain/events.ts';
import { readConfiguration } from '../../main/configuration.ts';
import { environment, type Inside, wireInside } from '../../main/core.ts';
import { createLog } from '../../main/log.ts';
import { openStores } from '../../main/stores.ts';

type Settings = { readonly [variable: string]: string };

/** Works on the stores of these settings with what a server itself works with: a folder whose server was stopped, or servers. */
export const withStores = async <R>(settings: Settings, work: (inside: Inside) => Promise<R>): Promise<R> => {
  const stores = await openStores(readConfiguration(settings), environment, 'tool');
  try {
    return await work(wireInside(stores, createLog('silent')));
  } finally {
    await stores.close();
  }
};

/** The same on a data folder. */
export const withFolder = <R>(data: string, work: (inside: Inside) => Promise<R>): Promise<R> =>
  withStores({ KEYLEDGER_DATA: data }, work);

type Foreign = { readonly stream: string; readonly type: string; readonly data: object };

/** Appends at a stream's end, sealed as every event is, what no command of this release would decide. */
export const appendForeign = (at: string | Settings, { stream, type, data: fields }: Foreign): Promise<string> =>
  withStores(typeof at === 'string' ? { KEYLEDGER_DATA: at } : at, async ({ stores: { store }, codec }) => {
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
