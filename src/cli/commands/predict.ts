import { Stopped } from '../../errors.ts';
import { type PredictedSample, predict } from '../../node/commands/predict.ts';
import { PredictionFile } from '../../node/commands/prediction-file.ts';
import { percent, plural } from '../../report/format.ts';
import { rankedLabels } from '../../tasks/index.ts';
import { defineCommand } from '../command.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, FINISHED_MODEL_ARGUMENT, UNKNOWN_FLAGS } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { columnsOf, fitted, joined, padded } from '../terminal/styled.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** Columns for the start of a text. */
const TEXT = 80;

type Groups = AsyncGenerator<readonly PredictedSample[], void>;

export const command = defineCommand({
  name: 'predict',
  summary: 'label images, videos or texts with a finished model',
  description:
    'Prints predictions in order, as they are computed. `-` reads standard input: an image, or a path on each line; for a text model, a text on each line. Videos need ffmpeg. With --watch, Ctrl-C ends it, and --json prints JSON lines.',
  positionals: [
    FINISHED_MODEL_ARGUMENT,
    {
      name: 'images',
      description:
        "images, videos, folders, globs ('photos/**/*.jpg'), or - for standard input; or texts, .txt files, tables with a column text",
      many: true,
    },
  ],
  flags: {
    texts: { kind: 'switch', description: 'read all arguments as texts, not as files' },
    top: {
      kind: 'number',
      value: 'K',
      description: 'show the K most probable classes; with --json, the probabilities of these only',
      default: 'the best class; with --json, all classes',
    },
    out: {
      kind: 'text',
      value: 'FILE',
      description:
        'write a row for each prediction into results.csv or results.jsonl; it is FILE.part until all are there',
    },
    watch: { kind: 'switch', description: 'continue with new files of the folders; --out then appends' },
    fps: { kind: 'number', value: 'N', description: 'frames to take of each second of a video', default: '1' },
    ...UNKNOWN_FLAGS,
    ...CALIBRATED_FLAG,
    ...CLASSIFIER_FLAGS,
  },
  examples: [
    'thaw predict runs/images-1 new/*.jpg',
    'thaw predict runs/images-1 new --json',
    "thaw predict runs/images-1 'photos/**/*.jpg' --out results.csv",
    "find . -name '*.jpg' | thaw predict runs/images-1 -",
    'thaw predict runs/images-1 clip.mp4 --fps 2 --top 3',
    'thaw predict runs/images-1 inbox --watch --out results.jsonl',
    'thaw predict runs/images-1 new --unknown',
    "thaw predict runs/reviews-1 'Works well'",
  ],
  async run({ positionals: [model, ...images], values, terminal, signal }) {
    const { strict, texts, top, out, watch = false, fps, ...settings } = values;
    const file = out === undefined ? undefined : new PredictionFile(out, { top, append: watch });
    const request = { model, images, texts, strict, top, fps, watch, except: file?.paths, settings };
    const predicted = predict(request, { onEvent: new JobDisplay(terminal).show, signal });
    const all = watch ? untilStopped(predicted, signal) : predicted;
    const groups = file ? written(all, file, terminal) : all;
    if (terminal.json && watch) for await (const document of documents(groups)) terminal.printJsonLine(document);
    else if (terminal.json) await terminal.printJsonList(documents(groups));
    else await printRows(groups, { terminal, top });
    return 0;
  },
});

/** Writes predictions into a file on their way, and reports at the end what it has. */
async function* written(groups: Groups, file: PredictionFile, terminal: Terminal): Groups {
  try {
    for await (const group of groups) {
      await file.write(group);
      terminal.status(`${plural(file.rows, 'row')} …`);
      yield group;
    }
    await file.finish();
    terminal.print(`${file.path}  ${plural(file.rows, 'row')}`);
  } catch (error) {
    if (!file.rows) throw error;
    const kept = `${file.written} has the first ${plural(file.rows, 'row')}`;
    if ((error as Error).name === 'AbortError') throw new Stopped(kept);
    terminal.print(kept);
    throw error;
  } finally {
    await file.close();
  }
}

/** The end of a watch, which the user stops, is not an error. */
async function* untilStopped(groups: Groups, signal: AbortSignal): Groups {
  try {
    yield* groups;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function printRows(groups: Groups, { terminal, top = 1 }: { terminal: Terminal; top?: number }): Promise<void> {
  let width = 0;
  for await (const group of groups) {
    const rows = group.flatMap((sample) => rowsOf(sample, top));
    width = rows.reduce((most, [value]) => Math.max(most, columnsOf(value)), width);
    for (const [value, sureness, about] of rows) {
      const sure = sureness === undefined ? [] : [padded(percent(sureness), 6, 'start')];
      terminal.print(joined([padded(value, width), ...sure, ...(about ? [terminal.colours.dim(about)] : [])], '  '));
    }
  }
}

/** The prediction with its sample, then the other labels of the best `top`. */
function rowsOf(sample: PredictedSample, top: number): (readonly [value: string, sureness?: number, about?: string])[] {
  const { file, text, time, words } = sample;
  const at = time === undefined ? '' : ` at ${Math.round(100 * time) / 100} s`;
  const about = text === undefined ? `${file}${at}` : String(fitted(text.replace(/\s+/g, ' '), TEXT));
  const ranked = top > 1 ? rankedLabels(sample.prediction)!.slice(0, top) : [];
  const others = ranked.filter(({ label }) => label !== words[0]);
  return [[words[0], words[1], about], ...others.map(({ label, probability }) => [label, probability] as const)];
}

async function* documents(groups: Groups): AsyncGenerator<unknown> {
  for await (const group of groups)
    for (const { words: _, prediction, ...sample } of group) yield { ...sample, ...prediction };
}
