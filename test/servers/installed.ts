/** Whether tests may use servers that this machine happens to have; `KEYLEDGER_TEST_SERVERS=none` is a machine without any. */
export const mayUseInstalled: boolean = process.env.KEYLEDGER_TEST_SERVERS !== 'none';
