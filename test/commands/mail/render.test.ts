import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { languageOf, type RenderOptions, renderMail, timeIn } from '../../../commands/mail/render.ts';
import type { Template } from '../../../commands/mail/template.ts';
import { type ParamsOf, type TemplateName, templateNamed, templates } from '../../../commands/mail/templates.ts';
import { emptyProfile, type Profile } from '../../../domain/profile.ts';
import { suite } from '../../support/suite.ts';

const s = suite('commands/mail/render');

const options = (profile: Partial<Profile> = {}, unsubscribeUrl: string | null = null): RenderOptions => ({
  profile: { ...emptyProfile, ...profile },
  publicUrl: 'https://keys.example.com',
  unsubscribeUrl,
});

const at = '2027-02-19T22:59:00.000Z';
const key = { keyId: 'k', name: 'ci', mask: 'api_1234…5678' };

const examples: { readonly [N in TemplateName]: ParamsOf<N> } = {
  'password-reset': { token: 'tok', until: at },
  invitation: { token: 'tok', until: at },
  'address-verification': { token: 'tok', until: at },
  'account-changed': { what: 'two-factor-reset', at },
  'address-changed': { at },
  'key-expiring': { ...key, days: 7, expiresAt: at },
  'key-revoked': { ...key, revokedAt: at, reason: 'administrator', note: 'tidying\nup' },
  'key-leaked': { ...key, revokedAt: at, source: 'a public repository' },
  'service-notice': {
    category: 'job.failed',
    subject: 'Nightly',
    text: 'It failed.\nTwice.',
    sender: 'billing',
    occurredAt: at,
    link: { url: 'https://jobs.example.com/7?a=1&b=2', label: 'The job' },
  },
  'mail-server-test': { at },
};

const names = Object.keys(templates) as TemplateName[];
const render = (name: TemplateName, of: RenderOptions, params: object = examples[name]) =>
  renderMail(templateNamed(name) as Template<object>, params, of);

for (const name of names)
  s(`${name} is written in both languages, as text and as HTML, with times in the reader's zone`, () => {
    const english = render(name, options({ language: 'en-GB', timeZone: 'Europe/Vienna' }));
    const german = render(name, options({ language: 'de-AT', timeZone: 'Europe/Vienna' }));
    for (const { subject, text, html } of [english, german]) {
      assert.ok(subject.length > 0);
      assert.match(text, /20.*23:59|19 February|19\. Februar/);
      assert.match(html, /23:59/);
      assert.not.match(html, /<script|javascript:/i);
      assert.not.match(text, /undefined|\[object|null/);
      assert.not.match(html, /undefined|\[object|null/);
    }
    if (name !== 'service-notice') assert.is.not(english.subject, german.subject);
    assert.is.not(english.text, german.text);
    assert.match(english.html, /<html lang="en">/);
    assert.match(german.html, /<html lang="de">/);
  });

s('every change of an account is said in both languages, each in its own words', () => {
  const said = new Set<string>();
  for (const what of [
    'password-changed',
    'password-reset',
    'two-factor-on',
    'two-factor-off',
    'two-factor-reset',
    'recovery-codes',
  ])
    for (const language of ['en', 'de']) {
      const { subject, text } = render('account-changed', options({ language }), { what, at });
      assert.match(text, /\/profile\/security/);
      said.add(subject).add(text);
    }
  assert.is(said.size, 24);
});

s('reads German in every region, and English for every other language', () => {
  for (const tag of ['de', 'de-AT', 'DE-ch', 'de-Latn-DE']) assert.is(languageOf(tag), 'de');
  for (const tag of [null, 'en', 'fr', 'den', 'nds']) assert.is(languageOf(tag), 'en');
});

s('writes times in the zone, with its name, over a change of the clocks, and never by half days', () => {
  const vienna = timeIn('de-AT', 'Europe/Vienna');
  assert.is(vienna('2027-01-01T23:30:00.000Z'), '2. Jänner 2027 um 00:30 MEZ');
  assert.is(vienna('2027-07-01T22:30:00.000Z'), '2. Juli 2027 um 00:30 MESZ');
  assert.is(timeIn('de', 'Europe/Berlin')('2027-01-01T23:30:00.000Z'), '2. Januar 2027 um 00:30 MEZ');
  assert.is(timeIn('en-GB', 'Asia/Kathmandu')('2027-01-01T23:30:00.000Z'), '2 January 2027 at 05:15 GMT+5:45');
  assert.is(timeIn(null, null)('2027-01-01T23:30:00.000Z'), 'January 1, 2027 at 23:30 UTC');
  // Another calendar or other digits in the tag change nothing; a language without mails reads English.
  assert.is(timeIn('fa-IR', 'Asia/Tehran')('2027-01-01T23:30:00.000Z'), 'January 2, 2027 at 03:00 GMT+3:30');
  assert.is(timeIn('en-u-ca-buddhist', null)('2027-01-01T23:30:00.000Z'), 'January 1, 2027 at 23:30 UTC');
});

s('greets by name where there is one, and a stranger by none', () => {
  const named = options({ fullName: 'Ada Lovelace', language: 'de' });
  assert.match(render('key-expiring', named).text, /^Guten Tag Ada Lovelace,/);
  assert.match(render('key-expiring', options({ firstName: 'Ada' })).text, /^Hello Ada,/);
  assert.match(render('key-expiring', options()).text, /^Hello,/);
  const { text, html } = render('address-verification', named);
  assert.not.match(text + html, /Lovelace/);
});

s('says how to unsubscribe where that is possible, in both forms', () => {
  const url = 'https://keys.example.com/unsubscribe?token=abc';
  const { text, html } = render('key-expiring', options({}, url));
  assert.match(text, `Unsubscribe: ${url}`);
  assert.match(html, `<a href="${url}">Unsubscribe</a>`);
  assert.not.match(render('password-reset', options()).text, /unsubscribe/i);
});

s('links to pages of the console, the token behind the #, which no server and no log sees', () => {
  assert.match(render('password-reset', options()).text, 'https://keys.example.com/reset-password#token=tok');
  assert.match(render('invitation', options()).text, 'https://keys.example.com/reset-password#token=tok');
  assert.match(
    render('address-verification', options()).text,
    'https://keys.example.com/profile/notifications#token=tok',
  );
});

s('a link that is none stays text', () => {
  const link = { url: 'javascript:alert(1)', label: 'Click' };
  const { html } = render('service-notice', options(), { ...examples['service-notice'], link });
  assert.not.match(html, /href/);
});

s('shows the words for the known kinds of notices, and any other kind as it is', () => {
  const of = (category: string, language: string) =>
    render('service-notice', options({ language }), { ...examples['service-notice'], category }).text;
  for (const [category, english, german] of [
    ['job.succeeded', 'A job succeeded', 'Ein Job war erfolgreich'],
    ['job.failed', 'A job failed', 'Ein Job ist fehlgeschlagen'],
    ['job.stopped', 'A job was stopped', 'Ein Job wurde angehalten'],
    ['application.created', 'An application was made', 'Eine Anwendung wurde angelegt'],
    ['version.created', 'A version was made', 'Eine Version wurde angelegt'],
    ['disk.full', 'disk.full', 'disk.full'],
    ['constructor', 'constructor', 'constructor'],
  ] as const) {
    assert.match(of(category, 'en'), `What: ${english}`);
    assert.match(of(category, 'de'), `Was: ${german}`);
  }
});

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='x",
    'a\r\nBcc: eve@example.com\r\n\r\nbody',
    'a\u2028b\u0085c\u0000d',
    '\u202Egpj.exe',
    '&lt;b&gt; &amp;',
    '\uD800',
  ),
);

s('whatever is put in stays text: no markup, one line of a subject', () => {
  const params = fc.record({
    name: hostile,
    mask: hostile,
    note: hostile,
    subject: hostile,
    text: hostile,
    person: hostile,
  });
  fc.assert(
    fc.property(params, fc.constantFrom('en', 'de'), ({ name, mask, note, subject, text, person }, language) => {
      const of = options({ language, fullName: person }, 'https://keys.example.com/unsubscribe?token=abc');
      const harmless = options({ language }, 'https://keys.example.com/unsubscribe?token=abc');
      const cases: [TemplateName, object][] = [
        ['key-expiring', { ...examples['key-expiring'], name, mask }],
        ['key-revoked', { ...examples['key-revoked'], name, mask, note }],
        ['key-leaked', { ...examples['key-leaked'], name, mask, source: note }],
        [
          'service-notice',
          {
            ...examples['service-notice'],
            subject,
            text,
            sender: name,
            link: { url: 'https://x.example.com', label: note },
          },
        ],
      ];
      for (const [template, filled] of cases) {
        const { subject: line, html } = render(template, of, filled);
        assert.not.match(line, /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u);
        assert.ok(line.isWellFormed() && html.isWellFormed());
        assert.ok([...line].length <= 200);
        // The tags are those of the template, however it is filled.
        const tags = (markup: string) => (markup.match(/<[^>]*>/g) ?? []).filter((tag) => !/^<(meta|title)/.test(tag));
        assert.equal(tags(html), tags(render(template, harmless, examplesLike(template)).html));
      }
    }),
    { numRuns: 300 },
  );
});

const examplesLike = (name: TemplateName): object =>
  name === 'service-notice'
    ? { ...examples[name], link: { url: 'https://x.example.com', label: 'x' } }
    : examples[name];

s('there are templates by these names only', () => {
  assert.is(templateNamed('constructor'), null);
  assert.is(templateNamed('toString'), null);
});

s.run();
