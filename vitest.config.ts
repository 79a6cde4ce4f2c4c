import { defineConfig } from 'vitest/config';

/** A test belongs to the project that its file is named after: CONTRIBUTING.md, "Tests". */
const project = (name: string, include: string, more: object) => ({
  extends: true as const,
  test: { name, include: [include], ...more },
});

/** Only a hang takes longer, also on a busy machine. */
const patient = { testTimeout: 300_000, hookTimeout: 300_000 };

export default defineConfig({
  test: {
    projects: [
      project('fast', 'test/**/*.test.ts', { exclude: ['test/**/*.*.test.ts'] }),
      project('slow', 'test/**/*.slow.test.ts', patient),
      project('browser', 'test/**/*.browser.test.ts', patient),
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // ONNX Runtime already uses every core; more test processes would only fight over them.
    maxWorkers: 2,
    reporters: ['default', './scripts/test/not-run.ts', ...(process.env.GITHUB_ACTIONS ? ['github-actions'] : [])],
  },
});
