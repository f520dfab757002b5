import { type Client, expectStatus } from './client.ts';

/** JSON Schema, as far as the contract uses it. */
export type Schema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: { readonly [name: string]: Schema };
};

/** A call as the running server describes it. */
export type ContractCall = {
  readonly method: string;
  /** With `{name}` for parameters. */
  readonly path: string;
  /** Whoever may make it; `open`: anybody. */
  readonly takes: ReadonlySet<'open' | 'session' | 'key' | 'serviceToken'>;
  /** Of its body; null: takes none. */
  readonly body: Schema | null;
  readonly query: ReadonlySet<string>;
};

type Operation = {
  readonly security: readonly { readonly [scheme: string]: unknown }[];
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: { readonly [type: string]: { readonly schema: Schema } } };
};

type Document = {
  readonly paths: { readonly [path: string]: { readonly [method: string]: Operation } };
  readonly components: { readonly schemas: { readonly [name: string]: Schema } };
};

const takes = ({ security }: Operation): ContractCall['takes'] => {
  const schemes = security.flatMap((one) => Object.keys(one));
  if (schemes.length === 0) return new Set(['open']);
  return new Set(schemes.filter((scheme) => scheme !== 'keyHeader') as ('session' | 'key' | 'serviceToken')[]);
};

/** Every schema with what it refers to in its place. */
const resolved = (schema: Schema, document: Document): Schema => {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    return resolved(document.components.schemas[name]!, document);
  }
  return {
    ...schema,
    ...(schema.anyOf && { anyOf: schema.anyOf.map((one) => resolved(one, document)) }),
    ...(schema.oneOf && { oneOf: schema.oneOf.map((one) => resolved(one, document)) }),
    ...(schema.items && { items: resolved(schema.items, document) }),
    ...(schema.properties && {
      properties: Object.fromEntries(
        Object.entries(schema.properties).map(([name, inner]) => [name, resolved(inner, document)]),
      ),
    }),
  };
};

/** Every call of the running server, from its own description. */
export const contractOf = async (client: Client): Promise<readonly ContractCall[]> => {
  const document = expectStatus(await client.get('/openapi.json'), 200).body as Document;
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => {
      const body = operation.requestBody?.content['application/json']?.schema;
      return {
        method: method.toUpperCase(),
        path,
        takes: takes(operation),
        body: body === undefined ? null : resolved(body, document),
        query: new Set(operation.parameters.filter((one) => one.in === 'query').map(({ name }) => name)),
      };
    }),
  );
};

/** Where in a body a value stands. */
export type Place = readonly (string | number)[];

/** Every field of a body that may hold a text, and of those that are in arrays their first. */
export const textsIn = (schema: Schema, place: Place = []): readonly Place[] => [
  ...(schema.type === 'string' ? [place] : []),
  ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((one) => textsIn(one, place)),
  ...(schema.items ? textsIn(schema.items, [...place, 0]) : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => textsIn(inner, [...place, name])),
];

/** A body with nothing but this value at this place. */
export const bodyWith = (place: Place, value: unknown): unknown =>
  place.reduceRight((inner, step) => (typeof step === 'number' ? [inner] : { [step]: inner }), value);

/** As a problem's errors say it. */
export const pointerTo = (place: Place): string => place.map((step) => `/${step}`).join('');
