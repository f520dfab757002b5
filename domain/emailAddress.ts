/** An address in normal form: two spellings of one address are one text. */
export type EmailAddress = string;

/**
 * Trimmed, NFC, lower case, the domain in ASCII. RFC 5321 would let two mailboxes differ by case; no provider that
 * people use does, and one address must not open two accounts.
 * @returns null where the text is no address: not one @, an empty or too long part (64 before the @, 254 in all), blanks,
 * control characters, a domain that is none
 */
export const emailNormalForm = (text: string): EmailAddress | null => {
  // Enough for any address and its surrounding blanks; keeps the work bounded.
  if (text.length > 1000 || !text.isWellFormed()) return null;
  const [local, domain, ...more] = text.trim().normalize('NFC').toLowerCase().normalize('NFC').split('@');
  if (local === undefined || domain === undefined || more.length > 0) return null;
  if (!isLocalPart(local)) return null;
  const ascii = domainToAscii(domain);
  if (ascii === null) return null;
  const address = `${local}@${ascii}`;
  return bytes(local) <= 64 && bytes(address) <= 254 ? address : null;
};

/** Unquoted (RFC 5321 dot-string, any Unicode of RFC 6531): no blanks, controls or characters that need quoting. */
const isLocalPart = (local: string): boolean =>
  /^[^\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}"(),:;<>[\\\]]+$/u.test(local) && !/^\.|\.\.|\.$/.test(local);

const domainToAscii = (domain: string): string | null => {
  // What URL would read as something else than a host: user, port, path, query, escapes.
  if (domain === '' || /[\s\p{Cc}/\\?#:%@[\]]/u.test(domain)) return null;
  let host: string;
  try {
    host = new URL(`https://${domain}/`).hostname;
  } catch {
    return null; // TypeError is how URL says no
  }
  const labels = host.split('.');
  const fits = labels.every((label) => label.length <= 63 && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
  // URL turns 127.1 into 127.0.0.1: a number is no mail domain.
  return fits && host.length <= 253 && !/^\d+$/.test(labels.at(-1) ?? '') ? host : null;
};

const bytes = (text: string): number => {
  let count = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    count += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return count;
};
