/** Whether every count is to be as large as it is stated: `KEYLEDGER_TEST_FULL=1`, which takes hours instead of minutes. */
export const full = process.env.KEYLEDGER_TEST_FULL === '1';
