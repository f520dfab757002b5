import { refusedWith, VerifierUnavailable } from '../errors.ts';
import type { Heartbeat } from '../shapes.ts';
import type { RevocationMessage } from '../types.ts';
import type { Calls } from './calls.ts';
import { createCatchingUp } from './catchingUp.ts';
import { createConnection } from './connection.ts';
import { createEarly } from './early.ts';
import { isBeyond, type Place } from './place.ts';
import type { Proof } from './proof.ts';
import type { Receipts } from './receipts.ts';
import type { FeedPlace, Surroundings } from './surroundings.ts';
import { freshMs, type Trust } from './trust.ts';

const readAgainMs = 1_000;

/** Follows the feed: takes in what it tells, reads over HTTP what is missing, and says how far it was heard. */
export const createFeed = (parts: {
  readonly calls: Pick<Calls, 'send'>;
  readonly place: Place;
  readonly proof: Proof;
  readonly trust: Trust;
  readonly receipts: Pick<Receipts, 'confirm'>;
  readonly surroundings: Surroundings;
  /** Each message whenever it comes: what it speaks of must be forgotten before anything else is done. */
  readonly forget: (message: RevocationMessage) => void;
  /** Another log: everything must be forgotten. */
  readonly forgetAll: () => void;
  /** Each message once, after it was taken in. */
  readonly news: (message: RevocationMessage) => void;
  /** The token is refused: that will not change by itself, as everything else may. */
  readonly refused: (error: VerifierUnavailable) => void;
}) => {
  const { calls, place, proof, trust, receipts, surroundings, forget, forgetAll, news, refused } = parts;
  const { monotonic, wall, after } = surroundings;

  /** The connection is not the server's alone: what comes over it proves nothing before the server itself has answered. */
  let mayBeRepeated = true;
  let openedAt = 0;
  let answeredSince = false;
  let lastHeardAt: number | null = null;
  /** Why the feed could not be read to its end the last time, or not be connected to. */
  let readingError: unknown;
  let connectionError: unknown;

  const here = (): FeedPlace | null => {
    const epoch = place.epoch();
    return epoch === null ? null : { epoch, position: place.position() };
  };

  const confirm = () => {
    const at = here();
    if (at !== null) receipts.confirm(at);
  };

  const distrust = () => {
    catchingUp.want();
    trust.distrust();
  };

  const refuseIfFinal = (error: unknown) => {
    if (error instanceof VerifierUnavailable && (error.status === 401 || error.status === 403)) refused(error);
  };

  const early = createEarly(after, distrust);

  const accept = ({ head, provenAt }: Heartbeat, came: number) => {
    place.reach(head);
    if (mayBeRepeated && !answeredSince) return;
    if (proof.heartbeat(came, Date.parse(provenAt), mayBeRepeated)) connection.renew();
    else connection.isWell();
  };

  const lookAtEarly = () => {
    const due = early.take(place.position());
    if (due !== null) accept(due.heartbeat, due.came);
  };

  const message = (received: RevocationMessage) => {
    forget(received);
    // Which log is the right one only the server can tell.
    if (received.epoch !== place.epoch()) return distrust();
    lastHeardAt = wall();
    const hadGap = place.hasGap();
    const isNew = place.take(received);
    if (place.hasGap()) {
      if (!hadGap) distrust();
    } else {
      confirm();
      lookAtEarly();
      trust.update();
    }
    if (isNew) news(received);
  };

  const heartbeat = (received: Heartbeat) => {
    if (received.epoch !== place.epoch()) return distrust();
    lastHeardAt = wall();
    const came = monotonic();
    if (isBeyond(received.lastMessage, place.position())) return early.keep(received, came);
    accept(received, came);
    trust.update();
  };

  const catchingUp = createCatchingUp(
    calls,
    {
      place: () => ({ epoch: place.epoch(), position: place.position() }),
      adopt: (epoch, head) => {
        place.adopt(epoch, head);
        proof.restarted();
        connection.begin();
        confirm();
      },
      message,
      restarted: () => {
        forgetAll();
        early.drop();
        place.leave();
        connection.end();
        trust.distrust();
      },
      end: (head, sentAt, date) => {
        place.reach(head);
        answeredSince ||= sentAt >= openedAt;
        if (proof.read(sentAt, date)) connection.renew();
        lookAtEarly();
      },
      done: () => {
        if (place.hasGap()) return catchingUp.want();
        readingError = undefined;
        confirm();
        trust.restore();
      },
      failed: (error) => {
        readingError = error;
        refuseIfFinal(error);
        trust.update();
      },
    },
    surroundings,
  );

  const connection = createConnection(
    {
      opened: (resumed) => {
        mayBeRepeated = !resumed;
        openedAt = monotonic();
        connectionError = undefined;
        answeredSince = false;
        if (!resumed) catchingUp.want();
      },
      message,
      heartbeat,
      spoilt: distrust,
      closed: (status, cause) => {
        if (status === 410) return distrust();
        connectionError = status === undefined ? cause : refusedWith(status, cause);
        refuseIfFinal(connectionError);
      },
    },
    here,
    proof.connecting,
    surroundings,
  );

  return {
    start: (): void => catchingUp.want(),

    /** Memory is not used until the feed was read to its end, which begins now. */
    distrust,

    /** What has been silent for too long is asked anew. @param now monotonic */
    look: (now: number): void => {
      const isOld = now - proof.at() > freshMs;
      if (isOld && !catchingUp.isRunning() && now - catchingUp.begunAt() >= readAgainMs) catchingUp.want();
      // Silent; or it speaks of what is long past, or began too late to say how late it is.
      const isLate = isOld || proof.at() - proof.surelyAt() > freshMs;
      if (connection.isSilent(now) || (isLate && connection.age(now) > 2 * freshMs)) connection.renew();
    },

    /** When anything was last heard, by this machine's clock: milliseconds since 1970. */
    lastHeardAt: () => lastHeardAt,

    /** What went wrong last, where something still does. */
    trouble: (): unknown => readingError ?? connectionError,

    close: (): void => {
      early.drop();
      catchingUp.close();
      connection.close();
    },
  };
};

export type Feed = ReturnType<typeof createFeed>;
