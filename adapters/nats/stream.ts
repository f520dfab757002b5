import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
  type StreamConfig,
  type StreamInfo,
} from 'nats';
import type { StreamSize } from './address.ts';
import { revocations } from './envelope.ts';
import { isNoMessage, isNoStream, isStreamThere, NatsRefused } from './errors.ts';

export const streamName = 'KEYLEDGER_REVOCATIONS';

const subjects = `${revocations}.>`;
const weekMs = 7 * 24 * 3_600_000;
// Short: the sequence is the fence, and an emptied stream does not take again what it remembers.
const duplicatesMs = 2_000;
export const answerMs = 5_000;

// What the stream must be: a stream that is there and is another is the operator's, and is not changed behind their back.
const settings = {
  subjects: [subjects],
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  max_age: nanos(weekMs),
  max_msgs: -1,
  max_msgs_per_subject: -1,
  max_msg_size: -1,
} satisfies Partial<StreamConfig>;

// What it must not be, and says nothing of where it is not.
const foreign = ['mirror', 'sources', 'no_ack', 'sealed', 'subject_transform'] as const;

const requireSettings = (config: StreamConfig) => {
  const given: { readonly [field: string]: unknown } = { ...config };
  const wanted = Object.entries({ ...settings, ...Object.fromEntries(foreign.map((field) => [field, undefined])) });
  const differences = wanted.flatMap(([field, value]) => {
    const [is, shouldBe] = [given[field] || undefined, value].map((one) => JSON.stringify(one));
    return is === shouldBe ? [] : [`${field} ${is ?? 'none'} where ${shouldBe ?? 'none'} is needed`];
  });
  if (differences.length > 0)
    throw new NatsRefused(
      `the stream ${streamName} is there and not as it must be: ${differences.join(', ')}; change it, or delete it and it is made again`,
    );
};

/** What is read and written of the stream, apart from publishing. */
export const streamOver = (nc: NatsConnection, { replicas, maxBytes }: StreamSize) => {
  let manager: Promise<JetStreamManager> | null = null;
  const jsm = () => {
    manager ??= nc.jetstreamManager({ checkAPI: false, timeout: answerMs });
    return manager;
  };

  const info = async (): Promise<StreamInfo | null> => {
    try {
      return await (await jsm()).streams.info(streamName);
    } catch (error) {
      if (isNoStream(error)) return null;
      throw error;
    }
  };

  const add = async () => {
    const { streams } = await jsm();
    try {
      await streams.add({
        ...settings,
        name: streamName,
        num_replicas: replicas,
        // How much it holds is the operator's, also of one that is there: what goes first is the oldest, see above.
        max_bytes: maxBytes ?? -1,
        duplicate_window: nanos(duplicatesMs),
        description: 'Revocations of Keyledger, in the order of its log',
      });
    } catch (error) {
      // Another process made it at the same moment.
      if (!isStreamThere(error)) throw error;
    }
  };

  return {
    /**
     * Makes the stream where there is none, as after a server came back without its files.
     * @returns `sequence`: of whatever it took last, also where that is gone
     * @throws NatsRefused where it is there with other settings
     */
    state: async (): Promise<{ readonly sequence: number; readonly isEmpty: boolean }> => {
      let there = await info();
      if (there === null) {
        await add();
        there = await info();
      }
      if (there === null) throw new Error(`the stream ${streamName} is gone again`);
      requireSettings(there.config);
      return { sequence: there.state.last_seq, isEmpty: there.state.messages === 0 };
    },

    last: async (): Promise<StoredMsg | null> => {
      try {
        return await (await jsm()).streams.getMessage(streamName, { last_by_subj: subjects });
      } catch (error) {
        if (isNoMessage(error)) return null;
        throw error;
      }
    },
  };
};
