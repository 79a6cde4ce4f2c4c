import axe from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe finds wrong with a page: the rules and the elements. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    // biome-ignore lint/suspicious/noExplicitAny: axe puts itself there
    const { violations } = await (globalThis as any).axe.run(document, { resultTypes: ['violations'] });
    return violations as { id: string; nodes: { target: string[] }[] }[];
  });
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
}
