import type { TextFormat } from '../data/text/index.ts';
import { type Model, renameValues } from '../onnx/index.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The architectures of transformers.js 4 for text classification. All of them run any graph; the name only selects the class. `bert` is
 * used for all other graphs.
 */
const MODEL_TYPES: readonly string[] = [
  ...['bert', 'eurobert', 'modernbert', 'roformer', 'electra', 'convbert', 'camembert', 'deberta', 'deberta-v2'],
  ...['mpnet', 'albert', 'distilbert', 'roberta', 'xlm', 'xlm-roberta', 'mobilebert', 'squeezebert'],
];

/** `config.json`: the source's, with the classes of the task. */
export function textConfig(task: Json, sourceConfig: unknown): Json {
  // Thaw's notes in the source's config only apply to the source.
  const { architectures: _, _name_or_path: __, model_type: named, thaw: ___, ...rest } = (sourceConfig ?? {}) as Json;
  const { id2label: ____, label2id: _____, num_labels: ______, problem_type: _______, ...kept } = rest;
  return {
    ...kept,
    model_type: MODEL_TYPES.find((type) => type === named) ?? 'bert',
    ...task,
    'transformers.js_config': { dtype: 'fp32' },
  };
}

/** Tokenizer files with the truncation of training. */
export const tokenizerFiles = ({
  tokenizer,
  tokenizerConfig,
  maxLength,
}: TextFormat): Readonly<Record<string, Json>> => ({
  'tokenizer.json': {
    ...(tokenizer as Json),
    truncation: { direction: 'Right', max_length: maxLength, strategy: 'LongestFirst', stride: 0 },
    // Some tokenizers pad to a fixed length.
    padding: null,
  },
  'tokenizer_config.json': { ...(tokenizerConfig as Json), model_max_length: maxLength },
});

/** The model with the output name of transformers.js. */
export function textModel(model: Model, output: string, logits: string): Model {
  const graph = renameValues(model.graph, new Map([[output, logits]]));
  const [scores, ...others] = [...graph.outputs].sort((a, b) => Number(b.name === logits) - Number(a.name === logits));
  return { ...model, graph: { ...graph, outputs: [scores, ...others] } };
}
