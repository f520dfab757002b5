import { z } from 'zod';
import type { Access, Route } from './route.ts';

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

const securityOf = (access: Access) => {
  if (access === 'open') return [];
  if (access === 'session') return [{ session: [] }];
  if (access === 'session-or-key') return [{ session: [] }, { key: [] }, { keyHeader: [] }];
  return [{ session: [] }, { serviceToken: [] }];
};

const schemaOf = (schema: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
};

type Parameter = { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: unknown };

const parametersOf = (shape: z.ZodType | undefined, where: 'path' | 'query'): Parameter[] => {
  if (shape === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(shape, 'input') as {
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

const headersOf = (route: Route): Parameter[] => {
  if (route.method === 'GET') return [{ name: 'Keyledger-Min-Position', in: 'header', required: false, schema: text }];
  const idempotency: Parameter[] = route.notIdempotent
    ? []
    : [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { ...text, maxLength: 255 } }];
  return route.method === 'PATCH' || route.method === 'PUT'
    ? [...idempotency, { name: 'If-Match', in: 'header', required: false, schema: text }]
    : idempotency;
};

const operationOf = (route: Route) => ({
  summary: route.summary,
  tags: [route.tag],
  operationId: route.command?.command ?? `${route.method.toLowerCase()}${route.path.replace(/[^a-z0-9]+/gi, '-')}`,
  security: securityOf(route.access),
  ...(Array.isArray(route.access) && { 'x-permissions': route.access }),
  parameters: [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query'), ...headersOf(route)],
  ...(route.body && {
    requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
  }),
  responses: {
    ...Object.fromEntries(
      Object.entries(route.answers).map(([status, schema]) => [
        status,
        {
          description: schema === null ? 'Done' : 'OK',
          ...(schema && { content: { 'application/json': { schema: schemaOf(schema, 'output') } } }),
        },
      ]),
    ),
    default: {
      description: ['A problem', ...(route.command?.rejections ?? route.refuses ?? [])].join(' · '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  },
});

/** The whole contract as OpenAPI 3.1, from the very schemas that validate. */
export const openapiOf = (routes: readonly Route[], version: string) => {
  const paths: { [path: string]: { [method: string]: unknown } } = {};
  for (const route of routes) {
    const path = route.path.replace(/:([a-zA-Z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Keyledger', version, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      schemas: { Problem: problem },
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'keyledger' },
        key: { type: 'http', scheme: 'bearer' },
        keyHeader: { type: 'apiKey', in: 'header', name: 'X-API-KEY' },
        serviceToken: { type: 'http', scheme: 'bearer', bearerFormat: 'svc_…' },
      },
    },
  };
};
