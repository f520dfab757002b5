/** The cookies of this installation, whose names say how they are protected. */
export type Cookies = {
  readonly session: string;
  readonly device: string;
  /** A Set-Cookie header's value. @param seconds how long the browser keeps it; 0: it forgets it now */
  readonly set: (name: string, value: string, seconds: number) => string;
};

/**
 * Out of reach of scripts and of other sites' requests; over https bound to this very host, too.
 * @param secure the public URL is https
 */
export const cookiesFor = (secure: boolean): Cookies => {
  const prefix = secure ? '__Host-' : '';
  return {
    session: `${prefix}keyledger`,
    device: `${prefix}keyledger-device`,
    set: (name, value, seconds) =>
      [
        `${name}=${value}`,
        'Path=/',
        `Max-Age=${seconds}`,
        'HttpOnly',
        'SameSite=Lax',
        ...(secure ? ['Secure'] : []),
      ].join('; '),
  };
};
