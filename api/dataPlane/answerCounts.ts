import type { Metric } from '../metrics.ts';

/** How the answers to services and proxies are counted: in memory, a number each, without a line in a log. */
export type AnswerCounts = {
  readonly metric: Metric;
  /** @returns what is told of every answer to a call: its code, of which there are few */
  readonly ofCall: (call: string) => (code: string) => void;
};

export const createAnswerCounts = (): AnswerCounts => {
  const calls = new Map<string, Map<string, { value: number }>>();
  const codesOf = (call: string) => {
    const codes = calls.get(call) ?? new Map<string, { value: number }>();
    calls.set(call, codes);
    return codes;
  };
  return {
    metric: {
      name: 'keyledger_service_answers_total',
      help: 'Answers to services and proxies, by call and code.',
      type: 'counter',
      samples: () =>
        [...calls].flatMap(([call, codes]) =>
          [...codes].map(([code, { value }]) => ({ labels: { call, code }, value })),
        ),
    },
    ofCall: (call) => {
      const codes = codesOf(call);
      return (code) => {
        const known = codes.get(code);
        if (known === undefined) codes.set(code, { value: 1 });
        else known.value += 1;
      };
    },
  };
};
