import { html, type Markup, pageOf } from './html.ts';
import type { openapiOf } from './openapi.ts';
import { statusOfCode } from './statusOfCode.ts';
import { titleOfCode } from './titleOfCode.ts';

type Document = ReturnType<typeof openapiOf>;

type Schema = { readonly [keyword: string]: unknown };
type Content = { readonly [type: string]: { readonly schema: Schema } };
type Operation = {
  readonly summary: string;
  readonly tags: readonly string[];
  readonly operationId: string;
  readonly security: readonly { readonly [scheme: string]: unknown }[];
  readonly 'x-permissions'?: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: { readonly [status: string]: { readonly description: string; readonly content?: Content } };
};

type Call = { readonly method: string; readonly path: string; readonly operation: Operation };

const callsOf = (document: Document): readonly Call[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation: operation as Operation })),
  );

const nameIn = (ref: string) => ref.slice(ref.lastIndexOf('/') + 1);

/** A schema's type in a few words; what it is made of stands below it, as it is. */
const typeOf = (schema: Schema): Markup => {
  if (typeof schema.$ref === 'string') return html`<a href="#schema-${nameIn(schema.$ref)}">${nameIn(schema.$ref)}</a>`;
  if (Array.isArray(schema.enum))
    return html`<code>${schema.enum.map((value) => JSON.stringify(value)).join(' | ')}</code>`;
  if (Array.isArray(schema.anyOf))
    return html`${schema.anyOf.map((one: Schema, i) => html`${i === 0 ? '' : ' or '}${typeOf(one)}`)}`;
  if (schema.type === 'array') return html`${typeOf((schema.items ?? {}) as Schema)}, several`;
  const format = typeof schema.format === 'string' ? ` (${schema.format})` : '';
  const type = Array.isArray(schema.type) ? schema.type.join(' or ') : String(schema.type ?? 'anything');
  return html`${type}${format}`;
};

const fieldsOf = ({ properties, required }: Schema): Markup => {
  const needed = new Set((required ?? []) as readonly string[]);
  const rows = Object.entries((properties ?? {}) as { [name: string]: Schema }).map(
    ([
      name,
      schema,
    ]) => html`<tr><td><code>${name}</code>${needed.has(name) ? '' : html` <span class="quiet">optional</span>`}</td>
<td>${typeOf(schema)}</td><td>${typeof schema.description === 'string' ? schema.description : ''}</td></tr>
`,
  );
  return rows.length === 0 ? html`` : html`<table><tr><th>Field</th><th>Type</th><th></th></tr>${rows}</table>`;
};

const shapeOf = (schema: Schema): Markup =>
  schema.properties === undefined
    ? html`<p>${typeOf(schema)}</p>`
    : html`${fieldsOf(schema)}<details><summary>As JSON Schema</summary><pre>${JSON.stringify(schema, null, 2)}</pre></details>`;

const contentOf = (content: Content): readonly Markup[] =>
  Object.entries(content).map(
    ([type, { schema }]) => html`<p class="quiet"><code>${type}</code></p>${shapeOf(schema)}`,
  );

const parametersOf = ({ parameters }: Operation): Markup => {
  if (parameters.length === 0) return html``;
  const rows = parameters.map(
    ({
      name,
      in: where,
      required,
      schema,
    }) => html`<tr><td><code>${name}</code>${required ? '' : html` <span class="quiet">optional</span>`}</td>
<td>${where}</td><td>${typeOf(schema)}</td><td>${typeof schema.description === 'string' ? schema.description : ''}</td></tr>
`,
  );
  return html`<h4>Parameters</h4><table><tr><th>Name</th><th>In</th><th>Type</th><th></th></tr>${rows}</table>`;
};

const schemes: { readonly [scheme: string]: string } = {
  session: 'a session',
  key: 'an API key',
  keyHeader: 'an API key in X-API-KEY',
  serviceToken: 'a service token',
};

const whoMay = (operation: Operation): string => {
  if (operation.security.length === 0) return 'Open to everybody.';
  const who = operation.security.flatMap((scheme) => Object.keys(scheme)).map((name) => schemes[name] ?? name);
  const permissions = operation['x-permissions'];
  return `With ${who.join(' or ')}${permissions ? ` that holds ${permissions.join(' or ')}` : ''}.`;
};

const callSection = ({ method, path, operation }: Call): Markup => {
  const answers = Object.entries(operation.responses).map(
    ([status, { description, content }]) => html`<details><summary><code>${status}</code> ${description}</summary>
${content === undefined ? html`` : contentOf(content)}</details>
`,
  );
  return html`<section id="${operation.operationId}">
<h3><code>${method.toUpperCase()} ${path}</code></h3>
<p>${operation.summary}. <span class="quiet">${whoMay(operation)}</span></p>
${parametersOf(operation)}
${operation.requestBody === undefined ? html`` : html`<h4>Body${operation.requestBody.required ? '' : ', optional'}</h4>${contentOf(operation.requestBody.content)}`}
<h4>Answers</h4>
${answers}
</section>
`;
};

const codesTable = (): Markup => {
  const rows = Object.entries(statusOfCode).map(
    ([
      code,
      status,
    ]) => html`<tr id="problem-${code}"><td><code>${code}</code></td><td>${status}</td><td>${titleOfCode[code as keyof typeof titleOfCode]}</td></tr>
`,
  );
  return html`<table><tr><th>Code</th><th>Status</th><th></th></tr>${rows}</table>`;
};

/** The contract as a page to read, from the very document that programs read. */
export const referencePage = (document: Document): string => {
  const byTag = Map.groupBy(callsOf(document), ({ operation }) => operation.tags[0] ?? '');
  const contents = [...byTag].map(
    ([tag, calls]) => html`<h3>${tag}</h3>
<ul>${calls.map(
      ({
        method,
        path,
        operation,
      }) => html`<li><a href="#${operation.operationId}"><code>${method.toUpperCase()} ${path}</code></a> ${operation.summary}</li>
`,
    )}</ul>
`,
  );
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => html`<section id="schema-${name}"><h3>${name}</h3>${shapeOf(schema as Schema)}</section>
`,
  );
  return pageOf(
    'Keyledger: reference',
    html`<h1>Keyledger: reference</h1>
<p>Version ${document.info.version}. For programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${contents}</nav>
${[...byTag].map(([tag, calls]) => html`<h2>${tag}</h2>${calls.map(callSection)}`)}
<h2>Shapes</h2>
${schemas}
<h2 id="problems">Problems</h2>
<p>Every error is <code>application/problem+json</code>; its code is stable.</p>
${codesTable()}`,
  );
};
