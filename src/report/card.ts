import { resizedSide } from '../data/preprocessing.ts';
import { isText, type TextFormat } from '../data/text/index.ts';
import type { Preprocessing } from '../data/types.ts';
import { publicAddress } from '../secrets.ts';
import { MOST_ROWS, weakestFirst } from '../tasks/index.ts';
import { countsOf, labelScores } from '../tasks/metrics/index.ts';
import { assessed } from './assessed.ts';
import { chosenBy, keptWeights, rowOf, trainedBy } from './federation/words.ts';
import { count, decimal, duration, interval, percent, plural, score, sum } from './format.ts';
import { frontMatter, type HubMetric } from './front-matter.ts';
import { type IntegerKernels, quantizedUse } from './quantized.ts';
import type { CardRun, ClassifierCard } from './types.ts';
import { UNKNOWN_TERMS, unknownWords } from './unknown.ts';

/** Facts for the model card that the report does not have. */
export interface ShippedModel {
  /** Licence identifier of the Hugging Face hub, such as `mit`. Default: that of the base model, or `unknown`. */
  readonly license?: string;
  /** Name of the graph's image input. Text models have fixed names. */
  readonly input: string;
  /** Name of the output with the logits. */
  readonly output: string;
  readonly preprocessing: Preprocessing | TextFormat;
  /** For a quantized model. */
  readonly integerKernels?: IntegerKernels;
  /** Comparison of transformers.js's way to resize images with Thaw's. */
  readonly resizing?: { readonly samples: number; readonly maxDifference: number; readonly agreement: number };
  /** Comparison of the exported model with the trainer. */
  readonly verification?: { readonly holds: boolean; readonly maxDifference: number };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g;

/** Escapes text for Markdown: one line, no markup (CommonMark 0.31, section 2.4), no HTML. */
export const plain = (text: string): string =>
  text
    .replace(UNPRINTABLE, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/[\\`*_[\]{}()#|~!]/g, '\\$&');

/** A code span that no backtick in `text` can end (CommonMark, section 6.1). Not for tables, because `|` would end a cell. */
export function code(text: string): string {
  const line = text.replace(UNPRINTABLE, ' ');
  const fence = '`'.repeat(1 + Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length)));
  return line.includes('`') ? `${fence} ${line} ${fence}` : `\`${line}\``;
}

/** Public origin of the model: its address without secrets, but no local path. */
export function originOf({ source, name }: Pick<CardRun['model'], 'source' | 'name'>): string {
  if (source.startsWith('hf:')) return source;
  if (!source.startsWith('https://')) return name;
  return publicAddress(source).replace(/#.*$/, '');
}

const pipelineOf = ({ noun }: Pick<ClassifierCard['data'], 'noun'>): string =>
  noun === 'text' ? 'text-classification' : 'image-classification';

/** The scores of a classifier, as the hub names them. */
function hubMetrics({ accuracy, f1, macro, matthews, rocAuc, loss }: ClassifierCard['after']): HubMetric[] {
  const args = { average: 'macro' };
  return [
    { type: 'accuracy', name: 'Accuracy', value: accuracy },
    { type: 'f1', name: 'F1 (macro)', value: f1, args },
    { type: 'precision', name: 'Precision (macro)', value: macro.precision, args },
    { type: 'recall', name: 'Recall (macro)', value: macro.recall, args },
    { type: 'matthews_correlation', name: 'Matthews correlation', value: matthews },
    ...(rocAuc === null ? [] : [{ type: 'roc_auc', name: 'ROC AUC (macro, one-vs-rest)', value: rocAuc, args }]),
    { type: 'loss', name: 'Loss', value: loss },
  ];
}

function classifierFrontMatter({ title, model, after, test, data }: ClassifierCard, { license }: ShippedModel): string {
  const pipeline = pipelineOf(data);
  return frontMatter({
    ...{ title, model, license, pipeline, task: pipeline, tag: pipeline },
    data: { path: data.path, type: data.noun === 'text' ? 'text' : 'imagefolder' },
    results: { validation: hubMetrics(after), ...(test && { test: hubMetrics(test) }) },
  });
}

const optional = <T>(value: T | null | undefined, format: (value: T) => string): string =>
  value === null || value === undefined ? '' : format(value);

function scores({ before, after, test, data }: ClassifierCard): string {
  const columns = [
    ...(before ? [{ name: 'before training', of: before }] : []),
    { name: 'validation', of: after },
    ...(test ? [{ name: 'test', of: test }] : []),
  ];
  const row = (name: string, cells: readonly string[]): string => `| ${[name, ...cells].join(' | ')} |`;
  return [
    row(
      '',
      columns.map(({ name }) => name),
    ),
    row(
      '---',
      columns.map(() => '---:'),
    ),
    row(
      'Accuracy',
      columns.map(({ of }) => percent(of.accuracy)),
    ),
    row(
      '95% interval',
      columns.map(({ of }) => optional(assessed(of)?.intervals.accuracy, (ends) => interval(ends, percent))),
    ),
    row(
      'Balanced accuracy',
      columns.map(({ of }) => percent(labelScores(countsOf(of.confusion)).balancedAccuracy)),
    ),
    row(
      'F1 (macro)',
      columns.map(({ of }) => score(of.f1)),
    ),
    row(
      'Matthews correlation',
      columns.map(({ of }) => score(labelScores(countsOf(of.confusion)).matthews)),
    ),
    row(
      'ROC AUC',
      columns.map(({ of }) => optional(assessed(of)?.rocAuc, score)),
    ),
    row(
      'Calibration error',
      columns.map(({ of }) => optional(assessed(of)?.calibration.error, percent)),
    ),
    row(
      'Loss',
      columns.map(({ of }) => decimal(of.loss)),
    ),
    row(
      NOUNS[data.noun],
      columns.map(({ of }) => count(sum(of.confusion.map(sum)))),
    ),
  ].join('\n');
}

/** The most confused classes; empty if there are none. */
const confused = ({ after }: ClassifierCard): string[] =>
  after.confused.length
    ? [
        `Most often confused: ${after.confused
          .slice(0, 3)
          .map(({ label, predicted, times }) => `${plain(label)} predicted as ${plain(predicted)} (${count(times)})`)
          .join(', ')}.`,
        '',
      ]
    : [];

/** Purpose and use of the temperature; empty if there is none. */
function probabilities({ calibration, data }: ClassifierCard): string[] {
  if (!calibration || calibration.temperature === null) return [];
  const { temperature, samples, measured, without, with: calibrated } = calibration;
  const on = measured === 'other' ? 'on the test set' : 'on the validation set, with 5-fold cross-validation';
  return [
    '## Probabilities',
    '',
    `For calibrated probabilities, divide the logits by ${decimal(temperature)} before the softmax. This temperature was fitted on ${plural(samples, `validation ${data.noun}`)}. It changes no prediction. The calibration error is ${percent(without.calibration.error)} without it and ${percent(calibrated.calibration.error)} with it (${on}).`,
    '',
  ];
}

/** How the model recognises samples of none of its classes; empty if it does not. */
const unknown = ({ unknown: report, data }: ClassifierCard): string[] =>
  report
    ? [
        '## Unknown',
        '',
        `${unknownWords(report, data.noun).join(' ')} \`thaw.unknown\` in \`config.json\` has the numbers, and Thaw uses them with the setting \`unknown\`. ${UNKNOWN_TERMS}`,
        '',
      ]
    : [];

function classes({ after, data }: ClassifierCard): string {
  const rows = weakestFirst(after.perClass, ({ f1 }) => f1);
  return [
    ...(rows.length > MOST_ROWS
      ? [`The ${MOST_ROWS} of ${plural(rows.length, 'class', 'classes')} with the lowest F1:`, '']
      : []),
    `| Class | Precision | Recall | F1 | ${NOUNS[data.noun]} |`,
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows
      .slice(0, MOST_ROWS)
      .map(
        ({ label, precision, recall, f1, support }) =>
          `| ${plain(label)} | ${percent(precision)} | ${percent(recall)} | ${score(f1)} | ${count(support)} |`,
      ),
  ].join('\n');
}

const stages = (data: ClassifierCard): string => {
  const { plan, rows } = data;
  return plan
    .map(({ stage, train, trainable, lr, seconds, bestAccuracy }) => {
      const trained = rows.filter((row) => row.stage === stage).length;
      const reached = bestAccuracy === null ? '' : `, reached ${percent(bestAccuracy)}`;
      return `${stage}. ${code(train)}: ${count(trainable)} trainable parameters, ${plural(trained, rowOf(data))} at ${decimal(lr)}, ${duration(seconds)}${reached}`;
    })
    .join('\n');
};

/** Python code that resizes an image exactly to the pixels of Thaw's `resizedSize`, and crops or pads it. */
export function pillow({
  width,
  height,
  fit,
  cropFraction,
  interpolation,
  channels,
  mean,
  scale,
}: Preprocessing): string {
  const filter = { nearest: 'NEAREST', linear: 'BILINEAR', cubic: 'BICUBIC', lanczos3: 'LANCZOS' }[interpolation];
  const resize = (size: string) => `image = image.resize(${size}, Image.Resampling.${filter})`;
  const scaled = (factor: string) => `scale = ${factor}
${resize('[max(1, int(round(side * scale, 2))) for side in image.size]')}`;
  if (fit === 'stretch') return resize(`(${width}, ${height})`);
  if (fit === 'crop')
    return `${scaled(`${resizedSide({ width, height, cropFraction })} / min(image.size)`)}
left, top = (image.width - ${width}) // 2, (image.height - ${height}) // 2
image = image.crop((left, top, left + ${width}, top + ${height}))`;
  const fill = mean.map((value) => Math.min(255, Math.max(0, Math.round(value / scale))));
  if (channels === 'bgr') fill.reverse();
  return `${scaled(`${width} / max(image.size)`)}
padded = Image.new(image.mode, (${width}, ${height}), ${channels === 'grey' ? fill[0] : `(${fill.join(', ')})`})
padded.paste(image)
image = padded`;
}

/** How transformers.js's probabilities differ from Thaw's by its way to resize; empty if that was not measured. */
export function resizedOtherwise({ resizing, preprocessing }: ShippedModel): string {
  if (!resizing?.samples || isText(preprocessing)) return '';
  const { samples, maxDifference, agreement } = resizing;
  const measured = `On ${plural(samples, 'validation image')}, its scores differ from Thaw's by up to ${maxDifference.toFixed(3)}, and ${percent(agreement)} of the answers are the same.`;
  return preprocessing.interpolation === 'lanczos3'
    ? `\nIn Node, transformers.js resizes images like Thaw. ${measured} In a browser, the canvas resizes them.\n`
    : `\nIn Node, transformers.js does not smooth images when it shrinks them. ${measured} A model that was trained with \`--interpolation lanczos3\` gets equal scores there, because transformers.js smooths with this filter. In a browser, the canvas resizes images.\n`;
}

/** @param then code that uses `output`, the output for one image */
export function python(input: string, preprocessing: Preprocessing, then: string): string {
  const { channels, layout, scale, mean, std } = preprocessing;
  const grey = channels === 'grey';
  const order = layout === 'nchw' ? '.transpose(2, 0, 1)' : '';
  return `import json
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

config = json.load(open('config.json'))
session = onnxruntime.InferenceSession('onnx/model.onnx')
image = ImageOps.exif_transpose(Image.open('image.jpg')).convert('${grey ? 'L' : 'RGB'}')
${pillow(preprocessing)}
pixels = np.asarray(image, np.float32)${grey ? '[..., None]' : channels === 'bgr' ? '[..., ::-1]' : ''}
pixels = (pixels * ${scale} - np.float32([${mean.join(', ')}])) / np.float32([${std.join(', ')}])
[output] = session.run(None, {${JSON.stringify(input)}: pixels${order}[None]})[0]
${then}`;
}

/** The input of the graph, as the start of a sentence. */
export function inputOf(input: string, preprocessing: Preprocessing): string {
  const { width, height, fit, channels, scale, mean, std } = preprocessing;
  const colours = channels === 'grey' ? 'a grey image' : channels.toUpperCase();
  return `The input ${code(input)} is ${colours} of ${width} x ${height} (${fit}), \`(pixel * ${scale} - [${mean.join(', ')}]) / [${std.join(', ')}]\``;
}

const NOUNS = { image: 'Images', text: 'Texts' } as const;

const pythonWithTexts = ({ inputs, type }: TextFormat): string => `import json
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

labels = json.load(open('config.json'))['id2label']
session = onnxruntime.InferenceSession('onnx/model.onnx')
tokens = Tokenizer.from_file('tokenizer.json').encode('A text')
values = {'input_ids': tokens.ids, 'attention_mask': tokens.attention_mask, 'token_type_ids': tokens.type_ids}
feeds = {name: np.array([values[name]], np.${type}) for name in ${JSON.stringify(inputs)}}
[scores] = session.run(None, feeds)[0]
print(labels[str(scores.argmax())])`;

/** A limit of models whose export differs from training. */
export const disagreement = ({ verification }: ShippedModel): string =>
  verification && !verification.holds
    ? `- The outputs of this export differ from training by up to ${decimal(verification.maxDifference)}, which is more than rounding. Evaluate the model before you use it.\n`
    : '';

/** How to use a classifier of images or texts. */
export function usageOf({ input, preprocessing }: ShippedModel): { python: string; example: string; input: string } {
  if (isText(preprocessing)) {
    const names = preprocessing.inputs.map(code).join(', ');
    const cut = `texts of more than ${preprocessing.maxLength} tokens are cut`;
    return {
      python: pythonWithTexts(preprocessing),
      example: "'A text'",
      input: `The inputs ${names} are those of the tokenizer, ${cut} (transformers.js also cuts the last special token off)`,
    };
  }
  return {
    python: python(input, preprocessing, "print(config['id2label'][str(output.argmax())])"),
    example: "'image.jpg'",
    input: inputOf(input, preprocessing),
  };
}

/**
 * `README.md` of the folder to ship: Hugging Face front matter, scores, classes, training, usage, limits. All strings of `data` are escaped
 * for Markdown or YAML.
 */
export function modelCard(data: ClassifierCard, shipped: ShippedModel): string {
  const { model, environment } = data;
  const { noun } = data.data;
  const usage = usageOf(shipped);
  const total = sum(data.after.confusion.map(sum));
  return `${classifierFrontMatter(data, shipped)}

# ${plain(data.title)}

${plain(model.name)}, fine-tuned with Thaw ${plain(environment.thaw)} to classify ${plural(data.data.classes.length, 'class', 'classes')}: ${percent(data.after.accuracy)} accuracy on ${plural(total, `validation ${noun}`)}.

## Scores

${scores(data)}

${classes(data)}

${[...confused(data), ...probabilities(data), ...unknown(data)].map((line) => `${line}\n`).join('')}## Training

Fine-tuned from ${code(originOf(model))} (SHA-256 ${code(model.sha256)}, ${count(model.parameters)} parameters with its new head, opset ${model.opset}), ${trainedBy(data, `${plural(sum(data.data.counts.train), noun)}`)}, in ${duration(data.seconds)} on ${code(environment.device)} with ONNX Runtime ${plain(environment.onnxruntime)}. Stages:

${stages(data) || 'No stage was run.'}

${keptWeights(data)}

## Usage

With [transformers.js](https://huggingface.co/docs/transformers.js):

\`\`\`js
import { pipeline } from '@huggingface/transformers';

const classify = await pipeline('${pipelineOf(data.data)}', './model'); // this folder, or owner/name on the Hugging Face hub
console.log(await classify(${usage.example}));
\`\`\`
${resizedOtherwise(shipped)}
With Python's onnxruntime, in this folder:

\`\`\`python
${usage.python}
\`\`\`

${usage.input}; the output ${code(shipped.output)} has one logit per class; apply softmax for probabilities.
${quantizedUse(shipped.integerKernels)}
## Limits

${disagreement(shipped)}- The model only knows these classes, and assigns every ${noun} to one of them.
- The scores come from ${noun}s similar to the training data. Evaluate the model on your own data before you rely on it.
${chosenBy(data, data.test !== null && data.test !== undefined)}- The licence and biases of the base model and of the training data carry over.
`;
}
