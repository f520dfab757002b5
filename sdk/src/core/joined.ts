/** Equal questions at once become one, where nothing was heard since the first of them. */
export const createJoined = <Answer>() => {
  let open = new Map<string, Promise<Answer>>();

  return {
    /** @param name of the question: equal ones have the same */
    ask: (name: string, ask: () => Promise<Answer>): Promise<Answer> => {
      const joined = open.get(name);
      if (joined !== undefined) return joined;
      const among = open;
      const asked = ask().finally(() => among.delete(name));
      among.set(name, asked);
      return asked;
    },

    /** Whoever asks from now on must not be given what was asked before. */
    close: (): void => {
      open = new Map();
    },
  };
};
