import type { FeedPlace, Hearing, Reply } from '../../../sdk/src/core/surroundings.ts';
import type { createInbox } from '../../../sdk/src/transport/inbox.ts';
import type { createSigned } from '../../../sdk/src/transport/signed.ts';
import type { RevocationMessage } from '../../../sdk/src/types.ts';
import type { FaultName } from './faults.ts';
import type { Process, Stream } from './server.ts';
import type { Time } from './time.ts';

/** How bad it is now; times are moments until which it lasts. */
export type Weather = {
  cutUntil: number;
  stalledUntil: number;
  busDownUntil: number;
  /** What the feed says comes so much later. */
  lag: number;
  /** Chances, 0 to 1, of what happens to each thing sent. */
  lost: number;
  slow: number;
  slowAnswers: number;
  doubled: number;
  spoilt: number;
};

export const calm = (): Weather => ({
  cutUntil: 0,
  stalledUntil: 0,
  busDownUntil: 0,
  lag: 0,
  lost: 0,
  slow: 0,
  slowAnswers: 0,
  doubled: 0,
  spoilt: 0,
});

type Sdk = { readonly createInbox: typeof createInbox; readonly createSigned: typeof createSigned };

/** What the invariants are held against: told before the verifier is. */
export type Watch = {
  readonly asked: (body: { readonly key: string }) => void;
  readonly replied: (path: string, reply: Reply) => void;
  readonly heard: (message: RevocationMessage) => void;
};

export const createNetwork = (parts: {
  readonly time: Time;
  readonly random: () => number;
  readonly processes: readonly Process[];
  readonly weather: Weather;
  readonly watch: Watch;
  /** Runs something in the process that embeds the verifier: later, where that stands still. */
  readonly inService: (run: () => void) => void;
  readonly note: (fault: FaultName) => void;
}) => {
  const { time, random, processes, weather, watch, inService, note } = parts;

  /** By a chance that the weather has, and counted where it comes true. */
  const befalls = (chance: number, fault: FaultName): boolean => {
    const does = random() < chance;
    if (does) note(fault);
    return does;
  };

  const pick = () => processes[Math.floor(random() * processes.length)]!;
  const delay = () => {
    const own = 1 + random() * 10 + (befalls(weather.slow, 'late') ? random() * 3_000 : 0);
    const stalled = weather.stalledUntil - time.now() + random() * 50;
    if (stalled > own) note('stalled');
    return Math.max(own, stalled);
  };
  const isCut = () => {
    const is = time.now() < weather.cutUntil;
    if (is) note('cut off');
    return is;
  };

  const call = (method: 'GET' | 'POST', path: string, body: unknown, signal: AbortSignal): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const refuse = () => time.after(1, () => inService(() => reject(new Error('refused'))));
      if (path === '/v1/verify') watch.asked(body as { key: string });
      if (isCut()) return void refuse();
      if (befalls(weather.lost, 'message or answer lost')) return;
      const process = pick();
      time.after(delay(), () => {
        const there = process.handle({ method, path, body }, (reply) => {
          if (befalls(weather.lost, 'message or answer lost')) return;
          // Long on their way back, while the feed is not.
          const held = random() < weather.slowAnswers ? random() * 1_500 : 0;
          time.after(delay() + held, () => {
            if (isCut()) return void refuse();
            inService(() => {
              if (signal.aborted) return;
              watch.replied(path, reply);
              resolve(reply);
            });
          });
        });
        if (!there) refuse();
      });
    });

  /** Keeps the order, as TCP does; what a bad proxy does to single frames comes on top. */
  const createChannel = () => {
    let isOpen = true;
    let lastAt = 0;
    return {
      close: () => {
        isOpen = false;
      },
      deliver: (run: () => void) => {
        if (weather.lag > 0) note('feed lags');
        lastAt = Math.max(lastAt, time.now() + delay() + weather.lag);
        time.after(lastAt - time.now(), () => {
          if (isOpen && !isCut()) inService(() => isOpen && run());
        });
      },
    };
  };

  const cuts = new Set<() => void>();

  const followSse = (place: FeedPlace, hearing: Hearing): (() => void) => {
    const channel = createChannel();
    const end = () => {
      channel.close();
      cuts.delete(cut);
    };
    const closed = (status?: number) => {
      channel.deliver(() => {
        end();
        hearing.closed(status);
      });
    };
    // Not every end of a connection is heard of.
    const cut = () => {
      if (random() < 0.7) closed();
      else end();
    };
    cuts.add(cut);
    const frame = (run: () => void) => {
      if (befalls(weather.lost, 'message or answer lost')) return;
      if (befalls(weather.spoilt, 'spoilt')) return channel.deliver(hearing.spoilt);
      channel.deliver(run);
      if (befalls(weather.doubled, 'sent twice')) channel.deliver(run);
    };
    const process = pick();
    const stream: Stream = {
      refuse: closed,
      opened: () => channel.deliver(() => hearing.opened(true)),
      message: (message) =>
        frame(() => {
          watch.heard(message);
          hearing.message(message);
        }),
      heartbeat: (heartbeat) => {
        if (process.isStuck()) note('heartbeats stuck');
        frame(() => hearing.heartbeat(heartbeat));
      },
      cut,
    };
    const id = place.position === null ? null : `${place.epoch}:${place.position}`;
    time.after(delay(), () => {
      if (isCut() || !process.stream(id, stream)) closed();
    });
    return end;
  };

  // —— NATS ——

  const utf8 = new TextEncoder();
  const subscribers = new Set<(subject: string, bytes: Uint8Array, signature: string) => void>();
  const recent: {
    readonly subject: string;
    readonly bytes: Uint8Array;
    readonly signature: string;
    readonly epoch: string;
  }[] = [];

  /** Stands for Ed25519: whoever does not know the secret does not make it. */
  const sign = (bytes: Uint8Array): string => {
    let mixed = 0x12345678;
    for (const byte of bytes) mixed = Math.imul(mixed ^ byte, 0x01000193) >>> 0;
    return Buffer.alloc(64, `${mixed.toString(16).padStart(8, '0')}`).toString('base64');
  };

  const send = (subject: string, bytes: Uint8Array, signature: string) => {
    if (time.now() < weather.busDownUntil) return note('bus away');
    for (const subscriber of subscribers) subscriber(subject, bytes, signature);
  };

  const publish = (subject: string, epoch: string, payload: unknown) => {
    const bytes = utf8.encode(JSON.stringify(payload));
    const item = { subject, bytes, signature: `k1:${sign(bytes)}`, epoch };
    recent.push(item);
    if (recent.length > 200) recent.shift();
    send(item.subject, item.bytes, item.signature);
  };

  const messageSubject = 'keyledger.revocations.all';
  let published: { epoch: string; position: string } | null = null;
  let beatAt = Number.NEGATIVE_INFINITY;
  let beatProof = '';

  const publishing = (messagesAfter: (after: string | null, upTo: string | null) => readonly RevocationMessage[]) => {
    const step = () => {
      const process = processes.find((one) => one.state() === 'up');
      const beat = process?.beat() ?? null;
      if (process !== undefined && beat !== null && time.now() >= weather.busDownUntil) {
        const after = published?.epoch === beat.epoch ? published.position : null;
        for (const message of messagesAfter(after, beat.head)) {
          if (message.epoch !== beat.epoch) continue;
          publish(messageSubject, message.epoch, { type: 'keyledger.revocation.v1', data: message });
          published = { epoch: message.epoch, position: message.position };
        }
        if (time.now() - beatAt >= 1_000 && (beat.provenAt !== beatProof || process.isStuck())) {
          if (process.isStuck()) note('heartbeats stuck');
          beatAt = time.now();
          beatProof = beat.provenAt;
          publish('keyledger.heartbeat', beat.epoch, beat);
        }
      }
      time.after(5 + random() * 30, step);
    };
    step();
  };

  const natsFollow = (sdk: Sdk, monotonic: () => number, wall: () => number) => {
    const signed = sdk.createSigned({
      monotonic,
      wall,
      fetchKeys: () =>
        new Promise((resolve, reject) => {
          time.after(delay(), () => {
            const keys = [{ id: 'k1', publicKey: Buffer.alloc(32).toString('base64'), notAfter: null }];
            inService(() => (isCut() ? reject(new Error('refused')) : resolve({ keys })));
          });
        }),
      verify: (_, bytes, signature) => Buffer.from(signature).toString('base64') === sign(bytes),
    });

    return (_: FeedPlace, hearing: Hearing): (() => void) => {
      const channel = createChannel();
      const inbox = sdk.createInbox(signed, {
        ...hearing,
        message: (message) => {
          watch.heard(message);
          hearing.message(message);
        },
      });
      let over = false;
      const subscriber = (subject: string, bytes: Uint8Array, signature: string) => {
        const tell = () => inbox(subject, bytes, signature);
        if (befalls(weather.lost, 'message or answer lost')) return;
        // Late, and so overtaken by what comes after it.
        if (befalls(weather.slow, 'late')) time.after(random() * 3_000, () => inService(() => !over && tell()));
        else channel.deliver(tell);
        if (befalls(weather.doubled, 'sent twice')) channel.deliver(tell);
      };
      const end = () => {
        over = true;
        channel.close();
        subscribers.delete(subscriber);
        cuts.delete(cut);
      };
      const closed = () => {
        if (over) return;
        end();
        hearing.closed();
      };
      const cut = () => {
        if (random() < 0.7) time.after(delay(), () => inService(closed));
        else end();
      };
      cuts.add(cut);
      signed.load().then(
        () =>
          time.after(delay(), () => {
            if (over) return;
            if (isCut() || time.now() < weather.busDownUntil) return inService(closed);
            subscribers.add(subscriber);
            channel.deliver(() => hearing.opened(false));
          }),
        closed,
      );
      return end;
    };
  };

  return {
    call,
    followSse,
    natsFollow,
    publishing,
    /** Every connection to the feed is cut. */
    cutFeeds: () => {
      if (cuts.size > 0) note('connections to the feed ended');
      for (const cut of [...cuts]) cut();
    },
    /** Somebody else writes on the bus. */
    forge: () => {
      const far = 'f'.repeat(16);
      const data = { position: far, previous: far, epoch: 'epoch-0', kind: 'all', effect: 'recheck', id: 'x' };
      const beat = { epoch: 'epoch-0', head: far, lastMessage: null, provenAt: '2099-01-01T00:00:00.000Z' };
      const payload = random() < 0.5 ? { type: 'keyledger.revocation.v1', data } : beat;
      const bytes = utf8.encode(JSON.stringify(payload));
      if (subscribers.size > 0) note(payload === beat ? 'forged heartbeat' : 'forged message');
      send(payload === beat ? 'keyledger.heartbeat' : messageSubject, bytes, `k1:${sign(new Uint8Array(3))}`);
    },
    /** Somebody repeats what was once said, also of another epoch. */
    repeat: () => {
      const item = recent[Math.floor(random() * recent.length)];
      if (item === undefined) return;
      if (subscribers.size > 0) note(item.epoch === published?.epoch ? 'said again' : 'said again of another log');
      send(item.subject, item.bytes, item.signature);
    },
  };
};
