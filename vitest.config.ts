import { defineConfig } from 'vitest/config';

/** A test belongs to the project that its file is named after: CONTRIBUTING.md, "Tests". */
const project = (name: string, include: string, exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include: [include], exclude },
});

export default defineConfig({
  test: {
    projects: [
      project('fast', 'test/**/*.test.ts', ['test/**/*.*.test.ts']),
      project('slow', 'test/**/*.slow.test.ts'),
      project('browser', 'test/**/*.browser.test.ts'),
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // ONNX Runtime already uses every core; more test processes would only fight over them.
    maxWorkers: 2,
    reporters: ['default', './scripts/test/not-run.ts', ...(process.env.GITHUB_ACTIONS ? ['github-actions'] : [])],
  },
});
