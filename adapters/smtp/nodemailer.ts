/** What of nodemailer is used: not the part that hands mails to the rest. */
export type Nodemailer = Awaited<ReturnType<typeof loadNodemailer>>;

/** With the first mail: with the modules of Node that it asks for it takes 20 MB, which most processes never need. */
export const loadNodemailer = async () => {
  const [composer, connection] = await Promise.all([
    import('nodemailer/lib/mail-composer'),
    import('nodemailer/lib/smtp-connection'),
  ]);
  return { MailComposer: composer.default, SMTPConnection: connection.default };
};
