import type { Delivery, MailAccess, Mailer, MailMessage } from '../../commands/ports/mailer.ts';

export type SentMail = { readonly server: MailAccess; readonly message: MailMessage };

/** A mail server that keeps everything: for tests. @param answer what it says to a mail; without it, it takes all */
export const createMemoryMailer = (
  answer: (mail: SentMail) => Delivery | Promise<Delivery> = () => ({ accepted: true, response: '250 taken' }),
): Mailer & { readonly sent: SentMail[] } => {
  const sent: SentMail[] = [];
  return {
    sent,
    send: async (server, message) => {
      const delivery = await answer({ server, message });
      if (delivery.accepted) sent.push({ server, message });
      return delivery;
    },
    close: async () => {},
  };
};
