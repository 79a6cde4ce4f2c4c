import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { buildStudio } from '../../scripts/studio/build.ts';
import { type ServeOptions, type Serving, serve } from '../../src/node/commands/serving.ts';
import { launch } from '../web/browser.ts';

/** The built studio on a server of its own, and a browser. */
export interface ServedStudio {
  /** Temporary. */
  readonly folder: string;
  readonly serving: Serving;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** @param flags of the browser */
export async function servedStudio(options?: ServeOptions, flags?: readonly string[]): Promise<ServedStudio> {
  const folder = mkdtempSync(join(tmpdir(), 'thaw-studio-'));
  await buildStudio(folder);
  const serving = await serve(folder, 0, options);
  const browser = await launch(flags);
  return {
    folder,
    serving,
    browser,
    async close() {
      await browser.close();
      await serving.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
