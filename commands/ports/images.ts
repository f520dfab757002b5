/** A picture as it is kept: made here, so that nothing stands in it but what is seen. */
export type Picture = { readonly type: 'image/jpeg' | 'image/png'; readonly bytes: Uint8Array };

/** Reading of pictures that strangers send, off the thread that answers. */
export type Images = {
  /**
   * A square of at most 512 pixels a side, cut from the middle, upright, in sRGB, of the file's own type and without
   * anything that it said beside its pixels.
   * @param file whatever was sent: its type is told by its content
   * @returns null where it is no whole JPEG or PNG, or has more than 25 megapixels, or takes longer than a picture does
   * @throws Failure `too-busy` where too many pictures wait already
   */
  readonly avatarOf: (file: Uint8Array) => Promise<Picture | null>;
};
