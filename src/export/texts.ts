import type { TextFormat } from '../data/text/index.ts';
import { type Model, renameValues } from '../onnx/index.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The architectures that transformers.js 4 has for text classification. All of them run the graph as it is; the name only selects the
 * class, and `bert` runs every other graph.
 */
const MODEL_TYPES: readonly string[] = [
  ...['bert', 'eurobert', 'modernbert', 'roformer', 'electra', 'convbert', 'camembert', 'deberta', 'deberta-v2'],
  ...['mpnet', 'albert', 'distilbert', 'roberta', 'xlm', 'xlm-roberta', 'mobilebert', 'squeezebert'],
];

/** `config.json`: the source's, with the task's classes. */
export function textConfig(task: Json, sourceConfig: unknown): Json {
  // What Thaw notes of a model is of that model.
  const { architectures: _, _name_or_path: __, model_type: named, thaw: ___, ...rest } = (sourceConfig ?? {}) as Json;
  const { id2label: ____, label2id: _____, num_labels: ______, problem_type: _______, ...kept } = rest;
  return {
    ...kept,
    model_type: MODEL_TYPES.find((type) => type === named) ?? 'bert',
    ...task,
    'transformers.js_config': { dtype: 'fp32' },
  };
}

/** The tokenizer's files, which cut where training cut. */
export const tokenizerFiles = ({
  tokenizer,
  tokenizerConfig,
  maxLength,
}: TextFormat): Readonly<Record<string, Json>> => ({
  'tokenizer.json': {
    ...(tokenizer as Json),
    truncation: { direction: 'Right', max_length: maxLength, strategy: 'LongestFirst', stride: 0 },
    // Some pad to a length of their own.
    padding: null,
  },
  'tokenizer_config.json': { ...(tokenizerConfig as Json), model_max_length: maxLength },
});

/** The model with the output that transformers.js reads. */
export function textModel(model: Model, output: string, logits: string): Model {
  const graph = renameValues(model.graph, new Map([[output, logits]]));
  const [scores, ...others] = [...graph.outputs].sort((a, b) => Number(b.name === logits) - Number(a.name === logits));
  return { ...model, graph: { ...graph, outputs: [scores, ...others] } };
}
