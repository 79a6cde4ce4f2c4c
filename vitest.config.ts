import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // ONNX Runtime already uses every core; more test processes would only fight over them.
    maxWorkers: 2,
    reporters: ['default', './scripts/test/not-run.ts', ...(process.env.GITHUB_ACTIONS ? ['github-actions'] : [])],
  },
});
