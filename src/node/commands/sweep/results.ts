import { join } from 'node:path';
import { renderSweep, sweepCsv } from '../../../report/index.ts';
import type { Metric } from '../../../tasks/index.ts';
import { writeAtomically } from '../../disk/index.ts';
import type { Space } from './space.ts';
import type { RankedTrial } from './trials.ts';

/** Writes `sweep.csv` and `sweep.html`: the trials ranked so far. */
export async function writeResults(
  folder: string,
  sweep: {
    readonly model: string;
    readonly data: string;
    readonly metric: Metric | null;
    readonly plan: { readonly try: Space };
    readonly ranked: readonly RankedTrial[];
  },
): Promise<void> {
  const { model, data, metric, plan, ranked: rows } = sweep;
  const scales = Object.fromEntries(
    Object.entries(plan.try).flatMap(([name, choice]) => ('scale' in choice ? [[name, choice.scale]] : [])),
  );
  const table = { model, data, metric, settings: Object.keys(plan.try), scales, rows };
  await writeAtomically(join(folder, 'sweep.csv'), sweepCsv(table));
  await writeAtomically(join(folder, 'sweep.html'), renderSweep(table));
}
