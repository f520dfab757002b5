/** One measured value, and what tells it from others of its name. */
export type Sample = { readonly labels?: { readonly [name: string]: string }; readonly value: number };

export type Metric = {
  /** Prometheus' rules: letters, digits and underscores; a unit at the end. */
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  /** Measured when asked for. */
  readonly samples: () => readonly Sample[] | Promise<readonly Sample[]>;
};

export type Counter = { readonly metric: Metric; readonly add: (labels: { readonly [name: string]: string }) => void };

/** Counts from 0 at the start of the process. The values of its labels must be few: each set of them is kept. */
export const createCounter = (name: string, help: string): Counter => {
  const counted = new Map<string, { readonly labels: { readonly [name: string]: string }; value: number }>();
  return {
    metric: { name, help, type: 'counter', samples: () => [...counted.values()] },
    add: (labels) => {
      const key = JSON.stringify(labels);
      const known = counted.get(key);
      if (known === undefined) counted.set(key, { labels, value: 1 });
      else known.value += 1;
    },
  };
};

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');

const labelsOf = (labels: Sample['labels']): string => {
  const parts = Object.entries(labels ?? {}).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
};

const numberText = (value: number): string =>
  Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : value < 0 ? '-Inf' : 'NaN';

const textOf = async ({ name, help, type, samples }: Metric): Promise<string> => {
  const lines = (await samples()).map(({ labels, value }) => `${name}${labelsOf(labels)} ${numberText(value)}\n`);
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`;
};

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** Prometheus' text format. */
export const metricsText = async (metrics: readonly Metric[]): Promise<string> =>
  (await Promise.all(metrics.map(textOf))).join('');
