import { isText } from '../../data/text/index.ts';
import { type Images, MOST_ROWS, type ReportBlock, type TaskName } from '../../tasks/index.ts';
import {
  code,
  disagreement,
  inputOf,
  originOf,
  plain,
  python,
  resizedOtherwise,
  type ShippedModel,
  usageOf,
} from '../card.ts';
import { chosenBy, keptWeights, rowOf, trainedBy } from '../federation/words.ts';
import { count, decimal, duration, formatted, measured, plural } from '../format.ts';
import { frontMatter } from '../front-matter.ts';
import { quantizedUse } from '../quantized.ts';
import type { TaskCard } from './types.ts';
import { measuredOn, taskText } from './words.ts';

/** How to use a model of each task. */
interface Use {
  /** The hub's name for the task, if it has one. */
  readonly pipeline?: string;
  readonly javascript: string;
  /** Python code that uses `output`, the output for one image. */
  readonly python: string;
  /** The meaning of the output. */
  readonly output: string;
  readonly limit: string;
}

const SCORES = `import { AutoImageProcessor, AutoModelForImageClassification, RawImage } from '@huggingface/transformers';

const processor = await AutoImageProcessor.from_pretrained('./model'); // this folder, or owner/name on the Hugging Face hub
const model = await AutoModelForImageClassification.from_pretrained('./model');
const { logits } = await model(await processor(await RawImage.read('image.jpg')));`;

const USES: Readonly<Record<Exclude<TaskName, 'classification'>, Use>> = {
  'multi-label': {
    pipeline: 'image-classification',
    javascript: `${SCORES}
const probabilities = logits.sigmoid().data;
console.log([...probabilities.keys()].filter((i) => probabilities[i] >= model.config.thresholds[i]).map((i) => model.config.id2label[i]));`,
    python: `probabilities = 1 / (1 + np.exp(-output))
print([config['id2label'][str(i)] for i, p in enumerate(probabilities) if p >= config['thresholds'][i]])`,
    output:
      'one logit per label; apply a sigmoid for probabilities. `thresholds` in `config.json` has the minimum probability of each label',
    limit: 'The model only knows these labels.',
  },
  regression: {
    javascript: `${SCORES}
console.log(logits.data); // in the order of model.config.id2label`,
    python: `print({name: float(output[int(i)]) for i, name in config['id2label'].items()})`,
    output: 'the numbers, in the units of the training data',
    limit:
      'The model gives numbers for any image, whatever it shows. Its scores only cover the range of its training images.',
  },
  embedding: {
    pipeline: 'image-feature-extraction',
    javascript: `import { pipeline } from '@huggingface/transformers';

const embed = await pipeline('image-feature-extraction', './model'); // this folder, or owner/name on the Hugging Face hub
const { data } = await embed('image.jpg'); // the dot product of two vectors is their cosine similarity, -1 to 1`,
    python: 'print(output)  # the dot product of two vectors is their cosine similarity, -1 to 1',
    output: 'a unit vector',
    limit: 'Similarity reflects the training classes.',
  },
};

/** A classifier without measurements here. Other cards have tables of the classes. */
function classifierUse(shipped: ShippedModel): Use {
  const { python: code, example } = usageOf(shipped);
  const pipeline = isText(shipped.preprocessing) ? 'text-classification' : 'image-classification';
  return {
    pipeline,
    javascript: `import { pipeline } from '@huggingface/transformers';

const classify = await pipeline('${pipeline}', './model'); // this folder, or owner/name on the Hugging Face hub
console.log(await classify(${example}));`,
    python: code,
    output: 'one logit per class; apply softmax for probabilities',
    limit: 'The model only knows these classes, and assigns every input to one of them.',
  };
}

const useOf = ({ task }: TaskCard, shipped: ShippedModel): Use =>
  task === 'classification' ? classifierUse(shipped) : USES[task];

function taskFrontMatter(data: TaskCard, shipped: ShippedModel): string {
  const { title, task, model, metric, after, tested } = data;
  const { pipeline } = useOf(data, shipped);
  const score = (value: number) => ({ type: metric.key, name: metric.title, value });
  return frontMatter({
    ...{ title, model, license: shipped.license, pipeline, task: pipeline ?? 'image-regression', tag: task },
    data: { path: data.data.path, type: 'imagefolder' },
    results: { validation: [score(after)], ...(tested !== null && { test: [score(tested)] }) },
  });
}

/** Numbers and tables as Markdown. Charts are only in the report. */
function scores(block: Exclude<ReportBlock, Images>): string {
  if (block.kind === 'scatter') return '';
  if (block.kind === 'figures') {
    return block.items.map(({ title, value, form }) => `- ${plain(title)}: ${formatted(value, form)}`).join('\n');
  }
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const left = block.rows.length - MOST_ROWS;
  return [
    line(block.columns.map(({ title }) => plain(title))),
    line(block.columns.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...block.rows
      .slice(0, MOST_ROWS)
      .map((row) => line(row.map((cell, i) => plain(formatted(cell, block.columns[i].form))))),
    ...(left > 0 ? ['', `And ${count(left)} more with better scores.`] : []),
  ].join('\n');
}

const list = (reportBlocks: TaskCard['reportBlocks']): string =>
  reportBlocks
    .map(scores)
    .filter((text) => text !== '')
    .join('\n\n');

/** `README.md` of the folder to ship for all other tasks, like `modelCard`. A classifier without measurements has no tables of classes. */
export function taskCard(data: TaskCard, shipped: ShippedModel): string {
  const { model, environment, metric, plan, rows } = data;
  const use = useOf(data, shipped);
  const { preprocessing } = shipped;
  const texts = isText(preprocessing);
  const stages = plan.map(({ stage, train, trainable, lr, seconds }) => {
    const epochs = rows.filter((row) => row.stage === stage).length;
    return `${stage}. ${code(train)}: ${count(trainable)} trainable parameters, ${plural(epochs, rowOf(data))} at ${decimal(lr)}, ${duration(seconds)}`;
  });
  return `${taskFrontMatter(data, shipped)}

# ${plain(data.title)}

${plain(model.name)}, fine-tuned with Thaw ${plain(environment.thaw)} for ${plain(taskText(data))}: ${metric.title} ${measured(metric, data.after)} on ${measuredOn(data)}.

${data.reportBlocks.length ? `## Scores\n\n${list(data.reportBlocks)}\n` : ''}${data.testExhibits.length ? `\nOn the test set:\n\n${list(data.testExhibits)}\n` : ''}
## Training

Fine-tuned from ${code(originOf(model))} (SHA-256 ${code(model.sha256)}, ${count(model.parameters)} parameters with its new head, opset ${model.opset}), ${trainedBy(data, `${plural(data.data.train, 'image')}`)}, in ${duration(data.seconds)} on ${code(environment.device)} with ONNX Runtime ${plain(environment.onnxruntime)}. Stages:

${stages.join('\n') || 'No stage was run.'}

${keptWeights(data)}

## Usage

With [transformers.js](https://huggingface.co/docs/transformers.js):

\`\`\`js
${use.javascript}
\`\`\`
${resizedOtherwise(shipped)}
With Python's onnxruntime, in this folder:

\`\`\`python
${texts || data.task === 'classification' ? use.python : python(shipped.input, preprocessing, use.python)}
\`\`\`

${texts ? usageOf(shipped).input : inputOf(shipped.input, preprocessing)}; the output ${code(shipped.output)} is ${use.output}.
${quantizedUse(shipped.integerKernels)}
## Limits

${disagreement(shipped)}- ${use.limit}
- The scores come from images similar to the training data. Evaluate the model on your own data before you rely on it.
${chosenBy(data, data.tested !== null)}- The licence and biases of the base model and of the training data carry over.
`;
}
