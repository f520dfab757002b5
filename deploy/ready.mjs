// Exit code 0 while this container can verify keys. The image has no curl; what it has is Node.
const port = process.env.KEYLEDGER_PORT || '8080';
try {
  const { status } = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4_000) });
  process.exitCode = status === 200 ? 0 : 1;
} catch {
  process.exitCode = 1;
}
