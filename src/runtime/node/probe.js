// Run by `devices.ts` in a child process, because an execution provider can abort the process or hang:
// `node probe.js DEVICE` prints one line of JSON, `{ "probe": "ok" }` or `{ "probe": "failed", "message": … }`.
// Plain JavaScript, so that Node can run it directly from the sources.

/** y = relu(x + x) on float32 [1, 1, 2, 2]: opset 13, a minimal model for which every provider has kernels. */
const model = Uint8Array.from(
  atob(
    'CAg6XwoOCgF4CgF4EgFzIgNBZGQKDAoBcxIBeSIEUmVsdRIFcHJvYmVaGwoBeBIWChQIARIQCgIIAQoCCAEKAggCCgIIAmIbCgF5EhYKFAgBEhAKAggBCgIIAQoCCAIKAggCQgQKABAN',
  ),
  (character) => character.charCodeAt(0),
);

const report = (result) => process.stdout.write(`\n${JSON.stringify(result)}\n`);

// As in telemetry.ts.
process.env.ORT_DISABLE_TELEMETRY ??= '1';
try {
  const device = process.argv[2];
  const wasm = device === 'wasm';
  const { InferenceSession, Tensor, env } = await import(wasm ? 'onnxruntime-web' : 'onnxruntime-node');
  if (wasm) env.wasm.numThreads = 1;
  const session = await InferenceSession.create(model, {
    executionProviders: [device],
    logSeverityLevel: 4,
    // ONNX Runtime silently runs unsupported nodes on the CPU. With this entry, the session fails instead, so a session that runs did
    // run on the provider.
    ...(device === 'cpu' || wasm ? {} : { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
  });
  const { y } = await session.run({ x: new Tensor('float32', Float32Array.of(-1, 0, 1, 2), [1, 1, 2, 2]) });
  const values = Array.from(await y.getData());
  if (values.join() === '0,0,2,4') report({ probe: 'ok' });
  else report({ probe: 'failed', message: `wrong result: ${values} instead of 0,0,2,4` });
} catch (error) {
  report({ probe: 'failed', message: String(error?.message ?? error) });
}
