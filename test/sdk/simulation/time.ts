/** Time that stands still until the simulation moves it: milliseconds since its beginning. */
export type Time = {
  readonly now: () => number;
  /** @returns calls it off */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Everything that is due until then, in order; between one thing and the next all promises settle. */
  readonly runUntil: (end: number) => Promise<void>;
};

type Due = { readonly at: number; readonly order: number; run: (() => void) | null };

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

export const createTime = (): Time => {
  // A heap, the next due first.
  const heap: Due[] = [];
  let now = 0;
  let order = 0;

  const before = (a: Due, b: Due) => a.at < b.at || (a.at === b.at && a.order < b.order);

  const swap = (i: number, j: number) => {
    [heap[i], heap[j]] = [heap[j]!, heap[i]!];
  };

  const push = (due: Due) => {
    let i = heap.push(due) - 1;
    for (let up = (i - 1) >> 1; i > 0 && before(heap[i]!, heap[up]!); up = (i - 1) >> 1) {
      swap(i, up);
      i = up;
    }
  };

  const pop = (): Due => {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === i) return first;
      swap(i, least);
      i = least;
    }
  };

  return {
    now: () => now,
    after: (ms, run) => {
      const due: Due = { at: now + Math.max(0, ms), order: order++, run };
      push(due);
      return () => {
        due.run = null;
      };
    },
    runUntil: async (end) => {
      await settled();
      while (heap.length > 0 && heap[0]!.at <= end) {
        const { at, run } = pop();
        if (run === null) continue;
        now = at;
        run();
        await settled();
      }
      now = end;
    },
  };
};
