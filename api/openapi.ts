import { z } from 'zod';
import { isPeoplesPermission } from '../domain/permissions.ts';
import type { Described } from './route.ts';

const problem = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', description: 'Stable, kebab-case: what programs decide by.' },
    requestId: { type: 'string' },
    params: { type: 'object' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['in', 'pointer', 'detail'],
        properties: {
          in: { enum: ['body', 'query', 'header'] },
          pointer: { type: 'string' },
          detail: { type: 'string' },
        },
      },
    },
  },
};

const securityOf = (access: Described['access']) => {
  if (access === 'open') return [];
  if (access === 'key') return [{ key: [] }, { keyHeader: [] }];
  if (access === 'session') return [{ session: [] }];
  if (access === 'session-or-key') return [{ session: [] }, { key: [] }, { keyHeader: [] }];
  // What only services may do, no session permits.
  const forPeople = access.some(isPeoplesPermission);
  return [...(forPeople ? [{ session: [] }] : []), { serviceToken: [] }];
};

type Schemas = { [name: string]: unknown };

/** A schema as JSON Schema 2020-12; what goes by a name of its own is put beside the others and referred to. */
const schemaOf = (schema: z.ZodType, io: 'input' | 'output', named: Schemas) => {
  const {
    $schema: _,
    $defs = {},
    ...rest
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      // Answers may get fields in time; who reads them passes over what they do not know.
      if (io === 'output') delete jsonSchema.additionalProperties;
    },
  });
  const moved = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', `"${place}`));
  for (const [name, definition] of Object.entries($defs)) named[name] = moved(definition);
  return moved(rest);
};

const place = '#/components/schemas/';

type Parameter = {
  name: string;
  in: 'path' | 'query' | 'header';
  required: boolean;
  schema: unknown;
  description?: string;
};

const parametersOf = (shape: z.ZodType | undefined, where: 'path' | 'query', named: Schemas): Parameter[] => {
  if (shape === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(shape, 'input', named) as {
    properties?: { [name: string]: unknown };
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    schema,
  }));
};

const text = { type: 'string' };

const headersOf = (route: Described): Parameter[] => {
  if (route.method === 'GET') return [{ name: 'Keyledger-Min-Position', in: 'header', required: false, schema: text }];
  const idempotency: Parameter[] = route.notIdempotent
    ? []
    : [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { ...text, maxLength: 255 } }];
  return route.method === 'PATCH' || route.method === 'PUT'
    ? [...idempotency, { name: 'If-Match', in: 'header', required: false, schema: text }]
    : idempotency;
};

const ownHeadersOf = ({ takesHeaders = {} }: Described): Parameter[] =>
  Object.entries(takesHeaders).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    schema: text,
    description,
  }));

/** `GET /v1/admin/api-keys/:id` → `getV1AdminApiKeysId`: one call, one name, whatever command is behind it. */
const operationId = ({ method, path }: Described): string =>
  method.toLowerCase() +
  path
    .split(/[^A-Za-z0-9]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join('');

const mediaTypesOf = ({ produces = 'application/json' }: Described): readonly string[] =>
  typeof produces === 'string' ? [produces] : produces;

const header = (description: string) => ({ description, schema: text });

/** What an answer that succeeded may carry beside its body. */
const answerHeadersOf = ({ command, notIdempotent, method, answersHeaders = {} }: Described) => ({
  ...(command && { 'Keyledger-Position': header('Of the last event; where nothing was left to do, of the stream.') }),
  ...(command && !notIdempotent && method !== 'GET'
    ? { 'Idempotency-Replayed': header('true where an earlier request with the same key had done it.') }
    : {}),
  ...(method === 'DELETE' ? {} : { ETag: header('Of one thing: for If-Match.') }),
  ...Object.fromEntries(Object.entries(answersHeaders).map(([name, what]) => [name, header(what)])),
});

const problemHeaders = {
  'Retry-After': header('Seconds, with 429 and 503.'),
  'WWW-Authenticate': header('With 401 (RFC 6750).'),
};

const answersOf = (route: Described, named: Schemas) =>
  Object.fromEntries(
    Object.entries(route.answers).map(([status, schema]) => [
      status,
      schema === null
        ? { description: 'Done', headers: answerHeadersOf(route) }
        : {
            description: 'OK',
            headers: answerHeadersOf(route),
            content: Object.fromEntries(
              mediaTypesOf(route).map((type) => [type, { schema: schemaOf(schema, 'output', named) }]),
            ),
          },
    ]),
  );

const bytesOf = ({ types }: NonNullable<Described['takesBytes']>) => ({
  requestBody: {
    required: true,
    content: Object.fromEntries(types.map((type) => [type, { schema: { type: 'string', format: 'binary' } }])),
  },
});

/** A body that may be left out is one whose schema takes nothing for an answer. */
const bodyOf = (body: z.ZodType | undefined, accepts: string, named: Schemas) =>
  body && {
    requestBody: {
      required: !body.safeParse(undefined).success,
      content: { [accepts]: { schema: schemaOf(body, 'input', named) } },
    },
  };

const operationOf = (route: Described, named: Schemas) => ({
  summary: route.summary,
  tags: [route.tag],
  operationId: operationId(route),
  security: securityOf(route.access),
  ...(Array.isArray(route.access) && { 'x-permissions': route.access }),
  ...(route.command && { 'x-command': route.command.command }),
  parameters: [
    ...parametersOf(route.params, 'path', named),
    ...parametersOf(route.query, 'query', named),
    ...headersOf(route),
    ...ownHeadersOf(route),
  ],
  ...(route.takesBytes && bytesOf(route.takesBytes)),
  ...bodyOf(route.body, route.consumes ?? 'application/json', named),
  responses: {
    ...answersOf(route, named),
    default: {
      description: ['A problem', ...(route.command?.rejections ?? route.refuses ?? [])].join(' · '),
      headers: problemHeaders,
      content: { 'application/problem+json': { schema: { $ref: `${place}Problem` } } },
    },
  },
});

/** The whole contract as OpenAPI 3.1, from the very schemas that validate. */
export const openapiOf = (routes: readonly Described[], version: string) => {
  const named: Schemas = { Problem: problem };
  const paths: { [path: string]: { [method: string]: unknown } } = {};
  for (const route of routes) {
    const path = route.path.replace(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, named) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Keyledger', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/', description: 'Where this document comes from' }],
    paths,
    components: {
      schemas: named,
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'keyledger' },
        key: { type: 'http', scheme: 'bearer' },
        keyHeader: { type: 'apiKey', in: 'header', name: 'X-API-KEY' },
        serviceToken: { type: 'http', scheme: 'bearer', bearerFormat: 'svc_…' },
      },
    },
  };
};
