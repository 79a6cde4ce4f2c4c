/** A Vitest reporter that adds the skipped tests and the reasons to the end of the summary. */
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** Without the tests that a name filter excluded. */
export function testsNotRun(modules: readonly TestModule[]): ReadonlyMap<string, readonly string[]> {
  const byReason = new Map<string, string[]>();
  for (const module of modules)
    for (const test of module.children.allTests('skipped')) {
      const { needs } = test.meta();
      if (!needs) continue;
      const file = relative(module.project.config.root, module.moduleId);
      byReason.set(needs, [...(byReason.get(needs) ?? []), `${file} > ${test.fullName}`]);
    }
  return byReason;
}

export default class NotRunReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const [needs, tests] of testsNotRun(modules))
      console.log([` Not run, needs ${needs}:`, ...tests.map((name) => `   ${name}`)].join('\n'));
  }
}
