import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export type Mount = string | { readonly source: string; readonly target: string };
export type Health = { readonly test?: readonly string[]; readonly disable?: boolean };

export type Service = {
  readonly image: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly environment?: { readonly [name: string]: string };
  readonly ports?: readonly string[];
  readonly secrets?: readonly Mount[];
  readonly configs?: readonly Mount[];
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly networks: readonly string[] | { readonly [name: string]: { readonly ipv4_address?: string } };
  readonly healthcheck?: Health;
  readonly depends_on?: { readonly [service: string]: { readonly condition: string } };
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly mem_limit?: string;
  readonly privileged?: boolean;
};

type Named<T> = { readonly [name: string]: T };

export type Compose = {
  readonly services: Named<Service>;
  readonly networks: Named<{
    readonly internal?: boolean;
    readonly ipam?: { readonly config: readonly { readonly subnet: string; readonly ip_range: string }[] };
  }>;
  readonly volumes: Named<unknown>;
  readonly configs: Named<{ readonly file: string }>;
  readonly secrets: Named<{ readonly file: string }>;
};

/** `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose understands them; `$$` is a dollar. */
const variable = /\$(?:\$|\{(?<name>\w+)(?::(?<kind>[-?])(?<rest>[^}]*))?\})/g;

/** Every variable that the text asks its environment for. */
export const variablesOf = (text: string): readonly string[] => [
  ...new Set([...text.matchAll(variable)].flatMap(({ groups }) => groups?.name ?? [])),
];

export const composeText = readFileSync('deploy/compose.yaml', 'utf8');

/** The file as Compose reads it. @throws where a variable is missing that has no default */
export const readCompose = (environment: { readonly [name: string]: string }): Compose => {
  const interpolated = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(interpolated);
    if (typeof value === 'object' && value !== null)
      return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, interpolated(one)]));
    if (typeof value !== 'string') return value;
    return value.replace(variable, (whole, name?: string, kind?: string, rest = '') => {
      if (whole === '$$') return '$';
      const given = environment[name!];
      if (given) return given;
      if (kind === '-') return rest;
      throw new Error(`${name} is not set`);
    });
  };
  return interpolated(parse(composeText, { merge: true })) as Compose;
};

export const sourceOf = (mount: Mount): string => (typeof mount === 'string' ? mount : mount.source);

/** Where a secret stands in the container. */
export const targetOf = (mount: Mount): string => (typeof mount === 'string' ? `/run/secrets/${mount}` : mount.target);

export const networksOf = ({ networks }: Service): readonly string[] =>
  Array.isArray(networks) ? networks : Object.keys(networks);
