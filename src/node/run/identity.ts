import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import * as z from 'zod';
import type { Dataset } from '../../data/index.ts';
import { ThawError } from '../../errors.ts';
import { listed } from '../../listed.ts';

const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const identitySchema = z.object({
  model: digest,
  classes: z.array(z.string()),
  samples: z.object({
    sha256: digest,
    train: z.number().int(),
    val: z.number().int(),
    test: z.number().int(),
  }),
});

/** Identifies a data set: the sizes of its splits, and a digest of each sample's split, path, labels and file size, or labels and text. */
export interface SampleIdentity {
  readonly sha256: string;
  readonly train: number;
  readonly val: number;
  readonly test: number;
}

/** Facts that must stay the same for the whole run. */
export interface RunIdentity {
  /** SHA-256 of the source model's file, in hexadecimal. */
  readonly model: string;
  readonly classes: readonly string[];
  readonly samples: SampleIdentity;
}

/** @param root the data set's folder, which can move as a whole */
export async function identifySamples(dataset: Dataset, root: string): Promise<SampleIdentity> {
  const hash = createHash('sha256');
  for (const split of ['train', 'val', 'test'] as const) {
    const samples = dataset[split];
    for (let from = 0; from < samples.length; from += 256) {
      const lines = samples.slice(from, from + 256).map(async ({ file, label, targets, text }) => {
        if (text !== undefined) return JSON.stringify([split, label, text]);
        const size = await stat(file).then(
          (found) => found.size,
          () => -1,
        );
        return JSON.stringify([split, relative(root, file).split(sep).join('/'), label, size, ...(targets ?? [])]);
      });
      for (const line of await Promise.all(lines)) hash.update(`${line}\n`);
    }
  }
  const { train, val, test } = dataset;
  return { sha256: hash.digest('hex'), train: train.length, val: val.length, test: test.length };
}

/** @throws ThawError `run-directory` with the changed facts */
export function checkIdentity(run: RunIdentity, now: RunIdentity): void {
  const changed = (what: string) => {
    throw new ThawError('run-directory', what, 'Restore it, or start a new run with `thaw train`');
  };
  if (run.model !== now.model) {
    changed(
      `the model has changed since the run started (SHA-256 ${run.model.slice(0, 12)}…, now ${now.model.slice(0, 12)}…)`,
    );
  }
  if (JSON.stringify(run.classes) !== JSON.stringify(now.classes)) {
    changed(`the classes have changed since the run started: ${listed(run.classes)}; now ${listed(now.classes)}`);
  }
  if (run.samples.sha256 === now.samples.sha256) return;
  const counts = (['train', 'val', 'test'] as const)
    .filter((split) => run.samples[split] !== now.samples[split])
    .map((split) => `${split} had ${run.samples[split]} images, now ${now.samples[split]}`);
  changed(`the data set has changed since the run started: ${counts.join(', ') || 'other files, labels or sizes'}`);
}
