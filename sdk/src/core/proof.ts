// The Date of an answer counts whole seconds; two processes may differ a little.
const dateErrorMs = 2_000;
const driftMs = 500;

/**
 * How old the newest proof is that everything was heard, on a monotonic clock of this process and without trusting that
 * its wall clock and the server's agree: only how far the server's own times advance counts.
 */
export const createProof = (startedAt: number) => {
  // The least delayed heartbeat of this connection: when it came, and the server's time in it.
  let least: { readonly came: number; readonly provenAt: number } | null = null;
  // The first one: proven no earlier than the connection was asked for.
  let first: { readonly asked: number; readonly provenAt: number } | null = null;
  let asked = startedAt;
  let newest = Number.NEGATIVE_INFINITY;
  let newestOfAll = Number.NEGATIVE_INFINITY;
  let serverTime = Number.NEGATIVE_INFINITY;
  let at = Number.NEGATIVE_INFINITY;
  let surelyAt = startedAt;

  return {
    /** When the newest proof is thought to be from: as though the least delayed heartbeat had not been delayed at all. */
    at: () => at,
    /** When it is from at the earliest, whatever the delay. */
    surelyAt: () => surelyAt,
    /** The server's wall clock when it was last heard: milliseconds since 1970. */
    serverTime: () => serverTime,

    /** Another connection is asked for. */
    connecting: (now: number): void => {
      least = null;
      first = null;
      newest = Number.NEGATIVE_INFINITY;
      asked = now;
    },

    /** Another log: what was said of this one is repeated to no avail. */
    restarted: (): void => {
      newestOfAll = Number.NEGATIVE_INFINITY;
    },

    /**
     * Everything before it was heard.
     * @param provenAt milliseconds since 1970 by the server's clock
     * @param mayBeRepeated whether somebody else could say again what was once said: then only what is new counts
     * @returns whether the server's clock was set forward: then this proves nothing, and another connection is needed
     */
    heartbeat: (now: number, provenAt: number, mayBeRepeated: boolean): boolean => {
      if (mayBeRepeated && provenAt <= newestOfAll) return false;
      // It cannot have been proven after it came. A little is how differently two clocks go.
      if (first !== null && first.asked + provenAt - first.provenAt > now) {
        if (first.asked + provenAt - first.provenAt > now + driftMs) return true;
        first = { asked: now, provenAt };
      }
      newestOfAll = Math.max(newestOfAll, provenAt);
      serverTime = provenAt;
      if (least === null || now - provenAt < least.came - least.provenAt) least = { came: now, provenAt };
      first ??= { asked, provenAt };
      newest = Math.max(newest, provenAt);
      at = Math.max(at, least.came + (newest - least.provenAt));
      surelyAt = Math.max(surelyAt, first.asked + (newest - first.provenAt));
      return false;
    },

    /**
     * The feed was read to its end over HTTP.
     * @param sentAt when that was asked for @param date of the answer, milliseconds since 1970 by the server's clock
     * @returns whether the server's clock was set back: what heartbeats said before is no measure any more
     */
    read: (sentAt: number, date: number | undefined): boolean => {
      surelyAt = Math.max(surelyAt, sentAt);
      if (date === undefined) return false;
      serverTime = Math.max(serverTime, date);
      if (date + dateErrorMs > newestOfAll) return false;
      serverTime = date;
      newestOfAll = date - dateErrorMs;
      return true;
    },
  };
};

export type Proof = ReturnType<typeof createProof>;
