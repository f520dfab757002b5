import { type Instant, millis } from '../../domain/instant.ts';
import { defaultLanguage, defaultTimeZone, type Profile } from '../../domain/profile.ts';
import type { Block, Language, Reader, Template } from './template.ts';
import { escaped, manyLines, oneLine } from './text.ts';

export type Rendered = { readonly subject: string; readonly text: string; readonly html: string };

export type RenderOptions = {
  readonly profile: Profile;
  /** Scheme, host and port of the pages, without a slash at the end. */
  readonly publicUrl: string;
  /** Where whoever reads it turns notices off; null: it is none that can be turned off. */
  readonly unsubscribeUrl: string | null;
};

/** The language of the tag, where mails are written in it; else English. @param tag BCP 47 */
export const languageOf = (tag: string | null): Language =>
  (tag ?? defaultLanguage).toLowerCase().split('-')[0] === 'de' ? 'de' : 'en';

/** `19. Februar 2027 um 23:59 MEZ`: in the region's own way where the tag names one, the hours always 0 to 23. */
export const timeIn = (language: string | null, timeZone: string | null): ((at: Instant) => string) => {
  const written = languageOf(language);
  const locale = (language ?? '').toLowerCase().split('-')[0] === written ? (language ?? written) : written;
  const format = new Intl.DateTimeFormat(locale, {
    calendar: 'gregory',
    numberingSystem: 'latn',
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone: timeZone ?? defaultTimeZone,
    timeZoneName: 'short',
  });
  return (at) => format.format(millis(at));
};

const nameOf = ({ fullName, firstName, lastName }: Profile): string | null => {
  const name = fullName ?? [firstName, lastName].filter((part) => part !== null).join(' ');
  return name === '' ? null : oneLine(name, 100);
};

const words = {
  en: {
    greeting: (name: string | null) => (name === null ? 'Hello,' : `Hello ${name},`),
    switchedOff: 'You get this mail because notices are on in your profile.',
    unsubscribe: 'Unsubscribe',
    automatic: 'This mail was sent automatically by Keyledger.',
  },
  de: {
    greeting: (name: string | null) => (name === null ? 'Guten Tag,' : `Guten Tag ${name},`),
    switchedOff: 'Sie erhalten diese Mail, weil in Ihrem Profil Benachrichtigungen eingeschaltet sind.',
    unsubscribe: 'Abbestellen',
    automatic: 'Diese Mail wurde automatisch von Keyledger versandt.',
  },
} as const;

/** A link is only what a browser opens: anything else stays text. */
const isLink = (url: string): boolean => /^https?:\/\//i.test(url) && URL.canParse(url);

const textOf = (block: Block): string => {
  if ('text' in block) return oneLine(block.text, 5_000);
  if ('quote' in block) return manyLines(block.quote);
  if ('facts' in block)
    return block.facts.map(([label, value]) => `${oneLine(label)}: ${oneLine(value, 1_000)}`).join('\n');
  return `${oneLine(block.button.label)}:\n${oneLine(block.button.url, 5_000)}`;
};

const paragraph = (inner: string): string => `<p style="margin:0 0 16px">${inner}</p>`;

const markupOf = (block: Block): string => {
  if ('text' in block) return paragraph(escaped(oneLine(block.text, 5_000)));
  if ('quote' in block)
    return `<div style="margin:0 0 16px;padding:8px 16px;border-left:3px solid #868e96;white-space:pre-wrap">${escaped(manyLines(block.quote))}</div>`;
  if ('facts' in block) {
    const rows = block.facts.map(
      ([label, value]) =>
        `<tr><td style="padding:2px 16px 2px 0;color:#57606a">${escaped(oneLine(label))}</td><td style="padding:2px 0">${escaped(oneLine(value, 1_000))}</td></tr>`,
    );
    return `<table role="presentation" style="margin:0 0 16px;border-collapse:collapse">${rows.join('')}</table>`;
  }
  const { label, url } = block.button;
  if (!isLink(url)) return paragraph(escaped(`${oneLine(label)}: ${oneLine(url, 5_000)}`));
  return paragraph(
    `<a href="${escaped(url)}" style="display:inline-block;padding:8px 16px;background:#3b5bdb;color:#ffffff;text-decoration:none;border-radius:4px">${escaped(oneLine(label))}</a>`,
  );
};

/** A mail as text and as HTML, from the same blocks, for one reader. Whatever is put in is text and stays text. */
export const renderMail = <P extends object>(template: Template<P>, params: P, options: RenderOptions): Rendered => {
  const { profile, publicUrl, unsubscribeUrl } = options;
  const language = languageOf(profile.language);
  const said = words[language];
  // A stranger is not to be greeted with whatever a user chose to be called.
  const stranger = template.audience === 'address';
  const reader: Reader = {
    name: stranger ? null : nameOf(profile),
    time: timeIn(profile.language, profile.timeZone),
    page: (path) => `${publicUrl}${path}`,
  };
  const letter = template[language](params, reader);
  const subject = oneLine(letter.subject);
  const blocks: readonly Block[] = [{ text: said.greeting(reader.name) }, ...letter.blocks];
  const foot = unsubscribeUrl === null ? said.automatic : said.switchedOff;
  const text = [
    ...blocks.map(textOf),
    unsubscribeUrl === null ? `-- \n${foot}` : `-- \n${foot}\n${said.unsubscribe}: ${unsubscribeUrl}`,
  ].join('\n\n');
  const link = unsubscribeUrl === null ? '' : ` <a href="${escaped(unsubscribeUrl)}">${said.unsubscribe}</a>`;
  const html = `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(subject)}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif">
<div style="max-width:600px;margin:0 auto">
${blocks.map(markupOf).join('\n')}
<p style="margin:24px 0 0;font-size:13px;color:#57606a">${escaped(foot)}${link}</p>
</div>
</body>
</html>
`;
  return { subject, text: `${text}\n`, html };
};
