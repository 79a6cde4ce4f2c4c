import { explainMethods } from '../../compiler/explain/index.ts';
import { explain, type FileExplanation } from '../../node/commands/explain.ts';
import { quoted } from '../../node/commands/paths.ts';
import { decimal, percent } from '../../report/format.ts';
import { baselines } from '../../session/index.ts';
import { defineCommand } from '../command.ts';
import { CLASSIFIER_FLAGS, FINISHED_MODEL_ARGUMENT, without } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { columnsOf, joined, padded } from '../terminal/styled.ts';

export const command = defineCommand({
  name: 'explain',
  summary: 'show which parts of images speak for a prediction',
  description:
    'Writes an overlay for each image: the image in grey under a map of the parts that speak for its label, from violet (weak) to yellow (strong). docs/explain.md describes the methods and their limits.',
  positionals: [
    FINISHED_MODEL_ARGUMENT,
    { name: 'images', description: 'image files or folders of images', many: true },
  ],
  flags: {
    method: {
      kind: 'one',
      of: ['auto', ...explainMethods],
      value: 'NAME',
      description: ['auto', ...explainMethods].join(', '),
      default: 'auto: attention for transformers, else grad-cam',
      heading: 'Explanation',
    },
    class: {
      kind: 'text',
      value: 'NAME',
      description: 'class, label or number to explain',
      default: 'the predicted one',
      heading: 'Explanation',
    },
    out: {
      kind: 'text',
      value: 'DIR',
      description: 'folder for the overlays',
      default: 'explanations',
      heading: 'Explanation',
    },
    layer: {
      kind: 'text',
      value: 'NAME',
      description: 'value of the model whose places Grad-CAM weighs',
      default: 'the last one with places',
      heading: 'Explanation',
    },
    steps: {
      kind: 'number',
      value: 'N',
      description: 'steps of integrated gradients',
      default: '50',
      heading: 'Explanation',
    },
    baseline: {
      kind: 'one',
      of: baselines,
      value: 'NAME',
      description: `image from which integrated gradients start: ${baselines.join(', ')}`,
      default: 'zero: usually the mean colour of the training',
      heading: 'Explanation',
    },
    ...without(CLASSIFIER_FLAGS, ['tta', 'max-length']),
  },
  examples: [
    'thaw explain runs/images-1 new/*.jpg',
    'thaw explain runs/images-1 bee.jpg --class ants --method integrated-gradients',
    'thaw explain hf:owner/name new --json',
  ],
  async run({ positionals: [model, ...images], values, terminal, signal }) {
    const { strict, method, class: label, layer, steps, baseline, out = 'explanations', ...settings } = values;
    const display = new JobDisplay(terminal);
    const request = { model, images, strict, out, method, label, layer, steps, baseline, settings };
    const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
    const explained = await explain(given as typeof request, { onEvent: display.show, signal });
    if (terminal.json) await terminal.printJsonList(documents(explained));
    else {
      const width = explained.reduce((most, { label: of }) => Math.max(most, columnsOf(of)), 0);
      for (const explanation of explained) {
        const { label: of, file } = explanation;
        terminal.print(
          joined([padded(of, width), padded(answerOf(explanation), 6, 'start'), terminal.colours.dim(file)], '  '),
        );
        for (const line of remarksOn(explanation)) terminal.print(terminal.colours.dim(`  ${line}`));
      }
      for (const line of summaryOf(explained, out)) terminal.print(line);
    }
    return 0;
  },
});

const answerOf = (answer: FileExplanation): string =>
  'probability' in answer ? percent(answer.probability) : decimal(answer.value);

/** Difference of the sum of a map from the difference of the scores that is worth a remark. */
const INCOMPLETE = 0.05;

function remarksOn({ map, completeness }: FileExplanation): string[] {
  if (map.peak === 0) return ['no part of the image speaks for it, so the overlay has no colour'];
  const { sum, difference } = completeness ?? { sum: 0, difference: 0 };
  const missed = Math.abs(sum - difference);
  if (missed <= INCOMPLETE * Math.abs(difference)) return [];
  return [`the map adds up to ${decimal(sum)} instead of ${decimal(difference)}: use more --steps`];
}

function summaryOf(explained: readonly FileExplanation[], out: string): string[] {
  const [first] = explained;
  if (!first) return [];
  const { method, layer } = first;
  return [`method    ${method}`, ...(layer === undefined ? [] : [`layer     ${layer}`]), `overlays  ${quoted(out)}`];
}

/** The maps as rows. */
function* documents(explained: readonly FileExplanation[]) {
  for (const { map, area, ...rest } of explained) {
    const { width, height, values, peak } = map;
    const rows = Array.from({ length: height }, (_, y) =>
      Array.from(values.subarray(y * width, (y + 1) * width), (value) => Number(value.toPrecision(7))),
    );
    yield { ...rest, map: { width, height, peak, rows }, area };
  }
}
