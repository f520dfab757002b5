import { createHash } from 'node:crypto';
import type { Answer } from './route.ts';

/** Text that is markup already. */
export type Markup = { readonly markup: string };

const entities: { readonly [character: string]: string } = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

type Part = string | number | Markup | readonly Markup[];

const markupOf = (part: Part): string => {
  if (typeof part === 'string' || typeof part === 'number')
    return String(part).replace(/[&<>"']/g, (found) => entities[found]!);
  return 'markup' in part ? part.markup : part.map(({ markup }) => markup).join('');
};

/** Markup from a template; whatever is put in is text, unless it is markup itself. */
export const html = (parts: TemplateStringsArray, ...values: readonly Part[]): Markup => ({
  markup: parts.map((part, i) => (i === 0 ? part : markupOf(values[i - 1]!) + part)).join(''),
});

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentColor 20%, transparent); border-radius: 6px; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
section { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); margin-top: 1.5rem; }
h3, li, summary { overflow-wrap: anywhere; }
h3 { margin-bottom: 0.25rem; }
details { margin: 0.5rem 0; }
summary { cursor: pointer; }
.quiet { color: color-mix(in srgb, currentColor 65%, transparent); }
`;

// The one style that the pages have, by its hash: nothing else is let in, from here or elsewhere.
const policyWith = (formAction: string) =>
  [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    "base-uri 'none'",
    `form-action ${formAction}`,
    "frame-ancestors 'none'",
  ].join('; ');

/** A whole page without scripts and without anything from outside. */
export const pageOf = (title: string, body: Markup, language = 'en'): string =>
  html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${{ markup: style }}</style>
</head>
<body>
${body}
</body>
</html>
`.markup;

/** @param page made by `pageOf` */
export const answerPage = (page: string): Answer => answer(page, "'none'");

/** A page with a form that posts to this server. @param page made by `pageOf` */
export const answerForm = (page: string): Answer => answer(page, "'self'");

const answer = (page: string, formAction: string): Answer => ({
  status: 200,
  headers: {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(page)),
    'Content-Security-Policy': policyWith(formAction),
    'Referrer-Policy': 'no-referrer',
    'X-Frame-Options': 'DENY',
  },
  stream: async (response) => {
    response.end(page);
  },
});
