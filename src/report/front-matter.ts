import { unicodeEscaped } from '../escapes.ts';
import type { CardRun } from './types.ts';

/** A score by the name that the hub's `evaluate` has for it. */
interface HubMetric {
  readonly type: string;
  readonly name?: string;
  readonly value: number;
  readonly args?: Readonly<Record<string, string>>;
}

/** What the Hugging Face hub reads of a model card. */
export interface FrontMatter extends Pick<CardRun, 'title'> {
  readonly model: Pick<CardRun['model'], 'source'>;
  readonly license?: string;
  /** The hub's name for what the model does, where it has one. */
  readonly pipeline?: string;
  /** The same for the results. */
  readonly task: string;
  /** The last of the tags. */
  readonly tag: string;
  readonly data: { readonly path: string; readonly type: string };
  readonly metrics: readonly HubMetric[];
}

// YAML 1.1 forbids them, or takes them for the end of a line.
const UNSAFE = /[^\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu;

/** The block at the top of a model card. All strings are quoted: YAML 1.1, which many still read, has more words for `true` than 1.2. */
export function frontMatter({ title, model, license, pipeline, task, tag, data, metrics }: FrontMatter): string {
  const base = /^hf:([\w.-]+\/[\w.-]+)/.exec(model.source)?.[1];
  const lines = linesOf({
    license: license ?? 'unknown',
    library_name: 'transformers.js',
    pipeline_tag: pipeline,
    base_model: base,
    tags: ['onnx', 'thaw', tag],
    'model-index': [
      {
        name: title,
        results: [
          {
            task: { type: task },
            dataset: {
              name: data.path.split(/[\\/]/).filter(Boolean).pop() ?? data.path,
              type: data.type,
              split: 'validation',
            },
            metrics: metrics.map((metric) => ({ ...metric, value: rounded(metric.value) })),
          },
        ],
      },
    ],
  });
  return `---\n${unicodeEscaped(`${lines.join('\n')}\n`, UNSAFE)}---`;
}

/** A value as YAML: JSON is YAML, and lists and objects go one entry a line, as people read them. Pages would load a whole package for it. */
function linesOf(value: unknown): string[] {
  if (Array.isArray(value))
    return value.flatMap((entry) => linesOf(entry).map((line, i) => `${i === 0 ? '-' : ' '} ${line}`));
  if (typeof value !== 'object' || value === null)
    return [typeof value === 'number' && Number.isNaN(value) ? '.nan' : JSON.stringify(value)];
  return Object.entries(value).flatMap(([key, entry]) => {
    if (entry === undefined) return [];
    const lines = linesOf(entry);
    return typeof entry === 'object' ? [`${key}:`, ...lines.map((line) => `  ${line}`)] : [`${key}: ${lines[0]}`];
  });
}

const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(4)) : Number.NaN);
