import { z } from 'zod';
import { answerPage, html, pageOf } from '../html.ts';
import type { openapiOf } from '../openapi.ts';
import { referencePage } from '../referencePage.ts';
import { Refusal } from '../refusal.ts';
import { type Route, route } from '../route.ts';
import { statusOfCode } from '../statusOfCode.ts';
import { titleOfCode } from '../titleOfCode.ts';

export type DocumentsContext = {
  /** The OpenAPI document of every call. */
  readonly document: () => ReturnType<typeof openapiOf>;
};

const tag = 'Documents';

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
};

const page = (path: string, summary: string, text: () => string) =>
  route({
    method: 'GET',
    path,
    summary,
    tag,
    access: 'open',
    ignoresCredentials: true,
    answers: { 200: z.string() },
    produces: 'text/html',
    handle: async () => answerPage(text()),
  });

const front = pageOf(
  'Keyledger',
  html`<h1>Keyledger</h1>
<p>This server holds API keys, and the ledger of everything that happened to them.</p>
<ul>
<li><a href="/docs">Reference of every call</a>, for programs <a href="/openapi.json">openapi.json</a></li>
<li><a href="/readyz">Whether keys can be verified here</a></li>
<li><a href="/livez">Whether this process answers</a></li>
</ul>`,
);

const isCode = (code: string): code is keyof typeof statusOfCode => Object.hasOwn(statusOfCode, code);

const problem = () =>
  route({
    method: 'GET',
    path: '/problems/:code',
    summary: 'What an error’s type means',
    tag,
    access: 'open',
    ignoresCredentials: true,
    params: z.strictObject({ code: z.string().max(100) }),
    answers: { 200: z.string() },
    produces: 'text/html',
    refuses: ['not-found'],
    handle: async ({ params: { code } }) => {
      if (!isCode(code)) throw new Refusal('not-found');
      const body = html`<h1>${titleOfCode[code]}</h1>
<p>Code <code>${code}</code>, status ${statusOfCode[code]}. <a href="/docs#problems">All codes</a></p>`;
      return answerPage(pageOf(titleOfCode[code], body));
    },
  });

/** The contract, for programs and for people; nothing on these pages comes from anywhere else. */
export const documentRoutes = ({ document }: DocumentsContext): readonly Route[] => [
  page('/', 'What runs here', () => front),
  page(
    '/docs',
    'This reference',
    once(() => referencePage(document())),
  ),
  problem(),
  route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'The contract as OpenAPI 3.1',
    tag,
    access: 'open',
    ignoresCredentials: true,
    answers: { 200: z.record(z.string(), z.unknown()) },
    handle: async () => ({ status: 200, body: document() }),
  }),
];
