import type { Instant } from '../../../domain/instant.ts';
import type { Template } from '../template.ts';

/** Says nothing that its sender could have chosen: the address may be a stranger's. */
export const addressVerification: Template<{ readonly token: string; readonly until: Instant }> = {
  audience: 'address',
  category: 'account.address-verification',
  en: ({ token, until }, { time, page }) => ({
    subject: 'Confirm this address',
    blocks: [
      { text: 'Somebody wants their notices sent to this address. If it was you, confirm it:' },
      { button: { label: 'Confirm this address', url: page(`/profile/notifications#token=${token}`) } },
      { text: `It works until ${time(until)}. If it was not you, do nothing: nothing more will be sent here.` },
    ],
  }),
  de: ({ token, until }, { time, page }) => ({
    subject: 'Diese Adresse bestätigen',
    blocks: [
      {
        text: 'Jemand möchte Benachrichtigungen an diese Adresse erhalten. Wenn Sie das waren, bestätigen Sie sie:',
      },
      { button: { label: 'Adresse bestätigen', url: page(`/profile/notifications#token=${token}`) } },
      {
        text: `Das geht bis ${time(until)}. Wenn Sie es nicht waren, tun Sie nichts: Es wird nichts weiter hierher gesandt.`,
      },
    ],
  }),
};
