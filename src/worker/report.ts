import type { TrainingPlan } from '../compiler/step/index.ts';
import type { Model } from '../onnx/index.ts';
import {
  curvesOf,
  type MapsSource,
  type RunReport,
  renderReport,
  renderTaskReport,
  type ShownMistake,
  withMaps,
} from '../report/index.ts';
import { nounOf, settingsOf } from '../session/index.ts';
import {
  type ClassMistake,
  type ClassOutcome,
  type Images,
  metricOf,
  type ReportBlock,
  TASKS,
} from '../tasks/index.ts';
import { layersOf, type Progress, type StopReason } from '../training/index.ts';
import { countsOf, dataNameOf, evaluationsOf, type RunRequest, runOf } from './card.ts';
import type { RemotePlatform } from './platform.ts';
import type { ReportOptions } from './protocol.ts';

/** Mistakes that are shown. */
const MISTAKES = 24;
/** Largest side of a map over its image, in pixels. */
const OVERLAY = 160;
/** Characters of a text that are shown. */
const LONGEST = 400;

/** A finished training, as its report takes it. */
export interface ReportRequest
  extends RunRequest,
    Required<ReportOptions>,
    Pick<Progress, 'decisions' | 'rollbacks' | 'findings'> {
  /** What the compiler makes of each stage of the plan. */
  readonly plans: readonly TrainingPlan[];
  /** Why stages ended, by their numbers; those of an earlier session are unknown. */
  readonly ends: ReadonlyMap<number, StopReason>;
  readonly stopped: StopReason | undefined;
  /** The finished model, which explains its mistakes. */
  readonly model: Model;
  readonly platform: RemotePlatform;
}

/** The report of a finished training: that of a run directory, without facts that only a run has. */
export async function reportOf(asked: ReportRequest): Promise<string> {
  const { parts, measured, before } = asked;
  const { dataset, format, task, settings } = parts;
  const run = runReportOf(asked);
  const path = run.output.path;
  const noun = nounOf(format);
  const name = dataNameOf(asked.request) ?? `${noun}s`;
  const { problems } = dataset;
  if (task.facts.task === 'classification' && 'val' in measured) {
    const { classes } = dataset;
    return renderReport({
      ...run,
      ...evaluationsOf(before, measured),
      data: { path: name, noun, classes, counts: countsOf(dataset), problems },
      calibration: measured.calibration,
      unknown: asked.unknown,
      // A classification's outcomes are what its curves take.
      curves: curvesOf(measured.predictions as readonly ClassOutcome[], classes),
      ...(await withMaps(mistakesOf(asked), mapsSource(asked))),
    });
  }
  const blocks = 'val' in measured ? measured.task.reportBlocks(measured.val, measured.predictions) : [];
  const evaluated = (of: Parameters<typeof metricOf>[1] | null) => of && metricOf(task.metric, of);
  return renderTaskReport({
    ...run,
    task: settings.task,
    noun: TASKS[settings.task].noun,
    names: task.classes,
    metric: task.metric,
    data: {
      path: name,
      ...{ train: dataset.train.length, val: dataset.val.length, test: dataset.test.length },
      problems,
    },
    before: evaluated(before),
    after: 'val' in measured ? metricOf(task.metric, measured.val) : Number.NaN,
    tested: 'val' in measured ? evaluated(measured.test) : null,
    reportBlocks: blocks.filter(isNoImages),
    testExhibits:
      'val' in measured && measured.test
        ? measured.task
            .reportBlocks(measured.test, [])
            .filter(isNoImages)
            .filter(({ kind }) => kind !== 'scatter')
        : [],
    images: [],
    output: { path, commands: [] },
  });
}

const isNoImages = (block: ReportBlock): block is Exclude<ReportBlock, Images> => block.kind !== 'images';

function runReportOf(asked: ReportRequest): RunReport {
  const { parts, plan, plans, rows, ends, stopped, decisions, rollbacks, findings } = asked;
  const { anatomy, network, format } = parts;
  const { plan: stages, environment, ...run } = runOf(asked);
  return {
    ...run,
    created: new Date().toISOString(),
    model: { ...run.model, groups: anatomy.groups.map(({ name }) => name) },
    rows,
    plan: stages.map((stage) => {
      const { stage: number } = stage;
      const { learningRateScales } = plans[number - 1];
      return {
        ...stage,
        ...layersOf(network, anatomy, plans[number - 1], plans.slice(0, number - 1)),
        stages: plan.length,
        epochs: plan[number - 1].epochs,
        why: ends.get(number) ?? 'finished',
        multipliers: anatomy.groups
          .map(({ name, parameters }) => ({ group: name, multiplier: learningRateScales.get(parameters[0]) ?? 1 }))
          .filter(({ multiplier }) => multiplier !== 1),
      };
    }),
    omitted: anatomy.omitted,
    decisions: decisions?.map(({ stage, message }) => ({ stage, message })),
    setbacks: [...(rollbacks ?? []), ...(findings ?? [])]
      .map(({ epoch, message }) => ({ epoch, message }))
      .sort((a, b) => a.epoch - b.epoch),
    samples: [],
    environment: { ...environment, platform: globalThis.navigator?.userAgent, threads: null },
    config: JSON.stringify(settingsOf(asked.request), null, 2),
    seed: parts.settings.seed,
    stopped: stopped ?? 'finished',
    output: {
      path: 'model',
      commands: [
        {
          does: 'Use the model in JavaScript',
          command: `import { pipeline } from '@huggingface/transformers';\nconst classify = await pipeline('${nounOf(format)}-classification', './model');`,
        },
        ...(nounOf(format) === 'image'
          ? [
              { does: 'Classify images', command: 'thaw predict model IMAGE.jpg' },
              { does: 'Evaluate the model on other images', command: 'thaw eval model IMAGES' },
            ]
          : []),
      ],
    },
  };
}

/** Maps of the samples, by their places in the request. */
function mapsSource({ model, platform, parts: { runtime }, request: { samples } }: ReportRequest): MapsSource {
  const images = samples.flatMap(({ image }, i) => (image === undefined ? [] : [[String(i), image] as const]));
  return {
    ...{ model, runtime, reader: platform.reader(new Map(images)) },
    draw: (source, map) => platform.overlay(samples[Number(source)].image!, map, OVERLAY),
  };
}

/** The most confident mistakes on the validation set. */
function mistakesOf({ measured, parts: { dataset }, request, thumbnails }: ReportRequest): ShownMistake[] {
  const all = (measured.task.mistakes?.(measured.predictions) ?? []) as readonly ClassMistake[];
  return all.slice(0, MISTAKES).map(({ index, ...mistake }) => {
    const sample = Number(dataset.val[index].file);
    const { text } = request.samples[sample];
    const thumbnail = thumbnails.get(sample);
    const image = { thumbnail, source: thumbnail && String(sample) };
    const shown = text === undefined ? image : { text: text.slice(0, LONGEST) };
    return { ...shown, file: `sample ${sample + 1}`, ...mistake };
  });
}
