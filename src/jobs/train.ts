import { resolve } from 'node:path';
import { readAugmentation } from '../data/index.ts';
import { describeObstacle, describeOmissions, selectionText } from '../layers/index.ts';
import {
  optionsOf,
  type Prepared,
  prepareModel,
  readSettings,
  type TrainSettings,
  type TrainSettingsInput,
  trainingConfigOf,
  withClassWeights,
  withEpochs,
} from '../recipe/index.ts';
import type { ComparisonRow } from '../report/index.ts';
import { createRun, identifySamples } from '../run/index.ts';
import type { Assessment, Evaluated, Evaluation } from '../tasks/index.ts';
import { planStages, trainingPlan, withoutEffect } from '../training/index.ts';
import type { About } from './about.ts';
import { openRuntime } from './environment.ts';
import type { JobHooks } from './events.ts';
import type { TrainOutcome } from './finish.ts';
import { planJobMemory } from './memory.ts';
import { describeData, openDataOf, openModel, sizesOf, taskOf } from './opening.ts';
import { shownPath } from './paths.ts';
import { newRecord, saveRecord } from './record.ts';
import { surroundingsOf } from './surroundings.ts';
import { runTraining } from './training-run.ts';

export interface TrainRequest {
  /** A path, an address, `hf:owner/name` or `default`. */
  readonly model: string;
  /** Class folders, or a table of files and labels. */
  readonly data: string;
  /** The run directory; the first free `runs/NAME` unless given. */
  readonly out?: string;
  readonly settings?: TrainSettingsInput;
  /** Other ways to train the same thing, for the report to compare this one with. */
  readonly comparison?: readonly ComparisonRow[];
}

/**
 * The whole job: a pretrained model and labelled pictures become a fine-tuned model in a run directory.
 *
 * @typeParam A what the settings' task comes to, `E` the same in short
 * @throws ThawError for everything that the user can mend; AbortError when asked to stop before there is something to save
 */
export async function train<A extends Evaluated = Assessment, E extends Evaluated = Evaluation>(
  request: TrainRequest,
  hooks: JobHooks = {},
): Promise<TrainOutcome<A, E>> {
  const { onEvent, signal } = hooks;
  const { device, augment } = readSettings({ ...request.settings });
  readAugmentation(augment);
  const runtime = await openRuntime(device, hooks);
  const opened = await openModel(request, hooks);
  const { resolved, model, settings: asked, preprocessing } = opened;
  // Of the file as it has been read.
  const sha256 = await resolved.sha256();
  signal?.throwIfAborted();
  const dataset = await openDataOf(opened, request.data, hooks);
  const labels = dataset.train.map(({ label }) => label);
  const known = withEpochs(withClassWeights(asked, labels, dataset.classes), labels.length, dataset.classes.length);
  const task = taskOf(model, dataset, known);
  onEvent?.(describeData(dataset, task, preprocessing));
  signal?.throwIfAborted();
  const run = await createRun({ out: request.out, data: request.data });
  try {
    onEvent?.({ type: 'run', path: shownPath(run.path) });
    onEvent?.({ type: 'phase', phase: 'preparing' });
    const prepared = await prepareModel(model, runtime, optionsOf(model, resolved, task, known, preprocessing));
    onEvent?.({ type: 'model', name: resolved.name, ...sizesOf(prepared), continued: prepared.continued });
    checkStages(known, prepared, hooks);
    const { settings, memory } = await planJobMemory(prepared, known, {
      dataset,
      format: preprocessing,
      task,
      runtime,
    });
    if (memory) onEvent?.({ type: 'memory', ...memory });
    signal?.throwIfAborted();
    const dataPath = resolve(request.data);
    const about: About = {
      model: resolved.source,
      data: request.data,
      dataPath,
      name: resolved.name,
      sha256,
      preprocessing,
      task: task.facts,
      sourceConfig: resolved.config,
      comparison: request.comparison,
    };
    const identity = {
      model: sha256,
      classes: dataset.classes,
      samples: await identifySamples(dataset, dataPath),
    };
    const surroundings = await surroundingsOf(runtime, preprocessing);
    const record = { ...newRecord(prepared.continued), memory, surroundings };
    await run.writeConfig({ model: resolved.source, data: request.data, ...settings });
    await saveRecord(run, record);
    // With it the run can be gone on with.
    await run.saveSource({ model: prepared.source, identity, about: { ...about } });
    return await runTraining<A, E>({ ...prepared, run, about, settings, dataset, task, runtime, record }, hooks);
  } finally {
    await run.release();
  }
}

/** What stages name must be there and be trainable: better said now than when the last of them begins. */
function checkStages(settings: TrainSettings, { anatomy, network }: Prepared, { onEvent }: JobHooks): void {
  const config = trainingConfigOf(settings);
  const stages = planStages(config, anatomy);
  const plans = stages.map((stage) => trainingPlan(config, stage, anatomy, anatomy.head.graphOutput));
  for (const message of withoutEffect(network.model.graph, plans)) onEvent?.({ type: 'notice', message });
  const frozen = describeOmissions(anatomy.omitted ?? []);
  if (frozen) onEvent?.({ type: 'notice', message: frozen });
  const [nearest] = anatomy.obstacles ?? [];
  const wanted = planStages(config, { ...anatomy, obstacles: [] });
  const last = (plan: typeof stages) => selectionText(plan.at(-1)?.train ?? '');
  if (!nearest || last(wanted) === last(stages)) return;
  onEvent?.({
    type: 'notice',
    message: `${describeObstacle(nearest)}: no more than ${last(stages)} is trained, where ${last(wanted)} would have been`,
  });
}
