/** The fields a person may change of themselves. Null: not given. */
export type Profile = {
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly fullName: string | null;
  /** E.164 */
  readonly phone: string | null;
  readonly position: string | null;
  readonly description: string | null;
  /** BCP 47 */
  readonly language: string | null;
  /** IANA */
  readonly timeZone: string | null;
};
